"""The first minute on a machine that lacks something: one clear sentence, never a trace.

Runs the real scripts from a copy of the checkout's scripts folder, with a search path that holds
only what the test puts there.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NEEDED = ("bash", "dirname", "cat", "mkdir")


class Machine:
    """A checkout without an environment, and a search path of its own."""

    def __init__(self, folder: Path) -> None:
        self.checkout = folder / "checkout"
        self.bin = folder / "bin"
        shutil.copytree(ROOT / "scripts", self.checkout / "scripts")
        shutil.copy(ROOT / "pyproject.toml", self.checkout)
        self.bin.mkdir()
        for name in NEEDED:
            (self.bin / name).symlink_to(shutil.which(name) or "")

    def give(self, name: str, script: str) -> None:
        command = self.bin / name
        command.write_text(f"#!{self.bin / 'bash'}\n{script}\n", encoding="utf-8")
        command.chmod(0o755)

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.bin / "bash", *words],
            cwd=self.checkout,
            env={"PATH": str(self.bin), "HOME": str(self.checkout)},
            capture_output=True,
            text=True,
            timeout=25,
            check=False,
        )


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.mark.parametrize("script", ["demo", "test", "check", "lint", "bench"])
def test_without_python_one_sentence_says_what_to_install(machine: Machine, script: str):
    done = machine.run(f"scripts/{script}")
    assert done.returncode == 1
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert "needs Python 3.11 or newer and found none: install it" in done.stderr


def test_an_old_python_is_named(machine: Machine):
    machine.give("python3", 'case "$2" in *print*) echo "only 3.9" ;; *) exit 1 ;; esac')
    done = machine.run("scripts/demo")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "found only 3.9" in done.stderr


def test_a_python_that_cannot_make_environments_names_the_missing_package(machine: Machine):
    machine.give("python3", f'case "$*" in *ensurepip*) exit 1 ;; esac; exec {sys.executable} "$@"')
    done = machine.run("scripts/demo")
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert f"apt install python{version}-venv" in done.stderr


@pytest.mark.parametrize("words", [("bogus",), ("all", "-k", "money")])
def test_a_wrong_level_is_refused_before_anything_is_made(machine: Machine, words: tuple[str, ...]):
    done = machine.run("scripts/test", *words)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert not (machine.checkout / ".venv").exists()
