"""One offer per cast, identity and round."""

from __future__ import annotations

import sqlite3

import pytest

from node.errors import StorageError
from node.storage import audit, bounds, offers_sent
from node.storage.database import Storage
from protocol.ids import OfferId, blake2b_256

CAST = blake2b_256(b"cast")
FIRST, SECOND = OfferId(blake2b_256(b"first")), OfferId(blake2b_256(b"second"))


def claim(conn, offer_id=FIRST, *, round_number: int = 0, ctx: bytes = b"profile", exp: int = 50):
    offers_sent.claim(
        conn,
        cast_id=CAST,
        own_ctx=ctx,
        round_number=round_number,
        offer_id=offer_id,
        now_ms=5,
        exp=exp,
    )


async def test_a_second_offer_of_a_round_undoes_the_change_that_sends_it(storage: Storage):
    await storage.write(claim)

    def send_again(conn):
        audit.append(conn, at=1, what="offer.sent")
        claim(conn, SECOND)

    with pytest.raises(StorageError) as refused:
        await storage.write(send_again)
    assert refused.value.code == "E-OFFER-REPEATED"
    found = await storage.read(lambda db: offers_sent.load_offer_of(db, CAST, b"profile", 0))
    assert found == FIRST
    assert await storage.read(audit.load_span) == (0, 0)
    nothing = await storage.read(lambda db: offers_sent.load_offer_of(db, CAST, b"profile", 1))
    assert nothing is None


def test_other_rounds_and_identities_have_their_own_place(conn: sqlite3.Connection):
    claim(conn)
    claim(conn, SECOND, round_number=1)
    claim(conn, OfferId(blake2b_256(b"third")), ctx=b"pair")
    assert offers_sent.offer_of(conn, CAST, b"profile", 1) == SECOND
    assert offers_sent.offer_of(conn, CAST, b"pair", 1) is None


def test_one_offer_is_not_sent_in_two_places(conn: sqlite3.Connection):
    claim(conn)
    with pytest.raises(StorageError):
        claim(conn, FIRST, round_number=1)


def test_guards_go_long_after_their_cast(conn: sqlite3.Connection):
    claim(conn, exp=50)
    assert offers_sent.sweep(conn, 50 + bounds.sealed_kept_ms - 1) == 0
    assert offers_sent.sweep(conn, 50 + bounds.sealed_kept_ms) == 1
    assert offers_sent.offer_of(conn, CAST, b"profile", 0) is None
