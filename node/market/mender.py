"""Looks after what was found damaged in this home: asks for it again, and seals letters anew.

Enters: rows of `wanted`, which a scrub wrote. Leaves: questions to the other party of a deal
(`asked`, page 13), requests to peers for what is public, new letters in the place of damaged ones.
Never: more than one question an hour about one deal, or a word about what was damaged.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from node.market.deals import opened_of
from node.market.desk import Desk, read_reply
from node.market.recall import Recall
from node.market.recollect import Party
from node.post.letters import OutgoingLetter
from node.storage import bounds, deals, objects, outbox, threads, wanted
from node.storage.outbox import Outgoing, OutgoingState
from node.storage.wanted import Wanted
from protocol.errors import IntentcastError
from protocol.objects.event import Agreed

if TYPE_CHECKING:
    import sqlite3

_LOG = logging.getLogger(__name__)
_PERIOD_S = 60.0
_DOUBLINGS_MAX = 10


class Mender:
    """Asks until everything is whole again."""

    def __init__(self, desk: Desk, recall: Recall) -> None:
        """Keep the tools, and the room that asks other parties."""
        self._desk = desk
        self._recall = recall
        self._told = ""

    async def run(self, period_s: float = _PERIOD_S) -> None:
        """Look at start and then by the period, s, until cancelled."""
        while True:
            try:
                await self.look()
                self._told = ""
            except IntentcastError as error:
                # A locked key, a clock that is off: the next look tries again.
                if self._told != error.code:
                    self._told = error.code
                    _LOG.warning("what is damaged has to wait: %s", error)
            await asyncio.sleep(period_s)

    async def look(self) -> int:
        """Ask for whatever is due now.

        Returns:
            How many objects are still wanted.

        Raises:
            IntentcastError: nothing can be signed now.
        """
        rows = await self._desk.storage.read(
            lambda db: wanted.load_all(db, limit=bounds.wanted_at_once)
        )
        if not rows or self._desk.keyring.is_locked:
            return len(rows)
        left, public = await self._desk.storage.write(lambda conn: self._tend(conn, rows))
        self._desk.committed()
        for object_id in public:
            self._desk.network.want(object_id)
        return left

    def _tend(self, conn: sqlite3.Connection, rows: list[Wanted]) -> tuple[int, list[bytes]]:
        left: list[Wanted] = []
        for row in rows:
            if objects.is_whole(conn, row.id):
                self._seal_again(conn, row.id)
                wanted.settle(conn, row.id)
            else:
                left.append(row)
        for deal_id in dict.fromkeys(row.deal_id for row in left if row.deal_id is not None):
            self._ask(conn, deal_id)
        return len(left), [row.id for row in left if _may_be_public(conn, row.id)]

    def _ask(self, conn: sqlite3.Connection, deal_id: bytes) -> None:
        """Ask the other party of a deal, less often each time."""
        now_ms = self._desk.wall_ms()
        asking = wanted.asking_of(conn, deal_id)
        doublings = min(max(asking.asks - 1, 0), _DOUBLINGS_MAX)
        pause_ms = min(bounds.ask_pause_ms << doublings, bounds.ask_pause_ms_max)
        row = deals.deal_of(conn, deal_id)
        if row is None or (asking.asks and now_ms - asking.asked_ms < pause_ms):
            return
        party = Party(role=row.role, ctx=row.own_ctx, root=row.cast_id, other=row.other_key)
        if self._recall.ask(conn, party) is None:
            return
        wanted.save_asking(conn, replace(asking, asked_ms=now_ms, asks=asking.asks + 1))
        self._desk.note(conn, "deal.asked", [deal_id])

    def _seal_again(self, conn: sqlite3.Connection, envelope_id: bytes) -> None:
        """Put a new letter in the place of one that is damaged, if it is still to be sent."""
        row = outbox.by_envelope(conn, envelope_id)
        if row is None or row.state is not OutgoingState.PENDING or outbox.is_whole(row):
            return
        thread = threads.by_party(conn, row.thread or b"", row.own_ctx, row.to_key)
        envelope = objects.raw_of(conn, envelope_id)
        if thread is None or thread.other_reply is None or envelope is None:
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
                reply=read_reply(thread.other_reply),
                priority=row.priority,
                expires_at=row.expires_at,
                thread=row.thread,
                kind=row.kind,
            ),
        )

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


def _may_be_public(conn: sqlite3.Connection, object_id: bytes) -> bool:
    """Tell whether other nodes may carry an object: it has no recipient, or is not known at all."""
    row = objects.row_of(conn, object_id)
    return row is None or row.to is None
