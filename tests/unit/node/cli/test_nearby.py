"""`nearby` lists who is around and takes the owner's word."""

from __future__ import annotations

import pytest

from node.errors import NotFoundError
from tests.unit.node.api.fake_citizen import FakeCitizen
from tests.unit.node.api.fake_neighbours import NODE, FakeNeighbours, neighbour
from tests.unit.node.cli.conftest import Shell


@pytest.fixture
def hood(citizen: FakeCitizen) -> FakeNeighbours:
    assert citizen.neighbours is not None
    return citizen.neighbours


def test_the_list(shell: Shell, hood: FakeNeighbours):
    found = shell.run("nearby")
    assert "node-7Q4M-K2XD-9TFA-WB3H  10.0.0.2:9401  main  waits for your yes" in found.out
    assert "1 node waiting" in found.err
    assert "nearby allow KEY" in found.err
    assert shell.run("nearby", "--json").document()["schema"] == "intentcast.nearby/1"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"linked": True}, "waits for your yes, linked"),
        ({"state": "kept", "linked": True}, "main  linked"),
        ({"state": "kept", "trouble": "no answer"}, "yours, not linked: no answer"),
        ({"state": "kept", "addresses": []}, "yours, not linked: nobody knows where it is"),
        ({"state": "guest"}, "came by your invite"),
        ({"state": "guest", "linked": True}, "came by your invite, linked"),
    ],
)
def test_states(shell: Shell, hood: FakeNeighbours, changes: dict[str, object], said: str):
    hood.nodes = [neighbour(**changes)]
    assert said in shell.run("nearby").out


def test_refused_ones_are_shown_when_asked_for(shell: Shell, hood: FakeNeighbours):
    hood.nodes = [neighbour(state="refused")]
    found = shell.run("nearby")
    assert (found.out, found.err) == ("", "Nobody near you announces a node.\n")
    assert "refused" in shell.run("nearby", "--all").out


def test_off(shell: Shell, hood: FakeNeighbours):
    hood.nodes, hood.changes = [], {"lan": "off"}
    assert "intentcast up --lan" in shell.run("nearby").err


def test_remarks(shell: Shell, hood: FakeNeighbours):
    hood.changes = {"notice": "No multicast.", "ignored": {"other_net": 2, "spoofed": 1}}
    said = shell.run("nearby").err
    assert "! No multicast." in said
    assert "2 announcements of other networks" in said
    assert "a node that was not there" in said


def test_a_yes(shell: Shell, hood: FakeNeighbours):
    found = shell.run("nearby", "allow", NODE)
    assert (found.code, found.out) == (0, "")
    assert "Linked to node-7Q4M-K2XD-9TFA-WB3H" in found.err
    assert hood.calls == [("allow", NODE)]
    hood.changes = {"linked": False, "trouble": "no answer"}
    assert "as soon as it answers. no answer" in shell.run("nearby", "allow", NODE).err
    assert shell.run("nearby", "allow", NODE, "--json").document()["neighbour"]["node"] == NODE


def test_a_no_and_neither(shell: Shell, hood: FakeNeighbours):
    assert "is not shown any more" in shell.run("nearby", "refuse", NODE).err
    assert "Forgotten" in shell.run("nearby", "forget", NODE).err
    assert [call[0] for call in hood.calls] == ["refuse", "forget", "nearby"]
    assert shell.run("nearby", "refuse", NODE, "--json").document()["neighbour"]
    assert shell.run("nearby", "forget", NODE, "--json").document()["nodes"]


def test_nobody_by_that_name(shell: Shell, hood: FakeNeighbours):
    hood.fails = NotFoundError("no neighbour goes by that name", fix="List them")
    found = shell.run("nearby", "allow", "node-ZZZZ-ZZZZ")
    assert (found.code, "(E-NOT-FOUND)" in found.err) == (7, True)
