"""Strangers' texts are shown, never obeyed; questions are asked only of people."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.cli.console import WIDE, Console, clean
from protocol.errors import LocalProtocolError
from tests.unit.node.cli.conftest import Terminal


@given(st.text())
def test_clean_text_holds_nothing_a_terminal_obeys(text: str):
    seen = "\u3000\u200c\u200d"  # what is told apart where it stands; see node.lettering
    assert all(char.isprintable() or char in seen for char in clean(text))


def test_escapes_and_direction_marks_are_shown():
    found = clean("a\x1b[31mb\u202ec\r\nd\u200b\x9b")
    assert found == "a[001B][31mb[202E]c[000D][000A]d[200B][009B]"


@pytest.mark.parametrize(
    ("typed", "default", "answer"),
    [
        ("y\n", False, True),
        ("YES\n", False, True),
        ("n\n", True, False),
        ("\n", True, True),
        ("\n", False, False),
        ("", True, False),
        ("what\nhm\nok\n", True, False),
        ("what\ny\n", False, True),
    ],
)
def test_confirm(monkeypatch: pytest.MonkeyPatch, typed: str, default: bool, answer: bool):
    err = Terminal(tty=True)
    monkeypatch.setattr(sys, "stdin", Terminal(typed, tty=True))
    monkeypatch.setattr(sys, "stderr", err)
    assert Console().confirm("Go?", default=default, yes=False) is answer
    assert err.getvalue().startswith("Go? [")


@pytest.mark.parametrize("stdin", [None, Terminal("y\n")])
def test_nobody_can_be_asked(monkeypatch: pytest.MonkeyPatch, stdin: Terminal | None):
    monkeypatch.setattr(sys, "stdin", stdin)
    with pytest.raises(LocalProtocolError) as caught:
        Console().confirm("Go?", default=True, yes=False)
    assert caught.value.code == "E-YES"
    assert Console().confirm("Go?", default=False, yes=True)


def test_closed_streams_swallow(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "stdout", None)
    closed = Terminal()
    closed.close()
    monkeypatch.setattr(sys, "stderr", closed)
    console = Console()
    console.data("x")
    console.alarm("x")
    assert console.width() == WIDE


def test_colour_is_for_terminals_that_want_it(monkeypatch: pytest.MonkeyPatch):
    out = Terminal(tty=True)
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert Console().bold("x") == "\x1b[1mx\x1b[0m"
    assert Console().tick("x") == "✓ x"
    monkeypatch.setenv("NO_COLOR", "1")
    assert Console().bold("x") == "x"
    assert 40 <= Console().width() < WIDE


def test_quiet_leaves_data_and_alarms(monkeypatch: pytest.MonkeyPatch):
    out, err = Terminal(), Terminal()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    console = Console(quiet=True)
    console.say("talk")
    console.data("data")
    console.alarm("alarm")
    console.document({"a": "é\x9b"}, line=True)
    assert out.getvalue() == 'data\n{"a": "\\u00e9\\u009b"}\n'
    assert err.getvalue() == "alarm\n"
