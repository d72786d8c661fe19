"""`invite` prints a link and nothing else on stdout."""

from __future__ import annotations

import pytest

from node.cli.invite import read_span
from node.errors import RefusedError
from node.runtime.invitations import InviteWish
from protocol.errors import LocalProtocolError
from tests.unit.node.api.fake_citizen import FakeCitizen
from tests.unit.node.cli.conftest import Shell


def test_the_link_alone_is_data(shell: Shell, citizen: FakeCitizen):
    found = shell.run("invite")
    assert found.out.startswith("intentcast://node-")
    assert found.out.count("\n") == 1
    assert "Good for everybody who has it, until 2027-02-20" in found.err
    assert citizen.neighbours is not None
    assert citizen.neighbours.calls == [("invite", InviteWish(single=False, for_ms=604_800_000))]


def test_for_one_for_a_while_at_an_address(shell: Shell, citizen: FakeCitizen):
    found = shell.run("invite", "--single", "--for", "30min", "--address", "a.example:1")
    assert "Good for one node, once" in found.err
    wish = InviteWish(single=True, for_ms=1_800_000, address="a.example:1")
    assert citizen.neighbours is not None
    assert citizen.neighbours.calls == [("invite", wish)]
    assert shell.run("invite", "--json").document()["schema"] == "intentcast.invite/1"


def test_as_squares_beside_the_talk(shell: Shell, monkeypatch: pytest.MonkeyPatch):
    found = shell.run("invite", "--qr")
    assert (found.out.startswith("intentcast://"), found.out.count("\n")) == (True, 1)
    drawn = [line for line in found.err.splitlines() if set(line) <= set(" ▄▀█")]
    assert len(drawn) * 2 in {len(drawn[0]), len(drawn[0]) + 1}
    assert "▄" not in shell.run("invite", "--qr", "--json").out


def test_a_node_nobody_can_dial(shell: Shell, citizen: FakeCitizen):
    assert citizen.neighbours is not None
    citizen.neighbours.fails = RefusedError("nobody can dial it", code="E-INVITE-NOWHERE", fix="So")
    found = shell.run("invite")
    assert (found.code, found.out, "(E-INVITE-NOWHERE)" in found.err) == (5, "", True)


@pytest.mark.parametrize(("text", "seconds"), [("1min", 60), ("12h", 43_200), ("7d", 604_800)])
def test_times(text: str, seconds: int):
    assert read_span(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "7", "8d", "0d", "59", "-1d", "1 d", "1w", "169h", "1d1h", "9999999d", "\u0667d"]
)
def test_times_that_are_none(text: str):
    with pytest.raises(LocalProtocolError) as caught:
        read_span(text)
    assert caught.value.code == "E-INVITE-TIME"
