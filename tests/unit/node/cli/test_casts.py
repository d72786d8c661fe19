"""`casts` lists what was asked for."""

from __future__ import annotations

from tests.unit.node.api.fake_citizen import CAST
from tests.unit.node.cli.conftest import Shell


def test_a_row_each(shell: Shell, citizen):
    citizen.cast_list = [CAST, CAST | {"handle": None, "state": "draft", "title": "x\x1b[2J"}]
    lines = shell.run("casts").out.splitlines()
    assert lines[0].split() == ["cast", "state", "offers", "decide", "by", "title"]
    assert lines[1].startswith("cast-7Q4M-K2XD")
    assert lines[2].startswith(CAST["draft"])
    assert lines[2].endswith("x[001B][2J")


def test_none_yet(shell: Shell, citizen):
    citizen.cast_list = []
    found = shell.run("casts")
    assert (found.code, found.out) == (0, "")
    assert "intentcast cast" in found.err


def test_what_is_held_after_a_restore_is_marked(shell: Shell, citizen):
    citizen.cast_list = [CAST | {"held": True}, CAST]
    found = shell.run("casts")
    first, second = found.out.splitlines()[1:]
    assert "open, held" in first
    assert "held" not in second
    assert "intentcast reopen" in found.err
