"""`intentcast lock`."""

from __future__ import annotations

from tests.unit.node.api.fake_citizen import FakeCitizen
from tests.unit.node.cli.conftest import Shell


def test_the_node_is_locked(shell: Shell, citizen: FakeCitizen):
    found = shell.run("lock")
    assert (found.code, found.out, "intentcast unlock" in found.err) == (0, "", True)
    assert citizen.custody is not None
    assert citizen.custody.calls == [("lock",)]


def test_without_a_node_there_is_nothing_to_lock(down: Shell):
    found = down.run("lock")
    assert (found.code, "(E-NODE-DOWN)" in found.err) == (3, True)
