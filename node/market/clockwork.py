"""What time alone brings about: drafts that can go out now, ends, voids, and patience run out.

Enters: the present, once a second. Leaves: steps of the market machines, each in a transaction.
Whatever is stored is judged by the wall clock and judged again after every start.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

from node.crashpoint import crashpoint
from node.errors import RefusedError, StorageError
from node.keystore import PROFILE_CONTEXT
from node.market.buyer import ROLE as BUYER
from node.market.buyer import Buyer
from node.market.desk import EVENT_LIFE_MS, Desk, newest_box
from node.market.relocation import Relocation
from node.market.requests import Requests
from node.market.seller import Seller
from node.storage import casts, deals, restorations, threads
from node.storage.boxes_own import OwnBox
from node.storage.casts import OwnCast
from node.storage.deals import Deal as DealRow
from node.storage.outbox import Priority
from protocol import limits
from protocol.errors import IntentcastError, LocalProtocolError
from protocol.market import cast as cast_machine
from protocol.market import deal as deal_machine
from protocol.market import thread as thread_machine
from protocol.market.cast import CastEvent, CastState
from protocol.market.deal import DealState
from protocol.market.thread import ThreadEvent, ThreadState
from protocol.objects.event import Closed
from protocol.objects.header import Kind

if TYPE_CHECKING:
    import sqlite3

_LOG = logging.getLogger(__name__)
_PERIOD_S = 1.0
_OPEN_THREADS = (ThreadState.OFFERED, ThreadState.WITHDRAWN)
_Step: TypeAlias = "Callable[[sqlite3.Connection], bool]"
"""One change of a market machine; tells whether anything changed."""


class Clockwork:
    """Ticks for both roles."""

    def __init__(
        self,
        desk: Desk,
        requests: Requests,
        buyer: Buyer,
        seller: Seller,
        relocation: Relocation | None = None,
    ) -> None:
        """Keep the tools and the rooms; without a relocation no box ever moves."""
        self._relocation = relocation
        self._desk = desk
        self._requests = requests
        self._buyer = buyer
        self._seller = seller
        self._unsigned: set[bytes] = set()
        self._troubles: dict[str, str] = {}

    async def run(self) -> None:
        """Tick until cancelled."""
        while True:
            await self.tick()
            await asyncio.sleep(_PERIOD_S)

    async def tick(self) -> None:
        """Do all that is due now; what fails is told once and tried again, and stops no other."""
        if self._desk.keyring.is_locked:
            # Almost every step signs. What is stored is judged by the wall clock, after the unlock.
            return
        if self._desk.pen.halt is not None:
            # Another copy of this home may be the newer: time brings about nothing here.
            return
        if not self._desk.pen.timekeeper.holds:
            # What a clock that is off calls late may have time; what it dates is void for ever.
            return
        await self._try("drafts", self._send_drafts)
        await self._try("ends", self._end_what_is_due)
        await self._try("voids", self._voids)
        if self._relocation is not None:
            await self._try("moves", self._relocation.look)

    async def _try(self, name: str, act: Callable[[], Awaitable[Any]]) -> None:
        try:
            await act()
            self._troubles.pop(name, None)
        except Exception as error:  # noqa: BLE001 - whatever fails, time goes on for the rest
            if self._troubles.get(name) != repr(error):
                self._troubles[name] = repr(error)
                trace = None if isinstance(error, IntentcastError) else error
                _LOG.error("what is due waits (%s): %s", name, error, exc_info=trace)

    # --- drafts -----------------------------------------------------------------------------

    async def _send_drafts(self) -> None:
        drafts = await self._desk.storage.write(
            lambda conn: [
                row
                for row in casts.in_states(conn, [CastState.DRAFT])
                # A draft of a backup may have gone out since.
                if not restorations.is_held(conn, row.nonce)
            ]
        )
        now = self._desk.wall_ms()
        for row in drafts:
            if (row.decide_by or 0) > now and row.nonce not in self._unsigned:
                # Not waited for: a mailbox that is slow to answer holds up nothing else.
                _ = self._desk.tasks.spawn(self._publish(row), f"draft {row.nonce.hex()[:8]}")

    async def _publish(self, row: OwnCast) -> None:
        try:
            if await self._requests.publish(row.nonce):
                self._desk.changed()
        except LocalProtocolError as error:
            # It will not be signed by trying again; the other drafts go out all the same.
            self._unsigned.add(row.nonce)
            _LOG.error("a draft cannot be sent: %s", error)
        except (StorageError, RefusedError) as error:
            _LOG.error("a draft waits: %s", error)

    # --- casts ------------------------------------------------------------------------------

    async def _end_what_is_due(self) -> None:
        """Take every step in one change; when that fails, each in a change of its own."""
        try:
            acted = await self._desk.storage.write(
                lambda conn: [step(conn) for _, step in self._ends(conn)]
            )
            for name in [name for name in self._troubles if name.startswith("end ")]:
                del self._troubles[name]
        except Exception:  # noqa: BLE001 - found and told below, one by one
            acted = []
            for name, step in await self._desk.storage.write(self._ends):
                await self._try(name, partial(self._end_one, step, acted))
        if any(acted):
            crashpoint("ends.after_commit")
            self._desk.committed()

    async def _end_one(self, step: _Step, acted: list[bool]) -> None:
        acted.append(await self._desk.storage.write(step))

    def _ends(self, conn: sqlite3.Connection) -> list[tuple[str, _Step]]:
        """List the steps that are due, each with a name."""
        now = self._desk.wall_ms()
        states = [CastState.DRAFT, CastState.OPEN, CastState.DECIDING, CastState.AWARDED]
        steps: list[tuple[str, _Step]] = [
            (
                f"end {row.nonce.hex()[:8]} {event.value}",
                partial(self.move_cast, nonce=row.nonce, event=event),
            )
            for row in casts.in_states(conn, states)
            for event in _due_events(row, now)
        ]
        is_held = restorations.is_held(conn, PROFILE_CONTEXT)
        for deal in [] if is_held else deals.in_states(conn, [DealState.CONFIRMED]):
            if (deal.confirmed_ms or now) + deal_machine.NO_ACK_MS < now:
                name = f"end {deal.deal_id.hex()[:8]}"
                steps.append((name, partial(self._leave, deal_id=deal.deal_id)))
        return steps

    def _leave(self, conn: sqlite3.Connection, deal_id: bytes) -> bool:
        return self._seller.move(conn, deal_id, deal_machine.AckOverdue()) is None

    def move_cast(self, conn: sqlite3.Connection, nonce: bytes, event: CastEvent) -> bool:
        """Take one step of an own cast inside a transaction; tells whether anything changed."""
        row = casts.cast_of(conn, nonce)
        if row is None:
            return False
        outcome = cast_machine.step(row.state, event)
        if outcome.refused:
            return False
        closed = 0
        if outcome.actions:
            closed = self._close_threads(conn, row)
        if outcome.state is not row.state:
            casts.save(conn, replace(row, state=outcome.state))
            self._desk.note(conn, f"cast.{outcome.state.value}", [row.cast_id or row.nonce])
            return True
        return closed > 0

    def _close_threads(self, conn: sqlite3.Connection, row: OwnCast) -> int:
        """Tell every losing vendor the one word."""
        count = 0
        for thread in threads.of_cast(conn, row.root_id or b"", BUYER):
            if thread.state not in _OPEN_THREADS or thread.offer_id is None:
                continue
            moved = thread_machine.step(thread.state, ThreadEvent.CLOSED)
            self._desk.send(
                conn,
                replace(thread, state=moved.state),
                Kind.EVENT,
                Closed(of=thread.offer_id),
                self._desk.way(Priority.RECEIPT, EVENT_LIFE_MS),
            )
            count += 1
        return count

    # --- voids ------------------------------------------------------------------------------

    async def _voids(self) -> None:
        now = self._desk.wall_ms()
        waiting = await self._desk.storage.write(
            lambda conn: [
                (row, newest_box(conn, row.own_ctx))
                for row in deals.in_states(conn, [DealState.ACCEPT_SENT])
                if row.role is BUYER
                and now > row.confirm_by + limits.void_grace_ms
                # After a restore an earlier life may have agreed to it.
                and not restorations.is_held(conn, row.own_ctx)
            ]
        )
        for row, box in waiting:
            read_since = self._oldest_read(box) if box is not None else None
            lost = self._desk.post.lost(box.reader) if box is not None else frozenset()
            is_lost = box is not None and lost.issuperset(box.mailboxes)
            name = f"void {row.deal_id.hex()[:8]}"
            await self._try(name, partial(self._void, row, read_since, boxes_lost=is_lost))

    def _oldest_read(self, box: OwnBox) -> int | None:
        """Give when all reachable mailboxes of a box had been read; None if one never was."""
        post = self._desk.post
        # Those it left too: who has not heard of the move writes there.
        places = [(bytes(box.reader), bytes(mailbox)) for mailbox in box.places]
        reachable = [place for place in places if place not in post.failing_since]
        if not reachable or any(place not in post.read_since for place in reachable):
            return None
        return min(post.read_since[place] for place in reachable)

    async def _void(self, row: DealRow, read_since: int | None, *, boxes_lost: bool) -> None:
        if await self._desk.storage.write(
            lambda conn: self._buyer.void_due(conn, row.deal_id, read_since, boxes_lost=boxes_lost)
        ):
            crashpoint("void.after_commit")
            self._desk.committed()


def _due_events(row: OwnCast, now: int) -> list[CastEvent]:
    events = []
    if row.decide_by is not None and row.decide_by <= now:
        events.append(CastEvent.DECIDE_BY_PASSED)
    if row.exp is not None and row.exp <= now:
        events.append(CastEvent.EXPIRED)
    return events
