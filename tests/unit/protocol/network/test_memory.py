"""Memories of ids are bounded and forget in the right order."""

from __future__ import annotations

from protocol import limits
from protocol.network.memory import Copies, Holders, Recent, Servings
from tests.unit.protocol.network.driver import peer


def test_recent_forgets_the_longest_untouched():
    recent = Recent(2)
    recent.add(b"one")
    recent.add(b"two")
    assert b"one" in recent
    recent.add(b"three")
    assert b"one" in recent
    assert b"two" not in recent
    assert len(recent) == 2
    recent.discard(b"one")
    recent.discard(b"never there")
    assert b"one" not in recent


def test_holders_are_counted_and_forgotten():
    holders = Holders(2, 9, ())
    holders.note(b"one", peer("a"))
    holders.note(b"one", peer("b"))
    assert holders.of(b"one") == {peer("a"), peer("b")}
    holders.forget(b"one", peer("a"))
    holders.forget(b"unknown", peer("a"))
    assert holders.of(b"one") == {peer("b")}
    holders.note(b"two", peer("a"))
    holders.note(b"three", peer("a"))
    assert holders.of(b"one") == frozenset()
    assert len(holders) == 2


def test_pinned_objects_are_never_forgotten():
    holders = Holders(1, 9, ())
    holders.note(b"own", peer("a"))
    holders.pin(b"own")
    holders.note(b"own", peer("b"))
    for name in (b"one", b"two"):
        holders.note(name, peer("a"))
    assert holders.of(b"own") == {peer("a"), peer("b")}
    holders.forget(b"own", peer("a"))
    assert holders.of(b"own") == {peer("b")}
    holders.unpin(b"own")
    assert holders.of(b"own") == frozenset()
    holders.unpin(b"two")
    assert len(holders) == 0


def test_keys_that_come_name_and_go_are_forgotten():
    linked = {peer("stays"): "group"}
    holders = Holders(9, 3, linked)
    holders.pin(b"own")
    for name in (b"own", b"other"):
        holders.note(name, peer("stays"))
        for number in range(100):
            linked[peer(f"came {number}")] = "group"
            holders.note(name, peer(f"came {number}"))
            assert holders.of(name) >= {peer("stays"), peer(f"came {number}")}
            assert len(holders.of(name)) <= 3
            del linked[peer(f"came {number}")]
    holders.forget(b"own", peer("came 1"))
    assert holders.of(b"own") == {peer("stays")}


def test_more_links_than_places_have_a_place_each():
    linked = [peer(f"{number}") for number in range(7)]
    holders = Holders(9, 3, linked)
    for each in linked:
        holders.note(b"one", each)
    assert holders.of(b"one") == frozenset(linked)
    holders.forget(b"one", linked[0])
    assert holders.of(b"one") == frozenset(linked[1:])


def test_servings_are_counted_and_the_greediest_is_forgotten_first():
    servings = Servings(3)
    times = [servings.take(b"one", peer("a"), 0) for _ in range(limits.served_times_max + 2)]
    assert times == [True] * limits.served_times_max + [False, False]
    assert servings.take(b"one", peer("b"), 0)
    assert servings.take(b"two", peer("b"), 0)
    assert servings.take(b"three", peer("b"), 0)
    assert len(servings) == 3
    assert not servings.take(b"one", peer("a"), 0)
    servings.lost(peer("a"))
    servings.lost(peer("never there"))
    assert len(servings) == 2
    assert servings.take(b"one", peer("a"), 0)


def test_a_copy_is_told_by_all_its_bytes_and_the_oldest_are_forgotten():
    copies = Copies(2)
    copies.note(b"one", b"name of one")
    assert copies.name_of(b"one") == b"name of one"
    assert copies.name_of(b"one more") is None
    copies.note(b"two", b"name of two")
    copies.note(b"three", b"name of three")
    assert copies.name_of(b"one") is None
    assert len(copies) == 2


def test_what_was_served_long_ago_may_be_asked_for_again():
    servings = Servings(3)
    times = range(limits.served_times_max + 1)
    assert [servings.take(b"one", peer("a"), 5) for _ in times][-1] is False
    again_ms = 5 + limits.served_again_ms
    assert not servings.take(b"one", peer("a"), again_ms - 1)
    assert [servings.take(b"one", peer("a"), again_ms) for _ in times] == [True, True, False]
    assert len(servings) == 1
