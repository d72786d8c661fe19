"""A testnet of real daemons in this process: brought up, used, hurt, and gone without a trace."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, CookieJar
from blockbuster import BlockBuster

from node.clock import SystemClock
from node.entropy import SeededEntropy, SystemEntropy
from node.errors import TransportError
from node.testnet.command import run
from node.testnet.control import within_reach
from node.testnet.crossing import Crossing
from node.testnet.dashboard import served
from node.testnet.door import Door
from node.testnet.fault import Fault
from node.testnet.plan import Part, Plan, make_plan
from node.testnet.scene import Scene
from node.testnet.tally import Tally
from node.testnet.town import Town, running
from node.vendor.showcase import example_cast
from protocol.objects.agreement import read_bundle

DRAFT = example_cast("park-city")


def planned(relays: int = 2) -> Plan:
    return make_plan(
        net="testnet-3", seed=3, relays=relays, buyers=1, vendors=1, shops=["alpine-wheels"]
    )


@pytest.fixture(autouse=True)
def _no_folder_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, _nothing_blocks: BlockBuster
):
    """Temporary folders go where they can be counted."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    yield
    assert [path for path in tmp_path.iterdir() if path.name.startswith("intentcast-")] == []


async def refuses(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        _, writer = await asyncio.open_connection(host, int(port))
    except ConnectionRefusedError:
        return True
    writer.close()
    return False


async def when(door: Door, ask: Callable[[], Any], holds: Callable[[Any], bool]) -> Any:
    """Ask again whenever something happened, until the answer will do."""
    cursor = 0
    async with asyncio.timeout(15):
        while not holds(found := await ask()):
            cursor = await door.wait_changed(cursor, 0.2)
        return found


async def dealt(town: Town) -> dict[str, Any]:
    """Ask, take the only offer, wait for the agreement."""
    door = town.of(Part.BUYER)[0].door
    cast = (await door.create_cast(DRAFT))["cast"]
    found = await when(door, lambda: door.offers(cast["handle"]), lambda each: each["offers"])
    handle = found["offers"][0]["handle"]
    deal = (await door.accept(handle, options=[], slot=None, disclose=None, anyway=False))["deal"]
    both = [door, town.of(Part.VENDOR)[0].door]
    for side in both:
        await when(
            side,
            lambda side=side: _state(side, deal["id"]),  # type: ignore[misc]
            lambda state: state == "agreed",
        )
    files = [(await side.agreement(deal["id"]))[1] for side in both]
    assert files[0] == files[1]
    assert read_bundle(files[0]).id is not None
    return cast


async def _state(door: Door, deal_id: str) -> str | None:
    deals = {deal["id"]: deal["state"] for deal in (await door.deals())["deals"]}
    return deals.get(deal_id)


async def test_a_request_becomes_an_offer_and_an_agreement(tmp_path: Path):
    town = Town(planned(), tmp_path)
    async with running(town):
        await dealt(town)
        addresses = [node.facts.listen for node in town.nodes.values() if node.facts.listen]
        assert len(addresses) == 3
    for address in addresses:
        assert await refuses(address)


async def test_keys_come_from_the_seed(tmp_path: Path):
    ids = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        town = Town(planned(), tmp_path / name)
        async with running(town):
            ids.append({name: node.facts.node for name, node in town.nodes.items()})
    assert ids[0] == ids[1]
    assert len(set(ids[0].values())) == 4


async def test_a_killed_relay_is_gone_at_once_and_the_deal_goes_on(tmp_path: Path):
    town = Town(planned(relays=3), tmp_path)
    async with running(town):
        victim = town.nodes["relay-2"]
        door = town.of(Part.BUYER)[0].door
        assert len((await door.peers())["peers"]) >= 3
        await town.kill("relay-2")
        assert await refuses(victim.facts.listen or "")

        def lost(found: dict[str, Any]) -> bool:
            return victim.facts.node not in {peer["node"] for peer in found["peers"]}

        await when(door, door.peers, lost)
        await dealt(town)


def test_the_command_runs_to_its_goal(capsys: pytest.CaptureFixture[str]):
    assert up(until="agreements>=1", timeout=25.0, as_json=True) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["reached"] is True
    assert found["counts"]["agreements"] >= 1
    assert 0 < found["first_offer_ms"] < 3_000
    assert found["up_ms"] <= found["first_cast_ms"] <= found["elapsed_ms"]
    assert [node["role"] for node in found["nodes"]].count("relay") == 2
    assert len({node["words"] for node in found["nodes"]}) == len(found["nodes"]) == 4


def test_time_ends_it_with_a_report_and_a_refusal(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(TransportError) as caught:
        up(until="offers>=1000", timeout=3.0)
    assert caught.value.code == "E-TIMEOUT"
    assert "first offer" in capsys.readouterr().out


def test_without_headless_every_change_is_told_until_ctrl_c(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    update = Tally.update

    def press(self: Tally, *args: Any) -> None:
        update(self, *args)
        if self.counts.offers:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(Tally, "update", press)
    assert up(headless=False) == 0
    said = capsys.readouterr().out
    assert "all nodes are up" in said
    assert "http://127.0.0.1:" in said
    assert re.search(r"offers [1-9]", said)
    assert "first offer" in said


async def test_the_page_of_a_testnet(tmp_path: Path):
    """A fault set in the page holds between real nodes, and a node's own page lets one in."""
    clock = SystemClock()
    crossing = Crossing(
        [plan.name for plan in planned().nodes], lambda link: SeededEntropy(link, net="testnet-3")
    )
    town = Town(planned(), tmp_path, crossing=crossing)
    scene = Scene(town, crossing, Tally(clock), clock)
    page = served(scene, tmp_path, clock=clock, entropy=SystemEntropy(), port=None)
    async with (
        within_reach(crossing, "testnet-3", tmp_path),
        page as board,
        running(town),
        ClientSession(cookie_jar=CookieJar(unsafe=True)) as browser,
    ):
        await dealt(town)
        own = {"Origin": board.url}
        form = {"code": board.login()["code"]}
        async with browser.post(board.url + "/login", data=form, headers=own) as answer:
            text = await answer.text()
        assert 'aria-label="relay-1, relay, 3 links"' in text
        assert "sent a request" in text
        assert "holds the agreement" in text
        wish = {"first": "relay-1", "second": "relay-2", "delay": "40ms"}
        async with browser.post(board.url + "/faults", data=wish, headers=own) as answer:
            assert "delay 40 ms" in await answer.text()
        assert [view.fault.delay_ms for view in crossing.views() if view.fault != Fault()] == [40]
        async with browser.post(board.url + "/nodes/buyer-1", data={}, headers=own) as answer:
            link = re.search(r"(http://127\.0\.0\.1:\d+)/login#(\w+)", await answer.text())
        assert link is not None
        node, code = link.groups()
        own = {"Origin": node}
        async with browser.post(node + "/login", data={"code": code}, headers=own) as answer:
            assert answer.status == 200
            assert DRAFT["title"] in await answer.text()


def up(**changes: Any) -> int:
    options: dict[str, Any] = {
        "seed": 3,
        "relays": 2,
        "buyers": 1,
        "vendors": 1,
        "processes": False,
        "faulty": False,
        "headless": True,
        "dashboard": None,
        "port": None,
        "until": None,
        "timeout": None,
        "as_json": False,
        "quiet": False,
    }
    return run(**options | changes)
