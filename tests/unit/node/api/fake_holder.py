"""Whoever holds a yes back, as the API sees it: it holds everything for ever."""

from __future__ import annotations

from typing import Any


class FakeHolder:
    """Holds everything for ever."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.act: Any = None

    def begin(self, terms, choice, seconds, act, visitor):
        assert visitor.id
        self.calls.append(("begin", terms["offer"], seconds))
        self.act = act
        return self.look("1")

    def look(self, hold_id):
        return {
            "schema": "intentcast.hold/1",
            "id": hold_id,
            "offer": "offer-1",
            "vendor": "vendor_1",
            "total_text": "210.00 EUR",
            "discloses": ["name"],
            "state": "held",
            "left_ms": 9_000,
            "deal": None,
            "problem": None,
        }

    def undo(self, hold_id):
        self.calls.append(("undo", hold_id))
        return self.look(hold_id) | {"state": "undone", "left_ms": 0}
