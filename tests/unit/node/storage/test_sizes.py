"""What the triggers count."""

from __future__ import annotations

from node.storage import mailbox
from node.storage.database import Storage
from node.storage.sizes import Size, load_sizes


async def test_all_capped_tables_are_counted(storage: Storage):
    sizes = await storage.read(load_sizes)
    assert sizes == dict.fromkeys(
        ("outbox", "served_boxes", "served_letters", "served_receipts"), Size(rows=0, bytes=0)
    )
    await storage.write(lambda conn: mailbox.open_box(conn, b"r" * 32, 100, 1))
    sizes = await storage.read(load_sizes)
    assert sizes["served_boxes"] == Size(rows=1, bytes=0)
