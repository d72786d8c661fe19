"""Who has learnt what."""

from __future__ import annotations

import sqlite3
from dataclasses import replace

import pytest

from node.errors import StorageError
from node.storage import bounds, ledger
from node.storage.database import Storage
from node.storage.ledger import Disclosed
from protocol.ids import blake2b_256
from tests.parties import vendor_bo

CAST = blake2b_256(b"root")
LINE = Disclosed(at=5, cast_id=CAST, other_key=vendor_bo.key, tier=3, field="name")


async def test_each_field_is_noted_once_with_its_first_time(storage: Storage):
    assert await storage.write(lambda conn: ledger.record(conn, LINE))
    again = replace(LINE, at=9)
    assert not await storage.write(lambda conn: ledger.record(conn, again))
    phone = replace(LINE, field="phone")
    assert await storage.write(lambda conn: ledger.record(conn, phone))
    assert await storage.read(lambda db: ledger.load_of_cast(db, CAST)) == [LINE, phone]
    assert await storage.read(lambda db: ledger.load_of_cast(db, b"?" * 32)) == []
    assert await storage.read(lambda db: ledger.load_all(db, limit=1)) == [phone]


def test_there_is_a_cap(conn: sqlite3.Connection, monkeypatch):
    monkeypatch.setattr(bounds, "disclosed_rows_max", 1)
    ledger.record(conn, LINE)
    with pytest.raises(StorageError) as refused:
        ledger.record(conn, replace(LINE, field="phone"))
    assert refused.value.code == "E-DB-QUOTA"


def test_a_tier_that_does_not_exist_is_refused(conn: sqlite3.Connection):
    with pytest.raises(sqlite3.IntegrityError):
        ledger.record(conn, replace(LINE, tier=4))
