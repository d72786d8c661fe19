"""One sweep lets go of everything whose time is over."""

from __future__ import annotations

from node.storage import bounds, idempotency, mailbox, objects, offers_sent, outbox
from node.storage.database import Storage
from node.storage.housekeeping import Swept
from protocol.ids import LetterHash, ObjectId, blake2b_256
from protocol.now import DAY_MS
from tests.parties import NOW_MS, make_cast


async def test_nothing_is_over_in_an_empty_home(storage: Storage):
    assert await storage.sweep(NOW_MS) == Swept()


async def test_a_sweep_goes_on_until_nothing_is_left(storage: Storage, monkeypatch):
    monkeypatch.setattr(bounds, "sweep_rows_max", 2)
    casts = [make_cast(title=str(n)) for n in range(5)]

    def fill(conn):
        for cast in casts:
            objects.insert(conn, cast, own=False, now_ms=NOW_MS)
        for n in range(3):
            mailbox.open_box(conn, bytes([n]) * 32, NOW_MS + 1, NOW_MS)
        idempotency.remember(conn, "key", bytes(32), b"", NOW_MS)
        offers_sent.claim(
            conn,
            cast_id=casts[0].id,
            own_ctx=b"profile",
            round_number=0,
            offer_id=blake2b_256(b"offer"),
            now_ms=NOW_MS,
            exp=NOW_MS,
        )
        row_id = outbox.add(
            conn,
            outbox.Outgoing(
                envelope_id=ObjectId(blake2b_256(b"offer")),
                kind="offer",
                own_ctx=b"profile",
                to_key=b"k" * 32,
                thread=None,
                letter=b"letter",
                letter_hash=LetterHash(blake2b_256(b"letter")),
                reader=b"r" * 32,
                mailboxes=(),
                priority=1,
                next_at=NOW_MS,
                expires_at=NOW_MS,
                updated_ms=NOW_MS,
            ),
        )
        outbox.mark_acked(conn, row_id, NOW_MS)

    await storage.write(fill)
    assert await storage.sweep(NOW_MS) == Swept()
    swept = await storage.sweep(NOW_MS + 365 * DAY_MS)
    assert set(swept.objects) == {cast.id for cast in casts}
    assert (swept.served_boxes, swept.letters, swept.guards, swept.answers) == (3, 1, 1, 1)
    assert swept.complete
    assert await storage.sweep(NOW_MS + 365 * DAY_MS) == Swept()
