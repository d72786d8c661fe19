"""A disk that is full, fails or is held by somebody else: refused in words, nothing lost, no end.

Real processes. What needs root or a tool is skipped where it is missing, with the reason; its
portable twin stands in `tests/unit/node/storage/test_writer.py`.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from node.cli.exits import Exit
from tests.faults_storage.warehouse import ROOT, Said, Warehouse

LONG = os.environ.get("INTENTCAST_LONG") == "1"
LEVELS_KIB = (0, 4, 16, 48, 96, 200, 400, 700) if LONG else (0, 96)
ERRING = [("pwrite64", 1), ("fdatasync", 1)]
if LONG:
    ERRING += [(call, first) for call in ("pwrite64", "fdatasync") for first in (2, 5, 11, 30)]
DISK_KIB = 6_144
REQUESTS = 40

pytestmark = pytest.mark.timeout(900 if LONG else 150)


@contextlib.contextmanager
def running(warehouse: Warehouse) -> Iterator[Warehouse]:
    try:
        warehouse.open()
        yield warehouse
    finally:
        warehouse.kill()


def said_well(said: Said, status: int, code: str) -> None:
    assert (said.status, said.code) == (status, code), said.document
    assert said.document["title"]
    assert said.document["fix"]


def no_traceback(warehouse: Warehouse) -> None:
    log = warehouse.home / "node.log"
    texts = [warehouse.stderr(), log.read_text(errors="replace") if log.exists() else ""]
    assert not any("Traceback" in text for text in texts), texts


def all_there_after_a_restart(warehouse: Warehouse) -> None:
    """Whatever was told as kept is kept, and every byte of the home proves itself."""
    again = Warehouse(warehouse.home, flags=warehouse.flags, kept=warehouse.kept)
    with running(again):
        again.check()
        said = again.ask("GET", "/v1/doctor?scrub=true")
        assert said.status == 200
        assert not said.document["damaged"], said.document
        assert again.keep(99).status == 200
        assert again.close() == Exit.OK


@pytest.fixture(scope="module")
def relay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Another node, on a disk that is well, with a mailbox; gives its address."""
    home = tmp_path_factory.mktemp("relay") / "home"
    found = Warehouse(home, flags=["--listen", "127.0.0.1:0", "--mailbox"])
    with running(found):
        yield found.listen


# --- a full disk ---------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of a few MiB."""
    place = tmp_path / "disk"
    place.mkdir()
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("mounting a small file system needs root")
    options = ["-t", "tmpfs", "-o", f"size={DISK_KIB}k,mode=0700", "tmpfs", str(place)]
    made = subprocess.run(["mount", *options], capture_output=True, check=False)
    if made.returncode:
        pytest.skip(f"no tmpfs can be mounted here: {made.stderr.decode(errors='replace')}")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=False)


def fill(place: Path, left_kib: int) -> Path:
    """Leave so much room on a small disk."""
    filler = place / "filler"
    free = os.statvfs(place)
    room = free.f_bavail * free.f_frsize - left_kib * 1_024
    with filler.open("wb") as file, contextlib.suppress(OSError):
        file.write(bytes(max(0, room)))
    return filler


@pytest.mark.parametrize("left_kib", LEVELS_KIB)
def test_a_full_disk_loses_nothing_and_the_node_goes_on(
    relay: str, small_disk: Path, left_kib: int
):
    warehouse = Warehouse(small_disk / "home", flags=["--peer", relay])
    with running(warehouse):
        for number in range(5):
            assert warehouse.keep(number).status == 200
        filler = fill(small_disk, left_kib)
        refused: Said | None = None
        for number in range(REQUESTS * 20):
            said = warehouse.keep(number, words=150)
            if said.status != 200:
                refused = said
                break
        assert refused is not None, "the disk never filled: the fault did not fire"
        said_well(refused, 507, "E-DISK-FULL")
        for number in range(5):
            said_well(warehouse.keep(number, words=150), 507, "E-DISK-FULL")
        warehouse.check()
        filler.unlink()
        for number in range(5):
            assert warehouse.keep(number).status == 200, "it goes on when there is room again"
        warehouse.check()
        no_traceback(warehouse)
        assert warehouse.close() == Exit.OK
    all_there_after_a_restart(warehouse)


def test_a_kill_on_a_full_disk_loses_nothing(relay: str, small_disk: Path):
    warehouse = Warehouse(small_disk / "home", flags=["--peer", relay])
    with running(warehouse):
        filler = fill(small_disk, 300)
        while warehouse.keep(len(warehouse.kept), words=150).status == 200:
            pass
        assert warehouse.kept
        warehouse.kill()
    started = Warehouse(warehouse.home, flags=warehouse.flags, kept=warehouse.kept)
    with contextlib.suppress(AssertionError), running(started):
        # On a disk without a byte to spare it may start or say why not, and nothing in between.
        started.check()
    assert "Traceback" not in started.stderr()
    filler.unlink()
    all_there_after_a_restart(warehouse)


def test_a_start_on_a_full_disk_says_so(small_disk: Path):
    fill(small_disk, 0)
    found = subprocess.run(
        [sys.executable, "-P", "-m", "node.cli.main", "--home", str(small_disk / "home"), "up"],
        env={**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1"},
        capture_output=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
        check=False,
    )
    text = found.stderr.decode(errors="replace")
    assert found.returncode not in (0, -signal.SIGABRT), text
    assert "Traceback" not in text
    assert "E-" in text
    assert "space" in text or "disk" in text, text


# --- writes that fail ----------------------------------------------------------------------------


def test_a_file_that_may_not_grow_is_a_write_error(relay: str, tmp_path: Path):
    first = Warehouse(tmp_path / "home", flags=["--peer", relay])
    with running(first):
        assert first.keep(0).status == 200
        assert first.close() == Exit.OK
    most = (tmp_path / "home" / "node.db").stat().st_size + 64 * 1_024

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))

    warehouse = Warehouse(
        tmp_path / "home", flags=["--peer", relay], prepare=limit, kept=first.kept
    )
    with running(warehouse):
        said = warehouse.keep(1, words=150)
        while said.status == 200:
            said = warehouse.keep(len(warehouse.kept), words=150)
        said_well(said, 503, "E-DB-WRITE")
        warehouse.check()
        resource.prlimit(warehouse.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
        assert warehouse.keep(7).status == 200
        warehouse.check()
        no_traceback(warehouse)
        assert warehouse.close() == Exit.OK
    all_there_after_a_restart(warehouse)


def strace() -> str:
    found = shutil.which("strace")
    if found is None:
        pytest.skip("strace is not installed: no write can be made to fail from outside")
    tried = subprocess.run([found, "-f", "true"], capture_output=True, check=False)
    if tried.returncode:
        pytest.skip("strace may not trace here")
    return found


@pytest.mark.parametrize(("call", "first"), ERRING)
def test_a_disk_that_errs_promises_nothing(relay: str, tmp_path: Path, call: str, first: int):
    """From the n-th on, every such call on the log fails."""
    tool = strace()
    whole = Warehouse(tmp_path / "home", flags=["--peer", relay])
    with running(whole):
        assert whole.keep(0).status == 200
        assert whole.close() == Exit.OK
    log = tmp_path / "home" / "node.db-wal"
    # The start writes to the log too: let that pass.
    skipped = 200 if call == "pwrite64" else 10
    wrapper = [tool, "-f", "--seccomp-bpf", "-o", str(tmp_path / "trace"), "-P", str(log)]
    wrapper += ["-e", f"trace={call}", "-e", f"inject={call}:error=EIO:when={skipped + first}+"]
    warehouse = Warehouse(
        tmp_path / "home", flags=["--peer", relay], wrapper=wrapper, kept=whole.kept
    )
    with running(warehouse):
        said = warehouse.keep(1)
        for number in range(400):
            if said.status != 200:
                break
            said = warehouse.keep(number)
        said_well(said, 503, "E-DB-WRITE")
        said_well(warehouse.keep(2), 503, "E-DB-WRITE")
        warehouse.check()
        no_traceback(warehouse)
        warehouse.kill()
    again = Warehouse(warehouse.home, flags=warehouse.flags)
    with running(again):
        # What was refused at its last sync may be there all the same; what was told must be.
        assert set(warehouse.kept) <= set(again.listed())
        assert again.close() == Exit.OK


# --- somebody else -------------------------------------------------------------------------------


@contextlib.contextmanager
def held(database: Path, seconds: float | None = None) -> Iterator[None]:
    """Another program holds the file for writing, for a while or as long as the block lasts."""
    conn = sqlite3.connect(database, isolation_level=None, check_same_thread=False)
    conn.execute("BEGIN EXCLUSIVE")

    def let_go() -> None:
        conn.execute("ROLLBACK")
        conn.close()

    timer = threading.Timer(seconds, let_go) if seconds is not None else None
    if timer is not None:
        timer.start()
    try:
        yield
    finally:
        if timer is not None:
            timer.join()
        else:
            let_go()


def test_a_file_held_for_a_moment_is_waited_for(relay: str, tmp_path: Path):
    warehouse = Warehouse(tmp_path / "home", flags=["--peer", relay])
    with running(warehouse):
        assert warehouse.keep(0).status == 200
        with held(warehouse.home / "node.db", 1.0):
            began = time.monotonic()
            assert warehouse.keep(1).status == 200
            assert time.monotonic() - began > 0.5, "it was not held: the fault did not fire"
        warehouse.check()
        assert warehouse.close() == Exit.OK
    all_there_after_a_restart(warehouse)


def test_a_file_held_for_long_is_refused_and_reads_go_on(relay: str, tmp_path: Path):
    warehouse = Warehouse(tmp_path / "home", flags=["--peer", relay])
    with running(warehouse):
        assert warehouse.keep(0).status == 200
        with held(warehouse.home / "node.db"):
            said_well(warehouse.keep(1), 503, "E-DB-BUSY")
            # Whoever reads does not wait for whoever writes: the file is still held.
            assert len(warehouse.listed()) == 1
        assert warehouse.keep(2).status == 200
        warehouse.check()
        no_traceback(warehouse)
        assert warehouse.close() == Exit.OK
    all_there_after_a_restart(warehouse)


def test_a_second_node_on_one_home_names_the_first(relay: str, tmp_path: Path):
    warehouse = Warehouse(tmp_path / "home", flags=["--peer", relay])
    with running(warehouse):
        second = subprocess.run(
            [sys.executable, "-P", "-m", "node.cli.main", "--home", str(warehouse.home), "up"],
            env={**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1"},
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=60,
            check=False,
        )
        text = second.stderr.decode(errors="replace")
        assert second.returncode == Exit.LOCKED, text
        assert "E-HOME-IN-USE" in text
        assert str(warehouse.pid) in text
        assert "Traceback" not in text
        assert warehouse.keep(0).status == 200
        warehouse.check()


def test_damage_at_the_start_ends_with_its_own_code(relay: str, tmp_path: Path):
    warehouse = Warehouse(tmp_path / "home", flags=["--peer", relay])
    with running(warehouse):
        for number in range(3):
            assert warehouse.keep(number).status == 200
        assert warehouse.close() == Exit.OK
    database = warehouse.home / "node.db"
    content = bytearray(database.read_bytes())
    content[len(content) // 2] ^= 0xFF
    database.write_bytes(content)
    found = subprocess.run(
        [sys.executable, "-P", "-m", "node.cli.main", "--home", str(warehouse.home), "up"],
        env={**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1"},
        capture_output=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
        check=False,
    )
    text = found.stderr.decode(errors="replace")
    assert found.returncode == Exit.DAMAGED, text
    assert "E-DB-DAMAGED" in text
    assert "doctor --scrub" in text
    looked = subprocess.run(
        [
            *(sys.executable, "-P", "-m", "node.cli.main", "--home", str(warehouse.home)),
            *("--json", "doctor", "--scrub"),
        ],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
        check=False,
    )
    assert looked.stdout, looked.stderr
    assert json.loads(looked.stdout)["checks"], looked.stderr
