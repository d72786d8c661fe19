"""`testnet` hands its options on, and says what is wrong with a wish."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import node.cli.browser
import node.testnet.command
import node.testnet.remote
from node.errors import TransportError
from node.testnet.fault import Change, Cut
from tests.unit.node.cli.conftest import Shell


def test_up(down: Shell, monkeypatch: pytest.MonkeyPatch):
    asked = []

    def run(**options: object) -> int:
        asked.append(options)
        return 6

    monkeypatch.setattr(node.testnet.command, "run", run)
    argv = ["--seed", "9", "--headless", "--until", "offers>=10", "--timeout", "30", "--json"]
    assert down.run("testnet", "up", *argv).code == 6
    assert asked == [
        {
            "seed": 9,
            "relays": 5,
            "buyers": 3,
            "vendors": 4,
            "processes": False,
            "faulty": None,
            "headless": True,
            "dashboard": None,
            "port": None,
            "until": "offers>=10",
            "timeout": 30.0,
            "as_json": True,
            "quiet": False,
        }
    ]


@pytest.mark.parametrize("argv", [["--relays", "0"], ["--seed", "-1"], ["--timeout", "soon"]])
def test_numbers_have_a_range(down: Shell, argv: list[str]):
    found = down.run("testnet", "up", *argv)
    assert (found.code, "(E-USAGE)" in found.err) == (2, True)


class Far:
    """A testnet in another terminal."""

    def __init__(self) -> None:
        self.asked: list[tuple[str | None, Change | None]] = []
        self.links: list[dict[str, Any]] = [
            {"link": "shop~relay-1", "connections": 1, "resets": 2, "words": "cut", "fault": {}}
        ]

    def ask(self, at: str | None, change: Change | None) -> dict[str, Any]:
        self.asked.append((at, change))
        return {
            "schema": "intentcast.faults/1",
            "net": "testnet-7",
            "nodes": ["relay-1", "shop"],
            "links": self.links,
        }


@pytest.fixture
def far(monkeypatch: pytest.MonkeyPatch) -> Far:
    found = Far()
    monkeypatch.setattr(node.testnet.remote, "ask", found.ask)
    return found


@pytest.mark.parametrize(
    ("argv", "change"),
    [
        ([], None),
        (["--list", "--delay", "1s"], None),
        (
            ["--link", "a~b", "--delay", "300ms", "--jitter", "1s", "--loss", "5%"],
            Change(link="a~b", delay_ms=300, jitter_ms=1_000, loss=0.05),
        ),
        (["--link", "a~b", "--cut"], Change(link="a~b", cut=Cut.SILENT, one_way=False)),
        (
            ["--link", "a~b", "--cut", "--one-way"],
            Change(link="a~b", cut=Cut.SILENT, one_way=True),
        ),
        (["--link", "a~b", "--reset"], Change(link="a~b", cut=Cut.RESET, one_way=False)),
        (
            ["--link", "a~b", "--bandwidth", "64kB/s", "--cut-at", "9"],
            Change(link="a~b", bytes_per_s=64_000, cut_at=9),
        ),
    ],
)
def test_a_fault_is_asked_for(down: Shell, far: Far, argv: list[str], change: Change | None):
    found = down.run("testnet", "fault", *argv, "--at", "/tmp/x")
    assert found.code == 0, found.err
    assert far.asked == [("/tmp/x", change)]
    assert found.out.splitlines() == [
        "link          open  resets  fault",
        "shop~relay-1     1       2  cut",
    ]


@pytest.mark.parametrize(
    ("argv", "change"),
    [
        (["--heal"], Change(heal=True)),
        (["--heal", "--link", "a~b"], Change(link="a~b", heal=True)),
    ],
)
def test_only_what_was_healed_is_listed(
    down: Shell, far: Far, monkeypatch: pytest.MonkeyPatch, argv: list[str], change: Change
):
    sound = far.links[0] | {"link": "a~b", "words": "sound"}
    far.links.append(sound)
    asking = far.ask

    def ask(at: str | None, change: Change | None) -> dict[str, Any]:
        if change is not None:
            far.links = [far.links[0] | {"words": "sound"}, sound]
        return asking(at, change)

    monkeypatch.setattr(node.testnet.remote, "ask", ask)
    found = down.run("testnet", "fault", *argv)
    assert far.asked == [(None, None), (None, change)]
    assert [line.split()[0] for line in found.out.splitlines()] == ["link", "shop~relay-1"]
    assert found.err == "1 link healed.\n"
    again = down.run("testnet", "fault", *argv)
    assert (again.code, again.out, again.err) == (0, "", "No link was faulty.\n")


def test_faults_as_a_document_and_none_at_all(down: Shell, far: Far):
    assert down.run("testnet", "fault", "--json").document()["net"] == "testnet-7"
    far.links = []
    assert "Nodes: relay-1, shop" in down.run("testnet", "fault").err


@pytest.mark.parametrize(
    ("argv", "code", "words"),
    [
        (["--delay", "300ms"], "E-USAGE", "--link"),
        (["--link", "a~b", "--delay", "300"], "E-FAULT", "300ms"),
        (["--link", "a~b", "--delay", "61s"], "E-FAULT", "60,000"),
        (["--link", "a~b", "--loss", "5"], "E-FAULT", "5%"),
        (["--link", "a~b", "--bandwidth", "64"], "E-FAULT", "64kB/s"),
        (["--link", "a~b", "--bandwidth", "1B/s"], "E-FAULT", "100"),
        (["--link", "a~b", "--one-way", "--reset"], "E-FAULT", "do not go together"),
        (["--link", "a~b", "--one-way"], "E-USAGE", "--cut --one-way"),
        (["--link", "a~b", "--delay", "1s", "--one-way"], "E-USAGE", "--cut is missing"),
        (["--heal", "--one-way"], "E-USAGE", "--cut is missing"),
        (["--link", "a~b", "--cut-at", "0"], "E-USAGE", "--cut-at"),
    ],
)
def test_a_fault_that_is_not_understood(
    down: Shell, far: Far, argv: list[str], code: str, words: str
):
    found = down.run("testnet", "fault", *argv)
    assert found.code == 2
    assert f"({code})" in found.err
    assert words in found.err
    assert len(found.err.splitlines()) == 2
    assert far.asked == []


def test_no_testnet_runs(down: Shell, monkeypatch: pytest.MonkeyPatch):
    def refuse(*_args: object) -> None:
        raise TransportError("no testnet runs here", code="E-NO-TESTNET", fix="Start one")

    monkeypatch.setattr(node.testnet.remote, "ask", refuse)
    assert down.run("testnet", "fault").code == 3


def test_the_page_is_opened(down: Shell, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    asked = []
    opened = []
    link = {
        "schema": "intentcast.login-link/1",
        "link": "http://127.0.0.1:8500/login#ACDEFGHJ",
        "code": "ACDE-FGHJ",
        "expires": "2027-01-15T08:00:00Z",
    }

    def login(at: str | None) -> tuple[Path, dict[str, Any]]:
        asked.append(at)
        return tmp_path, link

    def open_browser(home: Path, found: str) -> bool:
        opened.append((home, found))
        return True

    monkeypatch.setattr(node.testnet.remote, "login", login)
    monkeypatch.setattr(node.cli.browser, "open_browser", open_browser)
    found = down.run("testnet", "open", "--at", "/tmp/x", "--no-browser")
    assert "ACDE-FGHJ" in found.out
    assert (asked, opened) == (["/tmp/x"], [])
    assert down.run("testnet", "open", "--json").document() == link
    assert down.run("testnet", "open").code == 0
    assert opened == [(tmp_path, link["link"])]
