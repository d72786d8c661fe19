"""`paths` needs no node and reads no secret."""

from __future__ import annotations

import pytest

from tests.unit.node.cli.conftest import Shell


def test_paths(down: Shell):
    down.home.mkdir()
    (down.home / "root.key").write_text("secret")
    found = down.run("paths")
    assert found.code == 0
    assert "secret to a safe place" not in found.out.splitlines()[0]
    assert f"{down.home / 'node.db'}  (not there yet)" in found.out
    assert f"{down.home / 'root.key'}  (the secret" in found.out
    files = down.run("paths", "--json").document()["files"]
    assert files["keys"] == {"path": str(down.home / "root.key"), "exists": True}
    assert not files["database"]["exists"]


def test_a_folder_that_may_not_be_read(down: Shell, monkeypatch: pytest.MonkeyPatch):
    def refuse(self):
        raise PermissionError

    monkeypatch.setattr("node.cli.paths.Path.exists", refuse)
    assert down.run("paths").code == 0
