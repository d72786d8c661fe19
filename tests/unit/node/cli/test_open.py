"""`open` prints a way in for one browser, and asks one to take it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.node.cli.conftest import Shell

LINK = "http://127.0.0.1:8420/login#ACDEFGHJ"


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Path, str]]:
    found: list[tuple[Path, str]] = []

    def open_browser(home: Path, link: str) -> bool:
        found.append((home, link))
        return len(found) == 1

    monkeypatch.setattr("node.cli.browser.open_browser", open_browser)
    return found


def test_the_link_and_the_code_are_data(shell: Shell, opened):
    found = shell.run("open")
    assert found.out == f"Link  {LINK}\nCode  ACDE-FGHJ\n"
    assert "type the code at http://127.0.0.1:8420/login" in found.err
    assert "was asked to open it" in found.err
    assert opened == [(shell.home, LINK)]
    assert "was asked" not in shell.run("open").err


@pytest.mark.parametrize("option", ["--no-browser", "--json"])
def test_without_a_browser(shell: Shell, opened, option: str):
    assert LINK in shell.run("open", option).out
    assert opened == []


def test_no_node_no_page(down: Shell, opened):
    found = down.run("open")
    assert (found.code, opened) == (3, [])
