"""Cases of statements about keys: one read at the gate, and several followed in order.

Enters: parties of the tests. Leaves: cases for `generate_vectors.py`. A statement is judged as any
envelope (docs/protocol/03-envelope.md); `follow` is given what one node recorded, in that order,
and says where a key leads (docs/protocol/16-succession.md).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from protocol import limits
from protocol.encoding import decode, encode
from protocol.errors import Reason
from protocol.market.lineage import follow
from protocol.now import DAY_MS, MINUTE_MS
from protocol.objects.envelope import Verified
from protocol.objects.header import Kind
from scripts.vector_cases import Case, invalid, valid
from tests.parties import NET, NOW_MS, Party, forged, tree_of
from tests.successions import make_revocation, make_rotation, rotation_body, statement_header

NOTES = {
    "BothSign": "A rotation counts that one of the two keys never signed.",
    "Chain": "A rotation counts that does not stand in its place: a jump, a loop, a loose end.",
    "Conflict": "One of two successors is followed: whoever stole a key takes its contacts along.",
    "Revoked": "Something of a key counts that was recorded after its end.",
    "Whose": "A key is ended by somebody who does not have it.",
    "Form": "A statement is read that is not in its form.",
}

_OLD, _NEW, _THIRD, _THIEF = (
    Party(name) for name in ("vendor_bo", "vendor_bo at 1", "vendor_bo at 2", "thief")
)
_HARD = 12
"""Bits of work claimed by forged statements; their work is not looked at before their fault is."""


def _given(raw: bytes) -> Case:
    return {"op": "statement", "net": NET, "envelope": raw.hex()}


def succession() -> Iterator[Case]:
    """Cases of statements and of following them."""
    yield from _statements()
    yield from _forged()
    yield from _followed()


def _statements() -> Iterator[Case]:
    first = make_rotation(_OLD, _NEW)
    second = make_rotation(_NEW, _THIRD, generation=2, after=first.id)
    for comment, statement in (
        ("a first rotation", first),
        ("a second one", second),
        ("a revocation", make_revocation(_OLD)),
    ):
        body = tree_of(statement.body)
        facts = {
            "id": statement.id.hex(),
            "kind": statement.header.kind.value,
            "key": statement.header.key.hex(),
            "new": body["new"].hex() if "new" in body else None,
        }
        yield valid(comment, _given(statement.raw), facts, "BothSign")


def _solved(kind: Kind, tree: Any, by: Party, **header: Any) -> bytes:
    """Sign any tree as a statement, its work promised and not done: it is not asked for here."""
    return forged(kind, tree, by, target=_HARD, exp=NOW_MS + 365 * DAY_MS, **header)


def _rotation(body: Any, by: Party = _OLD, **header: Any) -> bytes:
    return _solved(Kind.ROTATION, tree_of(body), by, **header)


def _bent(**changes: Any) -> bytes:
    return _rotation(msgspec.structs.replace(rotation_body(_OLD, _NEW), **changes))


def _forged() -> Iterator[Case]:
    for comment, envelope in _unsigned():
        yield invalid(comment, _given(envelope), Reason.BAD_SIGNATURE, "BothSign")
    weak = _bent(new=bytes.fromhex("01" + "00" * 31))
    yield invalid("a successor of low order", _given(weak), Reason.BAD_KEY, "BothSign")
    itself = _rotation(rotation_body(_OLD, _OLD))
    yield invalid("a key that succeeds itself", _given(itself), Reason.OUT_OF_RANGE, "Chain")
    for comment, changes in (
        ("a second generation after nothing", {"generation": 2}),
        ("a first one after something", {"after": bytes(32)}),
    ):
        raw = _rotation(rotation_body(_OLD, _NEW, **changes))
        yield invalid(comment, _given(raw), Reason.BAD_SHAPE, "Chain")
    foreign = _solved(Kind.REVOCATION, {}, _THIEF, key=_OLD.key)
    comment = "a revocation of somebody else's key"
    yield invalid(comment, _given(foreign), Reason.BAD_SIGNATURE, "Whose")
    for comment, envelope, reason in (
        (
            "a revocation to one recipient",
            forged(Kind.REVOCATION, {}, _OLD, to=_NEW.key),
            Reason.BAD_SHAPE,
        ),
        (
            "a rotation in a thread",
            _rotation(rotation_body(_OLD, _NEW), thread=bytes(32)),
            Reason.BAD_SHAPE,
        ),
        ("generation 0", _bent(generation=0), Reason.BAD_SHAPE),
        ("a rotation read as a revocation", _relabelled(), Reason.BAD_SIGNATURE),
    ):
        yield invalid(comment, _given(envelope), reason, "Form")


def _unsigned() -> Iterator[tuple[str, bytes]]:
    """Rotations that one of the two keys never agreed to."""
    good = rotation_body(_OLD, _NEW)
    elsewhere = statement_header(_OLD, Kind.ROTATION, net="main")
    yield "without the new key's consent", _bent(consent=bytes(64))
    yield "consent to another successor", _bent(new=_THIEF.key)
    yield "consent given to another key", _rotation(good, _THIEF)
    yield "signed by the new key for the old one", _rotation(good, _NEW, key=_OLD.key)
    yield "consent at another time", _rotation(good, at=NOW_MS + MINUTE_MS)
    other_net = rotation_body(_OLD, _NEW, header=elsewhere)
    yield "consent in another network", _rotation(other_net)


def _relabelled() -> bytes:
    rotation = make_rotation(_OLD, _NEW)
    fields = decode(rotation.signed, bytes_max=limits.public_bytes_max)
    return encode([encode([*fields[:2], "revocation", *fields[3:]]), rotation.signature, None])


def _followed() -> Iterator[Case]:
    first = make_rotation(_OLD, _NEW)
    second = make_rotation(_NEW, _THIRD, generation=2, after=first.id)
    stolen = make_rotation(_OLD, _THIEF)
    jump = make_rotation(_NEW, _THIRD, generation=3, after=first.id)
    loop = make_rotation(_NEW, _OLD, generation=2, after=first.id)
    ended = make_revocation(_OLD)
    for comment, recorded, flag in (
        ("a chain", (first, second), "Chain"),
        ("a number left out", (first, jump), "Chain"),
        ("a loop", (first, loop), "Chain"),
        ("two successors", (first, stolen), "Conflict"),
        ("two successors, the other first", (stolen, first), "Conflict"),
        ("rotated, then revoked", (first, ended), "Revoked"),
        ("revoked, then rotated", (ended, stolen), "Revoked"),
        ("the same again", (first, first), "Conflict"),
    ):
        yield valid(comment, _recorded(recorded), _lineage(recorded), flag)


def _recorded(statements: tuple[Verified[Any], ...]) -> Case:
    envelopes = [each.raw.hex() for each in statements]
    return {"op": "follow", "net": NET, "key": _OLD.key.hex(), "recorded": envelopes}


def _lineage(statements: tuple[Verified[Any], ...]) -> Case:
    found = follow(_OLD.key, lambda key: [e for e in statements if e.header.key == key])
    return {
        "keys": [key.hex() for key in found.keys],
        "generation": found.generation,
        "standing": found.standing.value,
    }
