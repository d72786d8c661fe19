"""A fresh home database, open and empty; and a plain connection for the row modules."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from node.clock import ManualClock
from node.storage.connection import open_writer
from node.storage.database import Storage
from node.storage.migrations import migrate
from tests.parties import NOW_MS


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "home.db"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(wall_ms=NOW_MS)


@pytest.fixture
async def storage(path: Path, clock: ManualClock) -> AsyncIterator[Storage]:
    opened = await Storage.open(path, clock=clock)
    yield opened
    await opened.close()


@pytest.fixture
def conn(path: Path) -> Iterator[sqlite3.Connection]:
    """The writing connection by itself, as a change sees it."""
    opened = open_writer(path)
    migrate(opened, path)
    yield opened
    opened.close()
