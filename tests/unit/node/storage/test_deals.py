"""Deals, and the guards of the table itself."""

from __future__ import annotations

import itertools
import sqlite3
from dataclasses import replace

import pytest

from node.errors import StorageError
from node.storage import bounds, deals
from node.storage.database import Storage
from node.storage.deals import Deal, DealInserted, DealKnown, LineTaken
from protocol.ids import blake2b_256, to_text
from protocol.market.deal import FAILED, LIVE, DealState, Role
from tests.parties import buyer_ana, vendor_bo

DEAL = Deal(
    deal_id=blake2b_256(b"acceptance"),
    role=Role.BUYER,
    own_ctx=b"n" * 16,
    cast_id=blake2b_256(b"root"),
    offer_id=blake2b_256(b"offer"),
    other_key=vendor_bo.key,
    state=DealState.ACCEPT_SENT,
    confirm_by=77,
    opened={"name": ["00ff", "Ana"]},
    created_ms=5,
    updated_ms=5,
)
RIVAL = replace(DEAL, deal_id=blake2b_256(b"rival"), offer_id=blake2b_256(b"offer 2"))
SOLD = replace(DEAL, role=Role.VENDOR, own_ctx=b"profile", other_key=buyer_ana.key)


async def test_a_deal_comes_back_as_it_was_recorded(storage: Storage):
    assert await storage.write(lambda conn: deals.insert(conn, DEAL)) == DealInserted()
    assert await storage.read(lambda db: deals.load_deal(db, DEAL.deal_id)) == DEAL
    assert await storage.read(lambda db: deals.load_deal(db, b"?" * 32)) is None
    assert await storage.read(lambda db: deals.load_of_cast(db, DEAL.cast_id)) == [DEAL]
    assert await storage.read(lambda db: deals.load_newest(db, limit=5)) == [DEAL]
    handle = to_text("deal", DEAL.deal_id)[:14]
    assert await storage.read(lambda db: deals.load_by_handle(db, "deal", handle)) == [DEAL]
    other = to_text("deal", b"?" * 32)
    assert await storage.read(lambda db: deals.load_by_handle(db, "deal", other)) == []


def test_recording_again_changes_nothing(conn: sqlite3.Connection):
    deals.insert(conn, DEAL)
    assert deals.insert(conn, replace(DEAL, state=DealState.AGREED)) == DealKnown()
    assert deals.deal_of(conn, DEAL.deal_id) == DEAL
    assert deals.deal_of(conn, b"?" * 32) is None


@pytest.mark.parametrize("state", sorted(LIVE))
def test_a_live_deal_occupies_its_line(conn: sqlite3.Connection, state: DealState):
    deals.insert(conn, replace(DEAL, state=state))
    assert deals.insert(conn, RIVAL) == LineTaken(deal_id=DEAL.deal_id)
    live = deals.live_of_line(conn, DEAL.cast_id)
    assert live is not None
    assert live.deal_id == DEAL.deal_id
    assert deals.deal_of(conn, RIVAL.deal_id) is None


@pytest.mark.parametrize("state", sorted(FAILED))
def test_a_failed_deal_frees_its_line(conn: sqlite3.Connection, state: DealState):
    deals.insert(conn, DEAL)
    assert deals.update(conn, replace(DEAL, state=state))
    assert deals.live_of_line(conn, DEAL.cast_id) is None
    assert deals.insert(conn, RIVAL) == DealInserted()


@pytest.mark.parametrize("states", list(itertools.product(DealState, repeat=2)))
@pytest.mark.parametrize("role", Role)
def test_the_table_itself_refuses_two_live_deals(
    conn: sqlite3.Connection, role: Role, states: tuple[DealState, DealState]
):
    """The schema's own list of states agrees with the machine's, whatever the code above does."""
    both = [replace(each, role=role, offer_id=DEAL.offer_id) for each in (DEAL, RIVAL)]
    failed = DealState.VOIDED
    for each in both:
        deals.insert(conn, replace(each, state=failed))
    assert deals.update(conn, replace(both[0], state=states[0]))
    if set(states) <= LIVE:
        with pytest.raises(sqlite3.IntegrityError):
            deals.update(conn, replace(both[1], state=states[1]))
    else:
        assert deals.update(conn, replace(both[1], state=states[1]))


def test_other_lines_casts_and_roles_are_not_in_the_way(conn: sqlite3.Connection):
    names = (blake2b_256(bytes([n])) for n in range(9))
    assert deals.insert(conn, DEAL) == DealInserted()
    for other in (
        replace(RIVAL, award=1),
        replace(RIVAL, cast_id=blake2b_256(b"other root")),
        replace(RIVAL, role=Role.VENDOR),
    ):
        assert deals.insert(conn, replace(other, deal_id=next(names))) == DealInserted()
    assert len(deals.of_cast(conn, DEAL.cast_id)) == 3


def test_a_vendors_offer_is_taken_once(conn: sqlite3.Connection):
    assert deals.insert(conn, SOLD) == DealInserted()
    again = replace(SOLD, deal_id=blake2b_256(b"again"))
    assert deals.insert(conn, again) == LineTaken(deal_id=SOLD.deal_id)
    assert deals.live_of_offer(conn, SOLD.offer_id) == SOLD
    assert deals.live_of_offer(conn, b"?" * 32) is None
    deals.update(conn, replace(SOLD, state=DealState.VOIDED))
    assert deals.insert(conn, again) == DealInserted()


def test_what_may_change_changes(conn: sqlite3.Connection):
    deals.insert(conn, DEAL)
    changed = replace(
        DEAL,
        state=DealState.AGREED,
        confirmed_id=blake2b_256(b"confirmed"),
        confirmed_ms=8,
        agreed_id=blake2b_256(b"agreed"),
        ended_id=blake2b_256(b"ended"),
        opened={},
        updated_ms=9,
    )
    assert deals.update(conn, changed)
    assert deals.deal_of(conn, DEAL.deal_id) == changed
    assert not deals.update(conn, RIVAL)
    assert deals.in_states(conn, [DealState.ACCEPT_SENT]) == []
    assert deals.in_states(conn, LIVE) == [changed]


def test_there_is_a_cap(conn: sqlite3.Connection, monkeypatch):
    monkeypatch.setattr(bounds, "deals_max", 1)
    deals.insert(conn, DEAL)
    assert deals.insert(conn, DEAL) == DealKnown()
    with pytest.raises(StorageError) as refused:
        deals.insert(conn, replace(RIVAL, award=1))
    assert refused.value.code == "E-DB-QUOTA"
