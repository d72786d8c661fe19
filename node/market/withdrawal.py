"""Taking back: a request before it is awarded, or as a vendor an offer before it is accepted.

Enters: an id as typed. Leaves: a signed revoke that travels as its target did, in one transaction
with the state it changes. What is agreed is never taken back here; that is a cancellation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from node.crashpoint import crashpoint
from node.errors import NotFoundError, RefusedError
from node.market.bindings import check_binding
from node.market.clockwork import Clockwork
from node.market.desk import EVENT_LIFE_MS, Desk
from node.market.errand import settling
from node.market.requests import draft_nonce
from node.storage import casts, objects, threads
from node.storage.casts import OwnCast
from node.storage.idempotency import EffectKind
from node.storage.outbox import Priority
from node.storage.threads import Thread
from protocol.errors import LocalProtocolError
from protocol.ids import ObjectId
from protocol.market import thread as thread_machine
from protocol.market.cast import CastEvent, CastState
from protocol.market.deal import Role
from protocol.market.thread import ThreadEvent
from protocol.objects.envelope import Verified
from protocol.objects.header import Kind
from protocol.objects.revoke import Revoke

if TYPE_CHECKING:
    import sqlite3

_REVOCABLE = (CastState.OPEN, CastState.DECIDING)


class Withdrawal:
    """Revokes for both roles."""

    def __init__(self, desk: Desk, clockwork: Clockwork) -> None:
        """Keep the tools; the clockwork closes the threads of a revoked request."""
        self._desk = desk
        self._clockwork = clockwork

    async def revoke(self, handle: str) -> tuple[str, bytes, str]:
        """Take back what goes by `handle`.

        Returns:
            Its kind (`draft`, `cast` or `offer`), its id (of a request its first form's), and its
            state now.

        Raises:
            LocalProtocolError: E-HANDLE-SHORT.
            NotFoundError: E-CAST-UNKNOWN when it is neither.
            RefusedError: E-AWARDED or E-CLOSED when it is too late.
        """
        if (nonce := draft_nonce(handle)) is not None:
            return await self._discard(nonce)
        offer = handle.strip().lower().startswith("offer")
        check_binding("offer" if offer else "cast", handle)
        found = [] if offer else await self._casts(handle)
        if len(found) == 1:
            return await self._revoke_cast(found[0])
        rows = [] if found else await self._offers(handle)
        if len(rows) == 1:
            return await self._revoke_offer(rows[0])
        count = len(found) + len(rows)
        raise NotFoundError(
            f"'{handle[:60]}' means {count} things here" if count else "nothing goes by that id",
            code="E-AMBIGUOUS" if count else "E-CAST-UNKNOWN",
            fix="Type more of the id" if count else "List them: intentcast casts",
        )

    async def _discard(self, nonce: bytes) -> tuple[str, bytes, str]:
        """Throw a draft away; one that has gone out meanwhile is a cast and is named as such."""
        settle = settling(EffectKind.DRAFT_DISCARDED)

        def txn(conn: sqlite3.Connection) -> bool:
            gone = casts.remove_draft(conn, nonce)
            if gone:
                self._desk.note(conn, "cast.discarded", [nonce])
                settle(conn, nonce, self._desk.wall_ms())
            return gone

        if not await self._desk.storage.write(txn):
            raise NotFoundError(
                "no draft goes by that id",
                code="E-CAST-UNKNOWN",
                fix="It may be out already; list requests: intentcast casts",
            )
        return "draft", nonce, CastState.REVOKED.value

    async def _casts(self, handle: str) -> list[OwnCast]:
        return await self._desk.storage.read(lambda db: casts.load_by_handle(db, "cast", handle))

    async def _offers(self, handle: str) -> list[ObjectId]:
        try:
            rows = await self._desk.storage.read(
                lambda db: objects.load_by_handle(db, "offer", handle)
            )
        except LocalProtocolError:
            return []
        own = self._desk.pen.profile_keys()
        return [row.id for row in rows if row.kind is Kind.OFFER and row.key in own]

    async def _revoke_cast(self, row: OwnCast) -> tuple[str, bytes, str]:
        while (revokes := await self._revoke_forms(row.nonce)) is None:
            # Published anew while the revokes were signed: that form is taken back as well.
            pass
        crashpoint("revoke.after_commit")
        for signed in revokes:
            self._desk.network.publish(signed, signed.raw)
        self._desk.committed()
        root = revokes[-1].header.thread or revokes[-1].body.target
        return "cast", root, CastState.REVOKED.value

    async def _revoke_forms(self, nonce: bytes) -> Sequence[Verified[Revoke]] | None:
        """Sign a revoke of every form that is out, the newest last; None when one more went out."""
        row, forms = await self._desk.storage.write(lambda conn: self._forms(conn, nonce))
        revokes = [
            await self._desk.pen.public(
                nonce, Kind.REVOKE, Revoke(target=form), exp=exp, thread=row.root_id
            )
            for form, exp in forms.items()
        ]
        settle = settling(EffectKind.CAST_REVOKED)

        def txn(conn: sqlite3.Connection) -> bool:
            if self._forms(conn, nonce)[1].keys() - forms.keys():
                return False
            self._keep_cast(conn, row, revokes)
            settle(conn, row.root_id or revokes[-1].body.target, self._desk.wall_ms())
            crashpoint("revoke.before_commit")
            return True

        return revokes if await self._desk.storage.write(txn) else None

    def _forms(self, conn: sqlite3.Connection, nonce: bytes) -> tuple[OwnCast, dict[bytes, int]]:
        """Give a request as it is now, and every form of it that was published with its expiry.

        All are still out. The newest is the last.
        """
        row = casts.cast_of(conn, nonce)
        if row is not None and row.state not in _REVOCABLE:
            raise _too_late(row.state)
        newest = None if row is None else self._desk.load(conn, row.cast_id or b"")
        if row is None or newest is None:
            raise NotFoundError("the request's bytes are gone", code="E-CAST-UNKNOWN")
        forms = {
            bytes(form.id): form.exp
            for form in objects.thread_of(conn, row.root_id or b"")
            if form.kind is Kind.INTENTCAST and form.key == newest.header.key
        }
        forms[newest.id] = forms.pop(newest.id, newest.header.exp)
        return row, forms

    def _keep_cast(
        self, conn: sqlite3.Connection, row: OwnCast, revokes: Sequence[Verified[Revoke]]
    ) -> None:
        if not self._clockwork.move_cast(conn, row.nonce, CastEvent.REVOKED):
            raise _too_late(row.state)
        now_ms = self._desk.wall_ms()
        for signed in revokes:
            target = ObjectId(signed.body.target)
            objects.replace_by_revoke(conn, target, signed, own=True, now_ms=now_ms)

    async def _revoke_offer(self, offer_id: ObjectId) -> tuple[str, bytes, str]:
        settle = settling(EffectKind.OFFER_REVOKED)

        def txn(conn: sqlite3.Connection) -> str:
            state = self._keep_offer(conn, offer_id)
            settle(conn, offer_id, self._desk.wall_ms())
            return state

        state = await self._desk.storage.write(txn)
        crashpoint("revoke.after_offer_commit")
        self._desk.committed()
        return "offer", offer_id, state

    def _keep_offer(self, conn: sqlite3.Connection, offer_id: ObjectId) -> str:
        thread: Thread | None = threads.by_offer(conn, offer_id, Role.VENDOR)
        offer = self._desk.load(conn, offer_id)
        if thread is None or offer is None:
            raise NotFoundError("no such offer is here", code="E-OFFER-UNKNOWN")
        moved = thread_machine.step(thread.state, ThreadEvent.OFFER_REVOKED)
        if moved.refusal is not None:
            raise RefusedError(
                f"that offer is {thread.state.value}; it cannot be taken back",
                code="E-OFFER-GONE",
            )
        self._desk.send(
            conn,
            replace(thread, state=moved.state),
            Kind.REVOKE,
            Revoke(target=offer_id),
            self._desk.way(Priority.CONFIRMED, EVENT_LIFE_MS),
            exp=offer.header.exp,
        )
        self._desk.note(conn, "offer.withdrawn", [offer_id, thread.cast_id])
        return moved.state.value


def _too_late(state: CastState) -> RefusedError:
    is_awarded = state is CastState.AWARDED
    return RefusedError(
        f"this request is {state.value}; it cannot be taken back",
        code="E-AWARDED" if is_awarded else "E-CAST-CLOSED",
        fix="See its deal: intentcast deal" if is_awarded else "",
    )
