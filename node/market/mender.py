"""Looks after what was found damaged in this home: asks for it again, and seals letters anew.

Enters: rows of `wanted`, which a scrub wrote. Leaves: questions to the other party of a deal or a
thread (`asked`, page 13), requests to peers for what is public, new letters in the place of damaged
ones. Never: more than one question an hour about one deal or thread, a word about what was damaged,
a row that keeps the others waiting.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from enum import Enum, auto
from functools import partial
from typing import TYPE_CHECKING, Any

from node.errors import StorageError
from node.market.deals import opened_of
from node.market.desk import Desk, newest_box, read_reply, reply_of
from node.market.recall import Recall
from node.market.recollect import Party
from node.post.letters import OutgoingLetter
from node.storage import bounds, deals, objects, outbox, threads, wanted
from node.storage.outbox import Outgoing, OutgoingState
from node.storage.threads import Thread
from node.storage.wanted import Wanted
from protocol import sealing
from protocol.errors import IntentcastError, RemoteProtocolError
from protocol.ids import blake2b_256
from protocol.market.deal import Role
from protocol.objects.envelope import open_stored
from protocol.objects.event import Agreed
from protocol.objects.profile import Profile
from protocol.objects.reply import Reply

if TYPE_CHECKING:
    import sqlite3

_LOG = logging.getLogger(__name__)
_PERIOD_S = 60.0
_DOUBLINGS_MAX = 10
_PARTIES_MAX = 64
"""Parties of one request asked for what any of them may have; guess."""
_DAMAGED = "damaged"
"""Why a letter ended that could not be sealed again, for its owner."""


class _State(Enum):
    """How a row of `wanted` stands after a look."""

    SETTLED = auto()
    """A good copy is here."""
    WANTED = auto()
    """It is waited for."""
    WANTED_OF_ALL = auto()
    """It is waited for, and any node may have it."""


class Mender:
    """Asks until everything is whole again."""

    def __init__(self, desk: Desk, recall: Recall) -> None:
        """Keep the tools, and the room that asks other parties."""
        self._desk = desk
        self._recall = recall
        self._told = ""
        self._after = 0
        """Number of the row looked at last; what can never be settled keeps nobody from a turn."""

    async def run(self, period_s: float = _PERIOD_S) -> None:
        """Look at start and then by the period, s, until cancelled."""
        while True:
            try:
                await self.look()
                self._told = ""
            except IntentcastError as error:
                # A locked key, a clock that is off: the next look tries again.
                if self._is_news(error.code):
                    _LOG.warning("what is damaged has to wait: %s", error)
            except Exception as error:  # noqa: BLE001 - no row may end the looking
                # Damaged rows may bring about anything; the others are looked after all the same.
                if self._is_news(repr(error)):
                    _LOG.exception("what is damaged cannot be looked after")
            await asyncio.sleep(period_s)

    def _is_news(self, what: str) -> bool:
        """Tell whether a failure is another than the last one."""
        is_new, self._told = self._told != what, what
        return is_new

    async def look(self) -> int:
        """Ask for whatever is due now; the rows beyond a bound have their turn at the next look.

        Returns:
            How many objects of those looked at are still wanted.

        Raises:
            IntentcastError: of a row that could not be looked after; the others were.
        """
        rows = await self._load()
        if not rows or self._desk.keyring.is_locked:
            return len(rows)
        self._after = rows[-1].seq if len(rows) == bounds.wanted_at_once else 0
        # A change for each, which fails alone; they share one commit.
        changes = [self._desk.storage.write(partial(self._tend, row=row)) for row in rows]
        found = await asyncio.gather(*changes, return_exceptions=True)
        self._desk.committed()
        states = [state for state in found if isinstance(state, _State)]
        for row, state in zip(rows, found, strict=True):
            if state is _State.WANTED_OF_ALL:
                self._desk.network.want(row.id)
        for state in found:
            if isinstance(state, BaseException):
                raise state
        return len(states) - states.count(_State.SETTLED)

    async def _load(self) -> list[Wanted]:
        """Give the rows whose turn it is."""
        limit = bounds.wanted_at_once
        load = partial(wanted.load_all, limit=limit, after=self._after)
        rows = await self._desk.storage.read(load)
        if not rows and self._after:
            rows = await self._desk.storage.read(partial(wanted.load_all, limit=limit))
        return rows

    def _tend(self, conn: sqlite3.Connection, row: Wanted) -> _State:
        if objects.is_whole(conn, row.id):
            self._seal_again(conn, row.id)
            wanted.settle(conn, row.id)
            return _State.SETTLED
        if row.deal_id is not None:
            for name, party in self._parties(conn, row.deal_id, row.id):
                self._ask(conn, name, party, row.deal_id)
        return _State.WANTED_OF_ALL if _may_be_public(conn, row.id) else _State.WANTED

    def _parties(
        self, conn: sqlite3.Connection, name: bytes, object_id: bytes
    ) -> list[tuple[bytes, Party]]:
        """List whom to ask, each under the name its questions are counted by."""
        deal = deals.deal_of(conn, name)
        if deal is not None:
            party = Party(role=deal.role, ctx=deal.own_ctx, root=deal.cast_id, other=deal.other_key)
            return [(name, party)]
        known = [thread for role in Role for thread in threads.of_cast(conn, name, role)]
        # Whoever is known to have said or heard it; else everybody it may have been said to.
        near = [thread for thread in known if object_id in _named_in(thread)] or known
        parties = [
            Party(role=each.role, ctx=each.own_ctx, root=each.cast_id, other=each.other_key)
            for each in near[-_PARTIES_MAX:]
        ]
        return [(blake2b_256(each.root, each.ctx, each.other), each) for each in parties]

    def _ask(self, conn: sqlite3.Connection, name: bytes, party: Party, about: bytes) -> None:
        """Ask the other party of a deal or a thread, less often each time."""
        now_ms = self._desk.wall_ms()
        asking = wanted.asking_of(conn, name)
        doublings = min(max(asking.asks - 1, 0), _DOUBLINGS_MAX)
        pause_ms = min(bounds.ask_pause_ms << doublings, bounds.ask_pause_ms_max)
        if asking.asks and now_ms - asking.asked_ms < pause_ms:
            return
        if self._recall.ask(conn, party) is None:
            return
        wanted.save_asking(conn, replace(asking, asked_ms=now_ms, asks=asking.asks + 1))
        self._desk.note(conn, "deal.asked" if name == about else "thread.asked", [about])

    def _seal_again(self, conn: sqlite3.Connection, envelope_id: bytes) -> None:
        """Put a new letter in the place of one that is damaged, if it is still to be sent.

        Without a way to its recipient it ends here, refused, so that its owner hears of it.
        """
        row = outbox.by_envelope(conn, envelope_id)
        if row is None or row.state is not OutgoingState.PENDING or outbox.is_whole(row):
            return
        envelope, reply = objects.raw_of(conn, envelope_id), self._way_to(conn, row)
        if envelope is None or reply is None:
            self._give_up(conn, row)
            return
        outbox.drop(conn, row.id)
        self._desk.post.queue(
            conn,
            OutgoingLetter(
                ctx=row.own_ctx,
                envelope_id=row.envelope_id,
                envelope=envelope,
                opened=self._beside(conn, row),
                to_key=row.to_key,
                reply=reply,
                priority=row.priority,
                expires_at=row.expires_at,
                thread=row.thread,
                kind=row.kind,
            ),
        )

    def _way_to(self, conn: sqlite3.Connection, row: Outgoing) -> Reply | None:
        """Find the box of a letter's recipient: ours for a note, its thread's, its profile's."""
        if row.to_key == self._desk.pen.key(row.own_ctx):
            box = newest_box(conn, row.own_ctx)
            return None if box is None else reply_of(box)
        try:
            reply = self._reply_of(conn, row)
            if reply is not None:
                sealing.check_box_key(reply.box)
        except (StorageError, RemoteProtocolError, ValueError):
            # What would say it is damaged, too.
            return None
        return reply

    def _reply_of(self, conn: sqlite3.Connection, row: Outgoing) -> Reply | None:
        thread = threads.by_party(conn, row.thread or b"", row.own_ctx, row.to_key)
        if thread is not None and thread.other_reply is not None:
            return read_reply(thread.other_reply)
        raw = objects.newest_profile(conn, row.to_key)
        body = None if raw is None else open_stored(raw, net=self._desk.net).body
        return body.reply if isinstance(body, Profile) else None

    def _give_up(self, conn: sqlite3.Connection, row: Outgoing) -> None:
        outbox.mark_refused(conn, row.id, _DAMAGED, self._desk.wall_ms())
        ids = [row.envelope_id] if row.thread is None else [row.envelope_id, row.thread]
        self._desk.note(conn, "letter_refused", ids, kind=row.kind)

    def _beside(
        self, conn: sqlite3.Connection, row: Outgoing
    ) -> dict[str, tuple[bytes, str]] | None:
        """Give the values a letter disclosed: they stand in its deal."""
        sent = self._desk.load(conn, row.envelope_id)
        if sent is None or not isinstance(sent.body, Agreed):
            return None
        confirmed: Any = self._desk.load(conn, sent.body.of)
        deal = deals.deal_of(conn, confirmed.body.of) if confirmed is not None else None
        return (opened_of(deal) or None) if deal is not None else None


def _named_in(thread: Thread) -> tuple[bytes | None, ...]:
    return thread.offer_id, thread.profile_id, thread.last_own_id, thread.last_other_id


def _may_be_public(conn: sqlite3.Connection, object_id: bytes) -> bool:
    """Tell whether other nodes may carry an object: it has no recipient, or is not known at all."""
    try:
        row = objects.row_of(conn, object_id)
    except StorageError:
        # Not even its kind can be read.
        return True
    return row is None or row.to is None
