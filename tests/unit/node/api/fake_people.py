"""Shops and first steps that keep plain values, for the faces' tests alone."""

from __future__ import annotations

from typing import Any

KEY = "key-7Q4M-K2XD-9TFA-WB3H-7Q4M-K2XD-9TFA-WB3H-7Q4M-K2XD-9TFA-WB3H-7Q4M-K2XD"


def shop(**changes: Any) -> dict[str, Any]:
    found = {
        "name": "vendor_bo's",
        "key": KEY,
        "domain": None,
        "domain_checked": False,
        "trust": "first contact",
        "handle": "key-7Q4M-K2XD",
        "deals": 0,
        "requests": 1,
        "first_contact": "2027-02-20T12:00:00Z",
        "last_heard": "2027-02-21T12:00:00Z",
        "blocked": False,
    }
    return found | changes


BLOCKED: dict[str, Any] = {
    "name": "vendor_cy's",
    "key": KEY,
    "handle": "key-9TFA-WB3H",
    "since": "2027-02-22T12:00:00Z",
}


class FakePeople:
    """`shops` were heard, `blocked` are; `fails` raises instead of doing what is asked."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.fails: Exception | None = None
        self.shops = [shop()]
        self.blocked = [BLOCKED]

    def note(self, *call: Any) -> None:
        self.calls.append(call)
        if self.fails is not None:
            raise self.fails

    async def document(self) -> dict[str, Any]:
        return {"schema": "intentcast.people/1", "shops": self.shops, "blocked": self.blocked}

    async def block(self, handle: str) -> dict[str, Any]:
        self.note("block", handle)
        return await self.document()

    async def unblock(self, handle: str) -> dict[str, Any]:
        self.note("unblock", handle)
        return await self.document()


class FakeWelcome:
    """Due when it is told so, and leads once."""

    def __init__(self) -> None:
        self.due = False
        self.led = False

    async def is_due(self) -> bool:
        return self.due

    async def leads(self) -> bool:
        leads, self.led = self.due and not self.led, True
        return leads

    async def dismiss(self) -> None:
        self.due = False
