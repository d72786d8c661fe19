"""Neighbours that keep plain values, for the faces' tests alone."""

from __future__ import annotations

from typing import Any

from node.runtime.invitations import InviteWish

NODE = "node-7Q4M-K2XD-9TFA-WB3H-7Q4M-K2XD-9TFA-WB3H-7Q4M-K2XD-9TFA-WB3H-7Q4M-K2XD"


def neighbour(**changes: Any) -> dict[str, Any]:
    found = {
        "node": NODE,
        "state": "waiting",
        "how": "nearby",
        "linked": False,
        "near": True,
        "addresses": ["10.0.0.2:9401"],
        "net": "main",
        "since": None,
        "trouble": "",
    }
    return found | changes


class FakeNeighbours:
    """`nodes` are around; `fails` raises instead of doing what is asked."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.fails: Exception | None = None
        self.nodes = [neighbour()]
        self.changes: dict[str, Any] = {}

    def note(self, *call: Any) -> None:
        self.calls.append(call)
        if self.fails is not None:
            raise self.fails

    async def nearby(self) -> dict[str, Any]:
        self.note("nearby")
        found = {
            "schema": "intentcast.nearby/1",
            "net": "main",
            "lan": "on",
            "interfaces": [{"name": "eth0", "address": "10.0.0.1"}],
            "nodes": self.nodes,
            "ignored": {},
            "notice": "",
        }
        return found | self.changes

    def _one(self, **changes: Any) -> dict[str, Any]:
        node = neighbour(**changes) | self.changes
        return {"schema": "intentcast.neighbour/1", "neighbour": node}

    async def allow(self, handle: str) -> dict[str, Any]:
        self.note("allow", handle)
        return self._one(state="kept", linked=True)

    async def refuse(self, handle: str) -> dict[str, Any]:
        self.note("refuse", handle)
        return self._one(state="refused")

    async def forget(self, handle: str) -> dict[str, Any]:
        self.note("forget", handle)
        return await self.nearby()

    async def invite(self, wish: InviteWish) -> dict[str, Any]:
        self.note("invite", wish)
        return {
            "schema": "intentcast.invite/1",
            "link": f"intentcast://{NODE}@relay.example:9401?invite=abc",
            "node": NODE,
            "net": "main",
            "address": wish.address or "relay.example:9401",
            "single": wish.single,
            "until": "2027-02-20T12:00:00Z",
        }

    async def join(self, link: str, *, private: bool) -> dict[str, Any]:
        self.note("join", link, private)
        return self._one(state="kept", how="invite", linked=True)
