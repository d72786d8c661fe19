"""Views: what is compared with a leaf, made a slice at a time and kept up to date."""

from __future__ import annotations

import pytest

from protocol import limits
from protocol.ids import ObjectId
from protocol.network.holdings import Holdings, Narrow
from protocol.network.live import LiveEntry
from protocol.objects.header import Kind


def name(number: int) -> bytes:
    return number.to_bytes(16, "big")


def is_even(entry: LiveEntry) -> bool:
    return entry.at % 2 == 0


def is_third(entry: LiveEntry) -> bool:
    return entry.at % 3 == 0


EVEN, OURS = Narrow(is_even, is_ours=False), Narrow(is_even, is_ours=True)


class Shelf:
    """Entries by name; the name of each says its time."""

    def __init__(self, count: int = 0) -> None:
        self.entries: dict[bytes, LiveEntry] = {}
        self.holdings = Holdings(self.entries.get)
        for number in range(count):
            self.add(number)

    def add(self, number: int) -> None:
        self.entries[name(number)] = LiveEntry(
            id=ObjectId(name(number) * 2), kind=Kind.INTENTCAST, key=b"", at=number, exp=99,
            text=b"",
        )  # fmt: skip
        self.holdings.add(number, name(number))

    def remove(self, number: int) -> None:
        del self.entries[name(number)]
        self.holdings.remove(number, name(number))

    def seen(self, narrow: Narrow | None, mono_ms: int = 0) -> list[int] | None:
        order = self.holdings.view(narrow, mono_ms)
        return None if order is None else [at for at, _ in order.places(0, len(order))]


def test_with_most_everything_is_compared():
    shelf = Shelf(4)
    assert shelf.seen(None) == [0, 1, 2, 3]
    assert shelf.holdings.view(None, 0) is shelf.holdings.whole


def test_a_view_has_what_is_wanted_and_follows():
    shelf = Shelf(6)
    assert shelf.seen(EVEN) == [0, 2, 4]
    shelf.add(8)
    shelf.add(7)
    shelf.remove(2)
    shelf.remove(3)
    assert shelf.seen(EVEN) == [0, 4, 8]


def test_refused_names_count_only_under_our_own_wish():
    shelf = Shelf(3)
    shelf.holdings.add(1, name(50))
    assert shelf.seen(EVEN) == [0, 2]
    assert shelf.seen(OURS) == [0, 1, 2]
    shelf.holdings.add(5, name(51))
    shelf.holdings.remove(1, name(50))
    assert shelf.seen(EVEN) == [0, 2]
    assert shelf.seen(OURS) == [0, 2, 5]


def test_a_view_is_made_a_slice_at_a_time(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(limits, "view_slice_max", 4)
    shelf = Shelf(12)
    third = Narrow(is_third, is_ours=False)
    assert shelf.seen(EVEN) is None
    assert shelf.seen(third) is None
    shelf.add(20)
    shelf.remove(0)
    shelf.remove(4)
    shelf.holdings.grow(0)
    shelf.holdings.grow(0)
    shelf.holdings.grow(0)
    assert shelf.seen(EVEN) == [2, 6, 8, 10, 20]
    assert shelf.seen(third) is None
    shelf.add(12)
    shelf.holdings.grow(0)
    shelf.holdings.grow(0)
    assert shelf.seen(third) == [3, 6, 9, 12]


def test_views_are_few_and_small_and_asked_about(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(limits, "views_max", 2)
    shelf = Shelf(12)
    third = Narrow(is_third, is_ours=False)
    shelf.seen(EVEN)
    shelf.seen(OURS)
    shelf.seen(EVEN)
    shelf.seen(third)
    assert list(shelf.holdings._views) == [EVEN, third]
    monkeypatch.setattr(limits, "view_names_max", 6)
    shelf.holdings.grow(0)
    assert list(shelf.holdings._views) == [third]
    monkeypatch.setattr(limits, "view_names_max", 1)
    assert shelf.seen(third) == [0, 3, 6, 9], "one is always kept"
    shelf.holdings.grow(limits.view_idle_ms)
    assert list(shelf.holdings._views) == []
