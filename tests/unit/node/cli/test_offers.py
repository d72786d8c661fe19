"""`offers`: now, when there are enough, or as they come."""

from __future__ import annotations

import json

import pytest

from node.cli import offers as module
from node.cli.client import NodeClient
from node.errors import TransportError
from tests.unit.node.api.fake_citizen import CAST, FakeCitizen, offer
from tests.unit.node.cli.conftest import Shell

HANDLE = CAST["handle"]


def test_a_row_each_best_first(shell: Shell):
    found = shell.run("offers", HANDLE)
    head, first, second = found.out.splitlines()
    assert head.split()[:4] == ["#", "offer", "vendor", "total"]
    assert "249.00 EUR" in first
    assert "275.00 EUR" in second
    assert "2 offers for 'Espresso machine, used is fine'" in found.err


def test_the_hint_can_be_copied_as_it_stands(shell: Shell, citizen: FakeCitizen):
    citizen.offer_list = [offer(1, valid=False), offer(2, state="revoked"), offer(3)]
    err = shell.run("offers", HANDLE).err
    assert err.rstrip().endswith("Take one:  intentcast accept offer-AAA3-BBBB")
    citizen.offer_list = [offer(1, valid=False)]
    assert "Take one" not in shell.run("offers", HANDLE).err


@pytest.mark.parametrize(
    ("state", "says"), [("awarded", "see:  intentcast deal"), ("expired", ""), ("deciding", "Take")]
)
def test_nobody_is_told_to_take_what_cannot_be_taken(
    shell: Shell, citizen: FakeCitizen, monkeypatch: pytest.MonkeyPatch, state: str, says: str
):
    async def offers(cast_handle, *, weights=None):
        cast = CAST | {"state": state}
        return {"schema": "intentcast.offers/1", "cast": cast, "offers": [offer(1)]}

    monkeypatch.setattr(citizen, "offers", offers)
    err = shell.run("offers", HANDLE).err
    assert says in err
    assert ("Take one" in err) is (state == "deciding")


def test_everything_about_each(shell: Shell):
    found = shell.run("offers", HANDLE, "--explain")
    assert "--explain" not in found.err
    out = found.out
    assert "850 points" in out
    assert "Voltage" in out


def test_none_yet(shell: Shell, citizen: FakeCitizen):
    citizen.offer_list = []
    found = shell.run("offers", HANDLE)
    assert (found.code, found.out) == (0, "")
    assert "No offers yet" in found.err


def test_a_single_cast_needs_no_name(shell: Shell, citizen: FakeCitizen):
    assert shell.run("offers", "--json").document()["cast"] == CAST
    citizen.cast_list = [CAST, CAST | {"handle": "cast-2"}]
    several = shell.run("offers")
    assert (several.code, "say which" in several.err) == (2, True)
    ended = CAST | {"handle": "cast-0", "state": "awarded"}
    citizen.cast_list = [ended, CAST, ended | {"state": "expired"}]
    assert shell.run("offers", "--json").document()["cast"] == CAST
    citizen.cast_list = [ended, CAST, CAST | {"handle": "cast-2"}]
    assert f"Write:  intentcast offers {HANDLE}" in shell.run("offers").err
    citizen.cast_list = []
    none = shell.run("offers")
    assert (none.code, "(E-CAST-UNKNOWN)" in none.err) == (7, True)


def test_what_waits_for_its_first_mailbox_is_not_called_nothing(
    shell: Shell, citizen: FakeCitizen, monkeypatch: pytest.MonkeyPatch
):
    citizen.cast_list = [CAST | {"handle": None}]
    found = shell.run("offers")
    assert (found.code, "saved and not sent yet" in found.err) == (7, True)
    assert "intentcast peers add" in found.err

    def goes_out(_client: NodeClient, cursor: int, _timeout_s: float) -> tuple[list, int]:
        citizen.cast_list = [CAST]
        return [], cursor + 1

    monkeypatch.setattr(NodeClient, "news", goes_out)
    assert shell.run("offers", "--wait", "2", "--timeout", "5").code == 0


def test_unknown_cast(shell: Shell):
    found = shell.run("offers", "cast-0000")
    assert (found.code, "(E-NOT-FOUND)" in found.err) == (7, True)


def come_later(citizen: FakeCitizen, monkeypatch: pytest.MonkeyPatch, *lists) -> None:
    """Let the list of offers change with every look."""
    rest = list(lists)

    async def offers(cast_handle, *, weights=None):
        citizen.offer_list = rest.pop(0) if len(rest) > 1 else rest[0]
        return {"schema": "intentcast.offers/1", "cast": CAST, "offers": citizen.offer_list}

    monkeypatch.setattr(citizen, "offers", offers)


@pytest.mark.parametrize("text", ["2", "offers>=2", ">= 2", " offers >= 2 "])
def test_wait_until_there_are_enough(
    shell: Shell, citizen: FakeCitizen, monkeypatch: pytest.MonkeyPatch, text: str
):
    come_later(citizen, monkeypatch, [], [offer(1)], [offer(1), offer(2)])
    found = shell.run("offers", HANDLE, "--wait", text, "--timeout", "20", "--json")
    assert found.code == 0
    assert len(found.document()["offers"]) == 2


def test_not_enough_in_time(shell: Shell):
    found = shell.run("offers", HANDLE, "--wait", "3", "--timeout", "0")
    assert found.code == 6
    assert len(found.out.splitlines()) == 3
    assert "✗ 2 of 3 offers came within 0 s (E-TIMEOUT)." in found.err


@pytest.mark.parametrize("text", ["", "many", "-1", "3.5", "deals>=3"])
def test_what_to_wait_for_is_a_number(shell: Shell, text: str):
    found = shell.run("offers", HANDLE, "--wait", text)
    assert (found.code, "(E-WAIT)" in found.err) == (2, True)


def test_watch_prints_what_changed_and_ctrl_c_ends_it(
    shell: Shell, citizen: FakeCitizen, monkeypatch: pytest.MonkeyPatch
):
    come_later(citizen, monkeypatch, [offer(1)], [offer(1)], [offer(1), offer(2)])
    asked = []

    def news(self, after, wait_s):
        asked.append(after)
        if len(asked) == 4:
            raise KeyboardInterrupt
        return [], after

    monkeypatch.setattr(NodeClient, "news", news)
    found = shell.run("offers", HANDLE, "--watch", "--json")
    assert found.code == 0
    documents = [json.loads(line) for line in found.out.splitlines()]
    assert [len(document["offers"]) for document in documents] == [1, 2]


def test_watch_ends_in_time(shell: Shell):
    assert shell.run("offers", HANDLE, "--watch", "--timeout", "0").code == 0
    assert module._FOR_EVER_S > 86_400


# --- on a terminal --------------------------------------------------------------------------------


class Glances:
    """What the node says at each glance: offers, or an error; after the last, Ctrl-C."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, citizen: FakeCitizen, *steps) -> None:
        self.steps = list(steps)
        self.citizen = citizen
        self.naps = 0
        monkeypatch.setattr(NodeClient, "news", self.news)
        monkeypatch.setattr(NodeClient, "cursor", lambda _client: self.news(0, 0)[1])
        monkeypatch.setattr("time.sleep", self.nap)

    def news(self, _after, _wait_s):
        if not self.steps:
            raise KeyboardInterrupt
        step = self.steps.pop(0)
        if isinstance(step, Exception):
            raise step
        self.citizen.offer_list = step
        return [], 1

    def nap(self, _seconds):
        self.naps += 1


def frames(out: str) -> list[list[str]]:
    """What was drawn, one list of lines for each time."""
    parts = out.split("\x1b[J")
    return [
        [line.replace("\x1b[K", "").rstrip() for line in part.split("\r", 1)[1].splitlines()]
        for part in parts
        if "\r" in part
    ]


def test_a_terminal_gets_one_table_that_changes(
    shell: Shell, citizen: FakeCitizen, monkeypatch: pytest.MonkeyPatch
):
    citizen.offer_list = [offer(1)]
    both = [offer(2), offer(1)]
    Glances(monkeypatch, citizen, [offer(1)], both, both)
    found = shell.run("offers", HANDLE, "--watch", tty=True)
    assert (found.code, found.err) == (0, "")
    drawn = frames(found.out)
    assert [len(lines) for lines in drawn] == [3, 3, 4, 4]
    assert drawn[0][0].startswith("  #  offer")
    assert drawn[1][1].startswith("  ")
    # Both glances after it came: nothing has changed since.
    for lines in drawn[2:]:
        assert [line[0] for line in lines[1:3]] == ["*", " "]
        assert lines[3].startswith("2 offers, 1 new (*); as of ")
    assert "\x1b[3A" in found.out


def test_a_table_says_since_when_the_node_is_down(
    shell: Shell, citizen: FakeCitizen, monkeypatch: pytest.MonkeyPatch
):
    citizen.offer_list = [offer(1)]
    gone = TransportError("The node is not running", code="E-NODE-DOWN")
    stuck = TransportError("no answer", code="E-TIMEOUT")
    glances = Glances(monkeypatch, citizen, gone, gone, [offer(1), offer(2)], stuck)
    drawn = frames(shell.run("offers", HANDLE, "--watch", tty=True).out)
    states = [lines[-1] for lines in drawn]
    assert states[0].startswith("1 offer; as of ")
    assert states[1].startswith("✗ The node is down since ")
    assert states[1] == states[2]
    assert states[3].startswith("2 offers, 1 new (*)")
    assert states[4].startswith("✗ The node does not answer since ")
    assert drawn[1][:-1] == drawn[0][:-1], "so it stood"
    assert glances.naps == 3


def test_a_table_without_offers_says_so(
    shell: Shell, citizen: FakeCitizen, monkeypatch: pytest.MonkeyPatch
):
    citizen.offer_list = []
    Glances(monkeypatch, citizen)
    drawn = frames(shell.run("offers", HANDLE, "--watch", tty=True).out)
    assert drawn[0][0].startswith("No offers yet for 'Espresso machine")


def test_a_table_ends_in_time(shell: Shell):
    found = shell.run("offers", HANDLE, "--watch", "--timeout", "0", tty=True)
    assert found.code == 0
    assert len(frames(found.out)) == 1
