"""Whatever goes wrong is one sentence, a code and the next thing to type."""

from __future__ import annotations

import sys

import click
import pytest

from node.api.kinds import ErrorKind
from node.cli.console import Console
from node.cli.exits import Exit
from node.cli.failures import AnsweredError, explain, usage
from node.errors import ConfigError, NotFoundError, StorageError
from protocol.errors import LocalProtocolError, ObjectError, Reason
from tests.unit.node.cli.conftest import Terminal


@pytest.mark.parametrize(
    ("error", "code", "exit_code"),
    [
        (LocalProtocolError("x", code="E-MONEY"), "E-MONEY", Exit.USAGE),
        (NotFoundError("x"), "E-NOT-FOUND", Exit.NOT_FOUND),
        (ConfigError("x", code="E-PORT"), "E-PORT", Exit.FAILED),
        (StorageError("x", code="E-HOME-IN-USE"), "E-HOME-IN-USE", Exit.LOCKED),
        (ObjectError(Reason.MISMATCH), "E-PEER", Exit.REFUSED),
        (
            AnsweredError("x", kind=ErrorKind.DAMAGED, code="E-X", fix="", field=""),
            "E-X",
            Exit.DAMAGED,
        ),
        (click.FileError("name", "no"), "E-FILE", Exit.FAILED),
        (click.Abort(), "E-STOPPED", Exit.FAILED),
        (KeyboardInterrupt(), "E-STOPPED", Exit.FAILED),
        (PermissionError(13, "Permission denied", "/x"), "E-SYSTEM", Exit.FAILED),
        (OSError(), "E-SYSTEM", Exit.FAILED),
        (ZeroDivisionError("secret"), "E-INTERNAL", Exit.FAILED),
    ],
)
def test_explain(error: BaseException, code: str, exit_code: Exit):
    failure = explain(error)
    assert (failure.code, failure.exit) == (code, exit_code)
    assert failure.sentence
    assert failure.fix
    assert "secret" not in failure.sentence


def test_a_bug_shows_its_traceback_only_when_asked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    explain(ZeroDivisionError())
    assert capsys.readouterr().err == ""
    monkeypatch.setenv("INTENTCAST_DEBUG", "1")
    explain(ZeroDivisionError())
    assert "ZeroDivisionError" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("sentence", "told"),
    [
        ("no cast goes by 'x'", "✗ No cast goes by 'x' (E-C)."),
        ("--by is in the past.", "✗ --by is in the past (E-C)."),
        ("radius_km is wide", "✗ radius_km is wide (E-C)."),
        ("'xyz' is no category", "✗ 'xyz' is no category (E-C)."),
        ("a\x1b[2Jb", "✗ a[001B][2Jb (E-C)."),
        ("", "✗  (E-C)."),
    ],
)
def test_tell(monkeypatch: pytest.MonkeyPatch, sentence: str, told: str):
    err = Terminal()
    monkeypatch.setattr(sys, "stderr", err)
    failure = explain(LocalProtocolError(sentence, code="E-C", fix="one\ntwo\x07"))
    failure.tell(Console(quiet=True))
    assert err.getvalue().splitlines() == [told, "  one", "  two[0007]"]


def test_a_sentence_has_an_end(monkeypatch: pytest.MonkeyPatch):
    err = Terminal()
    monkeypatch.setattr(sys, "stderr", err)
    explain(LocalProtocolError("x" * 10_000, code="E-C")).tell(Console())
    assert len(err.getvalue()) < 700


def test_usage_without_a_context():
    assert usage(click.UsageError("bad")).sentence == "bad"
    assert usage(click.BadParameter("bad")).sentence == "a value: bad"
    assert usage(click.NoSuchOption("--x")).fix == "See: intentcast --help"
