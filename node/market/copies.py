"""Two live copies of this home: met by what the other one signs, told apart by notes.

Enters: public objects under keys of ours that this home never wrote, and notes (`here`) from a key
to itself that lie in its own box. Leaves: rows of what was seen, notes of this copy's own, and a
pen that signs nothing while this copy is not known to be the newest. Never: a stop because of what
this home wrote itself, of a life before a restore, or of a mailbox's word.
Source: docs/protocol/16-succession.md, "Two live copies".
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from node.crashpoint import crashpoint
from node.errors import RefusedError
from node.keystore import is_profile
from node.market.desk import Desk, newest_box, reply_of
from node.post.letters import Discard, Known, LetterOutcome, OutgoingLetter, Parked, Recorded
from node.storage import boxes_own, casts, copies, objects
from node.storage.boxes_own import OwnBox
from node.storage.copies import Sighting
from node.storage.outbox import NOTE, Priority
from protocol.errors import Reason
from protocol.ids import SigningKey
from protocol.market.copies import Copy, Sign, Twinship, counts, judge
from protocol.now import DAY_MS, HOUR_MS
from protocol.objects.envelope import Verified, open_stored
from protocol.objects.event import Here
from protocol.objects.header import Kind

if TYPE_CHECKING:
    import sqlite3

_LOG = logging.getLogger(__name__)
_INSTANCE_BYTES = 16
_NOTE_LIFE_MS = 7 * DAY_MS
"""How long a note lies in wait for the other copy; guess."""
_NOTE_PAUSE_MS = HOUR_MS
"""Shortest time between two notes that nobody asked for; guess."""


def halted() -> RefusedError:
    """Say why this copy signs nothing."""
    return RefusedError(
        "another live copy of this identity was met, and this one may be the older",
        code="E-TWO-COPIES",
        fix="Stop the other one; to go on with this one:  intentcast identity this-one",
    )


class Copies:
    """What one copy knows of the others."""

    def __init__(self, desk: Desk) -> None:
        """Keep the tools; `begin` reads what is known."""
        self._desk = desk
        self._own = Copy(instance=bytes(_INSTANCE_BYTES), created_ms=0)
        self.word = Twinship.ALONE
        """Where this copy stands."""
        self.seen: Sighting | None = None
        """The newest sign that counts, for whoever asks what was met."""
        self._noted_ms: int | None = None

    @property
    def own(self) -> Copy:
        """This copy."""
        return self._own

    async def begin(self) -> None:
        """Read this copy's row, or make it; then stand where the signs say."""
        instance = self._desk.entropy.bytes(_INSTANCE_BYTES)
        now_ms = self._desk.wall_ms()
        self._own = await self._desk.storage.write(
            lambda conn: copies.begin(conn, instance, now_ms)
        )
        crashpoint("copies.after_begin")
        await self._judge()

    async def _judge(self) -> None:
        found = await self._desk.storage.read(copies.load_noted)
        before, self.word = self.word, judge(self._own, [each.sign for each in found])
        counting = [each for each in found if counts(self._own, each.sign)]
        self.seen = counting[-1] if counting else None
        self._desk.pen.halt = halted if self.word is Twinship.OLDER else None
        if self.word is not before:
            _LOG.warning("two live copies: this one is %s", self.word.value)
            self._desk.changed()

    async def have_met(self) -> bool:
        """Tell whether another copy was ever met, whatever became of it."""
        return bool(await self._desk.storage.read(copies.load_noted))

    # --- what was met ---------------------------------------------------------------------------

    async def met(self, ctx: bytes, verified: Verified[Any]) -> bool:
        """Take a public object under a key of ours that is not on record as written here.

        Returns:
            Whether it is a sign of another live copy, and not of the life before this one.
        """
        sign = Sign(at=verified.header.at)
        if not counts(self._own, sign):
            return False
        if await self._desk.storage.write(lambda conn: self._note_sign(conn, ctx, verified, sign)):
            crashpoint("copies.after_sign")
            await self._judge()
            await self.leave_notes()
        return True

    def met_in(self, conn: sqlite3.Connection, ctx: bytes, verified: Verified[Any]) -> None:
        """Take, inside a change, an object of ours that another party gave back to us.

        Call `look` after the commit.
        """
        sign = Sign(at=verified.header.at)
        if counts(self._own, sign):
            self._note_sign(conn, ctx, verified, sign)

    async def look(self) -> None:
        """Stand where the signs on record say."""
        await self._judge()

    def _note_sign(
        self, conn: sqlite3.Connection, ctx: bytes, verified: Verified[Any], sign: Sign
    ) -> bool:
        body = verified.body
        sighting = Sighting(
            object_id=verified.id,
            ctx=ctx,
            kind=NOTE if isinstance(body, Here) else verified.header.kind.value,
            seen_ms=self._desk.wall_ms(),
            sign=sign,
        )
        is_new = copies.note(conn, sighting)
        if is_new:
            self._desk.note(conn, "copy.met", [verified.id])
        return is_new

    async def take(self, box: OwnBox, verified: Verified[Any]) -> LetterOutcome:
        """Take a letter from a key of ours to itself: a note, ours or of another copy."""
        body = verified.body
        if not isinstance(body, Here):
            return Discard(reason=Reason.NOT_PARTY.value)
        seed = self._desk.keyring.sign_seed(box.ctx)

        def txn(conn: sqlite3.Connection) -> bool | None:
            if objects.row_of(conn, verified.id) is not None:
                return None
            is_new = self._note_sign(conn, box.ctx, verified, self._sign_of(conn, verified))
            # An answer is not answered, whoever it was for: three copies would never end.
            if is_new and body.of == verified.header.thread:
                self._leave(conn, box.ctx, of=verified.id)
            return is_new

        is_new = await self._desk.storage.write(txn)
        crashpoint("copies.after_note")
        if is_new is None:
            # Our own: it stays for the other copy, whose receipt ends it.
            return Parked(is_ours=True)
        await self._judge()
        self._desk.committed()
        kind = Recorded if is_new else Known
        return kind(signer_seed=seed, author_box=box.box, envelope_id=verified.id)

    def _sign_of(self, conn: sqlite3.Connection, verified: Verified[Here]) -> Sign:
        body = verified.body
        # Our own name on a note we never wrote: rows were lost here, or the folder was copied.
        is_named = body.instance != self._own.instance
        return Sign(
            at=verified.header.at,
            instance=body.instance if is_named else None,
            since_ms=body.since if is_named else None,
            answers=self._answers(conn, body),
        )

    def _answers(self, conn: sqlite3.Connection, body: Here) -> bool:
        row = objects.row_of(conn, body.of)
        is_ours = row is not None and row.own and row.kind is Kind.EVENT
        # A backup brings notes of the life before: who answered those may be long gone.
        return is_ours and row is not None and row.at >= self._own.created_ms

    # --- notes of our own -----------------------------------------------------------------------

    async def leave_notes(self, *, at_once: bool = False) -> None:
        """Say in every open box of ours that this copy is here, now and then at most."""
        now_ms = self._desk.wall_ms()
        last = self._noted_ms
        if not at_once and last is not None and 0 <= now_ms - last < _NOTE_PAUSE_MS:
            return
        self._noted_ms = now_ms
        boxes = await self._desk.storage.read(lambda db: boxes_own.load_open(db, now_ms))
        for ctx in {box.ctx for box in boxes}:
            await self.leave_note(ctx)

    async def leave_note(self, ctx: bytes) -> None:
        """Say in one box of ours that this copy is here."""
        if await self._desk.storage.write(lambda conn: self._leave(conn, ctx)):
            self._desk.committed()

    def _leave(self, conn: sqlite3.Connection, ctx: bytes, *, of: bytes | None = None) -> bool:
        box, root = newest_box(conn, ctx), self._root(conn, ctx)
        now_ms = self._desk.wall_ms()
        if box is None or root is None or box.until <= now_ms:
            return False
        key = self._desk.pen.key(ctx)
        # An answer counts whatever the clocks say, and is not answered in turn.
        heard = of or copies.newest_note(conn, ctx) or root
        body = Here(of=heard, instance=self._own.instance, since=self._own.since_ms)
        exp = min(now_ms + _NOTE_LIFE_MS, box.until)
        verified = self._desk.pen.sealed(
            ctx, Kind.EVENT, body, to=key, thread=root, prev=None, exp=exp, halted_too=True
        )
        self._desk.record(conn, verified)
        self._desk.post.queue(
            conn,
            OutgoingLetter(
                ctx=ctx,
                envelope_id=verified.id,
                envelope=verified.raw,
                to_key=key,
                reply=reply_of(box),
                priority=Priority.RECEIPT,
                expires_at=exp,
                thread=root,
                kind=NOTE,
            ),
        )
        return True

    def _root(self, conn: sqlite3.Connection, ctx: bytes) -> bytes | None:
        """Give what a note of this context hangs on: the request, or the newest profile."""
        if not is_profile(ctx):
            own = casts.cast_of(conn, ctx)
            return None if own is None else own.root_id
        raw = objects.newest_profile(conn, SigningKey(self._desk.pen.key(ctx)))
        return None if raw is None else open_stored(raw, net=self._desk.net).id

    # --- the owner's word -----------------------------------------------------------------------

    async def choose(self) -> None:
        """Let this copy go on: it is the newest from now, and says so in every box."""
        instance = self._desk.entropy.bytes(_INSTANCE_BYTES)
        now_ms = self._desk.wall_ms()

        def txn(conn: sqlite3.Connection) -> Copy:
            self._desk.note(conn, "copy.chosen", [])
            return copies.choose(conn, instance, now_ms)

        self._own = await self._desk.storage.write(txn)
        crashpoint("copies.after_choice")
        await self._judge()
        await self.leave_notes(at_once=True)
