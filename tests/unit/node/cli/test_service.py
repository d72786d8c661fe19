"""A service is written, started only after a yes, shown, and taken away; what is not ours stays."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from node.cli import service
from node.cli.service import UNIT
from node.cli.units import MARK
from tests.unit.node.cli.conftest import Shell

ANSWER = """ActiveState=active
SubState=running
UnitFileState=enabled
MainPID=4711
NRestarts=1
"""


class Manager:
    """Stands for systemctl: keeps what it was asked, answers what it is told to."""

    def __init__(self, folder: Path) -> None:
        self.log = folder / "asked"
        self.answer = folder / "answer"
        self.answer.write_text(ANSWER)
        self.bin = folder / "bin"
        self.bin.mkdir()
        self.fail(0)

    def fail(self, code: int, words: str = "") -> None:
        program = self.bin / "systemctl"
        program.write_text(
            f'#!/bin/sh\necho "$@" >>{self.log}\n'
            f'case "$2" in show) cat {self.answer};; *) echo "{words}" >&2; exit {code};; esac\n'
        )
        program.chmod(0o700)

    def asked(self) -> list[str]:
        return self.log.read_text().splitlines() if self.log.exists() else []


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Manager:
    found = Manager(tmp_path)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("PATH", f"{found.bin}:/usr/bin:/bin")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("USER", "nobody-of-this-test")
    return found


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    return tmp_path / "config" / "systemd" / "user" / UNIT


ENABLE = f"--user enable --now {UNIT}"


def test_showing_writes_nothing(down: Shell, manager: Manager, unit: Path):
    found = down.run("service", "install", "--print")
    assert found.code == 0
    assert found.out.splitlines()[0] == MARK
    assert f"--home {down.home} up" in found.out
    found = down.run("service", "install", "--system")
    assert "WantedBy=multi-user.target" in found.out
    assert not unit.exists()
    assert manager.asked() == []


def test_a_program_in_a_home_is_said_to_be_no_good_for_all(
    down: Shell, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(service, "lies_in_a_home", lambda: True)
    assert "Install it for all first" in down.run("service", "install", "--system").err


def test_without_a_yes_nothing_starts(down: Shell, manager: Manager, unit: Path):
    found = down.run("service", "install")
    assert found.code == 0
    assert unit.read_text().startswith(MARK)
    assert manager.asked() == ["--user daemon-reload"]
    assert f"systemctl --user enable --now {UNIT}" in found.err
    assert "It is not started" in found.err
    assert "enable-linger" in found.err


@pytest.mark.parametrize(
    ("argv", "typed", "starts"),
    [
        (["--start"], "", True),
        (["--yes"], "", True),
        (["--no-start", "--yes"], "", False),
        ([], "y\n", True),
        ([], "n\n", False),
    ],
)
def test_it_starts_after_a_yes(
    down: Shell, manager: Manager, argv: list[str], typed: str, starts: bool
):
    found = down.run("service", "install", *argv, tty=bool(typed), typed=typed)
    assert found.code == 0
    assert (ENABLE in manager.asked()) == starts
    assert ("Started" in found.err) == starts


def test_a_node_that_runs_already_is_not_doubled(shell: Shell, manager: Manager):
    found = shell.run("service", "install", "--start")
    assert "runs already" in found.err
    assert ENABLE not in manager.asked()


def test_a_file_of_somebody_else_stays(down: Shell, manager: Manager, unit: Path):
    unit.parent.mkdir(parents=True)
    unit.write_text("[Unit]\n")
    for verb in ("install", "uninstall"):
        found = down.run("service", verb, "--yes")
        assert found.code == 1
        assert "E-SERVICE" in found.err
    assert unit.read_text() == "[Unit]\n"
    assert manager.asked() == []


def test_taking_it_away(down: Shell, manager: Manager, unit: Path):
    assert down.run("service", "uninstall").code == 7
    down.run("service", "install", "--no-start")
    found = down.run("service", "uninstall", tty=True, typed="n\n")
    assert "Nothing was changed" in found.err
    assert unit.exists()
    assert down.run("service", "uninstall", "--yes").code == 0
    assert not unit.exists()
    assert f"--user disable --now {UNIT}" in manager.asked()


def test_how_it_is(down: Shell, manager: Manager):
    assert down.run("service", "status").code == 7
    down.run("service", "install", "--no-start")
    found = down.run("service", "status")
    assert found.code == 0
    assert "active (running)" in found.out
    assert "at login" in found.out
    assert down.run("service", "status", "--json").document() == {
        "schema": "intentcast.service/1",
        "unit": str(service.unit_path()),
        "state": "active",
        "detail": "running",
        "enabled": True,
        "lingers": False,
        "pid": 4711,
        "restarts": 1,
    }
    manager.answer.write_text("ActiveState=failed\nSubState=failed\nMainPID=0\n")
    assert down.run("service", "status").code == 3
    manager.answer.write_text("")
    assert "does not answer" in down.run("service", "status").out


def test_what_the_manager_refuses_is_told_in_its_words(down: Shell, manager: Manager):
    manager.fail(1, "Failed to connect to bus")
    found = down.run("service", "install", "--start")
    assert found.code == 1
    assert "Failed to connect to bus (E-SERVICE)" in found.err


@pytest.mark.parametrize(
    ("platform", "words"), [("darwin", "no systemd on macOS"), ("linux", "no systemd")]
)
def test_where_there_is_no_systemd_it_says_so(
    down: Shell, monkeypatch: pytest.MonkeyPatch, platform: str, words: str
):
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setenv("PATH", "/nowhere")
    for verb in ("install", "uninstall", "status"):
        found = down.run("service", verb)
        assert found.code == 1
        assert words in found.err
        assert "intentcast up" in found.err
