"""`join` follows a link."""

from __future__ import annotations

from protocol.errors import LocalProtocolError
from tests.unit.node.api.fake_citizen import FakeCitizen
from tests.unit.node.cli.conftest import Shell

LINK = "intentcast://node-ABCD@a.example:1?invite=abc"


def test_it_is_kept(shell: Shell, citizen: FakeCitizen):
    found = shell.run("join", LINK)
    assert (found.code, found.out) == (0, "")
    assert "Joined node-7Q4M-K2XD-9TFA-WB3H at 10.0.0.2:9401" in found.err
    assert citizen.neighbours is not None
    citizen.neighbours.changes = {"addresses": []}
    assert "WB3H; the link is kept" in shell.run("join", LINK, "--private").err
    assert citizen.neighbours.calls == [("join", LINK, False), ("join", LINK, True)]
    assert shell.run("join", LINK, "--json").document()["schema"] == "intentcast.neighbour/1"


def test_a_link_that_is_none(shell: Shell, citizen: FakeCitizen):
    assert citizen.neighbours is not None
    citizen.neighbours.fails = LocalProtocolError("it is cut short", code="E-INVITE", fix="Again")
    found = shell.run("join", LINK)
    assert (found.code, "(E-INVITE)" in found.err) == (2, True)
    assert shell.run("join").code == 2
