"""Statements about keys, for tests: rotations signed by both keys, and revocations."""

from __future__ import annotations

from typing import Any

import msgspec

from protocol.now import DAY_MS
from protocol.objects.envelope import Verified, open_stored
from protocol.objects.header import Header, Kind
from protocol.objects.succession import Revocation, Rotation, consented
from tests.parties import NET, NOW_MS, Party, signed


def statement_header(by: Party, kind: Kind, **fields: Any) -> Header:
    base = {"net": NET, "kind": kind, "key": by.key, "at": NOW_MS, "exp": NOW_MS + 365 * DAY_MS}
    return Header(**{**base, "to": None, "thread": None, "prev": None, "target": 0, **fields})


def rotation_body(
    old: Party, new: Party, *, header: Header | None = None, **changes: Any
) -> Rotation:
    """The new key consents to exactly what stands there."""
    facts = {"new": new.key, "generation": 1, "after": None, "consent": bytes(64), **changes}
    head = header or statement_header(old, Kind.ROTATION)
    return consented(head, Rotation(**facts), new.seed("sign"))


def make_rotation(
    old: Party, new: Party, *, header: dict[str, Any] | None = None, **changes: Any
) -> Verified[Rotation]:
    head = statement_header(old, Kind.ROTATION, **(header or {}))
    body = rotation_body(old, new, header=head, **changes)
    return open_stored(signed(head, body, old.seed("sign")), net=NET)


def make_revocation(by: Party, reason: str = "stolen", **header: Any) -> Verified[Revocation]:
    head = statement_header(by, Kind.REVOCATION, **header)
    return open_stored(signed(head, Revocation(reason=reason), by.seed("sign")), net=NET)


def later(verified: Verified[Any], minutes: int, by: Party) -> Verified[Any]:
    """The same body, signed later."""
    at = verified.header.at + minutes * 60_000
    head = msgspec.structs.replace(verified.header, at=at, target=0)
    return open_stored(signed(head, verified.body, by.seed("sign")), net=NET)
