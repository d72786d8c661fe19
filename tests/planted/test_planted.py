"""Every planted bug is noticed by tests that were there before it.

That each plant still fits the code is checked always; planting them all takes minutes and stands
behind `INTENTCAST_LONG=1`. One of them, another each day, is planted in every run.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.planted.bugs import BUGS, Bug
from tests.today import DAY

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("protocol", "node", "tests", "scripts", "docs", "pyproject.toml", "README.md")
IS_LONG = os.environ.get("INTENTCAST_LONG") == "1"
TODAY = DAY % len(BUGS)
CHOSEN = BUGS if IS_LONG else (BUGS[TODAY],)


def plant(bug: Bug, source: str) -> str:
    assert source.count(bug.old) == 1, f"{bug.name}: its place in {bug.file} is not there once"
    return source.replace(bug.old, bug.new)


def run_tests(tree: Path, tests: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests],
        cwd=tree,
        env=os.environ | {"PYTHONPATH": str(tree), "HYPOTHESIS_PROFILE": "ci"},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_the_plant_fits_the_code(bug: Bug) -> None:
    source = (ROOT / bug.file).read_text(encoding="utf-8")
    compile(plant(bug, source), bug.file, "exec")
    assert all((ROOT / path).exists() for path in bug.tests)


def test_there_are_enough() -> None:
    assert len(BUGS) >= 20
    assert len({bug.name for bug in BUGS}) == len(BUGS)


def copy_tree(tree: Path) -> Path:
    tree.mkdir()
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, tree / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, tree / part)
    return tree


@pytest.mark.timeout(1_500 if IS_LONG else 300)
def test_without_a_plant_they_all_pass(tmp_path: Path) -> None:
    tree = copy_tree(tmp_path / "tree")
    for tests in sorted({bug.tests for bug in CHOSEN}):
        done = run_tests(tree, tests)
        assert done.returncode == 0, f"{tests} fail by themselves:\n{done.stdout[-2_000:]}"


@pytest.mark.timeout(300)
@pytest.mark.parametrize("bug", CHOSEN, ids=lambda bug: bug.name)
def test_the_bug_is_caught(bug: Bug, tmp_path: Path) -> None:
    tree = copy_tree(tmp_path / "tree")
    file = tree / bug.file
    file.write_text(plant(bug, file.read_text(encoding="utf-8")), encoding="utf-8")
    done = run_tests(tree, bug.tests)
    # 1: tests failed. Anything else (no tests, a broken import) would prove nothing.
    assert done.returncode == 1, f"{bug.name} was not caught:\n{done.stdout[-2_000:]}"
    assert " failed" in done.stdout
