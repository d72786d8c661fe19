"""Deals of both roles: loads a row, asks the machine, and carries out what it answers.

Enters: verified events of a deal, decisions, timers; each inside one storage transaction. Leaves:
the new row, signed answers in the outbox, audit lines. What may happen is decided by
`protocol/market/deal` alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from node.crashpoint import crashpoint
from node.market.desk import CONFIRM_LIFE_MS, EVENT_LIFE_MS, Desk, Way, read_reply
from node.storage import casts, deals, ledger, threads
from node.storage.deals import Deal as DealRow
from node.storage.ledger import Disclosed
from node.storage.outbox import Priority
from node.storage.threads import Thread
from protocol.errors import Reason
from protocol.ids import ObjectId
from protocol.market import cast as cast_machine
from protocol.market import thread as thread_machine
from protocol.market.deal import (
    Deal,
    DealAction,
    DealEvent,
    DealStep,
    ReleaseLine,
    SignAgreed,
    SignCancelled,
    SignConfirmed,
    SignRefused,
    SignVoid,
    step,
)
from protocol.objects.envelope import Verified
from protocol.objects.event import Agreed, Cancelled, Confirmed, Event, Refused, Void
from protocol.objects.header import Kind

if TYPE_CHECKING:
    import sqlite3

TIER_AGREEMENT = 3


def state_of(row: DealRow) -> Deal:
    """Give the machine's state of a row."""
    return Deal(
        role=row.role,
        state=row.state,
        confirm_by=row.confirm_by,
        confirmed_id=row.confirmed_id,
        confirmed_at=row.confirmed_ms,
    )


def opened_of(row: DealRow) -> dict[str, tuple[bytes, str]]:
    """Read the committed values a buyer keeps, or those a vendor was given."""
    return {name: (bytes.fromhex(salt), text) for name, (salt, text) in row.opened.items()}


def write_opened(opened: Mapping[str, tuple[bytes, str]]) -> dict[str, Any]:
    """Write them as a row keeps them."""
    return {name: [salt.hex(), text] for name, (salt, text) in opened.items()}


def can_disclose(row: DealRow, acceptance: Verified[Any] | None) -> bool:
    """Tell whether the values an acceptance committed to are here; a restore may have lost them."""
    if acceptance is None:
        return False
    return {field.name for field in acceptance.body.fields} <= set(opened_of(row))


def _object_id(value: bytes | None) -> ObjectId | None:
    return None if value is None else ObjectId(value)


class Deals:
    """Carries out deal steps inside the caller's transaction."""

    def __init__(self, desk: Desk) -> None:
        """Keep the tools."""
        self._desk = desk

    def apply(
        self, conn: sqlite3.Connection, row: DealRow, thread: Thread, event: DealEvent
    ) -> tuple[DealRow, Reason | None]:
        """Take one step and perform it.

        Args:
            conn: inside a transaction.
            row: the deal, loaded in it.
            thread: its thread, loaded in it.
            event: what happened, verified and cross-checked.

        Returns:
            The row as kept now, and the machine's refusal if it refused.
        """
        now = self._desk.clock.now()
        outcome: DealStep = step(state_of(row), event, now)
        if outcome.refusal is not None:
            self._desk.note(conn, "deal.refused", [row.deal_id], reason=outcome.refusal.value)
            return row, outcome.refusal
        changed = replace(
            row,
            state=outcome.deal.state,
            confirmed_id=_object_id(outcome.deal.confirmed_id),
            confirmed_ms=outcome.deal.confirmed_at,
            updated_ms=now.wall_ms,
        )
        for action in outcome.actions:
            changed, thread = self._perform(conn, changed, thread, action)
        deals.update(conn, changed)
        if changed.state != row.state:
            self._desk.note(conn, f"deal.{changed.state.value}", [row.deal_id, row.cast_id])
        crashpoint("deal.before_commit")
        return changed, None

    def follow(self, conn: sqlite3.Connection, thread: Thread) -> None:
        """Seal letters under way again for a party that moved, disclosed values included.

        Args:
            conn: the change that recorded the move.
            thread: as kept, with the newest way back; letters that go there already stay.
        """
        reply = read_reply(thread.other_reply)

        def opened_beside(object_id: ObjectId) -> dict[str, tuple[bytes, str]] | None:
            sent = self._desk.load(conn, object_id)
            if sent is None or not isinstance(sent.body, Agreed):
                return None
            confirmed = self._desk.load(conn, sent.body.of)
            row = deals.deal_of(conn, confirmed.body.of) if confirmed else None
            return opened_of(row) if row else None

        self._desk.post.reseal(
            conn,
            thread.own_ctx,
            thread.other_key,
            thread.cast_id,
            reply,
            opened_of=opened_beside,
        )

    def _perform(
        self, conn: sqlite3.Connection, row: DealRow, thread: Thread, action: DealAction
    ) -> tuple[DealRow, Thread]:
        match action:
            case SignConfirmed():
                return self._confirm(conn, row, thread)
            case SignAgreed():
                return self._agree(conn, row, thread, action.confirmed_id)
            case SignVoid() | SignRefused() | SignCancelled():
                return self._end(conn, row, thread, action)
            case ReleaseLine():
                self._release(conn, row)
                return row, self._thread_failed(conn, thread)

    def _event(
        self,
        conn: sqlite3.Connection,
        thread: Thread,
        body: Event,
        way: Way,
        *,
        opened: dict[str, tuple[bytes, str]] | None = None,
    ) -> tuple[ObjectId, Thread]:
        sent = self._desk.send(conn, thread, Kind.EVENT, body, way, opened=opened)
        return sent.id, replace(thread, last_own_id=sent.id)

    def _confirm(
        self, conn: sqlite3.Connection, row: DealRow, thread: Thread
    ) -> tuple[DealRow, Thread]:
        acceptance = self._desk.load(conn, row.deal_id)
        review_key = acceptance.body.review_key if acceptance else bytes(32)
        body = Confirmed(of=row.deal_id, review_key=review_key)
        way = self._desk.way(Priority.CONFIRMED, CONFIRM_LIFE_MS)
        sent, thread = self._event(conn, thread, body, way)
        return replace(row, confirmed_id=sent), thread

    def _agree(
        self, conn: sqlite3.Connection, row: DealRow, thread: Thread, confirmed_id: bytes
    ) -> tuple[DealRow, Thread]:
        acceptance = self._desk.load(conn, row.deal_id)
        fields = acceptance.body.fields if acceptance else []
        opened = opened_of(row)
        body = Agreed(of=confirmed_id, fields=fields)
        way = self._desk.way(Priority.AGREED, EVENT_LIFE_MS)
        sent, thread = self._event(conn, thread, body, way, opened=opened or None)
        for name in opened:
            line = Disclosed(
                at=self._desk.wall_ms(),
                cast_id=row.cast_id,
                other_key=row.other_key,
                tier=TIER_AGREEMENT,
                field=name,
            )
            ledger.record(conn, line)
        crashpoint("disclose.before_commit")
        return replace(row, agreed_id=sent), thread

    def _end(
        self,
        conn: sqlite3.Connection,
        row: DealRow,
        thread: Thread,
        action: SignVoid | SignRefused | SignCancelled,
    ) -> tuple[DealRow, Thread]:
        body: Event
        match action:
            case SignVoid():
                if row.ended_id is not None:
                    # The same void is in the outbox until the vendor's receipt; once is enough.
                    return row, thread
                body = Void(of=row.deal_id)
            case SignRefused():
                body = Refused(of=row.deal_id, reason=action.reason.value)
            case SignCancelled():
                body = Cancelled(of=row.deal_id, reason="no_ack")
        way = self._desk.way(Priority.CONFIRMED, EVENT_LIFE_MS)
        sent, thread = self._event(conn, thread, body, way)
        return replace(row, ended_id=sent), thread

    def _release(self, conn: sqlite3.Connection, row: DealRow) -> None:
        own = casts.cast_of(conn, row.own_ctx)
        if own is None:
            return
        outcome = cast_machine.step(own.state, cast_machine.CastEvent.DEAL_FAILED)
        if not outcome.refused:
            casts.save(conn, replace(own, state=outcome.state))

    def _thread_failed(self, conn: sqlite3.Connection, thread: Thread) -> Thread:
        outcome = thread_machine.step(thread.state, thread_machine.ThreadEvent.DEAL_FAILED)
        if outcome.refusal is not None:
            return thread
        moved = replace(thread, state=outcome.state, updated_ms=self._desk.wall_ms())
        threads.save(conn, moved)
        return moved
