"""Guides that say so are run as they stand, like the tutorial."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.e2e.ports import free_ports
from tests.e2e.test_tutorial import ROOT, Terminals, commands

GUIDES = ROOT / "docs" / "guides"


class Desk(Terminals):
    """A reader of one guide, whose node takes a port of its own."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        (port,) = free_ports(1)
        self._ports["8420"] = port
        self._env["INTENTCAST_API_PORT"] = port

    def own(self, line: str) -> str:
        if " TOKEN" in line:
            (token,) = self.read("token list")["tokens"]
            line = line.replace(" TOKEN", f" {token['handle']}")
        return super().own(line)


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@pytest.mark.timeout(60)
@pytest.mark.parametrize("name", ["api"])
def test_a_guide_does_what_it_says(tmp_path: Path, name: str):
    found = commands(GUIDES / f"{name}.md")
    assert len(found) > 5
    desk = Desk(tmp_path)
    try:
        for command in found:
            desk.run(command)
    finally:
        desk.stop()
