"""Restores, and what they hold until it is reopened."""

from __future__ import annotations

import pytest

from node.keystore import PROFILE_CONTEXT
from node.storage import bounds, casts, copies, restorations
from node.storage.casts import OwnCast
from node.storage.database import Storage
from protocol.market.cast import CastState

AT = 1_800_000_000_000
NONCE = bytes(16)


def a_cast(number: int, state: CastState) -> OwnCast:
    nonce = bytes([number]) * 16
    return OwnCast(nonce=nonce, state=state, draft="{}", created_ms=AT)


async def held(storage: Storage) -> list[bytes]:
    return [each.ctx for each in await storage.read(restorations.load_held)]


async def test_a_home_that_was_never_restored_holds_nothing(storage: Storage):
    assert await storage.read(restorations.load_newest) is None
    assert await held(storage) == []


async def test_a_restore_holds_the_shop_and_every_request_that_may_have_moved(storage: Storage):
    rows = [a_cast(number, state) for number, state in enumerate(CastState, 1)]

    def txn(conn):
        for row in rows:
            casts.save(conn, row)
        restorations.record(conn, how="backup", backup_ms=AT - 5, now_ms=AT)

    await storage.write(txn)
    found = await storage.read(restorations.load_newest)
    assert found is not None
    assert (found.how, found.backup_ms, found.restored_ms) == ("backup", AT - 5, AT)
    moving = {CastState.DRAFT, CastState.OPEN, CastState.DECIDING, CastState.AWARDED}
    expected = {PROFILE_CONTEXT} | {row.nonce for row in rows if row.state in moving}
    assert set(await held(storage)) == expected


async def test_a_restored_home_is_another_copy(storage: Storage):
    first = await storage.write(lambda conn: copies.begin(conn, b"a" * 16, AT))

    def txn(conn):
        restorations.record(conn, how="words", backup_ms=None, now_ms=AT + 1)
        return copies.begin(conn, b"b" * 16, AT + 2)

    second = await storage.write(txn)
    assert (first.instance, second.instance) == (b"a" * 16, b"b" * 16)
    assert second.created_ms == AT + 2


async def test_what_is_held_is_let_go_once(storage: Storage):
    def txn(conn):
        restorations.hold(conn, NONCE, AT)
        restorations.hold(conn, NONCE, AT + 1)
        assert restorations.is_held(conn, NONCE)
        assert [each.since_ms for each in restorations.all_held(conn)] == [AT + 1]
        return restorations.release(conn, NONCE), restorations.release(conn, NONCE)

    assert await storage.write(txn) == (True, False)
    assert await held(storage) == []


async def test_the_newest_restore_is_told_and_the_oldest_forgotten(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(bounds, "restorations_max", 2)

    def txn(conn):
        for number in range(4):
            restorations.record(conn, how="words", backup_ms=None, now_ms=AT + number)
        count = conn.execute("SELECT count(*) FROM restorations").fetchone()[0]
        return restorations.newest(conn), count

    newest, count = await storage.write(txn)
    assert (newest.restored_ms, count) == (AT + 3, 2)


def test_the_refusal_names_the_next_step():
    assert restorations.held_error().code == "E-REOPEN"
    assert "intentcast reopen" in restorations.held_error().fix
