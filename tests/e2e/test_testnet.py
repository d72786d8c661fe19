"""The developer's first five minutes: the guide is run as it stands, and so is what goes wrong."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from tests.e2e.ports import free_ports
from tests.e2e.test_tutorial import ROOT, Command, Terminals, check, commands

GUIDE = ROOT / "docs" / "guides" / "testnet.md"
SECTION = re.compile(r"^## The first five minutes$.*?(?=^## )", re.DOTALL | re.MULTILINE)
_SAID_S = 30.0
_ENDED_S = 20.0
FEW_FILES = 100


class Machine(Terminals):
    """A machine with a folder for temporary files of its own."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.temporary = folder / "tmp"
        self.temporary.mkdir()
        self._env |= {"TMPDIR": str(self.temporary), "INTENTCAST_HOME": str(folder / "home")}

    def set(self, name: str, value: str) -> None:
        self._env[name] = value

    def ask(self, line: str) -> subprocess.CompletedProcess[str]:
        return self._bash(f"exec 2>&1; {line}")

    def folders(self) -> list[Path]:
        return sorted(self.temporary.glob("intentcast-*"))

    def begin(self, line: str, name: str) -> Testnet:
        shown = self._folder / name
        with shown.open("w") as out:
            process = subprocess.Popen(
                ["bash", "-c", f"exec {line}"],
                cwd=ROOT,
                env=self._env,
                stdout=out,
                stderr=subprocess.STDOUT,
                text=True,
            )
        return Testnet(process, shown)


class Testnet:
    """One that runs."""

    __test__ = False

    def __init__(self, process: subprocess.Popen[str], shown: Path) -> None:
        self._process = process
        self._shown = shown

    @property
    def said(self) -> str:
        return self._shown.read_text()

    def until(self, words: str) -> str:
        deadline = time.monotonic() + _SAID_S
        while words not in self.said:
            assert self._process.poll() is None, self.said
            assert time.monotonic() < deadline, self.said
            time.sleep(0.05)
        return self.said

    def ports(self) -> list[int]:
        return [int(port) for port in re.findall(r"127\.0\.0\.1:(\d+)", self.said)]

    def press_ctrl_c(self) -> None:
        """End it as a person would; it may be over already."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
        assert self._process.wait(timeout=_ENDED_S) == 0, self.said
        assert "Traceback" not in self.said


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def refuses(port: int) -> bool:
    with socket.socket() as asking:
        return asking.connect_ex(("127.0.0.1", port)) != 0


def section(folder: Path) -> list[Command]:
    found = SECTION.search(GUIDE.read_text(encoding="utf-8"))
    assert found is not None
    page = folder / "section.md"
    page.write_text(found[0], encoding="utf-8")
    return commands(page)


@pytest.mark.timeout(120)
def test_the_first_five_minutes(machine: Machine, tmp_path: Path):
    first, *others = section(tmp_path)
    assert first.line == "intentcast testnet up"
    assert len(others) == 5
    testnet = machine.begin(first.line, "up")
    try:
        check(first, testnet.until("First offer"))
        [folder] = machine.folders()
        machine.set("TESTNET", str(folder))
        for command in others:
            done = machine.ask(command.line)
            assert done.returncode == 0, f"$ {command.line}\n{done.stdout}"
            check(command, done.stdout)
        beside_it(machine)
    finally:
        testnet.press_ctrl_c()
    assert machine.folders() == []
    assert len(testnet.ports()) > 12
    assert all(map(refuses, testnet.ports()))


def beside_it(machine: Machine) -> None:
    """A second one runs beside the first, and whoever does not say which is asked."""
    [folder] = machine.folders()
    second = machine.begin("intentcast testnet up --relays 1 --buyers 0 --vendors 0", "second")
    try:
        said = second.until("Ctrl-C ends all of it.")
        assert f"intentcast testnet open --at {folder}" in said
        refused = machine.ask("intentcast testnet fault --list")
        assert (refused.returncode, "(E-TESTNETS)" in refused.stdout) == (2, True)
        assert f"{folder} (testnet-7)" in refused.stdout
        found = machine.ask(f"intentcast testnet open --no-browser --at {folder}")
        assert (found.returncode, "Code" in found.stdout) == (0, True)
    finally:
        second.press_ctrl_c()
    assert machine.folders() == [folder]


@pytest.mark.timeout(60)
def test_what_keeps_a_testnet_from_starting(machine: Machine):
    few = machine.ask(f"ulimit -n {FEW_FILES}; intentcast testnet up")
    assert (few.returncode, "(E-FILES)" in few.stdout) == (5, True)
    assert re.search(r"ulimit -n \d{3,}", few.stdout)
    (port,) = free_ports(1)
    with socket.create_server(("127.0.0.1", int(port))):
        taken = machine.ask(f"intentcast testnet up --port {port}")
    assert (taken.returncode, "(E-PORT)" in taken.stdout) == (1, True)
    assert f"Port {port} is taken" in taken.stdout
    none = machine.ask("intentcast testnet open --no-browser")
    assert (none.returncode, "(E-NO-TESTNET)" in none.stdout) == (3, True)
    assert machine.folders() == []
