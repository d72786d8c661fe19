"""A browser is led in by a private file; the code is on no command line."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from node.cli.browser import has_display, open_browser

LINK = 'http://127.0.0.1:8420/login#ACDE"FGHJ'


@pytest.mark.parametrize(
    ("environ", "platform", "found"),
    [
        ({}, "linux", False),
        ({"DISPLAY": ""}, "linux", False),
        ({"DISPLAY": ":0"}, "linux", True),
        ({"WAYLAND_DISPLAY": "wayland-0"}, "linux", True),
        ({}, "darwin", True),
        ({"SSH_CONNECTION": "a 1 b 2"}, "darwin", False),
    ],
)
def test_where_a_window_can_be(environ: dict[str, str], platform: str, found: bool):
    assert has_display(environ, platform) == found


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    found: list[list[str]] = []

    def start(command: list[str], **_options: Any) -> None:
        found.append(command)

    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(subprocess, "Popen", start)
    return found


def test_a_private_file_leads_on(tmp_path: Path, started: list[list[str]]):
    assert open_browser(tmp_path, LINK)
    page = tmp_path / "login.html"
    [command] = started
    assert command[1:] == [page.as_uri()]
    assert "ACDE" not in " ".join(command)
    assert page.stat().st_mode & 0o777 == 0o600
    text = page.read_text("utf-8")
    assert "login#ACDE&quot;FGHJ" in text
    assert 'content="no-referrer"' in text


def test_where_nothing_can_be_opened(
    tmp_path: Path, started: list[list[str]], monkeypatch: pytest.MonkeyPatch
):
    assert not open_browser(tmp_path / "gone", LINK)
    monkeypatch.setattr("shutil.which", lambda _name: None)
    assert not open_browser(tmp_path, LINK)
    monkeypatch.delenv("DISPLAY")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setattr("node.cli.browser.has_display", lambda _environ: False)
    assert not open_browser(tmp_path, LINK)
    assert started == []
    assert list(tmp_path.iterdir()) == []
