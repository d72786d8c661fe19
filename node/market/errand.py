"""The errand: under which Idempotency-Key the call came that is being carried out.

Enters: key and body hash, once per call, from the handle. Leaves: one row, written by whichever
change does what was asked. The rooms in between have no business with it, so it travels in a
context variable. Never: an effect on disk whose key is not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from node.storage import idempotency
from node.storage.idempotency import Effect, EffectKind

if TYPE_CHECKING:
    import sqlite3


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """One call that must be done once."""

    key: str
    """The caller's own."""
    body_hash: bytes
    """BLAKE2b-256 over method, path and body."""


Settle: TypeAlias = "Callable[[sqlite3.Connection, bytes, int], None]"
"""Takes a connection inside a change, the id of what was done, and the present in Unix ms."""

_CURRENT: ContextVar[Errand | None] = ContextVar("errand", default=None)


@contextmanager
def on_errand(errand: Errand) -> Iterator[None]:
    """Carry out a call under its key."""
    token = _CURRENT.set(errand)
    try:
        yield
    finally:
        _CURRENT.reset(token)


def settling(kind: EffectKind) -> Settle:
    """Give what a change calls to keep the key beside its effect.

    Ask on the loop, before the change is handed to the writer: its thread has no errand.
    """
    errand = _CURRENT.get()

    def settle(conn: sqlite3.Connection, object_id: bytes, now_ms: int) -> None:
        if errand is not None:
            effect = Effect(kind=kind, id=object_id)
            idempotency.settle(conn, errand.key, errand.body_hash, effect, now_ms)

    return settle
