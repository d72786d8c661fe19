"""The line of keys of one identity: which key a contact's key goes on as, if it does.

Enters: a key, and the statements recorded here by each key, in the order they were recorded.
Leaves: the key that is followed and why no further: no statement, a conflict, a revocation. Two
different successors of one key are a conflict: neither is followed, whichever came first, and the
person is told. What was recorded after a key's revocation does not count. Never: a statement
followed that does not fit the chain behind it.
Source: docs/protocol/16-succession.md, "Following".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias

from protocol import limits
from protocol.objects.envelope import Verified
from protocol.objects.succession import Revocation, Rotation

Recorded: TypeAlias = Callable[[bytes], Sequence[Verified[Any]]]
"""Gives the statements of a key, the one recorded first first."""


class Standing(StrEnum):
    """Why a line ends where it does."""

    CURRENT = "current"
    """Nothing more is said of its last key."""
    FROZEN = "frozen"
    """Its last key names two successors; neither is followed."""
    REVOKED = "revoked"
    """Its last key counts no more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """Where a key leads."""

    keys: tuple[bytes, ...]
    """The key asked about, then each that followed it."""
    generation: int | None
    """Of the last one; None when no statement says it."""
    standing: Standing
    """Why it is the last one."""
    conflict: tuple[bytes, ...] = ()
    """Ids of the statements that contradict each other."""

    @property
    def key(self) -> bytes:
        """The key that is followed."""
        return self.keys[-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Link:
    """How the last key was reached."""

    generation: int | None
    rotation_id: bytes | None


def is_revoked(recorded: Sequence[Verified[Any]]) -> bool:
    """Tell whether the statements of a key, as recorded, end it."""
    return any(isinstance(each.body, Revocation) for each in recorded)


def follow(key: bytes, recorded: Recorded, *, generation: int | None = None) -> Lineage:
    """Follow a key to where its identity is now.

    Args:
        key: Ed25519 key, 32 bytes.
        recorded: the statements of any key, in the order they were recorded here.
        generation: of `key` where it is known, such as 0 for our own first one; a contact's is
            learnt from its first rotation.
    """
    keys = [key]
    link = _Link(generation=generation, rotation_id=None)
    while True:
        statements = recorded(keys[-1])
        successors = _successors(statements, link, keys)
        if len(successors) > 1:
            ids = tuple(each.id for each in successors)
            return _lineage(keys, link, Standing.FROZEN, ids)
        if not successors or len(keys) > limits.lineage_max:
            ended = Standing.REVOKED if is_revoked(statements) else Standing.CURRENT
            return _lineage(keys, link, ended)
        step = successors[0]
        keys.append(step.body.new)
        link = _Link(generation=step.body.generation, rotation_id=step.id)


def _lineage(
    keys: list[bytes], link: _Link, standing: Standing, conflict: tuple[bytes, ...] = ()
) -> Lineage:
    return Lineage(
        keys=tuple(keys), generation=link.generation, standing=standing, conflict=conflict
    )


def _successors(
    statements: Sequence[Verified[Any]], link: _Link, keys: Sequence[bytes]
) -> list[Verified[Rotation]]:
    """Give one rotation for each successor the last key names, in the order recorded."""
    named: dict[bytes, Verified[Rotation]] = {}
    for each in statements:
        if isinstance(each.body, Revocation):
            # Whoever else holds the key may go on signing; nothing of it counts from here on.
            break
        if _fits(each.body, link, keys):
            named.setdefault(each.body.new, each)
    return list(named.values())


def _fits(body: Rotation, link: _Link, keys: Sequence[bytes]) -> bool:
    """Tell whether a rotation stands in its place: the next number, after the one before."""
    is_next = link.generation is None or body.generation == link.generation + 1
    is_chained = link.rotation_id is None or body.after == link.rotation_id
    # A key that comes back would lead in a circle.
    return is_next and is_chained and body.new not in keys
