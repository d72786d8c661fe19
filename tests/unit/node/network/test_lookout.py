"""Looking at announcements: each in its turn, none too often, and never all at once."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from zeroconf import BadTypeInNameException, ServiceStateChange

from node.clock import ManualClock
from node.network import lookout as module
from node.network.announcement import SERVICE_TYPE, Ignored, txt_fields
from node.network.lookout import AGAIN_MS, ASKED_MAX, LOOK_PAUSE_MS, WAITING_MAX, Lookout
from node.network.vicinity import Vicinity
from node.runtime.tasks import Tasks
from protocol.ids import NodeId, blake2b_256
from tests.unit.node.network.test_announcement import txt

HERE = ipaddress.IPv4Network("10.0.0.0/8")
OWN = NodeId(blake2b_256(b"own"))
ADDED, UPDATED, REMOVED = (
    ServiceStateChange.Added,
    ServiceStateChange.Updated,
    ServiceStateChange.Removed,
)


def key(name: str) -> NodeId:
    return NodeId(blake2b_256(name.encode()))


@dataclass
class Air:
    """What the network would answer: a stand-in for zeroconf and its records."""

    heard: dict[str, str] = field(default_factory=dict)
    """Names whose records came along -> the address they give."""
    answers: dict[str, str] = field(default_factory=dict)
    """Names whose records come when asked for."""
    asked: list[str] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    pointers: list[str] = field(default_factory=list)

    @property
    def cache(self) -> Any:
        return SimpleNamespace(
            entries_with_name=lambda _type: [SimpleNamespace(alias=each) for each in self.pointers]
        )


class Info:
    """Stands in for a service's record."""

    def __init__(self, _type: str, name: str) -> None:
        if not name.endswith(SERVICE_TYPE):
            raise BadTypeInNameException
        self.name = name
        self.address = ""
        self.port = 9401

    @property
    def text(self) -> bytes:
        return txt(**txt_fields(net="main", key=key(self.name)))

    def parsed_addresses(self) -> list[str]:
        return [self.address]

    def load_from_cache(self, air: Air) -> bool:
        self.address = air.heard.get(self.name, "")
        return bool(self.address)

    async def async_request(self, air: Air, timeout: float) -> bool:
        assert timeout == module.ASK_MS
        air.asked.append(self.name)
        await air.gate.wait()
        if self.name in air.answers and air.answers[self.name] == "breaks":
            raise OSError("network is down")
        self.address = air.answers.get(self.name, "")
        return bool(self.address)


@dataclass
class Scene:
    air: Air
    clock: ManualClock
    vicinity: Vicinity
    lookout: Lookout
    seen: list[NodeId]

    def report(self, name: str, change: ServiceStateChange = ADDED) -> None:
        air: Any = self.air
        self.lookout.changed(air, SERVICE_TYPE, name, change)

    def ignored(self, why: Ignored) -> int:
        return self.vicinity.ignored[why]


def named(name: object) -> str:
    return f"{name}.{SERVICE_TYPE}"


async def turns(count: int = 20) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


@pytest.fixture
async def scene(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Scene]:
    monkeypatch.setattr(module, "AsyncServiceInfo", Info)
    monkeypatch.setattr(module, "PACE_S", 0)
    tasks, clock = Tasks(), ManualClock(wall_ms=1)
    seen: list[NodeId] = []
    vicinity = Vicinity(is_wanted=lambda _key: False, is_hidden=lambda _key: False)
    lookout = Lookout(
        vicinity, net="main", own=OWN, clock=clock, spawn=tasks.spawn, on_seen=seen.append
    )
    found = Scene(Air(), clock, vicinity, lookout, seen)
    air: Any = found.air
    lookout.watch(air, [HERE])
    _ = tasks.spawn(lookout.run(), "lookout")
    yield found
    await tasks.close()
    assert tasks.failures == 0


async def test_what_came_whole_is_taken_at_once(scene: Scene):
    scene.air.heard[named("a")] = "10.0.0.1"
    scene.report(named("a"))
    await turns()
    assert [each.key for each in scene.vicinity.nodes(1)] == [key(named("a"))]
    assert scene.seen == [key(named("a"))]
    assert scene.air.asked == []
    scene.report(named("a"), REMOVED)
    assert scene.vicinity.nodes(1) == []


async def test_what_came_in_part_is_asked_after(scene: Scene):
    scene.air.answers[named("a")] = "10.0.0.1"
    for name in ("a", "silent"):
        scene.report(named(name))
    scene.air.answers[named("broken")] = "breaks"
    scene.report(named("broken"))
    await turns()
    assert len(scene.air.asked) == 3
    scene.air.gate.set()
    await turns()
    assert len(scene.vicinity.nodes(1)) == 1
    assert scene.ignored(Ignored.SILENT) == 2


async def test_few_are_asked_after_at_a_time(scene: Scene):
    for number in range(50):
        scene.report(named(number))
    await turns(200)
    assert len(scene.air.asked) == ASKED_MAX
    assert scene.ignored(Ignored.FLOOD) == 50 - ASKED_MAX


async def test_ten_thousand_names_at_once_wait_in_a_bounded_line(scene: Scene):
    for number in range(10_000):
        scene.report(named(number))
    assert len(scene.lookout._waiting) == WAITING_MAX
    assert scene.ignored(Ignored.FLOOD) == 10_000 - WAITING_MAX


async def test_changing_each_second_is_looked_at_once_in_a_while(scene: Scene):
    scene.air.heard[named("a")] = "10.0.0.1"
    scene.report(named("a"))
    await turns()
    for number in range(8):
        scene.clock.advance(1_000)
        scene.air.heard[named("a")] = f"10.0.0.{number + 2}"
        scene.report(named("a"), UPDATED)
    await turns()
    assert scene.ignored(Ignored.TOO_OFTEN) == 8
    assert scene.vicinity.nodes(1)[0].addresses == ("10.0.0.1:9401",)
    # It was put off, not forgotten.
    scene.lookout.round()
    await turns()
    assert scene.vicinity.nodes(1)[0].addresses == ("10.0.0.9:9401",)
    scene.clock.advance(LOOK_PAUSE_MS)
    scene.air.heard[named("a")] = "10.0.0.1"
    scene.report(named("a"), UPDATED)
    await turns()
    assert scene.vicinity.nodes(1)[0].addresses == ("10.0.0.1:9401",)


async def test_a_node_that_is_gone_without_a_word_is_missed(scene: Scene):
    scene.air.heard[named("a")] = "10.0.0.1"
    scene.report(named("a"))
    await turns()
    scene.lookout.round()
    await turns()
    assert scene.air.asked == []
    scene.clock.advance(AGAIN_MS)
    scene.air.heard.clear()
    scene.air.gate.set()
    scene.lookout.round()
    await turns()
    assert scene.air.asked == [named("a")]
    assert scene.vicinity.nodes(1) == []


async def test_whom_a_flood_drowned_is_found_later(scene: Scene):
    for number in range(WAITING_MAX + 1):
        scene.report(named(number))
        scene.air.heard[named(number)] = "8.8.8.8"
    scene.air.heard[named(WAITING_MAX)] = "10.0.0.7"
    scene.air.pointers = [named(number) for number in range(WAITING_MAX + 1)] + [""]
    await turns(2 * WAITING_MAX)
    assert scene.vicinity.nodes(1) == []
    assert scene.ignored(Ignored.BAD_ADDRESS) == WAITING_MAX
    scene.lookout.round()
    await turns()
    assert scene.vicinity.nodes(1)[0].addresses == ("10.0.0.7:9401",)


async def test_looking_again_looks_at_everything(scene: Scene):
    scene.air.pointers = [named("a")]
    scene.air.heard[named("a")] = "10.0.0.1"
    scene.lookout.look_again()
    await turns()
    assert len(scene.vicinity.nodes(1)) == 1


async def test_names_that_are_none(scene: Scene):
    scene.report("somebody.else._http._tcp.local.")
    scene.report("x" * 1_000)
    await turns()
    assert scene.ignored(Ignored.BAD_TXT) == 1
    assert len(scene.lookout._waiting) == 0


async def test_other_sockets_other_neighbours(scene: Scene):
    scene.air.heard[named("a")] = "10.0.0.1"
    scene.report(named("a"))
    scene.report(named("b"))
    await turns()
    before = scene.air
    scene.lookout.watch(None)
    scene.lookout.look_again()
    assert scene.vicinity.nodes(1) == []
    other: Any = before
    scene.lookout.changed(other, SERVICE_TYPE, named("c"), ADDED)
    before.gate.set()
    await turns()
    assert len(scene.vicinity) == 0


async def test_an_answer_for_older_sockets_counts_for_nothing(scene: Scene):
    scene.air.answers[named("a")] = "10.0.0.1"
    air: Any = scene.air
    info: Any = Info(SERVICE_TYPE, named("a"))
    scene.lookout.watch(None)
    scene.air.gate.set()
    await scene.lookout._ask(air, named("a"), info)
    assert len(scene.vicinity) == 0


async def test_how_many_looks_are_remembered_is_bounded(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(module, "_LOOKED_MAX", 4)
    for number in range(10):
        scene.air.heard[named(number)] = "8.8.8.8"
        scene.report(named(number))
    await turns(40)
    assert len(scene.lookout._looked) == 4
    scene.lookout.watch(None)
    scene.lookout._look(named("late"))
    assert len(scene.lookout._looked) == 0
