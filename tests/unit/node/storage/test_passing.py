"""What is carried is read page by page, in the order it came."""

from __future__ import annotations

import sqlite3
from functools import partial

import pytest

from node.storage import objects, passing
from node.storage.database import Storage
from tests.parties import NOW_MS, make_cast, make_offer, make_profile

CASTS = [make_cast(title=f"Cast {number}") for number in range(5)]


@pytest.fixture
async def filled(storage: Storage) -> Storage:
    """Five casts, one of them our own, and an offer, which nobody carries."""

    def fill(conn: sqlite3.Connection) -> None:
        for number, cast in enumerate(CASTS):
            objects.insert(conn, cast, own=number == 1, now_ms=NOW_MS)
        objects.insert(conn, make_offer(CASTS[0], make_profile()), own=False, now_ms=NOW_MS)

    await storage.write(fill)
    return storage


async def pages(storage: Storage, now_ms: int = NOW_MS) -> list[passing.Page]:
    found = []
    after, more = 0, True
    while more:
        page = await storage.read(partial(passing.load_page, after=after, now_ms=now_ms, limit=2))
        found.append(page)
        after, more = page.last, page.more
    return found


async def test_all_come_once_in_their_order(filled: Storage):
    found = await pages(filled)
    assert [len(page.raws) for page in found] == [2, 2, 1]
    raws = [each for page in found for each in page.raws]
    assert raws == [(cast.raw, number == 1) for number, cast in enumerate(CASTS)]


async def test_what_has_expired_is_left_out(filled: Storage):
    (page,) = await pages(filled, CASTS[0].header.exp)
    assert page == passing.Page(raws=[], last=0, more=False)


async def test_a_damaged_row_is_left_out_and_the_next_are_not(filled: Storage):
    await filled.write(
        lambda conn: conn.execute("UPDATE objects SET raw = x'00' WHERE id = ?", (CASTS[2].id,))
    )
    raws = [raw for page in await pages(filled) for raw, _ in page.raws]
    assert raws == [cast.raw for cast in CASTS if cast is not CASTS[2]]
