"""`demo` hands its options on."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest

from tests.unit.node.cli.conftest import Shell


def test_demo(down: Shell, monkeypatch: pytest.MonkeyPatch):
    asked = []

    def run(**options: object) -> int:
        asked.append(options)
        return 0

    story = ModuleType("node.testnet.demo")
    story.run = run  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "node.testnet.demo", story)
    assert down.run("demo", "--processes", "--keep", "here", "--json").code == 0
    assert asked == [{"processes": True, "keep": "here", "as_json": True}]
