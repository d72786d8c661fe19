"""What it means that the owner blocked a shop, in one place.

Its offers stand among no request's offers, take no place there and cannot be accepted; what it
sends is recorded and receipted like anybody's, so that it learns nothing, and raises no event. A
deal that was begun goes on to its end as if nothing had been said: the other side relies on it.
Whoever goes on under another key by a statement of its own stays blocked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from node.market.desk import Desk
from node.market.succession import lineage_of
from node.storage import blocked

if TYPE_CHECKING:
    import sqlite3


def blocked_keys(desk: Desk, conn: sqlite3.Connection) -> frozenset[bytes]:
    """Give every key that is blocked, and those it goes on under.

    Raises:
        StorageError: E-DB-DAMAGED, a statement is.
    """
    found = (lineage_of(desk, conn, row.key).keys for row in blocked.all_blocked(conn))
    return frozenset(key for keys in found for key in keys)
