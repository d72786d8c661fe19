"""Peers explained: every word follows from what the machines decided."""

from __future__ import annotations

from dataclasses import replace

import pytest

from node.runtime.peers import Esteem, PeerView, esteem
from protocol.ids import NodeId
from protocol.network.budgets import BudgetView
from protocol.network.choice import SupplyView
from protocol.network.flow import Flow
from protocol.network.standing import Standing
from tests.unit.protocol.network.driver import NOW, Bench, peer

SUPPLY = SupplyView(flow=Flow.PUSH, lag_ms=40, penalty_ms=5, is_refusing=False, is_stable=False)
BUDGET = BudgetView(news_left=590, news_burst=600, news_per_s=8, pull_bytes_left=-2_000, refused=3)
WELL = Esteem(
    supply=SUPPLY,
    given=Flow.IDS,
    merit=7,
    standing=Standing.GOOD,
    budget=BUDGET,
    narrows=True,
)


@pytest.mark.parametrize(
    ("view", "said"),
    [
        (WELL, "among those that bring"),
        (replace(WELL, standing=Standing.NO_PUSH), "faults bar it"),
        (replace(WELL, supply=None), "nothing is known"),
        (replace(WELL, supply=replace(SUPPLY, is_refusing=True)), "would not push"),
        (replace(WELL, supply=replace(SUPPLY, is_stable=True)), "drawn by lot"),
        (replace(WELL, supply=replace(SUPPLY, flow=Flow.IDS, is_stable=True)), "others bring"),
        (replace(WELL, supply=replace(SUPPLY, flow=Flow.QUIET)), "enough others"),
    ],
)
def test_the_place_of_a_link_is_explained(view: Esteem, said: str):
    assert said in view.why()


def test_an_only_peer_is_compared_with_nobody():
    assert WELL.why(is_only=True) == "your only peer"
    assert "faults bar it" in replace(WELL, standing=Standing.NO_PUSH).why(is_only=True)
    assert WELL.document(is_only=True)["why"] == "your only peer"


def test_all_of_it_stands_in_the_document():
    assert WELL.document() == {
        "asked": "push",
        "given": "ids",
        "lag_ms": 40,
        "penalty_ms": 5,
        "merit": 7,
        "standing": "good",
        "news_left": 590,
        "news_per_s": 8,
        "pull_kib_left": 0,
        "over_budget": 3,
        "narrows": True,
        "why": "among those that bring what is new first",
    }
    unknown = replace(WELL, supply=None, budget=None).document()
    assert unknown["asked"] is unknown["lag_ms"] is unknown["news_left"] is None
    assert (unknown["penalty_ms"], unknown["over_budget"]) == (0, 0)


def test_it_is_gathered_from_the_machine():
    bench = Bench()
    bench.join("a")
    found = esteem(bench.gossip, Standing.GOOD, peer("a"), NOW)
    assert found.supply is not None
    assert found.budget is not None
    assert (found.merit, found.narrows) == (0, False)
    view = PeerView(
        key=NodeId(peer("a")),
        address="a.example:1",
        outbound=True,
        roles=("relay",),
        agent="x",
        rtt_ms=3,
        since_ms=2_500,
        bytes_in=1,
        bytes_out=2,
        first_objects=0,
        fault_points=0,
        esteem=found,
    ).document()
    assert view["explain"]["standing"] == "good"
    assert view["connected_s"] == 2
