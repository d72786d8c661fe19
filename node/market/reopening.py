"""Reopening after a restore: ask the others first, say what is unknown, then promise again.

Enters: which identity (a request's nonce, or the vendor's), how long to wait, and whether its owner
is sure. Leaves: what was learnt, and the hold let go. An earlier life may have accepted or
confirmed what this home knows nothing of; only the other party can tell. Never: a hold let go while
somebody known has not answered, unless the owner said so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from node.crashpoint import crashpoint
from node.keystore import PROFILE_CONTEXT
from node.market.deals import Deals, can_disclose
from node.market.desk import Desk
from node.market.recall import Recall
from node.market.recollect import Party, between
from node.storage import casts, deals, restorations, threads
from node.storage.deals import Deal as DealRow
from protocol.market import deal as deal_machine
from protocol.market.deal import DealState, Role
from protocol.objects.event import Confirmed

if TYPE_CHECKING:
    import sqlite3

_LOOK_S = 0.1
_SHOPS_S = 4.0
"""How long shops that only might know are waited for, s; guess."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """One party that was asked."""

    party: Party
    """Who."""
    question: bytes | None
    """Id of the question; None when nobody knows the way to it."""
    is_known: bool
    """Whether this home has a thread with it; a shop that only might have answered has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reopened:
    """How one identity of ours stands."""

    ctx: bytes
    """Which."""
    was_held: bool
    """Whether it waited for this at all."""
    is_open: bool
    """Whether it promises again."""
    answered: Sequence[bytes]
    """Keys of those who told what they have."""
    silent: Sequence[bytes]
    """Keys of those known here who did not."""
    asked: int
    """Parties asked, shops that only might know included."""
    is_certain: bool
    """Whether everybody who could know of a promise was known and answered."""


class Reopening:
    """Lets identities of ours promise again."""

    def __init__(self, desk: Desk, recall: Recall, on_open: Callable[[bytes], None]) -> None:
        """Keep the tools; `on_open` hears of each identity that was reopened."""
        self._desk = desk
        self._recall = recall
        self._deals = Deals(desk)
        self._on_open = on_open

    # --- asking ---------------------------------------------------------------------------------

    async def catch_up(self) -> None:
        """After a restore with a backup, ask about every deal that may have moved on since."""

        def txn(conn: sqlite3.Connection) -> int:
            if not restorations.all_held(conn):
                return 0
            parties = [each for role in Role for each in self._recall.moving(conn, role)]
            return len([each for each in parties if self._ask(conn, each) is not None])

        if await self._desk.storage.write(txn):
            crashpoint("reopen.after_questions")
            self._desk.committed()

    def _ask(self, conn: sqlite3.Connection, party: Party) -> bytes | None:
        """Ask once after a restore, over restarts too; the letter is tried for days."""
        restoration = restorations.newest(conn)
        since_ms = restoration.restored_ms if restoration is not None else 0
        asked = self._recall.asked_since(conn, party, since_ms)
        return asked or self._recall.ask(conn, party)

    def _ask_all(self, conn: sqlite3.Connection, ctx: bytes) -> list[Asking]:
        known, others = self._parties(conn, ctx)
        return [
            Asking(party=party, question=self._ask(conn, party), is_known=is_known)
            for is_known, parties in ((True, known), (False, others))
            for party in parties
        ]

    def _parties(self, conn: sqlite3.Connection, ctx: bytes) -> tuple[list[Party], list[Party]]:
        if ctx == PROFILE_CONTEXT:
            return self._recall.moving(conn, Role.VENDOR), []
        own = casts.cast_of(conn, ctx)
        if own is None or own.root_id is None:
            return [], []
        root = own.root_id
        return self._recall.vendors(conn, ctx, root), self._recall.shops(conn, ctx, root)

    async def _wait(self, askings: Sequence[Asking], patience_s: float) -> list[Asking]:
        """Wait for answers, a while; give those that came.

        Shops that only might know are not waited for as long: most never answered the request.
        """

        def look(conn: sqlite3.Connection) -> list[Asking]:
            return [
                each
                for each in askings
                if each.question is not None
                and self._recall.is_answered(conn, each.party, each.question)
            ]

        known = [each for each in askings if each.is_known]
        answered: list[Asking] = []
        for number in range(int(patience_s / _LOOK_S) + 1):
            answered = await self._desk.storage.write(look)
            is_known_done = all(each in answered for each in known)
            if is_known_done and number * _LOOK_S >= min(_SHOPS_S, patience_s):
                break
            if len(answered) == len(askings):
                break
            await asyncio.sleep(_LOOK_S)
        return answered

    # --- letting go -----------------------------------------------------------------------------

    async def reopen(self, ctx: bytes, *, sure: bool, patience_s: float) -> Reopened:
        """Ask everybody who may know of promises, wait a while, and let go if that is safe.

        Args:
            ctx: a request's nonce, or the vendor's first context.
            sure: the owner takes what stays unknown.
            patience_s: how long answers are waited for.
        """
        held, restoration = await self._desk.storage.write(
            lambda conn: (restorations.is_held(conn, ctx), restorations.newest(conn))
        )
        if not held:
            return _stands(ctx, was_held=False, is_open=True)
        askings = await self._desk.storage.write(lambda conn: self._ask_all(conn, ctx))
        crashpoint("reopen.after_asking")
        self._desk.committed()
        answered = await self._wait(askings, patience_s)
        told = {each.party.other for each in answered}
        silent = [
            each.party.other for each in askings if each.is_known and each.party.other not in told
        ]
        # Words alone bring no thread back: whom an earlier life dealt with cannot be known.
        from_words = restoration is None or restoration.how == "words"
        is_certain = not silent and not from_words
        if is_certain or sure:
            await self._release(ctx)
        return _stands(
            ctx,
            is_open=is_certain or sure,
            answered=tuple(told),
            silent=tuple(silent),
            asked=len(askings),
            is_certain=is_certain,
        )

    async def _release(self, ctx: bytes) -> None:
        def txn(conn: sqlite3.Connection) -> None:
            restorations.release(conn, ctx)
            self._desk.note(conn, "reopened", [ctx])
            for row in deals.in_states(conn, [DealState.ACCEPT_SENT]):
                if row.own_ctx == ctx:
                    self._resume(conn, row)

        await self._desk.storage.write(txn)
        crashpoint("reopen.after_commit")
        self._desk.post.reread()
        self._desk.committed()
        self._on_open(ctx)

    def _resume(self, conn: sqlite3.Connection, row: DealRow) -> None:
        """Answer a confirmation that was told while nothing could be answered."""
        party = Party(role=Role.BUYER, ctx=row.own_ctx, root=row.cast_id, other=row.other_key)
        confirmed = [
            each
            for each in between(self._desk, conn, party)
            if isinstance(each.body, Confirmed) and each.body.of == row.deal_id
        ]
        acceptance = self._desk.load(conn, row.deal_id)
        thread = threads.thread_of(conn, row.cast_id, Role.BUYER, row.own_ctx, row.other_key)
        if confirmed and thread is not None and can_disclose(row, acceptance):
            event = deal_machine.ConfirmedReceived(id=confirmed[0].id)
            self._deals.apply(conn, row, thread, event)


def _stands(ctx: bytes, **facts: Any) -> Reopened:
    blank: dict[str, Any] = {
        "was_held": True,
        "answered": (),
        "silent": (),
        "asked": 0,
        "is_certain": True,
    }
    return Reopened(ctx=ctx, **{**blank, **facts})
