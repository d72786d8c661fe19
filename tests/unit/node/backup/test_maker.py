"""Making a backup: one whole file or none, beside all other work, and the daily ones by number."""

from __future__ import annotations

import asyncio
import errno
import io
import os
import shutil
import threading
from pathlib import Path
from typing import Any

import pytest

from node.backup import maker
from node.backup.container import read_head, read_stream
from node.backup.contents import gather, unpack
from node.backup.maker import daily_backups, daily_path, forget_old, is_due
from node.errors import KeystoreError, NotFoundError, RefusedError, StorageError
from node.keystore import Keyring
from node.storage.migrations import migrations
from protocol.now import DAY_MS
from tests.parties import NOW_MS
from tests.unit.node.backup.conftest import NET, Home


async def test_a_backup_holds_the_home_without_its_secrets(home: Home, tmp_path: Path):
    target = tmp_path / "one.icb"
    made = await home.backup(target)
    raw = await asyncio.to_thread(target.read_bytes)
    assert (made.path, made.size) == (target, len(raw))
    assert target.stat().st_mode & 0o777 == 0o600
    head, prefix = read_head(io.BytesIO(raw))
    assert head == made.head
    assert (head.at, head.net, head.schema) == (NOW_MS, NET, len(migrations()))
    assert head.holds == ["database", "settings", "shop"]
    assert head.key == home.keyring.backup_name()
    out = tmp_path / "out"
    out.mkdir()
    stream = io.BytesIO(raw)
    read_head(stream)
    key = home.keyring.backup_seed(head.salt)
    manifest = unpack(read_stream(stream, head, prefix, key), out)
    names = [entry.name for entry in manifest.files]
    assert names == ["config.toml", "feed.csv", "node.db", "vendor.toml"]
    secrets = [(home.path / name).read_bytes()[-32:] for name in ("root.key", "node.key")]
    plain = b"".join(path.read_bytes() for path in out.iterdir())
    assert not any(secret in plain or secret in raw for secret in secrets)
    assert b"token-of-the-api" not in plain


async def test_nothing_is_left_in_the_home(home: Home, file: Path):
    assert file.exists()
    assert list((home.path / "backups").iterdir()) == []
    assert list(file.parent.glob("*.partial")) == []


async def test_what_a_crash_left_goes(home: Home, tmp_path: Path):
    work = home.path / "backups" / ".work"
    work.mkdir(parents=True)
    (work / "node.db").write_bytes(b"of a dead process")
    (tmp_path / "one.icb.partial").write_bytes(b"half")
    await home.backup(tmp_path / "one.icb")
    assert not work.exists()
    assert not (tmp_path / "one.icb.partial").exists()


async def test_a_file_that_is_there_is_never_written_over(home: Home, file: Path):
    before = file.read_bytes()
    with pytest.raises(RefusedError) as refused:
        await home.backup(file)
    assert refused.value.code == "E-FILE-EXISTS"
    assert file.read_bytes() == before


async def test_a_folder_that_is_not_there_is_named(home: Home, tmp_path: Path):
    with pytest.raises(NotFoundError) as refused:
        await home.backup(tmp_path / "none" / "x.icb")
    assert refused.value.code == "E-FILE"


@pytest.mark.parametrize(
    ("number", "code"), [(errno.ENOSPC, "E-DISK-FULL"), (errno.EIO, "E-BACKUP-WRITE")]
)
async def test_a_disk_that_cannot_take_it(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, code: str
):
    def broken(*_args: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(maker, "write_stream", broken)
    with pytest.raises(StorageError) as refused:
        await home.backup(tmp_path / "one.icb")
    assert refused.value.code == code
    assert not (tmp_path / "one.icb").exists()
    assert not (tmp_path / "one.icb.partial").exists()
    assert list((home.path / "backups").iterdir()) == []


async def test_a_locked_home_makes_none(home: Home, tmp_path: Path):
    home.keyring.lock()
    with pytest.raises(KeystoreError) as refused:
        await home.backup(tmp_path / "one.icb")
    assert refused.value.code == "E-KEYS-LOCKED"
    assert not (home.path / "backups").exists()


async def test_two_backups_of_one_moment_share_no_key(home: Home, tmp_path: Path):
    made = [await home.backup(tmp_path / name) for name in ("a.icb", "b.icb")]
    assert made[0].head.salt != made[1].head.salt
    assert made[0].head.key == made[1].head.key == Keyring.backup_name(home.keyring)


def test_daily_backups_are_listed_by_time_and_the_old_ones_go(tmp_path: Path):
    assert daily_backups(tmp_path) == []
    paths = [daily_path(tmp_path, NOW_MS + day * DAY_MS) for day in (2, 0, 1)]
    paths[0].parent.mkdir()
    others = [paths[0].with_name(name) for name in ("mine.icb", "intentcast-99999999T999999Z.icb")]
    for path in [*paths, *others]:
        path.write_bytes(b"")
    whole = NOW_MS - NOW_MS % 1_000
    assert daily_backups(tmp_path) == [
        (whole, paths[1]),
        (whole + DAY_MS, paths[2]),
        (whole + 2 * DAY_MS, paths[0]),
    ]
    now_ms = NOW_MS + 2 * DAY_MS
    assert forget_old(tmp_path, 7, now_ms) == []
    assert forget_old(tmp_path, 1, now_ms) == [paths[1], paths[2]]
    assert [path.exists() for path in paths] == [True, False, False]
    assert all(path.exists() for path in others)


def test_backups_from_the_future_neither_stop_nor_outlive_others(tmp_path: Path):
    future, today = (daily_path(tmp_path, NOW_MS + day * DAY_MS) for day in (30, 0))
    future.parent.mkdir()
    future.write_bytes(b"")
    assert is_due(tmp_path, NOW_MS)
    today.write_bytes(b"")
    assert not is_due(tmp_path, NOW_MS)
    assert forget_old(tmp_path, 1, NOW_MS) == [future]
    assert today.exists()


async def test_a_cancelled_backup_ends_before_its_caller(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    begun, go, ended = threading.Event(), threading.Event(), threading.Event()
    plain, plain_rmtree = gather, shutil.rmtree
    cleaned: list[bool] = []

    def slow(*given: Path) -> None:
        begun.set()
        assert go.wait(10)
        plain(*given)
        ended.set()

    def rmtree(folder: Path, **named: Any) -> None:
        if begun.is_set():
            cleaned.append(ended.is_set())
        plain_rmtree(folder, **named)

    monkeypatch.setattr(maker, "gather", slow)
    monkeypatch.setattr(shutil, "rmtree", rmtree)
    caller = asyncio.create_task(home.backup(tmp_path / "one.icb"))
    await asyncio.to_thread(begun.wait, 10)
    caller.cancel()
    for _ in range(20):
        await asyncio.sleep(0)
    assert not caller.done()
    go.set()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert cleaned == [True]
    assert await asyncio.to_thread(lambda: list((home.path / "backups").iterdir())) == []
    assert not (tmp_path / "one.icb").exists()


async def test_what_a_dead_node_left_of_a_daily_backup_goes(home: Home, tmp_path: Path):
    left = daily_path(home.path, NOW_MS).with_suffix(".icb.partial")
    left.parent.mkdir()
    left.write_bytes(b"half")
    await home.backup(tmp_path / "one.icb")
    assert not left.exists()


async def test_a_folder_that_cannot_be_synced_is_told_and_left_as_it_was(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def broken(_folder: Path) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(maker, "sync_folder", broken)
    with pytest.raises(StorageError) as refused:
        await home.backup(tmp_path / "one.icb")
    assert refused.value.code == "E-BACKUP-WRITE"
    assert not (tmp_path / "one.icb").exists()
