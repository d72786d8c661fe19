"""A lived-in home: something in every table, some of it long enough to fill pages of its own.

Leaves: a database closed cleanly or left by a kill, and `answers`: everything the rooms above ever
read of it, as one text to compare.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import sys
from functools import cache, partial
from pathlib import Path
from typing import Any

import aiosqlite

from node.clock import ManualClock
from node.errors import StorageError
from node.storage import (
    audit,
    boxes_own,
    casts,
    catalogue,
    deals,
    idempotency,
    ledger,
    mailbox,
    nodes,
    objects,
    outbox,
    sizes,
    threads,
)
from node.storage.columns import load_every
from node.storage.database import Storage
from protocol.ids import LetterHash, NodeId, ObjectId, blake2b_256
from protocol.market.cast import CastState
from protocol.market.deal import DealState, Role
from protocol.market.thread import ThreadState
from tests.parties import NOW_MS, make_acceptance, make_cast, make_offer, make_profile

LODGERS = 24
LATE = 12
"""Lodgers who move in after the last checkpoint: they stand in the log alone."""


def name(*parts: object) -> bytes:
    return blake2b_256(*(str(part).encode() for part in parts))


@cache
def cast_of(n: int) -> Any:
    return make_cast(title=f"room {n}")


def move_in(conn: sqlite3.Connection, n: int) -> None:
    """Write one of everything."""
    cast = cast_of(n)
    profile = make_profile(name=f"shop {n}")
    offer = make_offer(cast, profile, note="n" * (n * 61 % 700))
    acceptance = make_acceptance(offer)
    for verified, own in ((cast, False), (profile, n % 2 == 0), (offer, True), (acceptance, True)):
        objects.insert(conn, verified, own=own, now_ms=NOW_MS + n)
    ctx, other = name("ctx", n)[:16], offer.header.key
    casts.save(
        conn,
        casts.OwnCast(
            nonce=ctx,
            cast_id=cast.id,
            root_id=cast.id,
            state=CastState.OPEN,
            draft=f'{{"title": "{"d" * (n * 997 % 9_000)}"}}',
            local={"budget": n, "disclose": {"name": "ana " * n}},
            created_ms=n,
            note="as typed",
        ),
    )
    threads.save(
        conn,
        threads.Thread(
            cast_id=cast.id,
            role=Role.BUYER,
            own_ctx=ctx,
            other_key=other,
            state=ThreadState.OFFERED,
            offer_id=offer.id,
            profile_id=profile.id,
            last_other_id=offer.id,
            other_reply=b"reply" * 20,
            updated_ms=n,
        ),
    )
    deals.insert(
        conn,
        deals.Deal(
            deal_id=acceptance.id,
            role=Role.BUYER,
            own_ctx=ctx,
            cast_id=cast.id,
            offer_id=offer.id,
            other_key=other,
            state=DealState.ACCEPT_SENT,
            confirm_by=acceptance.body.confirm_by,
            opened={"address": ["00" * 16, "street " * (n * 31 % 300)]},
            created_ms=n,
            updated_ms=n,
        ),
    )
    _post(conn, n, ctx, acceptance.id)
    ledger.record(
        conn,
        ledger.Disclosed(at=n, cast_id=cast.id, other_key=other, tier=3, field="address"),
    )
    audit.append(conn, at=n, what="moved.in", ids=[cast.id, offer.id], detail={"n": n})
    idempotency.remember(conn, f"key {n}", name("body", n), b"answer" * (n * 13 % 400), NOW_MS)
    catalogue.put(conn, [_item(n)], NOW_MS)


def _item(n: int) -> catalogue.Item:
    return catalogue.Item(
        sku=f"S-{n}",
        source="feed",
        title=f"camera {n}",
        category="electronics/cameras",
        cur="USD",
        price_minor=1_000 + n,
        description="words " * (n * 17 % 200),
    )


def _post(conn: sqlite3.Connection, n: int, ctx: bytes, envelope_id: bytes) -> None:
    letter = name("letter", n) * (20 + n * 29 % 400)
    outbox.add(
        conn,
        outbox.Outgoing(
            envelope_id=ObjectId(envelope_id),
            kind="acceptance",
            own_ctx=ctx,
            to_key=name("to", n),
            thread=name("thread", n),
            letter=letter,
            letter_hash=LetterHash(blake2b_256(letter)),
            reader=name("reader", n),
            mailboxes=(NodeId(name("mailbox", n)),),
            priority=40,
            next_at=n,
            expires_at=NOW_MS,
            updated_ms=n,
        ),
    )
    boxes_own.save(
        conn,
        boxes_own.OwnBox(
            reader=name("own reader", n),
            ctx=ctx,
            box=name("box", n),
            mailboxes=(NodeId(name("mailbox", n)),),
            until=NOW_MS * 2,
        ),
    )
    reader = name("served", n)
    mailbox.open_box(conn, reader, NOW_MS * 2, NOW_MS)
    mailbox.put_letter(
        conn,
        reader=reader,
        letter_hash=LetterHash(blake2b_256(letter)),
        letter=letter,
        depositor=NodeId(name("depositor", n)),
        bits=8,
        now_ms=n,
    )
    mailbox.leave_receipt(
        conn, reader=reader, letter_hash=name("done", n), receipt=b"r" * 200, now_ms=n
    )
    nodes.save(
        conn,
        nodes.NodeRow(
            key=NodeId(name("node", n)),
            record=name("record", n) * 9,
            at=n,
            seen_ms=n,
            source=nodes.RecordSource.FIRST_HAND,
        ),
    )


async def furnish(path: Path, *, leave_log: bool) -> None:
    """Fill a new home; with `leave_log` the process ends at once, as at a kill."""
    for lodgers in (range(LODGERS), range(LODGERS, LODGERS + LATE)):
        storage = await Storage.open(path, clock=ManualClock(wall_ms=NOW_MS))
        try:
            for n in lodgers:
                await storage.write(partial(move_in, n=n))
            if leave_log and n >= LODGERS:
                os._exit(0)
        finally:
            await storage.close()


# --- everything that is ever read ----------------------------------------------------------------


def by_key(n: int) -> list[tuple[str, bytes]]:
    """Ask for rows by keys that the product asks for inside a change."""
    return [
        ("SELECT * FROM boxes_own WHERE ctx = ? ORDER BY seq", name("ctx", n)[:16]),
        ("SELECT * FROM outbox WHERE thread = ? ORDER BY id", name("thread", n)),
        ("SELECT * FROM nodes WHERE key = ?", name("node", n)),
    ]


async def _ask(db: aiosqlite.Connection) -> list[Any]:
    found: list[Any] = []
    ids = [row["id"] for row in await load_every(db, "SELECT id FROM objects ORDER BY seq")]
    found += [await objects.load_raw(db, each) for each in ids]
    found += [await objects.load_row(db, each) for each in ids]
    found += [await objects.load_live_index(db, NOW_MS), await casts.load_all(db)]
    for n in range(LODGERS + LATE):
        ctx, cast = name("ctx", n)[:16], cast_of(n)
        found += [await objects.load_raw(db, cast.id), await casts.load_cast(db, ctx)]
        found += [await casts.load_by_root(db, cast.id), await objects.load_thread(db, cast.id)]
        found += [await threads.load_of_cast(db, cast.id, Role.BUYER)]
        found += [await deals.load_of_cast(db, cast.id), await ledger.load_of_cast(db, cast.id)]
        found += [list(map(tuple, await load_every(db, sql, (key,)))) for sql, key in by_key(n)]
        found += [await catalogue.find(db, f"S-{n}")]
        reader = name("served", n)
        found += [await mailbox.load_state(db, reader)]
        found += [await mailbox.load_letters(db, reader, NOW_MS, limit=9)]
        found += [await mailbox.load_receipts(db, reader, [name("done", n)], NOW_MS)]
    found += [await threads.load_newest(db, Role.BUYER, limit=1_000)]
    found += [await deals.load_newest(db, limit=1_000), await ledger.load_all(db, limit=1_000)]
    found += [await outbox.load_pending(db, limit=1_000), await outbox.load_counts(db)]
    found += [await outbox.load_due(db, NOW_MS - 1, limit=1_000)]
    found += [await boxes_own.load_open(db, NOW_MS), await nodes.load_newest(db)]
    found += [await audit.load_after(db, 0, limit=1_000), await sizes.load_sizes(db)]
    found += [await catalogue.categories(db), await catalogue.page(db, "", ("", 0), 1_000)]
    found += [list(map(tuple, await load_every(db, "SELECT * FROM idempotency ORDER BY seq")))]
    return found


async def answers(path: Path) -> str:
    """Give everything a node would ever answer from this home.

    Raises:
        StorageError: the home, or a read of it, is refused.
    """
    storage = await Storage.open(path, clock=ManualClock(wall_ms=NOW_MS))
    try:
        return repr(await storage.read(_ask))
    finally:
        await storage.close()


def answered(path: Path) -> str | StorageError:
    """Ask once, from outside a loop."""
    try:
        return asyncio.run(answers(path))
    except StorageError as error:
        return error


if __name__ == "__main__":
    asyncio.run(furnish(Path(sys.argv[1]), leave_log=True))
