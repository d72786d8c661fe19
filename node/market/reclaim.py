"""What of ours is out there: requests and the shop's profile, known again by our own keys.

Enters: public objects as they come to be stored, and at start those that are. A request is ours
when its key derives from our root and the nonce inside it: no list of keys is needed. Leaves: rows
and watched boxes for what an earlier life of this home published, held until reopened; signs of
another live copy for what was published since this one began; own rotations that this home had
forgotten. Never: a private wish or a budget, which were on the lost disk alone.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from node.crashpoint import crashpoint
from node.errors import KeystoreError, StorageError
from node.market.copies import Copies
from node.market.desk import Desk, newest_box
from node.market.forms import follow, follow_profile
from node.storage import casts, objects, restorations
from node.storage.boxes_own import OwnBox
from protocol import limits
from protocol.errors import IntentcastError, RemoteProtocolError
from protocol.market import cast as cast_machine
from protocol.market.cast import CastEvent
from protocol.objects.envelope import Verified
from protocol.objects.header import IDENTITY_KINDS, STATEMENT_KINDS
from protocol.objects.intentcast import Intentcast
from protocol.objects.profile import Profile
from protocol.objects.revoke import Revoke

if TYPE_CHECKING:
    import sqlite3

_LOG = logging.getLogger(__name__)
_WAITING_MAX = 10_000
_NEWEST_ROWS = 2_000
"""Rows looked at again at a start: more than are ever between the disk and a look; guess."""
_AGAIN_S = 1.0
"""Rest before all that is carried is looked at again, s; doubles while that fails."""
_AGAIN_S_MAX = 600.0
"""The longest such rest: a disk stays full for hours, and each look opens every request; guess."""

LiveCasts = Callable[[], Awaitable[Sequence[Verified[Any]]]]
MoveCast: TypeAlias = "Callable[[sqlite3.Connection, bytes, CastEvent], bool]"


class Statements(Protocol):
    """What is asked of the room that knows our own generations."""

    def contexts(self) -> Sequence[tuple[bytes, bytes]]:
        """List (public key, context) of the vendor identity in every generation."""
        ...

    async def heard(self, ctx: bytes, verified: Verified[Any]) -> bool:
        """Take a statement under a key of ours; tells whether it is a step of our own."""
        ...

    def heard_of(self, conn: sqlite3.Connection, verified: Verified[Any]) -> None:
        """Take a statement of somebody else's key, inside a change."""
        ...


class Reclaim:
    """Looks for what is ours among what everybody carries."""

    def __init__(
        self,
        desk: Desk,
        copies: Copies,
        statements: Statements,
        *,
        live_casts: LiveCasts,
        move_cast: MoveCast,
    ) -> None:
        """Keep the tools; `run` looks.

        Args:
            desk: the tools.
            copies: hears of objects that another live copy must have written.
            statements: knows the vendor keys of this home.
            live_casts: opens every live request that is carried.
            move_cast: takes a step of an own request inside a change.
        """
        self._desk = desk
        self._copies = copies
        self._statements = statements
        self._live_casts = live_casts
        self._move_cast = move_cast
        self._waiting: deque[Verified[Any]] = deque()
        self._ready = asyncio.Event()
        self._has_missed = False
        self._is_party = False
        self.found = 0
        """Own requests recognised since the start."""

    def hear(self, verified: Verified[Any]) -> None:
        """Take note of a public object that was just stored; returns at once."""
        is_party = self._is_party or self._desk.pen.has_signed
        if not is_party and verified.header.kind not in IDENTITY_KINDS:
            # A home that never signed and was never restored has no request to find.
            return
        if len(self._waiting) >= _WAITING_MAX:
            self._miss()
            return
        self._waiting.append(verified)
        self._ready.set()

    def _miss(self) -> None:
        """Remember that all that is carried has to be looked at again."""
        self._has_missed = True
        self._ready.set()

    async def run(self) -> None:
        """Look at what comes until cancelled; begins with what is here already."""
        await self._desk.keyring.until_unlocked()
        if self._is_party:
            # What came just before the last end may never have been looked at.
            await self._look_at_newest()
        if await self._was_restored():
            await self._look_at_all()
        rest_s = _AGAIN_S
        while True:
            await self._ready.wait()
            await self._desk.keyring.until_unlocked()
            self._ready.clear()
            await self._empty()
            if self._has_missed:
                await asyncio.sleep(rest_s)
                self._has_missed = False
                await self._look_at_all()
                rest_s = min(2 * rest_s, _AGAIN_S_MAX) if self._has_missed else _AGAIN_S

    async def begin(self) -> None:
        """Learn whether there is anything to look for."""
        rows = await self._desk.storage.read(casts.load_all)
        self._is_party = bool(rows) or await self._was_restored()

    async def _was_restored(self) -> bool:
        return await self._desk.storage.read(restorations.load_newest) is not None

    async def _look_at_newest(self) -> None:
        ids = await self._desk.storage.read(
            lambda db: objects.load_recent_public(db, rows=_NEWEST_ROWS)
        )
        for number, object_id in enumerate(ids):
            if number % limits.verify_batch_max == 0:
                await asyncio.sleep(0)
            try:
                load = partial(self._desk.load, object_id=object_id)
                verified = await self._desk.storage.write(load)
            except (StorageError, RemoteProtocolError):
                # Damaged here, or by rules that have changed since.
                continue
            if verified is not None:
                await self._try(verified)

    async def _look_at_all(self) -> None:
        for number, verified in enumerate(await self._live_casts()):
            if number % limits.verify_batch_max == 0:
                await asyncio.sleep(0)
            await self._try(verified)

    async def _empty(self) -> None:
        for number in range(len(self._waiting)):
            if number % limits.verify_batch_max == 0:
                await asyncio.sleep(0)
            await self._try(self._waiting.popleft())

    async def _try(self, verified: Verified[Any]) -> None:
        try:
            ctx = await self._context_of(verified)
            if ctx is not None:
                await self._take(ctx, verified)
            elif verified.header.kind in STATEMENT_KINDS:
                heard_of = self._statements.heard_of
                await self._desk.storage.write(lambda conn: heard_of(conn, verified))
        except KeystoreError:
            # Locked meanwhile: it is looked at again after the unlock.
            self._miss()
        except IntentcastError as error:
            _LOG.error("what is ours cannot be recorded now: %s", error)
            self._miss()

    async def _context_of(self, verified: Verified[Any]) -> bytes | None:
        """Name the context whose key signed an object; None when it is not one of ours."""
        key, body = verified.header.key, verified.body
        if isinstance(body, Revoke):
            target = body.target
            rows = await self._desk.storage.read(casts.load_all)
            nonces = [row.nonce for row in rows if row.cast_id == target]
        else:
            nonces = [body.nonce] if isinstance(body, Intentcast) else []
        for nonce in nonces:
            if self._desk.pen.key(nonce) == key:
                return nonce
        return dict(self._statements.contexts()).get(key)

    async def _take(self, ctx: bytes, verified: Verified[Any]) -> None:
        if await self._is_written_here(verified):
            return
        if await self._is_named(verified):
            await self._keep(ctx, verified, partial(self._follow, ctx=ctx, verified=verified))
            return
        if verified.header.kind in STATEMENT_KINDS:
            if not await self._statements.heard(ctx, verified):
                await self._copies.met(ctx, verified)
            return
        await self._copies.met(ctx, verified)
        if isinstance(verified.body, Intentcast):
            await self._adopt(ctx, verified, partial(self._find, verified=verified))
            self.found += 1
        elif isinstance(verified.body, Revoke):
            await self._adopt_revoke(ctx, verified)
        elif isinstance(verified.body, Profile):
            await self._adopt(ctx, verified, partial(self._follow, ctx=ctx, verified=verified))

    async def _is_written_here(self, verified: Verified[Any]) -> bool:
        """Tell whether this home wrote an object, or took it back before."""
        row = await self._desk.storage.read(lambda db: objects.load_row(db, verified.id))
        return row is not None and row.own

    async def _is_named(self, verified: Verified[Any]) -> bool:
        """Tell whether a request of ours goes by this id: it is no sign of another copy.

        Its bytes may be a peer's copy in the place of ours, which a damaged disk lost; or the root
        of a request found again by a later form of it.
        """
        kept = await self._desk.storage.read(casts.load_all)
        return any(verified.id in (each.cast_id, each.root_id) for each in kept)

    # --- adopting -------------------------------------------------------------------------------

    def _find(self, conn: sqlite3.Connection, *, verified: Verified[Intentcast]) -> None:
        """Have a request that is new here, or newer, wait until it is reopened."""
        if follow(self._desk, conn, verified):
            restorations.hold(conn, verified.body.nonce, self._desk.wall_ms())
        self._desk.note(conn, "cast.found", [verified.id])

    def _follow(self, conn: sqlite3.Connection, *, ctx: bytes, verified: Verified[Any]) -> None:
        if isinstance(verified.body, Intentcast):
            follow(self._desk, conn, verified)
        else:
            follow_profile(self._desk, conn, ctx, verified)

    async def _adopt_revoke(self, ctx: bytes, verified: Verified[Revoke]) -> None:
        """A request of ours was taken back by another life: it is over here too."""

        def txn(conn: sqlite3.Connection) -> None:
            self._desk.record(conn, verified)
            row = casts.cast_of(conn, ctx)
            if row is not None and self._desk.pen.halt is not None:
                # Nothing may be signed, so nobody is told; whoever took it back told them.
                casts.set_state(conn, ctx, cast_machine.step(row.state, CastEvent.REVOKED).state)
            else:
                self._move_cast(conn, ctx, CastEvent.REVOKED)

        await self._desk.storage.write(txn)
        crashpoint("reclaim.after_revoke")
        self._desk.committed()

    async def _adopt(
        self, ctx: bytes, verified: Verified[Any], also: Callable[[sqlite3.Connection], None]
    ) -> None:
        """Keep an object as our own, read the box it names, and say there that we are here."""
        if await self._keep(ctx, verified, also) is not None:
            await self._copies.leave_note(ctx)
        self._desk.changed()

    async def _keep(
        self, ctx: bytes, verified: Verified[Any], also: Callable[[sqlite3.Connection], None]
    ) -> OwnBox | None:
        """Keep an object as our own; gives the box of its context, which is read from now on."""

        def txn(conn: sqlite3.Connection) -> OwnBox | None:
            self._desk.record(conn, verified)
            also(conn)
            return newest_box(conn, ctx)

        box = await self._desk.storage.write(txn)
        crashpoint("reclaim.after_commit")
        if box is not None:
            await self._desk.post.watch(box)
        return box
