"""A named place ends the process there and nowhere else, without any clean-up."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from node import crashpoint as module
from node.crashpoint import EXIT_CODE, crashpoint

ROOT = Path(__file__).resolve().parents[3]
PROGRAM = """
import atexit
from node.crashpoint import crashpoint
atexit.register(print, "cleaned up")
for number in range(4):
    crashpoint("here")
    print(number, flush=True)
"""


def run(chosen: str) -> tuple[int, list[str]]:
    environ = {**os.environ, "INTENTCAST_CRASH": chosen}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=environ,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    return done.returncode, done.stdout.splitlines()


@pytest.mark.parametrize(
    ("chosen", "code", "said"),
    [
        ("here", EXIT_CODE, []),
        ("here:3", EXIT_CODE, ["0", "1"]),
        ("elsewhere", 0, ["0", "1", "2", "3", "cleaned up"]),
        ("", 0, ["0", "1", "2", "3", "cleaned up"]),
    ],
)
def test_a_process_dies_at_the_chosen_arrival(chosen: str, code: int, said: list[str]):
    assert run(chosen) == (code, said)


def test_another_place_does_nothing(monkeypatch: pytest.MonkeyPatch):
    died: list[int] = []
    monkeypatch.setattr(os, "_exit", died.append)
    monkeypatch.setattr(module, "_NAME", "there")
    monkeypatch.setattr(module, "_left", 2)
    crashpoint("here")
    crashpoint("there")
    assert died == []
    crashpoint("there")
    assert died == [EXIT_CODE]
