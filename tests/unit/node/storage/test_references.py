"""What the rows of a home speak of has to be here; who else holds it can be asked."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest

from node.storage import casts, deals, objects, offers_sent, outbox, references, threads
from node.storage.database import Storage
from node.storage.references import Holder, Missing
from protocol.ids import LetterHash, NodeId, ObjectId, OfferId, blake2b_256
from protocol.market.cast import CastState
from protocol.market.deal import DealState, Role
from protocol.market.thread import ThreadState
from tests.parties import NOW_MS, make_agreement

NAMES = [bytes([n]) * 32 for n in range(8)]
ROOT, OTHER, CTX = b"r" * 32, b"o" * 32, b"c" * 16


def add_thread(conn: sqlite3.Connection, **changes) -> None:
    facts: dict[str, Any] = {
        "cast_id": ROOT,
        "role": Role.BUYER,
        "own_ctx": CTX,
        "other_key": OTHER,
        "state": ThreadState.OFFERED,
        "updated_ms": 1,
    }
    threads.save(conn, threads.Thread(**(facts | changes)))


def add_letter(conn: sqlite3.Connection, envelope_id: bytes, **changes) -> None:
    facts: dict[str, Any] = {
        "envelope_id": ObjectId(envelope_id),
        "kind": "event",
        "own_ctx": CTX,
        "to_key": OTHER,
        "thread": ROOT,
        "letter": envelope_id,
        "letter_hash": LetterHash(blake2b_256(envelope_id)),
        "reader": b"b" * 32,
        "mailboxes": (NodeId(b"m" * 32),),
        "priority": 1,
        "next_at": 1,
        "expires_at": NOW_MS,
        "updated_ms": 1,
    }
    outbox.add(conn, outbox.Outgoing(**(facts | changes)))


def add_cast(conn: sqlite3.Connection, cast_id: bytes, root_id: bytes) -> None:
    casts.save(
        conn,
        casts.OwnCast(
            nonce=CTX,
            cast_id=cast_id,
            root_id=root_id,
            state=CastState.OPEN,
            draft="{}",
            created_ms=1,
        ),
    )


def fill(conn: sqlite3.Connection) -> None:
    """Speak of eight objects, none of which is here."""
    add_cast(conn, NAMES[0], NAMES[1])
    add_thread(
        conn,
        offer_id=OfferId(NAMES[2]),
        profile_id=NAMES[3],
        last_own_id=NAMES[4],
        last_other_id=NAMES[5],
    )
    offers_sent.claim(
        conn,
        cast_id=ROOT,
        own_ctx=CTX,
        round_number=0,
        offer_id=OfferId(NAMES[6]),
        now_ms=1,
        exp=2,
    )
    add_letter(conn, NAMES[7])


async def missing(storage: Storage) -> list[Missing]:
    return await storage.read(references.load_missing)


async def test_whatever_is_spoken_of_and_not_here_is_listed_with_who_speaks_of_it(storage: Storage):
    await storage.write(fill)
    found = {each.id: each.speaker for each in await missing(storage)}
    assert [found[each] for each in NAMES] == [
        "a request",
        "a request",
        *["a thread"] * 4,
        "an offer of ours",
        "a letter",
    ]
    assert await storage.write(lambda conn: [references.is_named(conn, n) for n in NAMES]) == [
        True
    ] * len(NAMES)


async def test_what_is_here_is_not_missing(storage: Storage):
    cast = make_agreement().cast

    def here(conn):
        objects.insert(conn, cast, own=True, now_ms=1)
        add_cast(conn, cast.id, cast.id)

    await storage.write(here)
    assert await missing(storage) == []


@pytest.mark.parametrize("table", ["restorations", "copies"])
async def test_the_first_form_of_a_request_that_was_found_again_may_never_have_been_here(
    storage: Storage, table: str
):
    rows = {
        "restorations": "INSERT INTO restorations (how, restored_ms) VALUES ('words', 1)",
        "copies": "INSERT INTO copies (object_id, ctx, kind, at, seen_ms) "
        "VALUES (zeroblob(32), x'00', 'intentcast', 1, 1)",
    }

    def found_again(conn):
        add_cast(conn, NAMES[0], NAMES[1])
        conn.execute(rows[table])

    await storage.write(found_again)
    assert [each.id for each in await missing(storage)] == [NAMES[0]]


async def test_nothing_is_demanded_that_may_go_by_itself(storage: Storage):
    def passing(conn):
        # The request of somebody else, and a note to ourselves.
        add_thread(conn, role=Role.VENDOR)
        add_letter(conn, NAMES[0], to_key=b"s" * 32)

    await storage.write(passing)
    assert await missing(storage) == []


def test_a_deal_knows_all_its_objects(conn: sqlite3.Connection):
    found = make_agreement()
    assert found.agreed is not None
    objects.insert(conn, found.offer, own=True, now_ms=1)
    deals.insert(
        conn,
        deals.Deal(
            deal_id=found.acceptance.id,
            role=Role.BUYER,
            own_ctx=CTX,
            cast_id=found.cast.id,
            offer_id=found.offer.id,
            other_key=OTHER,
            state=DealState.AGREED,
            confirm_by=1,
            confirmed_id=found.confirmed.id,
            created_ms=1,
            updated_ms=1,
        ),
    )
    named = references.deals_by_object(conn)
    parts = (found.cast, found.profile, found.offer, found.acceptance, found.confirmed)
    assert named == {part.id: found.acceptance.id for part in parts}


@pytest.mark.parametrize("raw", [b"", b"\x80", b"\x93\xc4\x01\x90\xc4\x00\xc0"])
def test_an_offer_that_cannot_be_read_names_nothing(raw: bytes):
    assert references.named_by_offer(raw) == []
    assert references.named_by_offer(make_agreement().cast.raw) == []


def test_who_holds_an_object(conn: sqlite3.Connection):
    def holder(object_id, thread=None, *, is_public=False) -> Holder | None:
        return references.holder_of(
            conn, object_id, {NAMES[7]: b"d" * 32}, thread=thread, is_public=is_public
        )

    add_thread(conn, offer_id=OfferId(NAMES[0]))
    add_letter(conn, NAMES[1])
    found = holder(NAMES[7])
    assert found is not None
    assert found.of == b"d" * 32
    for each in (holder(NAMES[0]), holder(NAMES[1]), holder(NAMES[2], ROOT), holder(ROOT)):
        assert each is not None
        assert each.of == ROOT
        assert "party of its thread" in each.words
    public = holder(NAMES[2], b"another thread", is_public=True)
    assert public is not None
    assert public.of is None
    assert holder(NAMES[2], b"another thread") is None
