"""A process that dies at a commit: what was told is there, and no change is there by half."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from node.crashpoint import EXIT_CODE

ROOT = Path(__file__).resolve().parents[4]
CHILD = """
import asyncio, sys
from pathlib import Path
from node.clock import SystemClock
from node.storage import audit
from node.storage.database import Storage

def both(n):
    def txn(conn):
        audit.append(conn, at=n, what="first")
        audit.append(conn, at=n, what="second")
        return n
    return txn

async def main():
    storage = await Storage.open(Path(sys.argv[1]), clock=SystemClock())
    for n in range(20):
        print(await storage.write(both(n)), flush=True)

asyncio.run(main())
"""


def run_until_death(path: Path, point: str) -> list[int]:
    """Give the changes the process was told of before it died."""
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(path)],
        cwd=ROOT,
        env={**os.environ, "INTENTCAST_CRASH": point},
        stdout=subprocess.PIPE,
        check=False,
        timeout=25,
    )
    assert done.returncode == EXIT_CODE, "the fault did not fire"
    return [int(line) for line in done.stdout.split()]


def recorded(path: Path) -> list[tuple[int, str]]:
    conn = sqlite3.connect(path)
    try:
        assert conn.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return conn.execute("SELECT at, what FROM audit ORDER BY seq").fetchall()
    finally:
        conn.close()


@pytest.mark.parametrize(
    ("point", "untold"), [("storage.before_commit:4", 0), ("storage.after_commit:4", 1)]
)
def test_what_was_told_is_recorded_and_nothing_is_half(path: Path, point: str, untold: int):
    told = run_until_death(path, point)
    assert told == [0, 1, 2]
    whole = range(len(told) + untold)
    assert recorded(path) == [(n, what) for n in whole for what in ("first", "second")]
