"""Bytes that changed on the disk: found before one of them is served, named, with the next step.

An overwrite is harmful when a home without sums would answer anything else than before, or nothing.
Each harmful one must be refused; each that is not refused must leave every answer as it was.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from node.errors import StorageError
from node.storage.examination import examine, sums_of_file
from node.storage.page_sums import PageSums, sums_path
from tests.faults_storage import lodging

ROOT = Path(__file__).resolve().parents[2]
LONG = os.environ.get("INTENTCAST_LONG") == "1"
OVERWRITES = 501 if LONG else 60
BYTES_MAX = 512
SEED = 20_261_122
CODES = {"E-DB-DAMAGED", "E-DB-MISSING", "E-DB-FOREIGN"}
SUFFIXES = ("", "-wal", "-sums")

pytestmark = pytest.mark.timeout(1_800 if LONG else 120)


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home that was closed."""
    path = tmp_path_factory.mktemp("clean") / "home.db"
    asyncio.run(lodging.furnish(path, leave_log=False))
    return path


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose process was killed: its newest changes stand in the log alone."""
    path = tmp_path_factory.mktemp("killed") / "home.db"
    program = [sys.executable, "-m", "tests.faults_storage.lodging", str(path)]
    subprocess.run(program, cwd=ROOT, check=True, timeout=60)
    assert path.with_name("home.db-wal").stat().st_size > 100_000
    return path


@pytest.fixture(scope="module")
def expected(clean: Path) -> str:
    """What a whole home answers."""
    found = lodging.answered(copied(clean, clean.parent / "asked"))
    assert isinstance(found, str)
    return found


def copied(home: Path, folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    for suffix in SUFFIXES:
        source = home.with_name(home.name + suffix)
        if source.exists():
            shutil.copyfile(source, folder / source.name)
    return folder / home.name


def overwrite(file: Path, dice: random.Random) -> None:
    """Put up to 512 random bytes somewhere."""
    content = bytearray(file.read_bytes())
    count = dice.randint(1, BYTES_MAX)
    at = dice.randrange(len(content))
    content[at : at + count] = dice.randbytes(min(count, len(content) - at))
    file.write_bytes(content)


def is_harmful(home: Path, expected: str) -> bool:
    """Tell whether a home without sums would answer anything else, or fail."""
    sums_path(home).unlink()
    try:
        return lodging.answered(home) != expected
    except Exception:  # noqa: BLE001 - whatever damage does to code that does not expect it
        return True


def sqlite_notices(home: Path) -> bool:
    try:
        conn = sqlite3.connect(home)
        try:
            return conn.execute("PRAGMA integrity_check").fetchall() != [("ok",)]
        finally:
            conn.close()
    except (sqlite3.Error, UnicodeDecodeError):
        return True


def is_told_well(error: StorageError) -> bool:
    return error.code in CODES and "home.db" in error.sentence and bool(error.fix)


@pytest.mark.parametrize(
    ("state", "suffix"), [("clean", ""), ("killed", ""), ("killed", "-wal")], ids=str
)
def test_every_harmful_overwrite_is_refused(
    clean: Path, killed: Path, expected: str, tmp_path: Path, state: str, suffix: str
):
    dice = random.Random(f"{SEED} {state} {suffix}")
    whole = clean if state == "clean" else killed
    found: Counter[str] = Counter()
    for _ in range(OVERWRITES // 3):
        home = copied(whole, tmp_path / "home")
        overwrite(home.with_name(home.name + suffix), dice)
        bare = copied(home, tmp_path / "bare")
        plain = copied(home, tmp_path / "plain")
        told = lodging.answered(home)
        if isinstance(told, StorageError):
            assert is_told_well(told), told
            found["refused"] += 1
        else:
            assert told == expected, "wrong bytes were served"
        if is_harmful(bare, expected):
            found["harmful"] += 1
            found["by SQLite alone"] += sqlite_notices(plain)
            assert isinstance(told, StorageError), "a harmful overwrite was not noticed"
    print(json.dumps({"state": state, "file": f"home.db{suffix}", **found}))
    assert found["harmful"] > 0


def sums_are_true(home: Path) -> bool:
    """Tell whether a closed home has the very sum of each of its pages."""
    sums = PageSums.load(home)
    if sums is None:
        return False
    try:
        with home.open("rb") as file:
            return sums.sums() == sums_of_file(file, sums.mark.page_bytes)
    finally:
        sums.close()


@pytest.mark.parametrize("state", ["clean", "killed"])
def test_overwritten_sums_cost_no_byte_and_are_made_anew(
    clean: Path, killed: Path, expected: str, tmp_path: Path, state: str
):
    dice = random.Random(f"{SEED} {state} sums")
    found: Counter[str] = Counter()
    for _ in range(OVERWRITES // 3):
        home = copied(clean if state == "clean" else killed, tmp_path / "home")
        overwrite(sums_path(home), dice)
        found["noticed"] += examine(home).are_sums_damaged
        assert lodging.answered(home) == expected, "whole data was refused, or served wrong"
        assert sums_are_true(home), "what is damaged next would not be noticed"
        found["overwritten"] += 1
    print(json.dumps({"state": state, "file": "home.db-sums", **found}))
    assert found["noticed"] > 0


@pytest.mark.parametrize("left", [0, 100, 512, 3_000])
def test_sums_cut_short_are_made_anew(clean: Path, expected: str, tmp_path: Path, left: int):
    home = copied(clean, tmp_path / "home")
    os.truncate(sums_path(home), left)
    assert lodging.answered(home) == expected
    assert sums_are_true(home)


def test_damage_is_noticed_although_the_sums_are_damaged_too(clean: Path, tmp_path: Path):
    home = copied(clean, tmp_path / "home")
    content = home.read_bytes()
    at = content.find(lodging.cast_of(3).raw) + 300
    home.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
    os.truncate(sums_path(home), 512)
    error = lodging.answered(home)
    assert isinstance(error, StorageError)
    assert is_told_well(error)
    assert "home.db-sums" in error.sentence


def test_a_whole_home_is_not_refused(clean: Path, killed: Path, expected: str, tmp_path: Path):
    for number, whole in enumerate((clean, killed)):
        assert lodging.answered(copied(whole, tmp_path / str(number))) == expected


@pytest.mark.parametrize("left", [0, 100, 4_096, 100_000])
def test_a_file_cut_short_is_refused(clean: Path, tmp_path: Path, left: int):
    home = copied(clean, tmp_path / "home")
    os.truncate(home, left)
    error = lodging.answered(home)
    assert isinstance(error, StorageError)
    assert error.code == "E-DB-DAMAGED"
    assert "pages are left" in error.sentence
    assert "doctor --scrub" in error.fix


def test_a_file_that_is_gone_is_named(clean: Path, tmp_path: Path):
    home = copied(clean, tmp_path / "home")
    home.unlink()
    error = lodging.answered(home)
    assert isinstance(error, StorageError)
    assert error.code == "E-DB-MISSING"
    assert "restore" in error.fix
    assert not home.exists(), "a new, empty one was put in its place"


@pytest.mark.parametrize("left", [None, 0, 20, 30_000])
def test_a_log_cut_short_is_named(killed: Path, tmp_path: Path, left: int | None):
    home = copied(killed, tmp_path / "home")
    log = home.with_name("home.db-wal")
    if left is None:
        log.unlink()
    else:
        os.truncate(log, left)
    error = lodging.answered(home)
    assert isinstance(error, StorageError)
    assert error.code == "E-DB-DAMAGED"
    assert "home.db-wal" in error.sentence
    assert "restore" in error.fix


def test_another_homes_database_is_named(clean: Path, killed: Path, tmp_path: Path):
    home = copied(clean, tmp_path / "home")
    other = copied(killed, tmp_path / "other")
    conn = sqlite3.connect(other)
    conn.execute("UPDATE origin SET made_by = 'node-OTHER'")
    conn.commit()
    conn.close()
    shutil.copyfile(other, home)
    error = lodging.answered(home)
    assert isinstance(error, StorageError)
    assert error.code == "E-DB-FOREIGN"
    assert "node-OTHER" in error.sentence
    assert "home.db-sums" in error.fix
    sums_path(home).unlink()
    assert isinstance(lodging.answered(home), str), "kept on purpose, it is taken as it is"


def test_another_program_that_brings_the_log_home_is_no_damage(
    killed: Path, expected: str, tmp_path: Path
):
    home = copied(killed, tmp_path / "home")
    conn = sqlite3.connect(home)
    assert conn.execute("SELECT count(*) FROM deals").fetchone() != (0,)
    conn.close()
    assert not home.with_name("home.db-wal").exists()
    assert lodging.answered(home) == expected
