"""A home with a database, settings and a shop, its keys, and one backup of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from node.backup.maker import Made, make_backup
from node.clock import ManualClock
from node.entropy import SeededEntropy
from node.keystore import Keyring, open_keyring
from node.storage.database import Storage
from tests.parties import NOW_MS

NET = "test"


class Home:
    """One home, open."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.entropy = SeededEntropy("backup", net=NET)
        self.clock = ManualClock(wall_ms=NOW_MS)
        self.keyring: Keyring
        self.storage: Storage

    async def open(self) -> None:
        self.path.mkdir(mode=0o700)
        self.keyring, _ = open_keyring(self.path, self.entropy)
        self.storage = await Storage.open(self.path / "node.db", clock=self.clock)
        for name in ("config.toml", "vendor.toml", "feed.csv", "notes.md", "api.json"):
            await asyncio.to_thread((self.path / name).write_text, f"# {name}\n")
        await asyncio.to_thread((self.path / "api.token").write_text, "token-of-the-api")

    async def backup(self, target: Path) -> Made:
        return await make_backup(
            target,
            home=self.path,
            storage=self.storage,
            keyring=self.keyring,
            net=NET,
            now_ms=NOW_MS,
            entropy=self.entropy,
        )


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[Home]:
    found = Home(tmp_path / "home")
    await found.open()
    yield found
    await found.storage.close()


@pytest.fixture
async def file(home: Home, tmp_path: Path) -> Path:
    target = tmp_path / "one.icb"
    await home.backup(target)
    return target
