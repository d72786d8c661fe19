"""`testnet up`: what is refused before anything starts, and what is reported. Runs: integration."""

from __future__ import annotations

import asyncio
import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from node.clock import ManualClock
from node.errors import TransportError
from node.testnet.command import SCHEMA, Fair, Wanted, run
from node.testnet.goal import Counts, parse_goal
from node.testnet.plan import make_plan
from node.testnet.remote import Word
from protocol.errors import LocalProtocolError

PLAN = make_plan(net="testnet-7", seed=7, relays=2, buyers=1, vendors=1, shops=["alpine-wheels"])


def asked(**changes: Any) -> int:
    options: dict[str, Any] = {
        "seed": 7,
        "relays": 1,
        "buyers": 0,
        "vendors": 0,
        "processes": False,
        "faulty": False,
        "headless": True,
        "dashboard": None,
        "port": None,
        "until": None,
        "timeout": 1.0,
        "as_json": True,
        "quiet": False,
    }
    return run(**options | changes)


@pytest.mark.parametrize(
    ("change", "code"), [({"until": "offer>=1"}, "E-UNTIL"), ({"relays": 0}, "E-PLAN")]
)
def test_what_is_not_understood_starts_nothing(
    change: dict[str, Any], code: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(Fair, "hold", None)
    with pytest.raises(LocalProtocolError) as caught:
        asked(**change)
    assert caught.value.code == code


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Runs that end at once."""
    folders: list[Path] = []

    async def hold(_self: Fair, folder: Path) -> None:
        folders.append(folder)

    monkeypatch.setattr(Fair, "hold", hold)
    return folders


def test_without_a_goal_the_end_is_the_end(held: list[Path], capsys: pytest.CaptureFixture[str]):
    assert asked() == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["schema"], found["until"], found["reached"]) == (SCHEMA, None, None)
    assert not held[0].exists()


def test_a_goal_that_was_not_reached_is_a_timeout_after_the_report(
    held: list[Path], capsys: pytest.CaptureFixture[str]
):
    with pytest.raises(TransportError) as caught:
        asked(until="offers>=10")
    assert caught.value.code == "E-TIMEOUT"
    assert "offers>=10 was not reached within 1 s" in caught.value.sentence
    assert json.loads(capsys.readouterr().out)["reached"] is False
    assert len(held) == 1


def test_ctrl_c_before_the_goal_is_no_timeout(capsys: pytest.CaptureFixture[str]):
    fair = Fair(PLAN, Wanted(goal=parse_goal("offers>=10")), ManualClock())
    fair.report()
    assert "0 casts, 0 offers, 0 deals, 0 agreements" in capsys.readouterr().out


def test_what_came_about_is_reported_as_measured(capsys: pytest.CaptureFixture[str]):
    clock = ManualClock()
    fair = Fair(PLAN, Wanted(), clock)
    fair._tally.asking()
    clock.advance(250)
    fair._tally.update("buyer-1", Counts(casts=1, offers=1))
    clock.advance(1_000)
    fair.report()
    said = capsys.readouterr().out
    assert "0.25 s  casts 1  offers 1" in said
    assert "1 cast, 1 offer, 0 deals, 0 agreements, in " in said
    assert "first offer 0.25 s after the first request" in said
    found = fair.document()
    assert (found["first_cast_ms"], found["first_offer_ms"], found["elapsed_ms"]) == (0, 250, 1_250)
    assert (found["seed"], found["net"]) == (7, "testnet-7")


class Watched(io.StringIO):
    """A stream with a person before it."""

    def isatty(self) -> bool:
        return True


async def test_a_terminal_is_not_flooded(monkeypatch: pytest.MonkeyPatch):
    screen, clock = Watched(), ManualClock()
    monkeypatch.setattr(sys, "stdout", screen)
    fair = Fair(PLAN, Wanted(), clock)
    for number in range(1, 61):
        fair._tally.update("buyer-1", Counts(casts=number))
        clock.advance(250)
    said = screen.getvalue().splitlines()
    assert [line.split("casts ")[1].split()[0] for line in said] == ["1", "21", "41"]
    # The last change is told though nothing comes after it.
    pauses = iter([None])

    async def sleep(_seconds: float) -> None:
        if next(pauses, "over") == "over":
            raise asyncio.CancelledError

    monkeypatch.setattr(asyncio, "sleep", sleep)
    with pytest.raises(asyncio.CancelledError):
        await fair._catch_up()
    assert "casts 60" in screen.getvalue().splitlines()[-1]


@pytest.mark.parametrize("wanted", [Wanted(headless=True), Wanted(as_json=True)])
def test_nothing_but_the_document_goes_to_stdout(
    wanted: Wanted, capsys: pytest.CaptureFixture[str]
):
    fair = Fair(PLAN, wanted, ManualClock())
    fair._tally.update("buyer-1", Counts(casts=1))
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("asked_for", "watched", "faulty"),
    [
        ({"headless": False}, True, True),
        ({"headless": True}, False, False),
        ({"headless": False, "quiet": True}, False, False),
        ({"headless": True, "dashboard": True}, True, True),
        ({"headless": False, "dashboard": False}, False, False),
        ({"headless": False, "faulty": False}, True, False),
        ({"headless": True, "faulty": True}, False, True),
    ],
)
def test_there_is_a_page_and_bad_lines_where_somebody_watches(
    held: list[Path], monkeypatch: pytest.MonkeyPatch, asked_for, watched, faulty
):
    seen: list[Wanted] = []
    monkeypatch.setattr(Fair, "report", lambda fair: seen.append(fair._wanted))
    asked(**{"faulty": None} | asked_for)
    assert (seen[0].dashboard, seen[0].faulty) == (watched, faulty)


def test_the_first_offer_is_told_once_with_what_to_try(capsys: pytest.CaptureFixture[str]):
    clock = ManualClock()
    fair = Fair(PLAN, Wanted(), clock)
    fair._folder = Path("/tmp/intentcast-x")
    fair._tally.asking()
    clock.advance(400)
    fair._tally.update("buyer-1", Counts(casts=1, offers=1))
    fair._tally.update("buyer-1", Counts(casts=1, offers=2))
    said = capsys.readouterr().out
    assert said.count("First offer") == 1
    assert "First offer 0.40 s after the first request." in said
    assert "intentcast --home /tmp/intentcast-x/buyer-1 casts" in said


def test_who_else_runs_is_told(capsys: pytest.CaptureFixture[str]):
    other = Word(folder=Path("/tmp/intentcast-y"), net="testnet-9", port=1, token="t")
    Fair(PLAN, Wanted(), ManualClock())._say_who_else_runs([other])
    assert "intentcast testnet open --at /tmp/intentcast-y" in capsys.readouterr().out
