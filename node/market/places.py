"""Places for offers: so many vendors a request hears, and a valid offer is worth one that is not.

Enters: an offer of a vendor nobody has heard yet, inside the transaction that would record it.
Leaves: that it has a place, or `quota`. A place is held by an offer that is open or accepted. When
all are taken, a valid offer takes the place of an invalid one: else whoever answers first, with
anything at all, would keep honest shops out. Threads of one request never outnumber twice its
places. Source: docs/protocol/12-offer.md, "Places".
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from node.data.vocabulary import attribute_vocabulary
from node.market.blocks import blocked_keys
from node.market.desk import Desk
from node.storage import threads
from node.storage.casts import OwnCast
from node.storage.threads import Thread
from protocol import limits
from protocol.errors import Reason
from protocol.market.cast import same_terms
from protocol.market.deal import Role
from protocol.market.offer_check import check_offer
from protocol.market.thread import ThreadState
from protocol.objects.envelope import Verified
from protocol.objects.intentcast import Intentcast
from protocol.objects.offer import Offer

if TYPE_CHECKING:
    import sqlite3

_HOLDING = (ThreadState.OFFERED, ThreadState.ACCEPTED)


class Places:
    """The places of every request of one home."""

    def __init__(self, desk: Desk) -> None:
        """Keep the tools."""
        self._desk = desk

    def take(
        self, conn: sqlite3.Connection, own: OwnCast, verified: Verified[Offer]
    ) -> Reason | None:
        """Find a place for a vendor's offer, or say that there is none.

        Args:
            conn: inside the change that records the offer when there is one.
            own: the request.
            verified: the offer of a party that holds no place.
        """
        cast = self._desk.load(conn, own.cast_id or b"")
        if cast is None:
            return Reason.QUOTA
        most = min(cast.body.max_offers, limits.offers_per_cast_max)
        known = threads.of_cast(conn, own.root_id or b"", Role.BUYER)
        unheard = blocked_keys(self._desk, conn)
        counted = [thread for thread in known if thread.other_key not in unheard]
        held = [thread for thread in counted if thread.state in _HOLDING]
        is_new = all(thread.other_key != verified.header.key for thread in known)
        if is_new and len(known) >= 2 * most:
            return Reason.QUOTA
        if verified.header.key in unheard:
            # It is recorded, and stands in nobody's way.
            return None
        if len(counted) < most or (not is_new and len(held) < most):
            return None
        if not self._is_valid(conn, cast, verified):
            return Reason.QUOTA
        return None if len(held) < most or self._displace(conn, cast, held) else Reason.QUOTA

    def _is_valid(
        self, conn: sqlite3.Connection, cast: Verified[Intentcast], offer: Verified[Offer]
    ) -> bool:
        asked = self._desk.load(conn, offer.body.cast)
        if asked is None or not same_terms(asked.body, cast.body):
            return False
        profile = self._desk.load(conn, offer.body.profile)
        now_ms = self._desk.wall_ms()
        return check_offer(asked, offer, profile, attribute_vocabulary(), now_ms).valid

    def _displace(
        self, conn: sqlite3.Connection, cast: Verified[Intentcast], held: list[Thread]
    ) -> bool:
        """Take its place from an open offer that is not valid; its vendor reads `closed` in time.

        Told now, it would learn that a better one has come.
        """
        for thread in held:
            offer = self._desk.load(conn, thread.offer_id or b"")
            if thread.state is not ThreadState.OFFERED or offer is None:
                continue
            if not self._is_valid(conn, cast, offer):
                threads.save(conn, replace(thread, state=ThreadState.WITHDRAWN))
                self._desk.note(conn, "offer.displaced", [offer.id, thread.cast_id])
                return True
        return False
