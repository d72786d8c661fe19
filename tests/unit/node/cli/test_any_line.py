"""Whatever is typed: an exit code of the list, one sentence, a code, a next step, no traceback."""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import node.daemon
from node.cli import client
from node.cli.exits import Exit
from node.cli.group import COMMANDS
from tests.unit.node.api.fake_citizen import CAST, FakeCitizen
from tests.unit.node.cli.conftest import Run, Shell, in_process

VERBS = ["add", "init", "import", "serve", "status", "up"]
OPTIONS = [
    *("--json", "--quiet", "-q", "--yes", "-y", "--home", "--help", "--version", "--", "-"),
    *("--category", "--budget", "--near", "--within", "--by", "--must", "--prefer", "--item"),
    *("--watch", "--explain", "--wait", "--timeout", "--option", "--slot", "--disclose"),
    *("--no-disclose", "--anyway", "--save", "--confirm", "--refuse", "--net", "--listen"),
    *("--advertise", "--peer", "--relay", "--mailbox", "--api-port", "--web-port", "--name"),
    *("--area", "--currency", "--dry-run", "--source", "--report", "--seed", "--relays"),
    *("--until", "--headless", "--processes", "--keep", "--xyzzy", "--budget=", "--timeout=x"),
]
VALUES = [
    *("", " ", "0", "-1", "1e3", "1e999", "nan", "300", "300EUR", "1,000.50", "yesterday"),
    *("2026-02-30", "+14d", "25km", "a>=1", "a b c", "name=Ana", CAST["handle"], "offer-AAA1"),
    *("../../etc/passwd", "/", ".", "a.json", "x" * 3_000, "\x1b[31m", "\u202e", "\udcff", "a\0b"),
    *("{}", "127.0.0.1:0", "intentcast://x@y:1", "Berlin, DE", "offers>=3", "sofa", "日本"),
]
WORDS = st.sampled_from([*COMMANDS, *VERBS]) | st.sampled_from(OPTIONS) | st.sampled_from(VALUES)
LINES = st.builds(
    lambda command, rest: [command, *rest],
    st.sampled_from(list(COMMANDS)),
    st.lists(WORDS | st.text(max_size=12), max_size=5),
) | st.lists(WORDS, max_size=5)
SENTENCE = re.compile(r"✗ .*\(E-[A-Z0-9-]+\)\.")
TOLD_OTHERWISE = {Exit.TIMEOUT, Exit.REFUSED}
"""`accept` and `verify` say how a thing ended, which is no failure of theirs."""


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield deep_below(Path(folder))


def deep_below(folder: Path) -> Path:
    """Give a place from which `../../etc/passwd` leads nowhere but into the folder."""
    place = folder / "a" / "b" / "c"
    place.mkdir(parents=True)
    return place


def quick(seconds: float):
    """Stand in for what would run until somebody stops it."""

    async def run_daemon(home, given_settings, *, on_ready, passphrase=None):
        assert seconds >= 0

    return run_daemon


def check(found: Run) -> None:
    assert found.code in set(Exit)
    assert "Traceback" not in found.out + found.err
    assert "E-INTERNAL" not in found.err
    if found.code != Exit.OK and found.code not in TOLD_OTHERWISE:
        lines = found.err.splitlines()
        told = [i for i, line in enumerate(lines) if SENTENCE.fullmatch(line)]
        assert len(told) == 1
        assert lines[told[0] + 1].startswith("  ")
        assert len(lines[told[0]]) < 600


@settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@pytest.mark.parametrize("is_up", [False, True])
@given(argv=LINES)
@example(argv=[])
@example(argv=["cast"])
@example(argv=["peers", "add"])
@example(argv=["vendor", "import", "--report", "/"])
@example(argv=["deal", "x", "--save", "/"])
@example(argv=["deal", "x", "--save", "", "-y"])
@example(argv=["verify", ""])
@example(argv=["cast", ".json"])
@example(argv=["--home", "\x1b", "paths"])
@example(argv=["--home", "~nobody-of-that-name/x", "status"])
@example(argv=["vendor", "init", "--name", "x", "--home", "/proc/no"])
def test_any_line(place: Path, monkeypatch: pytest.MonkeyPatch, is_up: bool, argv: list[str]):
    with monkeypatch.context() as patch:
        prepare(patch, place)
        shell = Shell(home=place / "home", monkeypatch=patch)
        if is_up:
            shell.up()
        else:
            (place / "home" / "api.json").unlink(missing_ok=True)
        check(shell.run(*bounded(argv)))


def prepare(patch: pytest.MonkeyPatch, place: Path) -> None:
    """Put stand-ins where a line would start a daemon, a town, or wait."""
    testnet, demo = ModuleType("node.testnet.command"), ModuleType("node.testnet.demo")
    testnet.run = demo.run = lambda **_: 0  # type: ignore[attr-defined]
    patch.setitem(sys.modules, "node.testnet.command", testnet)
    patch.setitem(sys.modules, "node.testnet.demo", demo)
    patch.setattr(node.daemon, "run_daemon", quick(0))
    patch.setattr(client, "HttpTransport", in_process(FakeCitizen()))
    patch.setattr(client, "WAIT_S", 0.0)
    patch.setattr("node.cli.offers._FOR_EVER_S", 0.02)
    patch.setattr("node.cli.cast._HEARD_S", 0.0)
    patch.setenv("NO_COLOR", "1")
    patch.setenv("INTENTCAST_HOME", str(place / "home"))
    patch.chdir(place)


def bounded(argv: list[str]) -> list[str]:
    """Keep a line from waiting for what the fake never does."""
    return [word for word in argv if word != "--timeout"]
