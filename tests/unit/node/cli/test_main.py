"""Nothing gets past `main` as a traceback."""

from __future__ import annotations

import sys

import pytest

from node.cli import main as module
from node.cli.main import main
from node.version import VERSION
from tests.unit.node.api.fake_citizen import FakeCitizen
from tests.unit.node.cli.conftest import Shell, Terminal


def test_help_and_version(down: Shell):
    assert down.run("--help").code == 0
    assert down.run("-h").out.startswith("Usage: intentcast")
    assert down.run("offers", "--help").code == 0
    assert down.run("--version").out == f"intentcast {VERSION}\n"


@pytest.mark.parametrize(
    ("argv", "sentence", "fix"),
    [
        (["offrs"], "'offrs' is not a command of intentcast", "intentcast offers?"),
        (["help"], "'help' is not a command", "Did you mean: intentcast --help?"),
        (["version"], "'version' is not a command", "Did you mean: intentcast --version?"),
        (["init"], "'init' is not a command", "Did you mean: intentcast up?"),
        (["start"], "'start' is not a command", "Did you mean: intentcast up?"),
        (["Run"], "'Run' is not a command", "Did you mean: intentcast up?"),
        (["buy"], "'buy' is not a command", "Did you mean: intentcast cast?"),
        (["ask"], "'ask' is not a command", "Did you mean: intentcast cast?"),
        (["token", "version"], "is not a command of intentcast token", "intentcast token"),
        (["zzzz"], "'zzzz' is not a command of intentcast", "See: intentcast --help"),
        (["peers", "ad"], "'ad' is not a command of intentcast peers", "peers add?"),
        (["vendor", "imprt"], "is not a command of intentcast vendor", "vendor import?"),
        (["testnet", "upp"], "is not a command of intentcast testnet", "testnet up?"),
        (["cast", "x", "--budgt", "1"], "--budgt is not an option", "--budget?"),
        (["accept"], "OFFER is missing", "Write: intentcast accept"),
        (["verify", "a", "b"], "unexpected extra argument", "Write: intentcast verify"),
        (["offers", "x", "--timeout", "soon"], "--timeout: 'soon'", "offers --help"),
        (["offers", "x", "--timeout", "-1"], "--timeout: -1", "offers --help"),
        (["up", "--api-port", "99999"], "--api-port: 99999", "up --help"),
        (["--home"], "--home", ""),
        (["cast", "x", "--budget"], "'--budget' requires an argument", "cast"),
        (["vendor", "init"], "--name is missing", "Write: intentcast vendor init"),
        (["status", "\udcff"], "Argument 2 is not UTF-8 text", "Type it again"),
        (["cast", "a\0b"], "Argument 2 holds a NUL character", "Leave it out"),
    ],
)
def test_usage(down: Shell, argv: list[str], sentence: str, fix: str):
    found = down.run(*argv)
    assert found.code == 2
    assert found.out == ""
    first, second = found.err.splitlines()[:2]
    assert sentence in first
    assert first.startswith("✗ ")
    assert first.endswith("(E-USAGE).")
    assert fix in second


def test_groups_without_a_verb_tell_their_verbs(down: Shell):
    found = down.run("vendor")
    assert found.code == 2
    assert "init" in found.err


def test_stopping_says_so(shell: Shell, citizen: FakeCitizen, monkeypatch: pytest.MonkeyPatch):
    def stop(*args: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "_run", stop)
    found = shell.run("status")
    assert (found.code, found.out) == (1, "")
    assert "✗ Stopped (E-STOPPED)." in found.err


def test_a_bug_is_one_sentence(shell: Shell, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("node.cli.status._rows", lambda _: 1 // 0)
    found = shell.run("status")
    assert found.code == 1
    assert "Traceback" not in found.err
    assert "(E-INTERNAL)" in found.err


def test_a_bug_of_the_node_is_told_as_one(shell: Shell, citizen: FakeCitizen):
    citizen.fails = ZeroDivisionError()
    found = shell.run("status")
    assert found.code == 1
    assert "log line bug-" in found.err


def test_a_closed_pipe_is_no_error_text(shell: Shell, monkeypatch: pytest.MonkeyPatch):
    silenced = []
    monkeypatch.setattr(module, "_silence_stdout", lambda: silenced.append(1))

    def burst(*args: object) -> int:
        raise BrokenPipeError

    monkeypatch.setattr(module, "_run", burst)
    found = shell.run("casts")
    assert (found.code, found.out, found.err, silenced) == (1, "", "", [1])


def test_a_stream_that_cannot_hold_a_character(down: Shell, capsys: pytest.CaptureFixture[str]):
    assert main(["nothing"]) == 2
    assert "✗" in capsys.readouterr().err


def test_all_streams_closed(shell: Shell, monkeypatch: pytest.MonkeyPatch):
    for name in ("stdin", "stdout", "stderr"):
        monkeypatch.setattr(sys, name, None)
    assert main(["casts"]) == 0
    assert main(["nothing"]) == 2
    assert main(["revoke", "cast-1"]) == 2


def test_arguments_of_the_process_are_the_default(shell: Shell, monkeypatch: pytest.MonkeyPatch):
    out = Terminal()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "argv", ["intentcast", "--version"])
    assert main() == 0
    assert VERSION in out.getvalue()
