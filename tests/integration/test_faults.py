"""A testnet whose lines are bad: deals come about, and a split network grows together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from node.config import Settings
from node.daemon import Daemon
from node.entropy import SeededEntropy
from node.errors import TransportError
from node.testnet.control import within_reach
from node.testnet.crossing import Crossing
from node.testnet.fault import Change, Cut
from node.testnet.nodes import InProcessNode
from node.testnet.plan import Plan, make_plan
from node.testnet.town import Town, running
from node.vendor.showcase import example_cast
from tests.integration.fair import eventually
from tests.integration.test_testnet import dealt, planned

HEALED_S = 30.0
"""Within this a healed network has all requests everywhere."""
DRAFT = example_cast("park-city")


@asynccontextmanager
async def faulty(plan: Plan, folder: Path) -> AsyncIterator[tuple[Town, Crossing]]:
    crossing = Crossing(
        [node.name for node in plan.nodes], lambda link: SeededEntropy(link, net=plan.net)
    )
    town = Town(plan, folder, crossing=crossing)
    async with within_reach(crossing, plan.net, folder), running(town):
        yield town, crossing


@pytest.mark.timeout(90)
async def test_a_deal_under_delay_and_loss(tmp_path: Path):
    async with faulty(planned(relays=3), tmp_path) as (town, crossing):
        assert len(crossing.views()) >= 9
        crossing.change(Change(link="*~*", delay_ms=40, jitter_ms=30, loss=0.05))
        await dealt(town)


@pytest.mark.timeout(90)
async def test_a_deal_over_thin_lines(tmp_path: Path):
    async with faulty(planned(), tmp_path) as (town, crossing):
        crossing.change(Change(link="*~*", bytes_per_s=20_000))
        await dealt(town)


async def casts_of(town: Town, name: str) -> set[str]:
    node = town.nodes[name]
    assert isinstance(node, InProcessNode)
    assert node._daemon is not None
    return {each.body.title for each in await node._daemon.network.live_casts()}


WEST = ["relay-1", "relay-2", "buyer-1"]
EAST = ["relay-3", "relay-4", "buyer-2", "alpine-wheels"]


@pytest.mark.timeout(120)
@pytest.mark.parametrize("cut", [Cut.SILENT, Cut.RESET])
async def test_a_split_network_grows_together_again(tmp_path: Path, cut: Cut):
    plan = make_plan(
        net="testnet-4", seed=4, relays=4, buyers=2, vendors=1, shops=["alpine-wheels"]
    )
    async with faulty(plan, tmp_path) as (town, crossing):
        for west in WEST:
            for east in EAST:
                crossing.change(Change(link=f"{west}~{east}", cut=cut))
        titles = [f"Cast of {name} in a split network" for name in ("buyer-1", "buyer-2")]
        for name, title in zip(("buyer-1", "buyer-2"), titles, strict=True):
            found = await town.nodes[name].door.create_cast(DRAFT | {"title": title})
            assert found["cast"]["state"] == "open", found["cast"]["note"]
        sides = {titles[0]: WEST[:2], titles[1]: [*EAST[:2], EAST[3]]}
        await spread(town, sides, "each side has its own request")
        # What they would have told each other by now is still not there.
        await asyncio.sleep(1)
        for title, side in sides.items():
            others = (set(WEST) | set(EAST)) - set(side) - {"buyer-1", "buyer-2"}
            for name in others:
                assert title not in await casts_of(town, name), name
        crossing.change(Change(heal=True))
        everywhere = {title: [*WEST[:2], *EAST[:2], EAST[3]] for title in titles}
        await spread(town, everywhere, "both requests are everywhere", HEALED_S)


async def spread(
    town: Town, wanted: dict[str, list[str]], what: str, within_s: float = 20.0
) -> None:
    async def there() -> bool:
        return all(
            [
                title in await casts_of(town, name)
                for title, names in wanted.items()
                for name in names
            ]
        )

    await eventually(there, what, within_s)


def test_the_command_with_faulty_lines_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    from tests.integration.test_testnet import up

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    seen: list[Any] = []
    change = Crossing.listens

    def note(self: Crossing, name: str, address: str) -> None:
        seen.append(name)
        change(self, name, address)

    monkeypatch.setattr(Crossing, "listens", note)
    assert up(until="offers>=1", timeout=25.0, faulty=True) == 0
    assert len(seen) == 3
    assert list(tmp_path.iterdir()) == []


async def test_a_proxy_that_is_no_address_is_said_at_the_start(tmp_path: Path):
    with pytest.raises(TransportError) as caught:
        await Daemon(tmp_path, Settings(net="dev", api_port=0, dial_through="nowhere")).start()
    assert caught.value.code == "E-ADDRESS"
