"""A power cut at any moment: what was told is there, no change is there by half, the file opens.

The run is recorded by strace and its disk rebuilt at thousands of moments; see `blackout`. With
`synchronous = NORMAL` the same harness must find what is lost: that proves that it can.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.faults_storage.blackout import ACKS, DATABASE, FILES, Recording
from tests.faults_storage.scribe import STORIES

ROOT = Path(__file__).resolve().parents[2]
LONG = os.environ.get("INTENTCAST_LONG") == "1"
STATES = 60_000 if LONG else 1_200
CONTROL_STATES = 400
SEED = 20_261_122
WORKERS = 2
CALLS = "openat,close,write,pwrite64,lseek,fsync,fdatasync,ftruncate,unlink,rename"
MEMORY = Path("/dev/shm")

pytestmark = pytest.mark.timeout(3_600 if LONG else 600)


@pytest.fixture(scope="module")
def strace() -> str:
    found = shutil.which("strace")
    if found is None:
        pytest.skip("strace is not installed: no recording of a disk's writes")
    tried = subprocess.run([found, "-f", "--seccomp-bpf", "true"], capture_output=True, check=False)
    if tried.returncode:
        pytest.skip(f"strace may not trace here: {tried.stderr.decode(errors='replace')[:200]}")
    return found


def record(strace: str, folder: Path, synchronous: str) -> Path:
    """Run the scribe under strace; gives the log of what it asked of the disk."""
    log = folder / "log"
    names = [folder / name for name in (*FILES, ACKS)] + [folder]
    traced = [part for path in names for part in ("-P", str(path))]
    command = [strace, "-f", "--seccomp-bpf", "-xx", "-s", "1048576", "-o", str(log)]
    command += ["-e", f"trace={CALLS}", *traced]
    scribe = ["-m", "tests.faults_storage.scribe", str(folder / DATABASE), str(folder / ACKS)]
    subprocess.run(
        [*command, sys.executable, *scribe, synchronous],
        cwd=ROOT,
        check=True,
        timeout=60,
        stderr=subprocess.DEVNULL,
    )
    return log


def judged(log: Path, folder: Path, *, states: int, check: str) -> Counter[str]:
    """Rebuild and judge that many moments, shared between processes."""
    memory = MEMORY / f"intentcast-{os.getpid()}" if MEMORY.is_dir() else folder / "rebuilt"
    program = [sys.executable, "-m", "tests.faults_storage.blackout", str(log)]
    shares = [
        [str(memory / str(part)), str(states), str(SEED), str(part), str(WORKERS), check]
        for part in range(WORKERS)
    ]
    started = [
        subprocess.Popen(
            [*program, *share],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for share in shares
    ]
    try:
        told = [each.communicate(timeout=3_500) for each in started]
    finally:
        for each in started:
            each.kill()
        shutil.rmtree(memory, ignore_errors=True)
    found: Counter[str] = Counter()
    for figures, complaints in told:
        sys.stdout.write(complaints[:2_000])
        found.update(json.loads(figures))
    return found


def test_a_power_cut_takes_nothing_that_was_told(strace: str, tmp_path: Path):
    log = record(strace, tmp_path, "FULL")
    steps = Recording(tmp_path).read(log)
    assert sum(step.do == "told" for step in steps) == STORIES
    brought_home = [step for step in steps if step.do == "write" and step.name == DATABASE]
    assert len(brought_home) > STORIES, "checkpoints were not part of the run"
    figures = judged(log, tmp_path, states=STATES, check="guard")
    print(json.dumps(figures))
    assert figures["states"] == min(STATES, figures["moments"] // WORKERS)
    assert figures["opened whole"] > 0
    assert figures["wrong"] == figures["lost"] == 0


def test_the_harness_finds_what_a_weaker_promise_loses(strace: str, tmp_path: Path):
    log = record(strace, tmp_path, "NORMAL")
    figures = judged(log, tmp_path, states=CONTROL_STATES, check="rows")
    print(json.dumps(figures))
    assert figures["states"] == CONTROL_STATES
    assert figures["lost"] > 0
    assert figures["wrong"] == 0
