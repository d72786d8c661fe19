"""Agreements from what is kept: the same bytes on both sides.

Enters: a deal's row. Leaves: the checked agreement, or None while no confirmation is recorded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from node.market.desk import Desk
from node.storage.deals import Deal as DealRow
from protocol.objects.agreement import Agreement, check_agreement

if TYPE_CHECKING:
    import sqlite3


def agreement_of(desk: Desk, conn: sqlite3.Connection, row: DealRow) -> Agreement | None:
    """Put a deal's objects together and hold them against each other.

    Raises:
        RemoteProtocolError: a kept object does not fit the others.
        StorageError: a kept object is damaged.
    """
    offer = desk.load(conn, row.offer_id)
    acceptance = desk.load(conn, row.deal_id)
    if offer is None or acceptance is None or row.confirmed_id is None:
        return None
    cast = desk.load(conn, offer.body.cast)
    profile = desk.load(conn, offer.body.profile)
    confirmed = desk.load(conn, row.confirmed_id)
    agreed = desk.load(conn, row.agreed_id) if row.agreed_id is not None else None
    if cast is None or profile is None or confirmed is None:
        return None
    found = Agreement(
        net=desk.net,
        cast=cast,
        profile=profile,
        offer=offer,
        acceptance=acceptance,
        confirmed=confirmed,
        agreed=agreed,
    )
    check_agreement(found)
    return found
