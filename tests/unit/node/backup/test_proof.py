"""Proving a backup: every way in which it may be of no use has its own sentence."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path

import msgspec
import pytest

from node.backup import proof
from node.backup.container import read_head
from node.backup.contents import Manifest, unpack
from node.backup.proof import Proved, check_head, head_of, prove_backup
from node.errors import NotFoundError, StorageError
from node.keystore import Keyring
from node.storage.database import Storage
from node.storage.migrations import migrations
from protocol.errors import IntentcastError
from tests.unit.node.backup.conftest import NET, Home


async def proved(home: Home, file: Path, net: str | None = None) -> Proved:
    return await prove_backup(file, home.keyring, home=home.path, clock=home.clock, net=net)


async def code_of(home: Home, file: Path, net: str | None = None) -> str:
    with pytest.raises(IntentcastError) as refused:
        await proved(home, file, net)
    assert refused.value.fix
    assert list((home.path / "backups").iterdir()) == []
    return refused.value.code


async def test_a_sound_backup_is_told_with_what_it_holds(home: Home, file: Path):
    found = await proved(home, file, NET)
    assert found.size == file.stat().st_size
    assert found.files == ("config.toml", "feed.csv", "node.db", "vendor.toml")
    assert (found.inventory.casts, found.checked) == (0, 0)
    assert list((home.path / "backups").iterdir()) == []


async def test_without_a_home_it_is_looked_into_elsewhere(home: Home, file: Path, tmp_path: Path):
    found = await prove_backup(file, home.keyring, home=tmp_path / "none", clock=home.clock)
    assert found.head.net == NET
    assert not (tmp_path / "none").exists()


async def test_what_may_be_wrong_with_a_file(home: Home, file: Path, tmp_path: Path):
    raw = await asyncio.to_thread(file.read_bytes)
    bad = tmp_path / "bad.icb"
    cases = {
        "E-BACKUP-CUT": raw[: len(raw) // 2],
        "E-BACKUP-DAMAGED": raw[:9_000] + bytes([raw[9_000] ^ 1]) + raw[9_001:],
        "E-BACKUP-FILE": b"PK\x03\x04 something else",
        "E-BACKUP-NEWER": b"intentcast backup 9\n" + raw[20:],
    }
    for code, content in cases.items():
        await asyncio.to_thread(bad.write_bytes, content)
        assert await code_of(home, bad) == code
    assert await code_of(home, tmp_path / "none.icb") == "E-FILE"
    assert await code_of(home, file, net="another") == "E-BACKUP-NET"
    home.keyring.lock()
    assert await code_of(home, file) == "E-KEYS-LOCKED"
    home.keyring = Keyring(bytes(32))
    assert await code_of(home, file) == "E-BACKUP-KEY"


async def test_nobody_waits_for_a_pipe_or_a_folder(home: Home, file: Path, tmp_path: Path):
    assert file.is_file()
    os.mkfifo(tmp_path / "pipe.icb")
    for path in (tmp_path / "pipe.icb", tmp_path, Path("/dev/zero")):
        async with asyncio.timeout(5):
            assert await code_of(home, path) == "E-FILE"
        with pytest.raises(NotFoundError) as refused:
            head_of(path)
        assert "is no file" in refused.value.sentence


def test_a_newer_schema_is_told_with_both_numbers(home: Home, file: Path):
    with file.open("rb") as stream:
        head, _ = read_head(stream)
    newer = msgspec.structs.replace(head, schema=len(migrations()) + 1)
    with pytest.raises(IntentcastError) as refused:
        check_head(newer, home.keyring, None)
    assert refused.value.code == "E-BACKUP-NEWER"
    assert str(len(migrations()) + 1) in str(refused.value)


async def replaced(home: Home, file: Path, monkeypatch: pytest.MonkeyPatch, database: bytes) -> str:
    """What is said of a backup whose database is this."""

    def planted(blocks, folder: Path) -> Manifest:
        manifest = unpack(blocks, folder)
        (folder / "node.db").write_bytes(database)
        return manifest

    monkeypatch.setattr(proof, "unpack", planted)
    return await code_of(home, file)


async def test_a_database_damaged_before_its_backup(home: Home, file: Path, monkeypatch):
    assert await replaced(home, file, monkeypatch, b"not a database" * 100) == "E-BACKUP-CONTENT"


async def test_records_damaged_before_their_backup(
    home: Home, file: Path, tmp_path: Path, monkeypatch
):
    copy = tmp_path / "copy.db"
    await home.storage.copy_to(copy)
    storage = await Storage.open(copy, clock=home.clock)

    def spoil(conn) -> None:
        conn.execute(
            "INSERT INTO objects"
            " (id, signed_hash, kind, key, at, exp, own, stored_ms, checksum, raw)"
            " VALUES (?, ?, 'intentcast', ?, 1, 2, 1, 3, ?, ?)",
            (bytes(32), bytes(16), bytes(32), bytes(16), b"these are not its bytes"),
        )

    await storage.write(spoil)
    await storage.close()
    assert await replaced(home, file, monkeypatch, copy.read_bytes()) == "E-BACKUP-CONTENT"


async def test_other_failures_of_the_database_keep_their_own_words(
    home: Home, file: Path, monkeypatch
):
    async def busy(*_args, **_kwargs):
        raise StorageError("held", code="E-DB-BUSY", fix="Wait")

    monkeypatch.setattr(Storage, "open", busy)
    assert await code_of(home, file) == "E-DB-BUSY"


async def test_no_room_to_look(home: Home, file: Path, monkeypatch):
    def full(_blocks, _folder: Path) -> Manifest:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(proof, "unpack", full)
    assert await code_of(home, file) == "E-DISK-FULL"
    shutil.rmtree(home.path / "backups")
    with pytest.raises(IntentcastError):
        await prove_backup(file, Keyring(bytes(32)), home=home.path, clock=home.clock)


async def test_what_a_check_that_died_laid_open_goes(home: Home, file: Path):
    backups = home.path / "backups"
    dead, making, linked = (backups / f".proof-{name}" for name in ("dead", "making", "linked"))
    for folder in (dead, making):
        folder.mkdir()
    (dead / "node.lock").write_text("")
    (dead / "node.db").write_text("laid open")
    elsewhere = home.path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "node.lock").write_text("of somebody")
    linked.symlink_to(elsewhere)
    other, lock = proof._work_folder(backups)
    await proved(home, file)
    assert sorted(backups.iterdir()) == sorted([making, linked, other])
    assert (elsewhere / "node.lock").read_text() == "of somebody"
    lock.release()


async def test_a_file_that_cannot_be_read_to_its_end_is_no_lack_of_room(
    home: Home, file: Path, monkeypatch: pytest.MonkeyPatch
):
    def broken(*_args: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(proof, "read_stream", broken)
    with pytest.raises(IntentcastError) as refused:
        await proved(home, file)
    assert refused.value.code == "E-FILE"
    assert "Input/output error" in str(refused.value)
