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


def test_who_wants_most_gives_way(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(limits, "view_names_max", 9)
    shelf = Shelf(12)
    third = Narrow(is_third, is_ours=False)
    shelf.seen(third)
    for _ in range(3):
        shelf.seen(EVEN)
    assert list(shelf.holdings._views) == [third]


def test_making_a_view_has_its_price_and_what_stands_costs_nothing(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(limits, "view_slice_max", 48)
    monkeypatch.setattr(limits, "ranges_work_max", 20 * limits.view_look_work)
    shelf = Shelf(10)
    dear = Narrow(is_third, is_ours=False, is_dear=True)
    assert shelf.holdings.cost(None) == 0
    assert shelf.holdings.cost(EVEN) == 10 * limits.view_look_work
    assert shelf.holdings.cost(dear) == limits.ranges_work_max
    assert shelf.seen(EVEN) is not None
    assert not shelf.holdings.is_growing
    assert shelf.seen(dear) is None, "two dear looks at a time"
    assert shelf.holdings.is_growing
    assert shelf.holdings.cost(EVEN) == shelf.holdings.cost(dear) == 0
    shelf.holdings.forget(EVEN)
    shelf.holdings.forget(OURS)
    assert list(shelf.holdings._views) == [dear]


def test_views_are_made_in_turn(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(limits, "view_slice_max", 2)
    shelf = Shelf(12)
    third = Narrow(is_third, is_ours=False)
    shelf.seen(EVEN)
    shelf.seen(third)
    for _ in range(4):
        shelf.holdings.grow(0)
    made = [view.made_to for view in shelf.holdings._views.values()]
    assert made == [(6, name(6))] * 2
