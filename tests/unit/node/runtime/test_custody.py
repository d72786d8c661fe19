"""The custodian: locked and unlocked on request and by time, sealed, backed up by the day."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from node.api.documents.custody import BackupProofDocument, BackupsDocument
from node.clock import ManualClock
from node.config import Settings
from node.entropy import SeededEntropy
from node.errors import KeystoreError, StorageError
from node.keyfile import Cost
from node.keystore import confirm_words, open_keyring, open_root_bytes
from node.runtime import custody as rooms
from node.runtime.custody import Custody
from node.storage import audit
from node.storage.database import Storage
from protocol.now import DAY_MS, MINUTE_MS
from tests.parties import NET, NOW_MS

ONE, TWO = "the first passphrase", "the second passphrase"
CHEAP = Cost(passes=1, memory_kib=8 * 1024)


class Room:
    """A custodian of a home of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.entropy = SeededEntropy("custody", net=NET)
        self.clock = ManualClock(wall_ms=NOW_MS)
        self.keyring, _ = open_keyring(home, self.entropy)
        self.changes = 0
        self.storage: Storage
        self.custody: Custody

    async def open(self, **settings: Any) -> Custody:
        self.storage = await Storage.open(self.home / "node.db", clock=self.clock)
        return self.again(**settings)

    def again(self, **settings: Any) -> Custody:
        self.custody = Custody(
            home=self.home,
            keyring=self.keyring,
            storage=self.storage,
            settings=Settings(net=NET, **settings),
            clock=self.clock,
            entropy=self.entropy,
            on_change=self.changed,
            cost=CHEAP,
        )
        return self.custody

    def changed(self) -> None:
        self.changes += 1

    async def told(self) -> list[str]:
        lines = await self.storage.read(lambda db: audit.load_after(db, 0, limit=50))
        return [line.what for line in lines]

    def backups(self) -> list[str]:
        return sorted(path.name for path in (self.home / "backups").glob("*.icb"))


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    found = Room(tmp_path)
    await found.open()
    yield found
    await found.storage.close()


async def test_a_fresh_home_is_told_what_is_still_to_do(room: Room):
    found = await room.custody.document()
    assert found == {
        "schema": "intentcast.keys/1",
        "locked": False,
        "passphrase": False,
        "words_confirmed": False,
        "auto_lock_minutes": 0,
        "newest_backup": None,
    }
    plain, words = room.custody.notices()
    assert "intentcast passphrase set" in plain
    assert "never written down" in words
    confirm_words(room.home)
    await room.custody.set_passphrase(None, ONE)
    assert room.custody.notices() == []


async def test_locked_and_unlocked(room: Room):
    seed = room.keyring.sign_seed(b"x")
    await room.custody.set_passphrase(None, ONE)
    found = await room.custody.lock()
    assert (found["locked"], found["passphrase"], room.keyring.is_locked) == (True, True, True)
    assert "intentcast unlock" in room.custody.notices()[0]
    await room.custody.lock()
    for wrong in (TWO, "short"):
        with pytest.raises(KeystoreError) as refused:
            await room.custody.unlock(wrong)
        assert refused.value.code == "E-PASSPHRASE-WRONG"
        assert room.keyring.is_locked
    found = await room.custody.unlock(ONE)
    assert (found["locked"], room.keyring.sign_seed(b"x")) == (False, seed)
    await room.custody.unlock("anything goes while it is open")
    assert room.changes == 2
    assert await room.told() == ["keys.passphrase", "keys.locked", "keys.unlocked"]


async def test_a_home_without_a_passphrase_cannot_be_locked(room: Room):
    with pytest.raises(KeystoreError) as refused:
        await room.custody.lock()
    assert refused.value.code == "E-PASSPHRASE-STATE"
    assert "unlock it again" in refused.value.sentence
    assert not room.keyring.is_locked


async def test_guesses_are_made_one_at_a_time(room: Room, monkeypatch: pytest.MonkeyPatch):
    await room.custody.set_passphrase(None, ONE)
    await room.custody.lock()
    inside, most = 0, 0
    plain = open_root_bytes

    def counted(*given: Any) -> bytes:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        try:
            return plain(*given)
        finally:
            inside -= 1

    monkeypatch.setattr(rooms, "open_root_bytes", counted)
    tries = (room.custody.unlock(TWO) for _ in range(4))
    outcomes = await asyncio.gather(*tries, return_exceptions=True)
    assert all(isinstance(each, KeystoreError) for each in outcomes)
    assert most == 1


async def test_a_passphrase_taken_away_leaves_the_keys_open(room: Room):
    await room.custody.set_passphrase(None, ONE)
    await room.custody.set_passphrase(ONE, TWO)
    await room.custody.lock()
    found = await room.custody.set_passphrase(TWO, None)
    assert (found["locked"], found["passphrase"]) == (False, False)
    with pytest.raises(KeystoreError):
        await room.custody.set_passphrase(TWO, ONE)


async def test_a_change_of_passphrase_leaves_a_lock_locked(room: Room):
    await room.custody.set_passphrase(None, ONE)
    await room.custody.lock()
    assert (await room.custody.set_passphrase(ONE, TWO))["locked"]


async def test_a_damaged_key_file_is_told_and_stops_nothing(room: Room):
    (room.home / "root.key").write_bytes(b"nonsense")
    found = await room.custody.document()
    assert not found["passphrase"]
    assert "damaged" in room.custody.notices()[0]


# --- the lock that closes by itself --------------------------------------------------------------


async def test_after_a_while_without_use_it_locks(room: Room):
    custody = room.again(auto_lock_minutes=10)
    await custody.set_passphrase(None, ONE)
    room.clock.advance(9 * MINUTE_MS)
    assert not await custody.lock_if_idle()
    room.keyring.check()
    assert not await custody.lock_if_idle()
    room.clock.advance(9 * MINUTE_MS)
    assert not await custody.lock_if_idle()
    room.clock.advance(MINUTE_MS)
    assert await custody.lock_if_idle()
    assert room.keyring.is_locked
    assert not await custody.lock_if_idle()
    await custody.unlock(ONE)
    assert not await custody.lock_if_idle()


async def test_without_patience_or_passphrase_it_never_does(room: Room):
    custody = room.again(auto_lock_minutes=1)
    room.clock.advance(DAY_MS)
    assert not await custody.lock_if_idle()
    await room.custody.set_passphrase(None, ONE)
    custody = room.again()
    room.clock.advance(DAY_MS)
    assert not await custody.lock_if_idle()
    assert not room.keyring.is_locked


# --- backups -------------------------------------------------------------------------------------


async def test_a_backup_is_written_where_it_was_asked_for(room: Room, tmp_path: Path):
    found = await room.custody.backup(str(tmp_path / "one.icb"))
    assert (tmp_path / "one.icb").stat().st_size == found["bytes"]
    assert found["schema"] == "intentcast.backup/1"
    assert (found["net"], found["holds"]) == (NET, ["database"])
    assert await room.told() == ["backup"]
    await room.custody.set_passphrase(None, ONE)
    await room.custody.lock()
    with pytest.raises(KeystoreError) as refused:
        await room.custody.backup(str(tmp_path / "two.icb"))
    assert refused.value.code == "E-KEYS-LOCKED"


async def test_one_a_day_and_so_many_kept(room: Room):
    custody = room.again(backups_kept=2)
    assert await custody.back_up_if_due()
    assert not await custody.back_up_if_due()
    for _ in range(3):
        room.clock.advance(DAY_MS)
        assert await custody.back_up_if_due()
        assert not await custody.back_up_if_due()
    assert len(room.backups()) == 2
    found = await custody.document()
    assert found["newest_backup"].startswith(room.backups()[-1][11:15])
    room.clock.advance(-40 * DAY_MS)
    assert await custody.back_up_if_due()


async def test_none_while_locked_and_none_when_none_are_wanted(room: Room):
    assert not await room.again(backups_kept=0).back_up_if_due()
    custody = room.again()
    await custody.set_passphrase(None, ONE)
    await custody.lock()
    assert not await custody.back_up_if_due()
    await custody.unlock(ONE)
    assert await custody.back_up_if_due()


async def test_time_does_both(room: Room, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(rooms, "_LOOK_S", 0.001)
    monkeypatch.setattr(rooms, "_LOOKS_PER_BACKUP", 2)
    custody = room.again(auto_lock_minutes=1)
    await custody.set_passphrase(None, ONE)
    running = asyncio.create_task(custody.run())
    async with asyncio.timeout(10):
        while not room.backups():
            await asyncio.sleep(0.01)
        room.clock.advance(MINUTE_MS)
        while not room.keyring.is_locked:
            await asyncio.sleep(0.01)
    running.cancel()


async def test_a_daily_backup_that_fails_is_told_once_and_tried_again(
    room: Room, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    async def full(*_args: Any, **_kwargs: Any) -> None:
        raise StorageError("the disk is full", code="E-DISK-FULL", fix="Free some")

    with monkeypatch.context() as patched:
        patched.setattr(rooms, "make_backup", full)
        await room.custody._try_backup()
        await room.custody._try_backup()
    assert any("disk is full" in notice for notice in room.custody.notices())
    assert caplog.text.count("the daily backup was not written") == 1
    await room.custody._try_backup()
    assert len(room.backups()) == 1
    assert not any("disk is full" in notice for notice in room.custody.notices())


async def test_a_full_disk_denies_nothing_that_was_done(
    room: Room, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
):
    async def full(*_args: object, **_named: object) -> None:
        raise StorageError("the disk is full", code="E-DISK-FULL")

    monkeypatch.setattr(room.storage, "write", full)
    await room.custody.set_passphrase(None, ONE)
    await room.custody.lock()
    assert (room.keyring.is_locked, room.changes) == (True, 1)
    await room.custody.unlock(ONE)
    assert (room.keyring.is_locked, room.changes) == (False, 2)
    found = await room.custody.backup(str(tmp_path / "one.icb"))
    assert Path(found["path"]).exists()
    assert "keys.locked was not noted" in caplog.text


async def test_a_clock_set_back_makes_one_backup_not_one_a_minute(room: Room):
    custody = room.again(backups_kept=1)
    room.clock.jump_wall(30 * DAY_MS)
    assert await custody.back_up_if_due()
    room.clock.jump_wall(-30 * DAY_MS)
    assert await custody.back_up_if_due()
    assert not await custody.back_up_if_due()
    assert len(room.backups()) == 1


async def test_a_backup_is_proved_by_reading_all_of_it(room: Room, tmp_path: Path):
    target = tmp_path / "one.icb"
    made = await room.custody.backup(str(target))
    found = await room.custody.prove(str(target))
    assert (found["schema"], found["path"]) == ("intentcast.backup-proof/1", str(target))
    assert (found["bytes"], found["at"], found["net"]) == (made["bytes"], made["at"], NET)
    assert (found["casts"], found["deals"]) == (0, 0)
    assert msgspec.convert(found, BackupProofDocument).checked == 0
    raw = bytearray(target.read_bytes())
    raw[-9] ^= 1
    target.write_bytes(raw)
    with pytest.raises(StorageError) as altered:
        await room.custody.prove(str(target))
    assert altered.value.code == "E-BACKUP-DAMAGED"


async def test_the_daily_backups_are_listed_newest_first(room: Room):
    assert (await room.custody.backups())["backups"] == []
    for _ in range(2):
        assert await room.custody.back_up_if_due()
        room.clock.advance(DAY_MS)
    found = await room.custody.backups()
    assert (found["kept"], found["trouble"]) == (Settings().backups_kept, "")
    assert len(msgspec.convert(found, BackupsDocument).backups) == 2
    days = [each["at"][:10] for each in found["backups"]]
    assert days == sorted(days, reverse=True)
    assert all(each["path"].startswith(found["folder"]) for each in found["backups"])
