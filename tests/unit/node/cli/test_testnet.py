"""`testnet` hands its options on."""

from __future__ import annotations

import pytest

import node.testnet.command
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
            "headless": True,
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
