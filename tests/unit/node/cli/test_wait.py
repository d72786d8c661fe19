"""`wait`: goes on when something has come about, and says so when it does not."""

from __future__ import annotations

import pytest

from node.cli.wait import Condition, read_condition, read_span
from protocol.errors import LocalProtocolError
from tests.unit.node.api.fake_citizen import CAST, FakeCitizen
from tests.unit.node.api.fake_survey import FakeSurvey
from tests.unit.node.cli.conftest import Shell

HANDLE = CAST["handle"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("ready", Condition(noun="ready")),
        ("offers>=3", Condition(noun="offers", op=">=", number=3)),
        (" offers  >  0 ", Condition(noun="offers", op=">", number=0)),
        ("offers cast-7Q4M>=1", Condition(noun="offers", handle="cast-7Q4M", op=">=", number=1)),
        ("peers=2", Condition(noun="peers", op="==", number=2)),
        ("deal deal-9ABC=agreed", Condition(noun="deal", handle="deal-9ABC", state="agreed")),
        ("deal deal-9ABC == voided", Condition(noun="deal", handle="deal-9ABC", state="voided")),
    ],
)
def test_expressions(text: str, found: Condition):
    assert read_condition(text) == found
    assert read_condition(str(found)) == found


@pytest.mark.parametrize(
    "text",
    [
        *("", "offers", "offers>=", "offers>=-1", "offers>=1.5", "offers>=1000001", "offers=>3"),
        *("peers relay>=1", "deal=agreed", "deal x=perfect", "deals>=1", "ready now"),
        *("offers>=٣", "__import__('os')", "offers cast;rm>=1"),
    ],
)
def test_nothing_else_is_understood(text: str):
    with pytest.raises(LocalProtocolError) as refused:
        read_condition(text)
    assert refused.value.code == "E-WAIT"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30", 30), ("30s", 30), ("10m", 600), ("10min", 600), ("1.5h", 5_400), ("2d", 172_800)],
)
def test_lengths_of_time(text: str, seconds: float):
    assert read_span(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "-1s", "1w", "1e9", "inf", "nan"])
def test_no_length_of_time(text: str):
    with pytest.raises(LocalProtocolError):
        read_span(text)


def test_what_holds_already_is_not_waited_for(shell: Shell):
    found = shell.run("wait", "offers>=2")
    assert (found.code, found.out) == (0, "")
    assert "offers>=2: it is 2" in found.err
    found = shell.run("wait", "offers", f"{HANDLE}>=1", "--json")
    assert found.document() == {
        "schema": "intentcast.wait/1",
        "expression": f"offers {HANDLE}>=1",
        "value": 2,
    }
    assert shell.run("wait", "peers>=1").code == 0
    assert shell.run("wait", "deal", "deal-9ABC=agreed").code == 0


def test_it_looks_again_when_something_happens(shell: Shell, citizen: FakeCitizen):
    citizen.deal_states = ["accept_sent", "confirmed", "agreed"]
    citizen.happened = [{"n": 1, "at": "", "what": "deal.agreed", "ids": []}]
    found = shell.run("wait", "deal deal-9ABC=agreed", "--timeout", "1m")
    assert found.code == 0
    assert [call for call in citizen.calls if call[0] == "deal"] == [("deal", "deal-9ABC")] * 3


def test_what_does_not_come_in_time_is_exit_code_6(shell: Shell):
    found = shell.run("wait", "offers>=3", "--timeout", "0s")
    assert found.code == 6
    assert "it is 2 (E-TIMEOUT)" in found.err
    assert "intentcast wait 'offers>=3'" in found.err
    assert shell.run("wait", "peers>=2", "--timeout", "0").code == 6


def test_a_deal_that_ended_otherwise_is_not_waited_for(shell: Shell, citizen: FakeCitizen):
    citizen.deal_states = ["declined"]
    found = shell.run("wait", "deal deal-9ABC=agreed")
    assert found.code == 5
    assert "it is declined (E-WAIT-LOST)" in found.err
    citizen.deal_states = ["agreed"]
    assert shell.run("wait", "deal deal-9ABC=cancelled", "--timeout", "0").code == 6


def test_a_node_that_is_down_is_exit_code_3(down: Shell):
    assert down.run("wait", "peers>=1").code == 3


def test_ready_waits_for_a_node_to_come_up(
    shell: Shell, citizen: FakeCitizen, monkeypatch: pytest.MonkeyPatch
):
    assert isinstance(citizen.survey, FakeSurvey)
    citizen.survey.states["database"] = False
    (shell.home / "api.json").rename(shell.home / "away.json")
    naps: list[float] = []

    def nap(seconds: float) -> None:
        naps.append(seconds)
        assert isinstance(citizen.survey, FakeSurvey)
        if len(naps) == 1:
            (shell.home / "away.json").rename(shell.home / "api.json")
        else:
            citizen.survey.states["database"] = True

    monkeypatch.setattr("time.sleep", nap)
    assert shell.run("wait", "ready").code == 0
    assert len(naps) == 2


@pytest.mark.parametrize(("is_up", "words"), [(True, "not ready"), (False, "down")])
def test_a_node_that_does_not_become_ready(
    shell: Shell, citizen: FakeCitizen, is_up: bool, words: str
):
    assert isinstance(citizen.survey, FakeSurvey)
    citizen.survey.states["network"] = False
    if not is_up:
        (shell.home / "api.json").unlink()
    found = shell.run("wait", "ready", "--timeout", "0s")
    assert found.code == 6
    assert f"it is {words} (E-TIMEOUT)" in found.err


def test_several_casts_are_told_apart_in_the_words_of_this_verb(shell: Shell, citizen: FakeCitizen):
    citizen.cast_list = [CAST, CAST | {"handle": "cast-2"}]
    found = shell.run("wait", "offers>=99")
    assert found.code == 2
    assert f"Write:  intentcast wait 'offers {CAST['handle']}>=99'" in found.err
    citizen.cast_list[1] = citizen.cast_list[1] | {"state": "expired"}
    assert shell.run("wait", "offers>=1").code == 0
