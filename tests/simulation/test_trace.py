"""One seed gives one run: the trace hangs on nothing else, and sees every change."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulation.net.scenario import Run, load

ROOT = Path(__file__).resolve().parent.parent.parent
FEW = {"nodes": 40, "warm_up": 2, "objects": 6}


def digest(**changes: object) -> str:
    return Run(load("honest", **{**FEW, **changes})).live().world.trace.digest()


def test_one_seed_gives_one_trace():
    assert digest() == digest()


def test_another_seed_gives_another():
    assert digest() != digest(seed=2)


@pytest.mark.timeout(90)
def test_the_order_of_hashes_changes_nothing():
    program = (
        "from tests.simulation.net.scenario import Run, load;"
        f"print(Run(load('honest', **{FEW!r})).live().world.trace.digest())"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", program],
            check=True,
            capture_output=True,
            text=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("0", "1", "77")
    }
    assert told == {digest() + "\n"}


def test_real_signatures_give_what_quick_ones_give():
    runs = [Run(load("honest", **FEW, real=real)).live() for real in (True, False)]
    assert [run.failures for run in runs] == [[], []]
    real, quick = (run.tally.figures() for run in runs)
    assert real["deliveries"] == quick["deliveries"]
    assert abs(real["copies"] - quick["copies"]) < 0.5
