"""How a testnet stands: who is up, who is linked, what is wrong; not looked up more than needed."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from node.testnet.fault import Change
from node.testnet.goal import Counts
from tests.unit.node.testnet.village import Village


def links_of(found: dict[str, Any]) -> dict[str, str]:
    return {link["link"]: link["words"] for link in found["links"]}


async def test_nodes_links_and_counts():
    village = Village()
    village.link("relay-1", "relay-2")
    village.link("relay-1", "buyer-1")
    village.door("relay-2").linked.append("node-of-somebody-else")
    village.tally.update("buyer-1", Counts(casts=2, offers=1))
    found = await village.scene.look()
    json.dumps(found)
    assert links_of(found) == {"buyer-1~relay-1": "", "relay-1~relay-2": ""}
    assert found["counts"] == {"casts": 2, "offers": 1, "deals": 0, "agreements": 0}
    told = {node["name"]: (node["up"], node["links"], node["part"]) for node in found["nodes"]}
    assert told == {
        "relay-1": (True, 2, "relay"),
        "relay-2": (True, 2, "relay"),
        "alpine-wheels": (True, 0, "vendor"),
        "buyer-1": (True, 1, "buyer"),
    }
    assert found["nodes"][-1]["listen"] is None
    assert found["faulty"] is True


async def test_faults_stand_with_their_links_and_without():
    village = Village()
    assert village.crossing is not None
    village.link("relay-1", "relay-2")
    village.crossing.change(Change(link="relay-2~relay-1", delay_ms=300))
    village.crossing.change(Change(link="buyer-1~relay-2", loss=0.05))
    found = await village.scene.look()
    assert links_of(found) == {
        "buyer-1~relay-2": "5% of connections lost each second",
        "relay-1~relay-2": "delay 300 ms",
    }
    assert all(link["faulty"] for link in found["links"])


async def test_who_is_gone_is_said_to_be():
    village = Village(faulty=False)
    village.link("relay-1", "relay-2")
    village.door("relay-2").is_gone = True
    del village.town.nodes["buyer-1"]
    found = await village.scene.look()
    assert {node["name"]: node["up"] for node in found["nodes"]} == {
        "relay-1": True,
        "relay-2": False,
        "alpine-wheels": True,
        "buyer-1": False,
    }
    assert found["nodes"][-1]["api"] is None
    assert found["faulty"] is False
    assert links_of(found) == {"relay-1~relay-2": ""}


async def test_many_who_ask_at_once_cost_one_look():
    village = Village()
    found = await asyncio.gather(*(village.scene.look() for _ in range(5)))
    assert village.door("relay-1").looks == 1
    assert all(each is found[0] for each in found)
    village.clock.advance(999)
    await village.scene.look()
    assert village.door("relay-1").looks == 1
    village.clock.advance(1)
    await village.scene.look()
    assert village.door("relay-1").looks == 2
    village.scene.spoil()
    await village.scene.look()
    assert village.door("relay-1").looks == 3


async def test_a_slow_look_is_rarely_repeated():
    village = Village()
    door = village.door("relay-1")
    quick = door.peers

    async def slow() -> dict[str, Any]:
        village.clock.advance(500)
        return await quick()

    door.peers = slow  # type: ignore[method-assign]
    await village.scene.look()
    village.clock.advance(1_999)
    await village.scene.look()
    assert door.looks == 1
    village.clock.advance(1)
    await village.scene.look()
    assert door.looks == 2
