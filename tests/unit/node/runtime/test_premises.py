"""The checks of a home that need no node, each with its cause made for real."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from node.clock import ManualClock
from node.config import Settings
from node.entropy import SeededEntropy
from node.errors import StorageError
from node.home import DATABASE_FILE, LOCK_FILE
from node.keystore import confirm_words, open_keyring
from node.runtime import premises
from node.runtime.findings import Finding, State
from node.runtime.premises import (
    Premises,
    check_database,
    check_disk,
    check_files,
    check_home,
    check_keys,
    check_sqlite,
    judge_health,
    judge_scrub,
)
from node.storage import health
from node.storage.database import Storage
from node.storage.exchange import draft_path, kept_path, note_path
from node.storage.faults import SCRUB_FIX
from node.storage.health import Engine, Health
from node.storage.lock import HomeLock
from node.storage.page_sums import sums_path
from node.storage.scrub import Damage, DamageKind, ScrubReport

NOW_MS = 1_800_000_000_000


@pytest.fixture
def home(tmp_path: Path) -> Path:
    found = tmp_path / "home"
    found.mkdir(mode=0o700)
    return found


def at(home: Path, *, is_up: bool = False) -> Premises:
    return Premises(home=home, settings=Settings(net="test"), is_up=is_up, wall_ms=NOW_MS)


def says(finding: Finding, state: State, *words: str) -> None:
    assert finding.state is state, finding
    told = f"{finding.cause} {finding.proof} {finding.fix}"
    for word in words:
        assert word in told, told
    if state in {State.WARN, State.BAD}:
        assert finding.fix


# --- the folder -----------------------------------------------------------------------------------


def test_a_home(home: Path):
    says(check_home(home), State.OK, str(home))
    home.chmod(0o755)
    says(check_home(home), State.WARN, "755", f"chmod 700 {home}")


def test_no_home_and_no_folder(home: Path):
    says(check_home(home / "none"), State.BAD, "no home here yet", "intentcast up")
    (home / "file").write_text("x")
    says(check_home(home / "file"), State.BAD, f"{home / 'file'} is a file, not a folder", "--home")
    says(check_home(home / "file" / "deeper"), State.BAD, f"below {home / 'file'}, a file")


def test_a_home_nobody_may_look_into(home: Path, monkeypatch: pytest.MonkeyPatch):
    def refuse(_path, **_kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "stat", refuse)
    says(check_home(home), State.BAD, "cannot be looked into: Permission denied")


# --- the disk -------------------------------------------------------------------------------------


def disk(monkeypatch: pytest.MonkeyPatch, free: int) -> None:
    found = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: found._replace(free=free))


@pytest.mark.parametrize(
    ("free", "state", "words"),
    [
        (2**33, State.OK, "has room"),
        (100 * 2**20, State.WARN, "nearly full"),
        (2**20, State.BAD, "1,048,576 bytes free (1.0 MiB)"),
    ],
)
def test_free_space(
    home: Path, monkeypatch: pytest.MonkeyPatch, free: int, state: State, words: str
):
    disk(monkeypatch, free)
    says(check_disk(at(home)), state, words)
    assert list(home.iterdir()) == []


def test_a_backup_would_not_fit(home: Path, monkeypatch: pytest.MonkeyPatch):
    disk(monkeypatch, 2**30)
    with (home / DATABASE_FILE).open("wb") as file:
        file.truncate(2**31)
    says(check_disk(at(home)), State.WARN, "a backup of the database would not fit", "2.0 GiB")


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write anywhere")
def test_a_home_that_cannot_be_written_to(home: Path):
    home.chmod(0o500)
    says(check_disk(at(home)), State.BAD, "cannot be written to")
    home.chmod(0o700)


# --- the database ---------------------------------------------------------------------------------


async def made(home: Path) -> Path:
    storage = await Storage.open(home / DATABASE_FILE, clock=ManualClock(wall_ms=1))
    await storage.close()
    return home / DATABASE_FILE


async def look_into(home: Path, *, scrub: bool) -> list[Finding]:
    return await check_database(at(home), clock=ManualClock(wall_ms=NOW_MS), scrub=scrub)


async def test_a_sound_database(home: Path):
    await made(home)
    found = await look_into(home, scrub=True)
    assert [each.name for each in found] == ["database", "contents"]
    says(found[0], State.OK, "reads well")
    says(found[1], State.OK, "0 objects and letters")
    HomeLock.acquire(home / LOCK_FILE).release()


async def test_no_database_yet(home: Path):
    (found,) = await look_into(home, scrub=True)
    says(found, State.SKIPPED, "none yet")


def cut(path: Path) -> None:
    """Leave a mending as a power cut between its two renames would."""
    draft_path(path).write_bytes(path.read_bytes())
    note_path(path).touch()
    path.replace(kept_path(path))


@pytest.mark.parametrize("scrub", [False, True])
async def test_a_mending_that_was_cut_is_ended_by_whoever_looks(home: Path, *, scrub: bool):
    path = await made(home)
    cut(path)
    found = await look_into(home, scrub=scrub)
    assert [each.name for each in found] == ["database", "contents"][: 1 + scrub]
    assert all(each.state is State.OK for each in found)
    assert path.exists()
    assert not note_path(path).exists()


async def test_a_mending_that_cannot_be_ended_here_is_named(home: Path):
    path = await made(home)
    cut(path)
    (home / LOCK_FILE).unlink(missing_ok=True)
    (home / LOCK_FILE).mkdir()
    (found,) = await look_into(home, scrub=False)
    says(
        found, State.WARN, "a mending was interrupted; the next start finishes it", "intentcast up"
    )
    assert "restore" not in found.fix
    assert not found.damaged


async def test_a_mending_the_disk_does_not_let_end(home: Path, monkeypatch: pytest.MonkeyPatch):
    await made(home)

    def refuse(_path: Path) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(premises, "finish", refuse)
    (found,) = await look_into(home, scrub=False)
    says(found, State.BAD, "E-DB-WRITE")


async def test_bytes_that_were_overwritten(home: Path):
    path = await made(home)
    with path.open("r+b") as file:
        file.seek(2 * 4_096 + 3_000)
        file.write(b"\xff" * 300)
    (found,) = await look_into(home, scrub=False)
    says(found, State.BAD, "pages of the database are not what was written", "1 damaged page")
    assert found.damaged
    # A node would not start on it: what mends a closed file is the scrub.
    assert "intentcast doctor --scrub" in found.fix


async def test_whoever_has_just_scrubbed_is_not_told_to_scrub(
    home: Path, monkeypatch: pytest.MonkeyPatch
):
    await made(home)
    broken = ScrubReport(damages=(damage(1, fix=SCRUB_FIX),))

    async def scrubbed(_path: Path, **_rest: object) -> ScrubReport:
        return broken

    def look(_path: Path) -> Health:
        raise StorageError("it is malformed", code="E-DB-DAMAGED", fix=SCRUB_FIX)

    monkeypatch.setattr(premises, "scrub_closed", scrubbed)
    monkeypatch.setattr(health, "look", look)
    found = await look_into(home, scrub=True)
    # What the scrub found is told although the file cannot be read after it.
    assert [each.name for each in found] == ["database", "contents"]
    assert all(each.damaged for each in found)
    assert not any("--scrub" in each.fix for each in found)
    (unread,) = await look_into(home, scrub=False)
    assert "--scrub" in unread.fix
    monkeypatch.setattr(health, "look", lambda _path: seen(trouble="pages", pages=2))
    found = await look_into(home, scrub=True)
    assert "intentcast restore" in found[0].fix
    assert "--scrub" not in found[0].fix


async def test_a_database_that_is_none(home: Path):
    path = await made(home)
    sums_path(path).unlink()
    path.write_bytes(b"my holiday photographs " * 1_000)
    (found,) = await look_into(home, scrub=False)
    says(found, State.BAD, "E-DB-DAMAGED", "doctor --scrub")
    assert found.damaged
    for each in await look_into(home, scrub=True):
        says(each, State.BAD, "intentcast restore")
        assert each.damaged


async def test_a_home_in_use_is_named_with_its_process(home: Path):
    await made(home)
    lock = HomeLock.acquire(home / LOCK_FILE)
    (found,) = await look_into(home, scrub=False)
    says(found, State.BAD, f"in use by pid {os.getpid()}", "E-HOME-IN-USE")
    assert not found.damaged
    lock.release()


async def test_a_disk_that_cannot_be_locked_is_read_all_the_same(home: Path):
    await made(home)
    (home / LOCK_FILE).unlink(missing_ok=True)
    (home / LOCK_FILE).mkdir()
    (found,) = await look_into(home, scrub=False)
    says(found, State.OK, "reads well")


def seen(**changes: object) -> Health:
    facts: dict[str, object] = {
        "file_bytes": 4_096,
        "log_bytes": 0,
        "schema": 3,
        "newest": 3,
        "is_ours": True,
    }
    return Health(**(facts | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "words", "damaged"),
    [
        ({"schema": 9}, "a newer intentcast", False),
        ({"is_ours": False}, "another program's", True),
        ({"said": ("row 3 missing",)}, "row 3 missing", True),
        ({"trouble": "missing"}, "is gone", True),
        ({"trouble": "foreign"}, "another home's", True),
        ({"trouble": "lost"}, "not in the database any more", True),
        ({"trouble": "odd"}, "odd", True),
    ],
)
def test_what_is_wrong_with_a_database(changes: dict[str, object], words: str, *, damaged: bool):
    found = judge_health(seen(**changes))
    says(found, State.BAD, words, "schema")
    assert found.damaged is damaged


def damage(number: int, *, fix: str = "", mended: bool = False) -> Damage:
    sentence = f"object {number} is damaged"
    return Damage(what=DamageKind.OBJECT, sentence=sentence, fix=fix, mended=mended)


def test_a_scrub_names_what_is_damaged_and_what_to_do():
    damages = tuple(damage(number, fix=SCRUB_FIX) for number in range(6))
    found = judge_scrub(ScrubReport(checked=7, pages=9, damages=damages))
    says(found, State.BAD, "6 things", "object 0 is damaged", "2 more", "7 objects", "9 pages")
    assert found.damaged
    assert "--scrub" not in found.fix
    found = judge_scrub(ScrubReport(damages=(damage(1, fix="Import the feed again"),)))
    assert found.fix == "Import the feed again"


def test_what_is_to_be_typed_survives_a_space_in_the_path(tmp_path: Path):
    home = tmp_path / "my home"
    home.mkdir()
    home.chmod(0o755)
    assert check_home(home).fix == f"chmod 700 '{home}'"
    home.chmod(0o700)
    key = with_keys(home)
    (home / "root.new").touch()
    assert f"rm '{home}/root.new'" in check_files(at(home)).fix
    (home / "api.token").touch()
    (home / "api.token").chmod(0o644)
    assert check_files(at(home)).fix == f"chmod 600 '{home}/api.token'"
    key.chmod(0o644)
    assert check_keys(at(home), is_locked=None).fix == f"chmod 600 '{home}/root.key'"


def test_what_was_mended_is_no_damage_any_more():
    found = judge_scrub(ScrubReport(damages=(damage(1, mended=True),)))
    says(found, State.WARN, "1 damaged thing was mended", "object 1 is damaged; mended")
    assert not found.damaged
    mixed = judge_scrub(ScrubReport(damages=(damage(1, mended=True), damage(2))))
    says(mixed, State.BAD, "1 thing", "object 2")
    assert "object 1" not in mixed.proof


@pytest.mark.parametrize(
    ("engine", "state", "words"),
    [
        (Engine(version="3.36.0", is_new_enough=False, can_lose_commits=True), "bad", "3.37"),
        (Engine(version="3.40.1", is_new_enough=True, can_lose_commits=True), "ok", "over one"),
        (Engine(version="3.51.3", is_new_enough=True, can_lose_commits=False), "ok", "will do"),
    ],
)
def test_sqlite(monkeypatch: pytest.MonkeyPatch, engine: Engine, state: str, words: str):
    monkeypatch.setattr(health, "engine", lambda: engine)
    says(check_sqlite(), State(state), words, engine.version)


# --- keys and files -------------------------------------------------------------------------------


def with_keys(home: Path) -> Path:
    open_keyring(home, SeededEntropy("keys", net="test"))
    return home / "root.key"


def test_keys(home: Path):
    says(check_keys(at(home), is_locked=None), State.SKIPPED, "none yet")
    with_keys(home)
    says(check_keys(at(home), is_locked=False), State.WARN, "24 words", "intentcast words")
    confirm_words(home)
    says(check_keys(at(home), is_locked=False), State.OK, "plain file")
    says(check_keys(at(home), is_locked=True), State.WARN, "locked", "intentcast unlock")


def test_keys_that_are_gone_damaged_or_open(home: Path):
    path = with_keys(home)
    path.chmod(0o644)
    says(check_keys(at(home), is_locked=None), State.BAD, "E-KEYS-OPEN", "chmod 600")
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[:-1])
    found = check_keys(at(home), is_locked=None)
    says(found, State.BAD, "E-KEYS-DAMAGED")
    assert found.damaged
    path.unlink()
    (home / DATABASE_FILE).touch()
    says(check_keys(at(home), is_locked=None), State.BAD, "E-KEYS-NONE")


def test_a_key_file_that_cannot_be_read(home: Path, monkeypatch: pytest.MonkeyPatch):
    def refuse(_home: Path) -> bool:
        raise PermissionError(13, "Permission denied", "root.key")

    monkeypatch.setattr(premises, "is_sealed", refuse)
    says(check_keys(at(home), is_locked=None), State.BAD, "cannot be read", "Permission denied")


def test_files_that_lie_open(home: Path):
    says(check_files(at(home)), State.OK)
    token = home / "api.token"
    token.write_text("t")
    token.chmod(0o640)
    says(check_files(at(home)), State.BAD, "api.token", f"chmod 600 {token}")


def test_a_key_that_lies_open_is_one_thing_wrong(home: Path):
    with_keys(home).chmod(0o644)
    confirm_words(home)
    found = [check_keys(at(home), is_locked=None), check_files(at(home))]
    assert [each.state for each in found] == [State.BAD, State.OK]
    (home / "node.key").write_bytes(b"")
    (home / "node.key").chmod(0o644)
    says(check_files(at(home)), State.BAD, "node.key", f"chmod 600 {home / 'node.key'}")


def test_what_a_node_holds_that_starts_or_stops_is_not_left_behind(home: Path):
    (home / "api.json").write_bytes(b"{}")
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as starting:
        (home / LOCK_FILE).write_text(str(starting.pid))
        says(check_files(at(home)), State.OK)
        starting.communicate(b"\n")
    # It is gone, however it went; and what this very process holds to look into it is no node.
    says(check_files(at(home)), State.WARN, "api.json")
    (home / LOCK_FILE).write_text(str(os.getpid()))
    says(check_files(at(home)), State.WARN, "api.json")


def test_files_that_were_left_behind(home: Path):
    draft = home / "root.new"
    draft.write_bytes(b"")
    (home / "api.json").write_bytes(b"{}")
    says(check_files(at(home)), State.WARN, "api.json, root.new", f"rm {home}/api.json")
    # While the node runs its address is no remainder, and a young draft is in somebody's hands.
    os.utime(draft, (NOW_MS / 1_000 - 10,) * 2)
    says(check_files(at(home, is_up=True)), State.OK)
    os.utime(draft, (NOW_MS / 1_000 - 100,) * 2)
    says(check_files(at(home, is_up=True)), State.WARN, "root.new")
