"""Standing links: kept by key, wherever the node is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from node.clock import ManualClock
from node.network.dialer import SETTLED_MS
from node.runtime.standing import PLACES_MAX, WAKE_PAUSE_MS, StandingLinks
from node.runtime.tasks import Tasks
from protocol.errors import Reason
from protocol.ids import NodeId
from tests.unit.node.runtime.lane import Calm, Lane, LaneLink, key, until

PLACE, OTHER = "10.0.0.1:1", "10.0.0.2:1"


@dataclass
class Scene:
    lane: Lane
    clock: ManualClock
    calm: Calm
    near: dict[NodeId, list[str]] = field(default_factory=dict)
    placed: list[tuple[NodeId, str]] = field(default_factory=list)
    false: list[tuple[NodeId, str]] = field(default_factory=list)
    links: Any = None

    async def place(self, node_id: NodeId, address: str) -> None:
        self.placed.append((node_id, address))


@pytest.fixture
async def scene(clock: ManualClock) -> AsyncIterator[Scene]:
    tasks = Tasks()
    found = Scene(Lane(), clock, Calm())
    found.links = StandingLinks(
        found.lane,
        clock=clock,
        entropy=found.calm,
        spawn=tasks.spawn,
        nearby=lambda node_id: found.near.get(node_id, []),
        on_place=found.place,
        on_false=lambda node_id, address: found.false.append((node_id, address)),
    )
    yield found
    found.links.stop()
    await tasks.close()
    assert tasks.failures == 0


async def test_it_is_linked_and_linked_again(scene: Scene):
    ana = key("ana")
    scene.lane.at[PLACE] = LaneLink("ana")
    scene.links.keep(ana, PLACE)
    assert await scene.links.settle(ana, 1)
    assert ana in scene.links
    assert scene.lane.kept == {ana}
    assert scene.placed == []
    scene.lane.links[ana].close(Reason.CLOSED)
    await until(lambda: len(scene.lane.dialled) == 2 and scene.lane.link_to(ana) is not None)


async def test_where_it_is_now_is_tried_first_and_kept(scene: Scene):
    ana = key("ana")
    scene.lane.at[OTHER] = LaneLink("ana")
    scene.near[ana] = [OTHER]
    scene.lane.known[ana] = ["relay.example:1"]
    scene.links.keep(ana, PLACE)
    assert await scene.links.settle(ana, 1)
    assert scene.lane.dialled == [(OTHER, ana)]
    assert scene.placed == [(ana, OTHER)]
    assert scene.links.all[ana].address == OTHER


async def test_its_own_records_are_tried_last(scene: Scene):
    ana = key("ana")
    scene.lane.at["relay.example:1"] = LaneLink("ana")
    scene.near[ana] = [f"10.0.1.{n}:1" for n in range(4)]
    scene.lane.known[ana] = ["relay.example:1", *(f"x{n}.example:1" for n in range(9))]
    scene.links.keep(ana, PLACE)
    assert await scene.links.settle(ana, 1)
    assert [place for place, _ in scene.lane.dialled] == [
        *scene.near[ana],
        PLACE,
        "relay.example:1",
    ]


async def test_not_every_place_is_tried_in_one_turn(scene: Scene):
    scene.calm.pause_s = 60
    scene.lane.known[key("ana")] = [f"x{n}.example:1" for n in range(99)]
    scene.links.keep(key("ana"), None)
    assert not await scene.links.settle(key("ana"), 1)
    assert len(scene.lane.dialled) == PLACES_MAX
    assert scene.links.all[key("ana")].error.code == "E-PEER-TIMEOUT"


async def test_another_node_in_its_place_is_reported_and_not_linked(scene: Scene):
    scene.calm.pause_s = 60
    ana = key("ana")
    scene.near[ana] = [OTHER]
    scene.lane.at[OTHER] = LaneLink("mallory")
    scene.links.keep(ana, None)
    assert not await scene.links.settle(ana, 1)
    assert scene.false == [(ana, OTHER)]
    assert scene.lane.links == {}
    assert scene.placed == []


async def test_a_link_it_dialled_itself_will_do(scene: Scene):
    ana = key("ana")
    scene.lane.links[ana] = LaneLink("ana", outbound=False)
    scene.links.keep(ana, None)
    assert await scene.links.settle(ana, 1)
    assert scene.lane.dialled == []


async def test_news_end_a_pause_but_not_too_often(scene: Scene):
    scene.calm.pause_s = 60
    ana = key("ana")
    scene.links.keep(ana, PLACE)
    await scene.links.settle(ana, 1)
    scene.links.wake(ana)
    assert not scene.links.all[ana].wake.is_set()
    assert len(scene.lane.dialled) == 1
    scene.clock.advance(WAKE_PAUSE_MS)
    scene.near[ana] = [OTHER]
    scene.lane.at[OTHER] = LaneLink("ana")
    scene.links.wake(ana)
    await until(lambda: scene.lane.link_to(ana) is not None)
    # A link that stands needs no news.
    scene.clock.advance(WAKE_PAUSE_MS)
    scene.links.wake(ana)
    assert not scene.links.all[ana].wake.is_set()
    scene.links.wake(key("stranger"))


async def test_pauses_grow_until_a_link_has_lasted(scene: Scene):
    ana = key("ana")
    scene.lane.at[PLACE] = "E-PEER-LOST"
    scene.links.keep(ana, PLACE)
    await until(lambda: scene.links.all[ana].failures > 20)
    scene.lane.at[PLACE] = LaneLink("ana")
    await until(lambda: scene.lane.link_to(ana) is not None)
    scene.calm.pause_s = 60
    scene.clock.advance(SETTLED_MS)
    scene.lane.links[ana].close(Reason.CLOSED)
    await until(lambda: scene.links.all[ana].failures == 1)
    assert scene.links.all[ana].error is None


async def test_keeping_twice_keeps_once(scene: Scene):
    scene.calm.pause_s = 60
    ana = key("ana")
    scene.links.keep(ana, None)
    scene.links.keep(ana, PLACE)
    assert scene.links.all[ana].address == PLACE
    scene.links.keep(ana, None)
    assert scene.links.all[ana].address == PLACE
    assert len(scene.links.all) == 1


async def test_released_it_is_dialled_no_more(scene: Scene):
    ana, bo = key("ana"), key("bo")
    link = scene.lane.at[PLACE] = LaneLink("ana")
    scene.lane.at[OTHER] = LaneLink("bo")
    scene.links.keep(ana, PLACE)
    scene.links.keep(bo, OTHER)
    assert await scene.links.settle(ana, 1)
    assert await scene.links.settle(bo, 1)
    scene.links.release(ana)
    assert link.is_open
    assert scene.lane.kept == {bo}
    for _ in range(3):
        # Meanwhile the one that is kept is dialled again and again.
        for each in list(scene.lane.links.values()):
            each.close(Reason.CLOSED)
        await until(lambda: scene.lane.link_to(bo) is not None)
    assert scene.lane.dialled.count((OTHER, bo)) == 4
    assert scene.lane.dialled.count((PLACE, ana)) == 1
    scene.links.release(ana)
    assert not await scene.links.settle(ana, 0)


async def test_waiting_for_the_first_turn_ends(scene: Scene):
    ana = key("ana")
    scene.links.keep(ana, PLACE)
    assert not await scene.links.settle(ana, 0)
