"""Finds what a person means and puts together what they are shown.

Enters: short or full ids as typed. Leaves: documents of `views`, read through the reader pool so
that looking never waits behind writing. A handle that means nothing, or two things, is refused
with the next step.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from node.data.vocabulary import attribute_vocabulary
from node.errors import NotFoundError
from node.lettering import same_looking
from node.market.agreements import agreement_of
from node.market.bindings import check_binding
from node.market.blocks import blocked_keys
from node.market.desk import Desk
from node.market.requests import Local, draft_nonce, read_local
from node.market.succession import lineage_of
from node.runtime import views
from node.storage import audit, blocked, casts, deals, objects, restorations, threads
from node.storage.casts import OwnCast
from node.storage.deals import Deal as DealRow
from node.storage.threads import Thread
from protocol.ids import to_text
from protocol.market import cast as cast_machine
from protocol.market.cast import CastState, same_terms
from protocol.market.deal import DealState, Role
from protocol.market.offer_check import OfferVerdict, check_offer
from protocol.market.ranking import Ranked, RankInput, Weights, rank
from protocol.objects.agreement import Agreement
from protocol.objects.envelope import Verified, open_stored
from protocol.objects.intentcast import Intentcast
from protocol.objects.offer import Offer
from protocol.objects.profile import Profile
from protocol.values.money import Money

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    import aiosqlite

_DEALS_SHOWN_MAX = 1_000
PENDING = cast_machine.LIVE | {CastState.DRAFT}
"""States of a request in which something may still be promised."""
_HISTORY_MAX = 1_000


_UNKNOWN = {"cast": "E-CAST-UNKNOWN", "offer": "E-OFFER-UNKNOWN", "deal": "E-DEAL-UNKNOWN"}


def one_of(found: Sequence[Any], what: str, handle: str, command: str) -> Any:
    """Give the only match.

    Raises:
        NotFoundError: E-<WHAT>-UNKNOWN or E-AMBIGUOUS.
    """
    if not found:
        raise NotFoundError(
            f"no {what} here goes by '{handle[:60]}'",
            code=_UNKNOWN[what],
            fix=f"List them: intentcast {command}",
        )
    if len(found) > 1:
        raise NotFoundError(
            f"'{handle[:60]}' means {len(found)} {what}s",
            code="E-AMBIGUOUS",
            fix="Type more of the id",
        )
    return found[0]


class Lookups:
    """Reads for faces."""

    def __init__(self, desk: Desk) -> None:
        """Keep the tools."""
        self._desk = desk

    async def load(self, object_id: bytes | None) -> Verified[Any] | None:
        """Open a kept object."""
        if object_id is None:
            return None
        raw = await self._desk.storage.read(lambda db: objects.load_raw(db, object_id))
        return None if raw is None else open_stored(raw, net=self._desk.net)

    # --- casts --------------------------------------------------------------------------------

    async def cast_row(self, handle: str) -> OwnCast:
        """Find an own cast by (part of) its id."""
        if (nonce := draft_nonce(handle)) is not None:
            draft = await self._desk.storage.read(lambda db: casts.load_cast(db, nonce))
            found = [draft] if draft is not None else []
        else:
            found = await self._desk.storage.read(
                lambda db: casts.load_by_handle(db, "cast", handle)
            )
        row: OwnCast = one_of(found, "cast", handle, "casts")
        return row

    async def all_casts(self) -> list[OwnCast]:
        """List own casts."""
        return await self._desk.storage.read(casts.load_all)

    async def cast_view(
        self, row: OwnCast, seen_at: tuple[int, int], *, is_cut_off: bool = False
    ) -> dict[str, Any]:
        """Show one own cast; as `views.cast_view`."""
        local, public = await self._local_and_public(row)
        found = await self.threads_of(row)
        is_held = await self._desk.storage.read(lambda db: restorations.load_is_held(db, row.nonce))
        return views.cast_view(
            row,
            local,
            public,
            offers=len(found),
            seen_at=seen_at,
            is_held=is_held and row.state in PENDING,
            is_cut_off=is_cut_off,
        )

    async def _local_and_public(self, row: OwnCast) -> tuple[Local, Intentcast]:
        local = read_local(row.local)
        verified = await self.load(row.cast_id)
        return local, verified.body if verified else local.body

    async def threads_of(self, row: OwnCast) -> list[Thread]:
        """List the threads of an own cast, those with blocked shops left out."""
        root = row.root_id
        if root is None:
            return []
        found = await self._desk.storage.read(lambda db: threads.load_of_cast(db, root, Role.BUYER))
        unheard = await self.unheard()
        return [thread for thread in found if thread.other_key not in unheard]

    async def unheard(self) -> frozenset[bytes]:
        """Give the keys the owner wants to hear no more of."""
        if not await self._desk.storage.read(blocked.load_all):
            # Lines of keys are followed inside a change; mostly there is none to follow.
            return frozenset()
        return await self._desk.storage.write(lambda conn: blocked_keys(self._desk, conn))

    # --- offers -------------------------------------------------------------------------------

    async def offer_id(self, handle: str) -> bytes:
        """Find the offer that is to be accepted, by enough of its id.

        Raises:
            LocalProtocolError: E-HANDLE-SHORT.
            NotFoundError: E-OFFER-UNKNOWN, E-AMBIGUOUS.
        """
        check_binding("offer", handle)
        found = await self._desk.storage.read(
            lambda db: objects.load_by_handle(db, "offer", handle)
        )
        offers = [row for row in found if row.kind.value == "offer"]
        row = one_of(offers, "offer", handle, "offers CAST")
        return bytes(row.id)

    async def offers(self, row: OwnCast, weights: Weights | None = None) -> list[dict[str, Any]]:
        """Check, rank and show all offers of an own cast, best first."""
        verified_cast = await self.load(row.cast_id)
        if verified_cast is None:
            return []
        before = await self.deals_before()
        local = read_local(row.local)
        budget = local.budget_max
        inputs: list[RankInput] = []
        about: dict[bytes, tuple[Thread, Verified[Profile] | None]] = {}
        for thread in await self.threads_of(row):
            offer = await self.load(thread.offer_id)
            profile = await self.load(thread.profile_id)
            if offer is None:
                continue
            about[offer.id] = (thread, profile)
            asked = await self._asked(verified_cast, offer)
            inputs.append(
                RankInput(
                    offer=offer,
                    verdict=self.verdict(asked, offer, profile),
                    first_contact=before[thread.other_key] == 0,
                    local_budget=Money(cur=budget[0], minor=budget[1]) if budget else None,
                )
            )
        return self._offer_rows(verified_cast.body, rank(inputs, weights), inputs, about, before)

    async def _asked(self, newest: Verified[Any], offer: Verified[Any]) -> Verified[Any]:
        """Give the form of a request an offer answers, while it asks what the newest asks."""
        named = await self.load(offer.body.cast) if offer.body.cast != newest.id else None
        is_same = named is not None and same_terms(named.body, newest.body)
        return named if named is not None and is_same else newest

    def verdict(
        self,
        cast: Verified[Intentcast],
        offer: Verified[Offer],
        profile: Verified[Profile] | None,
    ) -> OfferVerdict:
        """Hold one offer against its cast, now."""
        return check_offer(cast, offer, profile, attribute_vocabulary(), self._desk.wall_ms())

    def _offer_rows(
        self,
        cast: Intentcast,
        order: list[Ranked],
        inputs: list[RankInput],
        about: dict[bytes, tuple[Thread, Verified[Profile] | None]],
        before: Counter[bytes],
    ) -> list[dict[str, Any]]:
        by_id = {bytes(one.offer.id): one for one in inputs}
        names = {
            thread.other_key: views.name_of(profile, thread.other_key)
            for thread, profile in about.values()
            if profile is not None
        }
        twins = same_looking(names)
        rows = []
        for ranked in order:
            one = by_id[bytes(ranked.offer_id)]
            thread, profile = about[one.offer.id]
            state = views.offer_state(thread, one.offer.body, self._desk.wall_ms())
            vendor = views.vendor_view(profile, thread.other_key, before[thread.other_key])
            marks = (views.SAME_NAME,) if thread.other_key in twins else ()
            placed = replace(ranked, marks=ranked.marks + marks)
            rows.append(views.offer_view(cast, one.offer, one.verdict, placed, state, vendor))
        return rows

    async def deals_before(self) -> Counter[bytes]:
        """Count the agreements with each key, and with those it goes on under."""
        found = await self._desk.storage.read(
            lambda db: deals.load_newest(db, limit=_DEALS_SHOWN_MAX)
        )
        agreed = Counter(row.other_key for row in found if row.state is DealState.AGREED)

        def along(conn: sqlite3.Connection) -> Counter[bytes]:
            """Count for every key an identity went on under what was agreed with an earlier one."""
            counts: Counter[bytes] = Counter()
            for key, count in agreed.items():
                for each in lineage_of(self._desk, conn, key).keys:
                    counts[each] += count
            return counts

        return await self._desk.storage.write(along)

    # --- deals --------------------------------------------------------------------------------

    async def deal_row(self, handle: str) -> DealRow:
        """Find a deal by (part of) its id."""
        found = await self._desk.storage.read(lambda db: deals.load_by_handle(db, "deal", handle))
        row: DealRow = one_of(found, "deal", handle, "deal")
        return row

    async def all_deals(self) -> list[DealRow]:
        """List deals, newest first."""
        return await self._desk.storage.read(
            lambda db: deals.load_newest(db, limit=_DEALS_SHOWN_MAX)
        )

    async def agreement(self, row: DealRow) -> Agreement | None:
        """Put a deal's agreement together, checked."""

        def look(conn: sqlite3.Connection) -> Agreement | None:
            return agreement_of(self._desk, conn, row)

        return await self._desk.storage.write(look)

    async def deal_view(self, row: DealRow) -> dict[str, Any]:
        """Show one deal."""
        offer = await self.load(row.offer_id)
        cast = await self.load(offer.body.cast) if offer else None
        profile = await self.load(offer.body.profile) if offer else None
        acceptance = await self.load(row.deal_id)
        buyer = row.role is Role.BUYER
        name = to_text("key", row.other_key)
        if profile and buyer:
            name = views.name_of(profile, row.other_key)
        return views.deal_view(
            row,
            offer,
            cast,
            acceptance=acceptance.body if acceptance else None,
            agreement=await self.agreement(row),
            counterparty=name,
            history=await self._history(row),
        )

    async def _history(self, row: DealRow) -> list[audit.AuditLine]:
        """List what happened to a deal and to the letters of it that we sent."""
        of_deal = {row.deal_id, row.confirmed_id, row.agreed_id, row.ended_id} - {None}

        async def look(db: aiosqlite.Connection) -> list[audit.AuditLine]:
            lines = await audit.load_newest(db, limit=_HISTORY_MAX)
            return [line for line in reversed(lines) if not of_deal.isdisjoint(line.ids)]

        return await self._desk.storage.read(look)
