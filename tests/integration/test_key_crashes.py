"""A change of passphrase that dies leaves the old key or the new one, never a third.

Backups and restores die in `tests/faults`.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from node.crashpoint import EXIT_CODE
from node.keyfile import Passphrase, SealedRoot, read_root
from tests.faults import points
from tests.faults.keeping import intentcast
from tests.unit.node.cli.sealed import PHRASE, ROOT, make_home


def points_of(word: str) -> list[str]:
    found = [point for point in points.points() if point.startswith(f"{word}.")]
    assert found, f"no point of the source is called {word}.*"
    return found


@pytest.mark.parametrize("point", points_of("keys"))
async def test_a_key_is_the_old_one_or_the_new_one(tmp_path: Path, point: str):
    home = tmp_path / "home"
    await asyncio.to_thread(make_home, home)
    (tmp_path / "phrase").write_text(PHRASE)
    argv = ("passphrase", "set", "--passphrase-file", str(tmp_path / "phrase"))
    assert await intentcast(home, *argv, crash=point) == EXIT_CODE
    kept = await asyncio.to_thread(read_root, home)
    if isinstance(kept, SealedRoot):
        assert kept.open(Passphrase(PHRASE)) == ROOT
    else:
        assert kept == ROOT
        assert await intentcast(home, *argv) == 0
    assert not any(ROOT in path.read_bytes() for path in home.iterdir())
