"""Wants: one peer asked at a time, the next when it fails, and promises remembered."""

from __future__ import annotations

from protocol import limits
from protocol.network.wanted import Wanted
from tests.unit.protocol.network.driver import peer

SILENCE = limits.want_silence_ms_max


def names(count: int, start: int = 0) -> list[bytes]:
    return [n.to_bytes(16, "big") for n in range(start, start + count)]


def test_one_peer_is_asked_at_a_time():
    wanted = Wanted()
    for who in ("a", "b"):
        for name in names(2):
            wanted.note(name, peer(who))
            wanted.note(name, peer(who))
    assert wanted.asks(0) == [(peer("a"), names(2))]
    assert wanted.asks(0) == []
    assert len(wanted) == 2
    assert names(1)[0] in wanted


def test_what_arrives_is_wanted_no_more():
    wanted = Wanted()
    wanted.note(names(1)[0], peer("a"))
    wanted.asks(0)
    wanted.arrived(names(1)[0], peer("stranger"), 5)
    wanted.arrived(names(1)[0], peer("a"), 5)
    assert len(wanted) == 0
    assert wanted.waiting_at(peer("a")) == 0
    assert wanted.waiting_at(peer("stranger")) == 0
    assert wanted.broken(SILENCE * 2) == []


def test_what_arrives_before_it_is_asked_is_not_asked():
    wanted = Wanted()
    wanted.note(names(1)[0], peer("a"))
    wanted.arrived(names(1)[0], peer("a"), 0)
    assert wanted.asks(0) == []


def test_the_next_supplier_is_asked_when_one_fails():
    wanted = Wanted()
    name = names(1)[0]
    for who in ("a", "b"):
        wanted.note(name, peer(who))
    wanted.asks(0)
    wanted.failed(name, peer("a"))
    wanted.failed(name, peer("a"))
    assert wanted.asks(0) == [(peer("b"), [name])]
    wanted.failed(name, peer("b"))
    assert name not in wanted
    wanted.failed(name, peer("b"))


def test_a_supplier_that_fails_before_its_turn_is_struck():
    wanted = Wanted()
    first, second = names(2)
    for who in ("a", "b"):
        wanted.note(first, peer(who))
    wanted.note(second, peer("b"))
    wanted.failed(first, peer("b"))
    assert wanted.asks(0) == [(peer("a"), [first]), (peer("b"), [second])]
    wanted.note(names(1, 7)[0], peer("c"))
    wanted.failed(names(1, 7)[0], peer("c"))
    assert names(1, 7)[0] not in wanted
    assert wanted.asks(0) == []


def test_a_peer_is_asked_for_so_much_at_once():
    wanted = Wanted()
    for name in names(limits.wants_open_max + 10):
        wanted.note(name, peer("a"))
    assert [len(asked) for _, asked in wanted.asks(0)] == [limits.wants_open_max]
    assert wanted.waiting_at(peer("a")) == limits.wants_open_max + 10
    wanted.arrived(names(1)[0], peer("a"), 0)
    assert wanted.asks(0) == [(peer("a"), names(1, limits.wants_open_max))]


def test_silence_breaks_a_promise_and_passes_the_turn_on():
    wanted = Wanted()
    name = names(1)[0]
    for who in ("mute", "b"):
        wanted.note(name, peer(who))
    wanted.asks(0)
    assert wanted.broken(SILENCE - 1) == []
    assert wanted.broken(SILENCE) == [peer("mute")]
    assert wanted.asks(SILENCE) == [(peer("b"), [name])]


def test_a_slow_peer_of_which_something_comes_breaks_none():
    wanted = Wanted()
    first, second = names(2)
    for name in (first, second):
        wanted.note(name, peer("slow"))
    wanted.asks(0)
    wanted.arrived(first, peer("slow"), SILENCE - 1)
    assert wanted.broken(SILENCE + 5) == []
    assert wanted.broken(2 * SILENCE) == [peer("slow")]
    assert len(wanted) == 0


def test_asking_more_does_not_put_off_the_reckoning():
    wanted = Wanted()
    first, second = names(2)
    wanted.note(first, peer("mute"))
    wanted.asks(0)
    wanted.note(second, peer("mute"))
    wanted.asks(SILENCE - 1)
    assert wanted.broken(SILENCE) == [peer("mute")]


def test_what_a_lost_peer_owed_is_asked_of_others():
    wanted = Wanted()
    first, second = names(2)
    wanted.note(first, peer("a"))
    wanted.note(first, peer("b"))
    wanted.asks(0)
    wanted.note(second, peer("a"))
    wanted.lose(peer("a"))
    wanted.lose(peer("never there"))
    assert wanted.asks(0) == [(peer("b"), [first])]
    assert second not in wanted


def test_a_supplier_that_left_before_its_turn_is_not_remembered():
    wanted = Wanted()
    name = names(1)[0]
    for who in ("a", "b"):
        wanted.note(name, peer(who))
    wanted.asks(0)
    wanted.lose(peer("b"))
    wanted.lose(peer("a"))
    assert len(wanted) == 0
    wanted.note(name, peer("b"))
    assert wanted.asks(0) == [(peer("b"), [name])]


def test_wishes_and_suppliers_are_bounded():
    wanted = Wanted(ids_max=2)
    for name in names(3):
        wanted.note(name, peer("a"))
    assert len(wanted) == 2
    many = Wanted()
    for number in range(limits.suppliers_max + 1):
        many.note(names(1)[0], peer(f"p{number}"))
    assert many.waiting_at(peer(f"p{limits.suppliers_max}")) == 0


def test_a_peer_that_announces_anything_keeps_nobody_elses_names_out():
    wanted = Wanted(ids_max=100)
    for name in names(200):
        wanted.note(name, peer("liar"))
    for name in names(10, start=1_000):
        wanted.note(name, peer("b"))
    assert len(wanted) == 100
    assert all(name in wanted for name in names(10, start=1_000))
    # two that are alike keep what they have
    wanted = Wanted(ids_max=4)
    for start, who in ((0, "a"), (10, "b"), (20, "a"), (30, "b")):
        wanted.note(names(1, start)[0], peer(who))
    wanted.note(names(1, 40)[0], peer("a"))
    assert names(1, 40)[0] not in wanted


def test_room_is_made_by_striking_a_supplier_not_what_others_announce():
    wanted = Wanted(ids_max=3)
    shared = names(1, 50)[0]
    wanted.note(shared, peer("b"))
    for name in [*names(2), shared]:
        wanted.note(name, peer("liar"))
    wanted.note(names(1, 60)[0], peer("c"))
    assert shared in wanted
    assert names(1, 60)[0] in wanted


def test_names_announced_and_taken_back_leave_nothing_behind():
    wanted = Wanted()
    for name in names(limits.wants_open_max):
        wanted.note(name, peer("liar"))
    wanted.asks(0)
    for start in range(10_000, 60_000, 1_000):
        for name in names(1_000, start):
            wanted.note(name, peer("liar"))
            wanted.failed(name, peer("liar"))
    assert wanted.waiting_at(peer("liar")) < 4 * limits.wants_open_max
