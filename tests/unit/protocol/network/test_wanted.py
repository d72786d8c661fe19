"""Wants: one peer asked at a time, the next when it fails, and promises remembered."""

from __future__ import annotations

from protocol import limits
from protocol.ids import PeerId
from protocol.network.wanted import Wanted
from tests.unit.protocol.network.driver import peer

SILENCE = limits.want_silence_ms_max
ONE, TWO = peer("one"), peer("two")


def name(number: int) -> bytes:
    return number.to_bytes(16, "big")


def announcers(wanted: Wanted, prefix: bytes) -> list[PeerId]:
    return [who for who, _ in wanted.announcers(prefix)]


def always(ms: int):
    """The same patience with everybody."""
    return lambda _peer: ms


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


def test_a_named_object_is_waited_for_then_asked():
    wanted = Wanted()
    wanted.note(name(1), ONE, 0, 150)
    assert wanted.asks(149) == []
    assert wanted.due_ms(always(300)) == 150
    assert wanted.asks(150) == [(ONE, [name(1)])]
    assert wanted.due_ms(always(300)) == 450


def test_a_name_that_is_to_be_asked_at_once_waits_no_longer():
    wanted = Wanted()
    wanted.note(name(1), ONE, 0, 150)
    wanted.note(name(1), TWO, 10)
    assert wanted.announcers(name(1)) == [(ONE, 0), (TWO, 10)]
    assert wanted.asks(10) == [(ONE, [name(1)])]
    assert announcers(wanted, name(2)) == []


def test_settled_names_do_not_wait_for_their_time():
    wanted = Wanted()
    for number in range(5_000):
        wanted.note(name(number), ONE, 0, 150)
        wanted.arrived(name(number), TWO, 1)
    assert len(wanted._unripe) < 1_100
    assert wanted.asks(150) == []
    wanted.note(name(1), ONE, 200, 150)
    wanted.arrived(name(1), TWO, 201)
    assert wanted.due_ms(always(300)) is None


def test_the_wait_follows_how_long_pushes_take_behind_names():
    wanted = Wanted()
    assert wanted.wait_ms == limits.pull_wait_ms_min
    for number in range(100):
        wanted.note(name(number), ONE, 0, 150)
        wanted.arrived(name(number), TWO, 120)
    assert 220 <= wanted.wait_ms <= 290
    for number in range(100):
        wanted.note(name(number), ONE, 0, 150)
        wanted.arrived(name(number), TWO, 1_000)
    assert wanted.wait_ms == limits.pull_wait_ms_max


def test_whoever_is_late_is_the_last_to_be_asked_again():
    wanted = Wanted()
    for who in (ONE, TWO, peer("three")):
        wanted.note(name(1), who)
    wanted.note(name(2), ONE)
    assert wanted.asks(0) == [(ONE, [name(1), name(2)])]
    assert wanted.late(299, always(300)) == []
    assert wanted.late(300, always(300)) == [ONE]
    assert wanted.asks(300) == [(TWO, [name(1)])]
    assert announcers(wanted, name(1)) == [TWO, peer("three"), ONE]
    # What nobody else has is still waited for.
    assert wanted.late(599, always(300)) == []
    wanted.failed(name(1), TWO)
    wanted.failed(name(1), peer("three"))
    assert wanted.asks(600) == [(ONE, [name(1)])]


def test_those_who_kept_their_word_are_asked_first():
    wanted = Wanted()
    wanted.note(name(1), ONE)
    wanted.note(name(1), TWO)
    assert wanted.asks(0, lambda who: 1 if who == ONE else 0) == [(TWO, [name(1)])]


def test_another_address_group_finds_a_place_among_the_suppliers():
    crowd = [peer(str(number)) for number in range(limits.suppliers_max)]
    groups = dict.fromkeys(crowd, "a") | {TWO: "b", ONE: "a", crowd[0]: "c"}
    wanted = Wanted(groups=groups)
    for who in crowd:
        wanted.note(name(1), who)
    wanted.note(name(1), ONE)
    assert ONE not in announcers(wanted, name(1))
    wanted.note(name(1), TWO)
    assert announcers(wanted, name(1)) == [*crowd[:-1], TWO]
    wanted.failed(name(1), crowd[-1])
    assert wanted.asks(0)[0][0] == crowd[0]


def test_where_every_supplier_is_of_its_own_group_no_place_is_made():
    crowd = [peer(str(number)) for number in range(limits.suppliers_max)]
    wanted = Wanted(groups={who: who.hex() for who in crowd} | {TWO: "b"})
    for who in crowd:
        wanted.note(name(1), who)
    wanted.note(name(1), TWO)
    assert announcers(wanted, name(1)) == crowd


def test_news_and_what_was_found_have_budgets_of_their_own():
    wanted = Wanted()
    news, found = names(3), names(3, 10)
    for each in news:
        wanted.note(each, peer("a"), 0, 1)
    for each in found:
        wanted.note(each, peer("a"))
    room = {False: 1, True: 2}

    def may_ask(_peer, is_found: bool) -> bool:
        room[is_found] -= 1
        return room[is_found] >= 0

    assert wanted.asks(1, may_ask=may_ask) == [(peer("a"), [news[0], found[0], found[1]])]
    assert wanted.is_asked(news[0], peer("a"))
    assert not wanted.is_asked(news[0], peer("b"))
    assert not wanted.is_asked(news[1], peer("a"))
    assert [wanted.is_found(each, peer("a")) for each in (news[0], found[0], found[2])] == [
        False,
        True,
        False,
    ]
    assert wanted.asks(2, may_ask=lambda _peer, is_found: is_found) == [(peer("a"), [found[2]])]
    assert wanted.asks(3) == [(peer("a"), news[1:])]
    assert wanted.waiting_at(peer("a")) == 6


def test_who_was_struck_or_left_leaves_nothing_behind_in_a_want():
    wanted = Wanted()
    names = [bytes([number]) * 16 for number in range(3)]
    for name in names:
        wanted.note(name, peer("stays"), 1, 150)
    for number in range(40):
        guest = peer(f"guest {number}")
        for name in names:
            wanted.note(name, guest, 2, 150)
        wanted.failed(names[0], guest)
        wanted.lose(guest)
    assert [list(want.named_ms) for want in wanted._wants.values()] == [[peer("stays")]] * 3
    assert wanted.announcers(names[0]) == [(peer("stays"), 1)]
