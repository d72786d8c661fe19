"""Every defence of the network has a scenario that fails without it.

That each plant still fits the code is checked always. A run with the plant fails, by the words of
the checker that has to notice it, and the same run without it holds: a twentieth of them each day,
all with `INTENTCAST_LONG=1`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.planted.defences import DEFENCES, Defence
from tests.planted.test_planted import ROOT, copy_tree
from tests.simulation.net.scenario import names
from tests.today import DAY

HARMLESS = {"honest", "categories", "loss", "metered"}
"""Scenarios in which nobody attacks."""
IS_LONG = os.environ.get("INTENTCAST_LONG") == "1"
TODAY = DAY % 20
CHOSEN = DEFENCES if IS_LONG else DEFENCES[TODAY::20]


def plant(defence: Defence, source: str) -> str:
    assert source.count(defence.old) == 1, f"{defence.name}: not once in {defence.file}"
    return source.replace(defence.old, defence.new)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_tree(tmp_path_factory.mktemp("defences") / "tree")


def live(tree: Path, defence: Defence) -> subprocess.CompletedProcess[str]:
    """Live through a scenario in a process of its own, with the code of the tree."""
    scenario = [
        *("tests.simulation.net.command", "run", defence.scenario),
        *("--nodes", str(defence.nodes), "--warm-up", str(defence.warm_up)),
        *("--objects", str(defence.objects)),
    ]
    command = [sys.executable, "-P", "-m", *(defence.run or scenario)]
    return subprocess.run(
        command, cwd=tree, env=os.environ | {"PYTHONPATH": str(tree)}, capture_output=True,
        text=True, timeout=250, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("defence", DEFENCES, ids=lambda each: each.name)
def test_the_plant_fits_the_code(defence: Defence) -> None:
    source = (ROOT / defence.file).read_text(encoding="utf-8")
    compile(plant(defence, source), defence.file, "exec")
    assert defence.run or defence.scenario in names()


def test_every_attack_has_a_plant() -> None:
    planted = {defence.scenario for defence in DEFENCES if defence.scenario}
    assert planted == set(names()) - HARMLESS
    assert len({defence.name for defence in DEFENCES}) == len(DEFENCES)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("defence", CHOSEN, ids=lambda each: each.name)
def test_the_scenario_holds_and_fails_without_the_defence(defence: Defence, tree: Path) -> None:
    file = tree / defence.file
    source = file.read_text(encoding="utf-8")
    whole = live(tree, defence)
    assert whole.returncode == 0, f"fails by itself:\n{whole.stdout[-2_000:]}{whole.stderr}"
    try:
        file.write_text(plant(defence, source), encoding="utf-8")
        planted = live(tree, defence)
    finally:
        file.write_text(source, encoding="utf-8")
    said = [line for line in planted.stdout.splitlines() if line.startswith("FAILED: ")]
    assert planted.returncode == 1, f"not caught:\n{planted.stdout[-2_000:]}{planted.stderr}"
    assert any(defence.says in line for line in said), said
