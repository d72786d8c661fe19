"""`revoke` asks first."""

from __future__ import annotations

from tests.unit.node.api.fake_citizen import FakeCitizen
from tests.unit.node.cli.conftest import Shell


def test_revoke(shell: Shell, citizen: FakeCitizen):
    assert "✓ The cast is revoked." in shell.run("revoke", "cast-1", "--yes").err
    assert citizen.calls == [("revoke", "cast-1")]
    assert shell.run("revoke", "x", "-y", "--json").document()["state"] == "revoked"


def test_not_without_a_yes(shell: Shell, citizen: FakeCitizen):
    assert "Nothing was changed" in shell.run("revoke", "x", tty=True, typed="\n").err
    assert shell.run("revoke", "x").code == 2
    assert citizen.calls == []
