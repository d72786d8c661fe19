"""A node as machines ask about it: checks by name, numbers under closed labels, its bounds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from node.api.metrics import METERED
from node.clock import ManualClock
from node.config import Settings
from node.meters import Spread
from node.runtime import survey as survey_module
from node.runtime.survey import Surroundings, Survey
from protocol import limits
from protocol.errors import Reason
from protocol.ids import NodeId, blake2b_256
from protocol.network.flow import Flow
from protocol.network.independence import Dependence
from protocol.network.policy import Rule
from protocol.network.standing import Standing
from protocol.network.verdicts import Verdict
from protocol.objects.profile import Profile
from protocol.objects.reply import Reply
from protocol.values.place import Where
from tests.unit.node.market.booth import START_MS, Booth, Market

OF_THE_SERVER = {"api_requests_total", "api_streams"}


def link(
    *,
    outbound: bool,
    asked: Flow | None,
    given: Flow,
    standing: Standing = Standing.GOOD,
    narrows: bool = False,
) -> Any:
    supply = None if asked is None else SimpleNamespace(flow=asked)
    esteem = SimpleNamespace(supply=supply, given=given, standing=standing, narrows=narrows)
    return SimpleNamespace(outbound=outbound, esteem=esteem)


class Outside:
    """A network with two links in and one out."""

    def __init__(self) -> None:
        self.node_id = NodeId(blake2b_256(b"node"))
        self.is_up = True
        self.offset_ms: int | None = None

        self.traffic = SimpleNamespace(sums={"in": 700, "out": 50})
        self.detours = SimpleNamespace(
            document=lambda: {"mode": "normal", "successors": 2, "waiting": 1},
            count=6,
            direct_count=3,
            carriage=SimpleNamespace(carried_count=4),
        )

    def peers(self) -> list[Any]:
        return [
            link(outbound=True, asked=Flow.PUSH, given=Flow.IDS),
            link(outbound=False, asked=None, given=Flow.PUSH, narrows=True),
            link(outbound=False, asked=Flow.QUIET, given=Flow.PUSH, standing=Standing.NO_PUSH),
        ]

    def gossip_counts(self) -> dict[str, int]:
        return {"live": 4, "pending": 1, "wanted": 2, "rejected": 3, "storing": 5}

    def refused(self) -> dict[Rule, int]:
        return {Rule.WORD: 2}

    def verdicts(self) -> dict[tuple[Verdict, Reason | None], int]:
        return {(Verdict.ACCEPTED, None): 4, (Verdict.REJECTED, Reason.BAD_WORK): 1}

    def clock_median_ms(self) -> int | None:
        return self.offset_ms

    def known_count(self) -> int:
        return 9

    def dependence(self) -> Dependence | None:
        return Dependence.GROUP

    def roles(self) -> list[str]:
        return ["relay"]


@pytest.fixture
async def market(tmp_path: Path) -> AsyncIterator[Market]:
    clock = ManualClock(wall_ms=START_MS)
    buyer = await Booth.open(tmp_path, "buyer_ana", clock)
    vendor = await Booth.open(tmp_path, "vendor_bo", clock)
    yield Market(buyer=buyer, vendor=vendor, clock=clock)
    await buyer.close()
    await vendor.close()


def survey_of(booth: Booth, *, shop: Profile | None = None, net: str = "test") -> Survey:
    outside: Any = Outside()
    post: Any = SimpleNamespace(parked=2)
    around = Surroundings(
        settings=Settings(net=net),
        clock=booth.clock,
        storage=booth.storage,
        network=outside,
        post=post,
        keyring=booth.keyring,
        tasks=booth.tasks,
        meters=booth.letters._meters,
        shop=lambda: shop,
    )
    return Survey(around)


async def test_a_node_is_ready_when_all_of_it_answers(market: Market):
    survey = survey_of(market.buyer)
    assert await survey.checks() == {"database": True, "network": True, "running": True}
    outside: Any = survey._around.network
    outside.is_up = False
    survey.is_stopping = True
    assert await survey.checks() == {"database": True, "network": False, "running": False}


async def test_a_database_that_does_not_answer_is_not_ready(
    market: Market, monkeypatch: pytest.MonkeyPatch
):
    async def wait_for_ever(_query: Any, **_options: Any) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(survey_module, "_DATABASE_S", 0.01)
    survey = survey_of(market.buyer)
    monkeypatch.setattr(market.buyer.storage, "read", wait_for_ever)
    assert (await survey.checks())["database"] is False
    monkeypatch.undo()
    await market.buyer.storage.close()
    assert (await survey.checks())["database"] is False


async def test_a_census_counts_what_is_there(market: Market):
    market.clock.advance(60_000)
    await market.accepted()
    survey = survey_of(market.buyer)
    found = await survey.census()
    assert set(found) == {each.name for each in METERED} - OF_THE_SERVER
    assert found["peers"] == {("in",): 2, ("out",): 1}
    assert found["peers_standing"] == {
        ("good",): 2,
        ("no_push",): 1,
        ("unwelcome",): 0,
        ("banned",): 0,
    }
    assert found["peers_narrow"] == {(): 1}
    assert found["link_levels"] == {
        ("in", "push"): 1,
        ("in", "ids"): 0,
        ("in", "quiet"): 1,
        ("out", "push"): 2,
        ("out", "ids"): 1,
        ("out", "quiet"): 0,
    }
    assert found["peer_bytes_total"] == {("in",): 700, ("out",): 50}
    assert found["stem"] == {("successors",): 2, ("waiting",): 1}
    assert found["tunnels"] == {("own",): 6, ("direct",): 3, ("carried",): 4}
    assert found["casts"] == {
        ("draft",): 0,
        ("open",): 0,
        ("deciding",): 0,
        ("awarded",): 1,
        ("superseded",): 0,
        ("revoked",): 0,
        ("expired",): 0,
    }
    deals = found["deals"]
    assert isinstance(deals, dict)
    assert deals["accept_sent",] == 1
    assert found["letters_received_total"] == {("offer", "recorded", "none"): 1}
    assert found["offers_received_total"] == {("recorded", "none"): 1}
    assert found["objects_refused_total"] == {("word",): 2}
    assert found["objects_received_total"] == {("accepted", "none"): 4, ("rejected", "bad_work"): 1}
    assert found["object_copies_total"] == {("public",): 0, ("stem",): 0}
    assert found["gossip_objects"] == {
        ("live",): 4,
        ("pending",): 1,
        ("wanted",): 2,
        ("rejected",): 3,
    }
    assert found["clock_offset_seconds"] == {}
    assert found["events_total"] == {(): market.buyer.storage.newest_event}
    latency = found["offer_latency_seconds"]
    assert isinstance(latency, Spread)
    assert latency.cumulated()[-1] == 1
    for metered in METERED:
        numbers = found.get(metered.name)
        assert isinstance(numbers, Spread) == (metered.kind == "histogram")
        if isinstance(numbers, dict):
            assert {len(labels) for labels in numbers} <= {len(metered.labels)}


async def test_the_clock_is_told_once_it_is_known(market: Market):
    survey = survey_of(market.buyer)
    outside: Any = survey._around.network
    outside.offset_ms = -1_500
    assert (await survey.census())["clock_offset_seconds"] == {(): -1.5}


def test_a_leaf_without_a_shop_says_so(market: Market):
    found = survey_of(market.buyer).info()
    assert (found["schema"], found["net"], found["name"]) == ("intentcast.info/1", "test", None)
    assert found["node"].startswith("node-")
    assert found["protocol"] == {"channel": [1], "objects": [1]}
    assert found["limits"]["work_bits"] == limits.pow_base_bits_other
    assert found["shop"] is None


def test_a_shop_says_what_it_makes_public_anyway(market: Market):
    shop = Profile(
        name="Shop One",
        party="vendor",
        categories=["electronics/cameras"],
        areas=[Where(cell="872830828ffffff", radius_km=20)],
        terms=["SD-BASE"],
        reply=Reply(box=bytes(32), reader=bytes(32), at=[bytes(32)], until=0),
    )
    found = survey_of(market.vendor, shop=shop, net="main").info()
    assert found["name"] == "Shop One"
    assert found["shop"] == {
        "name": "Shop One",
        "categories": ["electronics/cameras"],
        "areas": [{"cell": "872830828ffffff", "radius_km": 20}],
        "terms": ["SD-BASE"],
    }
    assert found["limits"]["work_bits"] == limits.pow_base_bits_main
