"""A table on one place of a terminal: written over, never scrolled, never wider than it is."""

from __future__ import annotations

import os
import re
import shutil
import sys

import pytest

from node.cli.console import Console
from node.cli.live_table import LiveTable
from node.clock import ManualClock
from tests.unit.node.cli.conftest import Terminal


class Screen:
    """What a terminal shows of what was written to it: enough of one for these escapes."""

    def __init__(self) -> None:
        self.lines = [""]
        self.row = 0

    def feed(self, text: str) -> None:
        for token in re.findall(r"\x1b\[\d*[A-Za-z]|\r|\n|[^\x1b\r\n]+", text):
            if token == "\n":
                self.row += 1
                while len(self.lines) <= self.row:
                    self.lines.append("")
                self.column = 0
            elif token == "\r":
                self.column = 0
            elif token.endswith("A"):
                self.row -= int(token[2:-1])
            elif token.endswith("K"):
                self.lines[self.row] = self.lines[self.row][: self.column]
            elif token.endswith("J"):
                del self.lines[self.row + 1 :]
                self.lines[self.row] = self.lines[self.row][: self.column]
            else:
                line = self.lines[self.row].ljust(self.column)
                self.lines[self.row] = (
                    line[: self.column] + token + line[self.column + len(token) :]
                )
                self.column += len(token)

    column = 0


def begun(monkeypatch: pytest.MonkeyPatch) -> tuple[Terminal, LiveTable]:
    """A table on a terminal of 40 columns and 6 rows."""
    terminal = Terminal(tty=True)
    monkeypatch.setattr(sys, "stdout", terminal)
    size(monkeypatch, 40, 6)
    return terminal, LiveTable(Console(), ManualClock(wall_ms=1_800_000_000_000))


def size(monkeypatch: pytest.MonkeyPatch, columns: int, rows: int) -> None:
    shape = os.terminal_size((columns, rows))
    monkeypatch.setattr(shutil, "get_terminal_size", lambda: shape)


def shown(terminal: Terminal) -> list[str]:
    screen = Screen()
    screen.feed(terminal.getvalue())
    return screen.lines


def test_what_changes_is_written_over(monkeypatch: pytest.MonkeyPatch):
    terminal, table = begun(monkeypatch)
    table.draw(["head", "a long first row", "second"], "3 here")
    table.draw(["head", "first", "second", "third"], "4 here")
    assert shown(terminal) == ["head", "first", "second", "third", "4 here", ""]
    table.draw(["head"], "none")
    assert shown(terminal) == ["head", "none", ""]


def test_what_has_no_room_is_counted(monkeypatch: pytest.MonkeyPatch):
    terminal, table = begun(monkeypatch)
    table.draw([f"row {n}" for n in range(9)], "9 here")
    assert shown(terminal) == ["row 0", "row 1", "row 2", "... and 6 more", "9 here", ""]
    assert len(shown(terminal)) <= 6


def test_the_state_is_cut_to_the_width(monkeypatch: pytest.MonkeyPatch):
    terminal, table = begun(monkeypatch)
    table.draw([], "x" * 99)
    assert shown(terminal) == ["x" * 39 + "…", ""]


def test_another_width_begins_anew(monkeypatch: pytest.MonkeyPatch):
    terminal, table = begun(monkeypatch)
    table.draw(["one"], "state")
    size(monkeypatch, 30, 6)
    table.draw(["two"], "state")
    assert shown(terminal) == ["one", "state", "two", "state", ""]


def test_the_hour(monkeypatch: pytest.MonkeyPatch):
    _, table = begun(monkeypatch)
    assert re.fullmatch(r"\d\d:\d\d:\d\d", table.hour())
