"""One daemon per home."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from node.errors import StorageError
from node.storage.lock import HomeLock, other_holder


def test_a_second_holder_hears_who_the_first_is(tmp_path: Path):
    lock = HomeLock.acquire(tmp_path / "lock")
    with pytest.raises(StorageError) as refused:
        HomeLock.acquire(tmp_path / "lock")
    assert refused.value.code == "E-HOME-IN-USE"
    assert f"in use by pid {os.getpid()}" in str(refused.value)
    assert refused.value.fix
    lock.release()


def test_a_released_lock_can_be_taken(tmp_path: Path):
    lock = HomeLock.acquire(tmp_path / "lock")
    lock.release()
    lock.release()
    assert (tmp_path / "lock").read_bytes() == b""
    HomeLock.acquire(tmp_path / "lock").release()


def test_a_dead_holder_leaves_no_lock(tmp_path: Path):
    code = (
        "import os, sys; from pathlib import Path; from node.storage.lock import HomeLock;"
        "HomeLock.acquire(Path(sys.argv[1])); os._exit(9)"
    )
    root = Path(__file__).resolve().parents[4]
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "lock")], cwd=root, check=False, timeout=20
    )
    assert done.returncode == 9
    assert (tmp_path / "lock").read_bytes() != b""
    lock = HomeLock.acquire(tmp_path / "lock")
    assert (tmp_path / "lock").read_bytes() == str(os.getpid()).encode()
    lock.release()


def test_a_holder_that_wrote_nothing_readable_is_unknown(tmp_path: Path):
    lock = HomeLock.acquire(tmp_path / "lock")
    (tmp_path / "lock").write_bytes(b"\xff nobody")
    with pytest.raises(StorageError, match="in use by pid unknown"):
        HomeLock.acquire(tmp_path / "lock")
    lock.release()


def test_a_home_that_is_not_there_is_named(tmp_path: Path):
    with pytest.raises(StorageError) as refused:
        HomeLock.acquire(tmp_path / "nowhere" / "lock")
    assert refused.value.code == "E-HOME"
    assert str(tmp_path / "nowhere") in refused.value.fix


def test_only_the_owner_reads_the_lock(tmp_path: Path):
    lock = HomeLock.acquire(tmp_path / "lock")
    assert (tmp_path / "lock").stat().st_mode & 0o777 == 0o600
    lock.release()


def test_a_link_in_the_lock_s_place_is_not_followed(tmp_path: Path):
    theirs = tmp_path / "theirs"
    theirs.write_bytes(b"kept")
    (tmp_path / "lock").symlink_to(theirs)
    with pytest.raises(StorageError) as refused:
        HomeLock.acquire(tmp_path / "lock")
    assert refused.value.code == "E-HOME"
    assert theirs.read_bytes() == b"kept"


@pytest.mark.parametrize("text", [b"", b"x", b"-1", b"0", b"9" * 30, b"\xff"])
def test_what_names_no_living_process_holds_nothing(tmp_path: Path, text: bytes):
    assert other_holder(tmp_path / "lock") is None
    (tmp_path / "lock").write_bytes(text)
    assert other_holder(tmp_path / "lock") is None


def test_another_process_that_holds_a_home_is_named(tmp_path: Path):
    path = tmp_path / "lock"
    held = HomeLock.acquire(path)
    assert other_holder(path) is None
    held.release()
    path.write_text(str(os.getppid()))
    assert other_holder(path) == os.getppid()
