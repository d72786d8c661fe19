"""What follows a restore, and the identity, as tests of the API and of the commands know them."""

from __future__ import annotations

from typing import Any

from protocol.ids import to_text

HELD: dict[str, Any] = {
    "kind": "cast",
    "handle": "cast-7Q4M-K2XD",
    "title": "Camera",
    "offers": 2,
    "was_held": True,
    "open": False,
    "asked": 3,
    "answered": ["Shop One"],
    "silent": ["Shop Two"],
    "deals": [{"handle": "deal-1", "state": "agreed", "counterparty": "Shop One"}],
    "unknown": ["1 of those you dealt with has not answered."],
}
KEY = to_text("key", bytes(32))
IDENTITY: dict[str, Any] = {
    "schema": "intentcast.identity/1",
    "key": KEY,
    "generation": 0,
    "standing": "current",
    "followed": KEY,
    "keys": [KEY],
    "copy": {
        "instance": "00" * 16,
        "since": "2027-02-20T12:00:00Z",
        "standing": "alone",
        "met": None,
        "met_kind": None,
    },
}


class FakeRecoverer:
    """Opens for whoever is sure."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.identities: list[dict[str, Any]] = [HELD]
        self.backup: str | None = "2027-02-20T12:00:00Z"
        self.is_open = False
        self.still_held: list[dict[str, Any]] = []

    async def reopen(self, handle: str | None, *, sure: bool, wait_s: float) -> dict[str, Any]:
        self.calls.append(("reopen", handle, sure, wait_s))
        is_open = sure or self.is_open
        return {
            "schema": "intentcast.reopen/1",
            "restored": "2027-02-21T12:00:00Z",
            "backup": self.backup,
            "open": is_open,
            "identities": [{**each, "open": is_open} for each in self.identities],
            "still_held": self.still_held,
        }

    async def this_one(self) -> dict[str, Any]:
        self.calls.append(("this_one",))
        return {
            "schema": "intentcast.this-one/1",
            "since": "2027-02-21T12:00:00Z",
            "standing": "alone",
        }


class FakeRegistrar:
    """Has one key."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.identity = dict(IDENTITY)

    async def document(self) -> dict[str, Any]:
        return self.identity

    async def rotate(self, generation: int) -> dict[str, Any]:
        self.calls.append(("rotate", generation))
        return {**self.identity, "generation": generation + 1}

    async def certificate(self, reason: str) -> dict[str, Any]:
        self.calls.append(("certificate", reason))
        return {
            "schema": "intentcast.revocation/1",
            "key": KEY,
            "until": "2036-02-21T12:00:00Z",
            "certificate": "intentcast revocation 1\nnet: main\nAAAA\n",
        }

    async def revoke(self, certificate: str | None, reason: str) -> dict[str, Any]:
        self.calls.append(("revoke", certificate, reason))
        return {"schema": "intentcast.revoked/1", "key": KEY, "ours": certificate is None}
