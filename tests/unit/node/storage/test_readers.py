"""Readers: one moment per question, no write, nothing left behind by a cancelled one."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiosqlite
import pytest

from node.errors import StorageError
from node.storage import audit, bounds, readers
from node.storage.columns import load_every
from node.storage.connection import open_reader
from node.storage.database import Storage
from node.storage.readers import Readers


def line(what: str):
    return lambda conn: audit.append(conn, at=1, what=what)


async def count(db) -> int:
    return (await load_every(db, "SELECT count(*) FROM audit"))[0][0]


async def test_a_question_sees_one_moment(storage: Storage):
    async def twice(db):
        before = await count(db)
        await storage.write(line("meanwhile"))
        return before, await count(db)

    assert await storage.read(twice) == (0, 0)
    assert await storage.read(count) == 1


async def test_a_reader_cannot_write(storage: Storage):
    async def write(db):
        await db.execute("DELETE FROM audit")

    with pytest.raises(StorageError):
        await storage.read(write)
    assert await storage.read(count) == 0


async def test_an_error_of_the_question_is_its_own(storage: Storage):
    async def broken(db):
        raise KeyError("mine")

    for _ in range(2 * bounds.readers):
        with pytest.raises(KeyError):
            await storage.read(broken)
    assert await storage.read(count) == 0


async def test_cancelled_questions_leave_nothing_behind(storage: Storage):
    entered = asyncio.Event()

    async def stuck(db):
        entered.set()
        await asyncio.Event().wait()

    for _ in range(2 * bounds.readers):
        entered.clear()
        task = asyncio.get_running_loop().create_task(storage.read(stuck))
        await entered.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    await storage.write(line("since"))
    assert await asyncio.gather(*(storage.read(count) for _ in range(6))) == [1] * 6


async def test_cancelled_at_every_step_the_pool_still_answers(storage: Storage):
    for steps in range(12):
        task = asyncio.get_running_loop().create_task(storage.read(count))
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await storage.write(line("more"))
        assert await storage.read(count) == steps + 1


async def test_a_closed_pool_says_so(storage: Storage):
    await storage.close()
    with pytest.raises(StorageError) as refused:
        await storage.read(count)
    assert refused.value.code == "E-DB-CLOSED"


async def test_closing_waits_for_questions_under_way_and_refuses_those_that_wait(storage: Storage):
    entered, go_on = asyncio.Event(), asyncio.Event()

    async def slow(db):
        entered.set()
        await go_on.wait()
        return await count(db)

    loop = asyncio.get_running_loop()
    under_way = [loop.create_task(storage.read(slow)) for _ in range(bounds.readers)]
    await entered.wait()
    waiting = loop.create_task(storage.read(count))
    await asyncio.sleep(0)
    closing = loop.create_task(storage.close())
    await asyncio.sleep(0)
    go_on.set()
    assert await asyncio.gather(*under_way) == [0] * bounds.readers
    with pytest.raises(StorageError) as refused:
        await waiting
    assert refused.value.code == "E-DB-CLOSED"
    await closing


async def test_a_question_of_one_statement_may_do_without_the_moment(storage: Storage):
    assert await storage.read(count, one_moment=False) == 0

    async def twice(db):
        before = await count(db)
        await storage.write(line("meanwhile"))
        return before, await count(db)

    assert await storage.read(twice, one_moment=False) == (0, 1)


async def test_damaged_text_is_said_as_damage(storage: Storage):
    async def garbled(_db):
        return b"\xbd".decode()

    with pytest.raises(StorageError) as refused:
        await storage.read(garbled)
    assert refused.value.code == "E-DB-DAMAGED"

    async def damaged(db):
        return list(await db.execute_fetchall("SELECT CAST(x'bd' AS TEXT)"))

    with pytest.raises(StorageError) as refused:
        await storage.read(damaged)
    assert refused.value.code == "E-DB-DAMAGED"


async def test_an_opening_that_is_cancelled_closes_what_it_opened(
    storage: Storage, path: Path, monkeypatch
):
    opened: list[aiosqlite.Connection] = []

    async def slow(where: Path) -> aiosqlite.Connection:
        if opened:
            raise asyncio.CancelledError
        opened.append(await open_reader(where))
        return opened[-1]

    monkeypatch.setattr(readers, "open_reader", slow)
    with pytest.raises(asyncio.CancelledError):
        await Readers(path).start()
    with pytest.raises(ValueError, match="no active connection"):
        await opened[0].execute("SELECT 1")
