"""Guides that say so are run as they stand, like the tutorial."""

from __future__ import annotations

import os
import pty
import re
import shutil
import socket
import sqlite3
import threading
import time
from pathlib import Path

import pytest

from tests.e2e.ports import free_ports
from tests.e2e.test_tutorial import ROOT, Command, Terminals, commands

GUIDES = ROOT / "docs" / "guides"
_EIGHT_DAYS_MS = 8 * 86_400_000
_MET_S = 20.0
_HANDLE = re.compile(r"\b(cast|offer|deal)-([0-9A-Z]{4}-[0-9A-Z]{4})\b")


class Desk(Terminals):
    """A reader of one guide, whose node takes a port of its own."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        (port,) = free_ports(1)
        self._ports["8420"] = port
        self._env["INTENTCAST_API_PORT"] = port

    def own(self, line: str) -> str:
        if " TOKEN" in line:
            listed = self.read("token list")["tokens"]
            (token,) = [each for each in listed if each["name"] == "status board"]
            line = line.replace(" TOKEN", f" {token['handle']}")
        return super().own(line)


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@pytest.mark.timeout(60)
@pytest.mark.parametrize("name", ["api"])
def test_a_guide_does_what_it_says(tmp_path: Path, name: str):
    found = commands(GUIDES / f"{name}.md")
    assert len(found) > 5
    desk = Desk(tmp_path)
    try:
        for command in found:
            desk.run(command)
    finally:
        desk.stop()


class Newcomer(Desk):
    """Somebody with terminals, and nobody to link to but the shop the page itself opens."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._named: dict[str, str] = {}
        self._taken = socket.create_server(("127.0.0.1", 0))
        self._scenes = {
            "a port is taken": self._take_port,
            "a copy is alive": self._wake_copy,
            "eight days pass": self._wait_eight_days,
            "a newer program was here": self._write_as_newer,
        }

    def own(self, line: str) -> str:
        line = line.replace(" 8430", f" {self._taken.getsockname()[1]}")
        return super().own(line)

    def at_prompt(self, line: str, typed: list[str]) -> tuple[int, str]:
        code, shown = super().at_prompt(line, typed)
        self._named |= dict(_HANDLE.findall(shown))
        return code, shown

    def handle(self, what: str) -> str:
        """The one that was shown last is meant, as a reader would copy it."""
        kind = what.removesuffix("s")
        return f"{kind}-{self._named[kind]}"

    def stay(self, command: Command, line: str) -> None:
        if command.terminal != "me":
            super().stay(command, line)
            return
        # A person sits there: only then the way in is shown.
        ours, theirs = pty.openpty()
        shown = self._folder / "me.out"
        watcher = threading.Thread(target=_copy, args=(ours, shown), daemon=True)
        watcher.start()
        try:
            self.start(command, line, shown, theirs)
        finally:
            os.close(theirs)

    def let_happen(self, scene: str) -> None:
        self._scenes[scene]()

    def stop(self) -> None:
        self._taken.close()
        super().stop()

    def _take_port(self) -> None:
        """Another program, this one, holds it from the beginning."""

    def _wake_copy(self) -> None:
        words, copy = "/tmp/ic/words", "--home /tmp/ic/copy"
        self.run(Command(f"(umask 077; intentcast words --yes-show-them > {words})"))
        self.run(Command(f"intentcast restore {copy} --words-file {words}"))
        peer = "--peer 127.0.0.1:9401 --api-port 0"
        self.run(Command(f"intentcast up {copy} {peer}", terminal="copy"))
        log, deadline = self._folder / "me" / "node.log", time.monotonic() + _MET_S
        while "two live copies" not in log.read_text():
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        self.end("copy")

    def _wait_eight_days(self) -> None:
        self.end("me")
        self._env["INTENTCAST_CLOCK_OFFSET_MS"] = str(_EIGHT_DAYS_MS)
        self.run(Command("intentcast up --no-browser", terminal="me"))

    def _write_as_newer(self) -> None:
        self.end("me")
        with sqlite3.connect(self._folder / "me" / "node.db") as conn:
            conn.execute("PRAGMA user_version = 9999")
        conn.close()
        # What it says of the file's pages has a form this program does not know.
        (self._folder / "me" / "node.db-sums").write_bytes(b"of a form to come")


def _copy(source: int, shown: Path) -> None:
    with shown.open("wb", buffering=0) as out:
        while True:
            try:
                piece = os.read(source, 65_536)
            except OSError:
                break
            if not piece:
                break
            out.write(piece)
    os.close(source)


@pytest.mark.timeout(180)
def test_the_first_minutes_go_as_told(tmp_path: Path):
    found = commands(GUIDES / "first-minutes.md")
    assert len(found) > 25
    newcomer = Newcomer(tmp_path)
    try:
        for command in found:
            newcomer.run(command)
        # A first start that was refused has made nothing.
        assert not (tmp_path / "second").exists()
    finally:
        newcomer.stop()
