"""The tutorial is run as it stands: every command, in its terminal, with the output it promises."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import pytest

from tests.e2e.ports import free_ports
from tests.e2e.prompts import converse

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "start.md"
_BLOCK = re.compile(
    r"(?P<marks>(?:<!-- \w+: [^\n]+ -->\n)*)```console\n(?P<text>.*?)```", re.DOTALL
)
_MARK = re.compile(r"<!-- (\w+): ([^\n]+) -->")
_ANSWER = re.compile(r"(?P<question>.* \[(?:Y/n|y/N)\]) (?P<answer>\w+)")
_UP_S = 40.0
_TOGETHER = re.compile(r"\s{2,}")


@dataclass
class Command:
    """One line a reader types, and what the page says comes back."""

    line: str
    expected: list[str] = field(default_factory=list)
    terminal: str = ""
    scene: str = ""
    """What happens before, told in the text of the page."""
    typed: list[str] = field(default_factory=list)
    """What the reader types while it runs."""

    @property
    def is_refused(self) -> bool:
        return any(line.startswith("✗") for line in self.expected)


def commands(page: Path) -> list[Command]:
    found: list[Command] = []
    for block in _BLOCK.finditer(page.read_text(encoding="utf-8")):
        marks = dict(_MARK.findall(block["marks"]))
        for line in block["text"].splitlines():
            if line.startswith("$ "):
                found.append(Command(line[2:], terminal=marks.get("terminal", "")))
                found[-1].scene = marks.pop("meanwhile", "")
                found[-1].typed = [each for each in marks.pop("types", "").split(" | ") if each]
            elif answered := _ANSWER.fullmatch(line):
                found[-1].typed.append(answered["answer"])
                found[-1].expected.append(answered["question"])
            elif line.strip():
                found[-1].expected.append(line)
    return found


def shape(line: str) -> str:
    """Spacing of tables follows their content; the words and their order are what is promised."""
    words = [re.escape(part) for part in _TOGETHER.sub(" ", line.strip()).split("…")]
    return ".*".join(words)


def check(command: Command, shown: str) -> None:
    lines = [_TOGETHER.sub(" ", line.strip()) for line in shown.splitlines()]
    at = 0
    for expected in command.expected:
        pattern = re.compile(shape(expected))
        while at < len(lines) and not pattern.match(lines[at]):
            at += 1
        assert at < len(lines), f"$ {command.line}\ndid not print: {expected}\nbut:\n{shown}"


class Terminals:
    """Runs lines as a reader would, in a home folder and ports of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ports = dict(zip(("9401", "9402", "9403", "9404"), free_ports(4), strict=True))
        self._running: dict[str, tuple[subprocess.Popen[str], Path]] = {}
        self._env = {
            **{k: v for k, v in os.environ.items() if not k.startswith("INTENTCAST_")},
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "NO_COLOR": "1",
            "COLUMNS": "220",
        }

    def own(self, line: str) -> str:
        for port, mine in self._ports.items():
            line = line.replace(f":{port}", f":{mine}")
        line = line.replace("/tmp/ic", str(self._folder))
        for word, ask in (("CAST", "casts"), ("OFFER", "offers"), ("DEAL", "deals")):
            if f" {word}" in line:
                line = line.replace(f" {word}", f" {self.handle(ask)}")
        return line

    def handle(self, what: str) -> str:
        if what == "offers":
            found = self.read(f"offers {self.handle('casts')}")["offers"]
        else:
            found = self.read("deal" if what == "deals" else "casts")[what]
        return str(found[0]["handle"])

    def read(self, arguments: str) -> dict:
        done = self._bash(f"intentcast {arguments} --json")
        return json.loads(done.stdout)

    def _bash(self, line: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-c", line],
            cwd=ROOT,
            env=self._env,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def let_happen(self, scene: str) -> None:
        """Let something happen that the page tells of."""
        raise AssertionError(scene)

    def run(self, command: Command) -> None:
        if command.scene:
            self.let_happen(command.scene)
        line = self.own(command.line)
        if line.startswith("export "):
            for name, value in re.findall(r'(\w+)=("[^"]*"|\S+)', line):
                if name != "PATH":
                    self._env[name] = value.strip('"')
        elif command.terminal:
            self.stay(command, line)
        elif line != "scripts/demo":
            # The demo has a test of its own.
            code, shown = self.at_prompt(f"exec 2>&1; {line}", command.typed)
            assert bool(code) is command.is_refused, f"$ {line}\n{shown}"
            check(command, shown)

    def at_prompt(self, line: str, typed: list[str]) -> tuple[int, str]:
        if typed:
            return converse(line, typed, self._env)
        done = self._bash(line)
        return done.returncode, done.stdout

    def stay(self, command: Command, line: str) -> None:
        shown = self._folder / f"{command.terminal}.out"
        with shown.open("w") as out:
            self.start(command, line, shown, out)

    def start(self, command: Command, line: str, shown: Path, out: IO[str] | int) -> None:
        process = subprocess.Popen(
            ["bash", "-c", f"exec {line}"],
            cwd=ROOT,
            env=self._env,
            stdout=out,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._running[command.terminal] = (process, shown)
        deadline = time.monotonic() + _UP_S
        while not shown.exists() or "Ready." not in shown.read_text():
            assert process.poll() is None, shown.read_text()
            assert time.monotonic() < deadline, shown.read_text()
            time.sleep(0.05)
        check(command, shown.read_text())

    def end(self, name: str) -> None:
        """Stop one of them as Ctrl-C would."""
        process, shown = self._running.pop(name)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0, f"{name}: {shown.read_text()}"
        assert "Traceback" not in shown.read_text()

    def stop(self) -> None:
        for process, _ in self._running.values():
            process.send_signal(signal.SIGTERM)
        for name, (process, shown) in self._running.items():
            assert process.wait(timeout=20) == 0, f"{name}: {shown.read_text()}"
            assert "Traceback" not in shown.read_text()


@pytest.mark.timeout(120)
def test_the_tutorial_does_what_it_says(tmp_path):
    found = commands(PAGE)
    assert len(found) > 15
    terminals = Terminals(tmp_path)
    try:
        for command in found:
            terminals.run(command)
    finally:
        terminals.stop()
    damaged = bytearray((tmp_path / "camera.agreement").read_bytes())
    damaged[len(damaged) // 2] ^= 1
    (tmp_path / "damaged.agreement").write_bytes(damaged)
    refused = terminals._bash(f"intentcast verify {tmp_path}/damaged.agreement")
    assert refused.returncode == 5
    assert "Traceback" not in refused.stderr
