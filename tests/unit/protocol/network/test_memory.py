"""Memories of ids are bounded and forget in the right order."""

from __future__ import annotations

from protocol.network.memory import Holders, Recent
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
    holders = Holders(2)
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
    holders = Holders(1)
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
