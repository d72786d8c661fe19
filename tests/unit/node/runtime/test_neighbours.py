"""Neighbours: seen first, linked after a yes, shown as one entry each."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import pytest

from node.clock import ManualClock
from node.config import Settings
from node.errors import NotFoundError
from node.network.announcement import Ignored, Sighting
from node.network.interfaces import Interface
from node.network.lan import LanChoice
from node.network.vicinity import Vicinity
from node.runtime import neighbours as module
from node.runtime.invitations import InviteWish
from node.runtime.neighbours import Neighbours, Surroundings
from node.runtime.tasks import Tasks
from node.storage.database import Storage
from protocol.channel.messages import Join, Refused
from protocol.errors import IntentcastError, LocalProtocolError, Reason
from protocol.ids import NodeId, to_text
from protocol.network.invites import sign_invite
from protocol.now import DAY_MS, HOUR_MS
from tests.unit.node.runtime.lane import NET, Calm, Lane, LaneLink, key, seed, until

ANA_AT, FALSE_AT = "10.0.0.1:1", "10.0.0.66:1"


class QuietLan:
    """Stands in for the local network: the test says who is there."""

    made: ClassVar[list[QuietLan]] = []

    def __init__(self, choice: LanChoice, vicinity: Vicinity, **rest: Any) -> None:
        self.choice = choice
        self.vicinity = vicinity
        self.on_seen: Callable[[NodeId], None] = rest["on_seen"]
        self.notice = ""
        self.interfaces: tuple[Interface, ...] = ()
        self.calls: list[str] = []
        QuietLan.made.append(self)

    def start(self) -> None:
        self.calls.append("start")

    async def stop(self) -> None:
        self.calls.append("stop")

    def look_again(self) -> None:
        self.calls.append("look_again")

    def announce(self, name: str, *addresses: str) -> None:
        sighting = Sighting(key=key(name), addresses=addresses)
        if self.vicinity.see(f"{name} {addresses}", sighting, 1):
            self.on_seen(key(name))


@dataclass
class Scene:
    storage: Storage
    clock: ManualClock
    lane: Lane = field(default_factory=Lane)
    settings: Settings = field(default_factory=lambda: Settings(net=NET, lan="on"))
    calm: Calm = field(default_factory=lambda: Calm(60))
    tasks: Tasks = field(default_factory=Tasks)
    rung: int = 0

    def ring(self) -> None:
        self.rung += 1

    async def open(self) -> Neighbours:
        lane: Any = self.lane
        around = Surroundings(
            settings=self.settings,
            network=lane,
            storage=self.storage,
            clock=self.clock,
            entropy=self.calm,
            tasks=self.tasks,
            record_seed=seed("own"),
        )
        found = Neighbours(around, changed=self.ring)
        await found.start()
        return found

    @property
    def lan(self) -> QuietLan:
        return QuietLan.made[-1]


@pytest.fixture
async def scene(
    storage: Storage, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Scene]:
    monkeypatch.setattr(module, "Lan", QuietLan)
    monkeypatch.setattr(module, "SETTLE_S", 1.0)
    found = Scene(storage, clock)
    yield found
    await found.tasks.close()
    assert found.tasks.failures == 0


def name_of(who: str) -> str:
    return to_text("node", key(who))


async def entries(neighbours: Neighbours) -> dict[str, str]:
    found = await neighbours.nearby()
    return {each["node"]: each["state"] for each in found["nodes"]}


async def code_of(awaitable: Any) -> str:
    with pytest.raises(IntentcastError) as caught:
        await awaitable
    return caught.value.code


async def test_off_nothing_listens(scene: Scene):
    before = len(QuietLan.made)
    scene.settings = Settings(net=NET)
    neighbours = await scene.open()
    assert len(QuietLan.made) == before
    found = await neighbours.nearby()
    assert (found["lan"], found["nodes"], neighbours.notices()) == ("off", [], [])
    await neighbours.stop()


async def test_on_the_node_is_announced_and_look_only_looks(scene: Scene):
    neighbours = await scene.open()
    assert scene.lan.choice == LanChoice(
        net=NET, key=key("own"), announce=True, listen_host="127.0.0.1", port=9401
    )
    await neighbours.stop()
    assert scene.lan.calls == ["start", "stop"]
    scene.settings = Settings(net=NET, lan="look", lan_interfaces=["eth0"])
    await scene.open()
    assert (scene.lan.choice.announce, scene.lan.choice.names) == (False, ("eth0",))


async def test_whoever_is_near_waits_and_is_not_dialled(scene: Scene):
    neighbours = await scene.open()
    scene.lane.at[ANA_AT] = LaneLink("ana")
    scene.lan.announce("ana", ANA_AT)
    await asyncio.sleep(0.01)
    found = (await neighbours.nearby())["nodes"]
    assert found == [
        {
            "node": name_of("ana"),
            "state": "waiting",
            "how": "nearby",
            "linked": False,
            "near": True,
            "addresses": [ANA_AT],
            "net": NET,
            "since": None,
            "trouble": "",
        }
    ]
    assert scene.lane.dialled == []
    assert "waits for your yes" in neighbours.notices()[0]
    assert scene.rung == 1
    scene.lan.announce("bo", "10.0.0.2:1")
    assert "2 nodes near you wait" in neighbours.notices()[0]


async def test_a_yes_links_it_and_lasts(scene: Scene):
    neighbours = await scene.open()
    scene.lane.at[ANA_AT] = LaneLink("ana")
    scene.lan.announce("ana", ANA_AT)
    found = (await neighbours.allow(name_of("ana")[:24]))["neighbour"]
    assert (found["state"], found["linked"], found["near"]) == ("kept", True, True)
    assert neighbours.notices() == []
    await neighbours.stop()
    # After a restart it is dialled where it was proved, without the local network.
    scene.settings = Settings(net=NET)
    scene.lane.links.clear()
    again = await scene.open()
    await until(lambda: scene.lane.link_to(key("ana")) is not None)
    assert await entries(again) == {name_of("ana"): "kept"}
    assert scene.lane.kept == {key("ana")}


async def test_it_is_found_again_at_another_address(scene: Scene):
    neighbours = await scene.open()
    scene.lane.at[ANA_AT] = LaneLink("ana")
    scene.lan.announce("ana", ANA_AT)
    await neighbours.allow(name_of("ana"))
    del scene.lane.at[ANA_AT]
    moved = "10.0.0.77:5"
    scene.lane.at[moved] = LaneLink("ana")
    scene.calm.pause_s = 0
    scene.lane.links[key("ana")].close(Reason.CLOSED)
    scene.lan.announce("ana", moved)
    await until(lambda: scene.lane.link_to(key("ana")) is not None)
    await until(lambda: neighbours._rows[key("ana")].address == moved)


async def test_a_key_nobody_announced_may_be_allowed_too(scene: Scene):
    neighbours = await scene.open()
    found = (await neighbours.allow(name_of("ana")))["neighbour"]
    assert (found["state"], found["linked"], found["addresses"]) == ("kept", False, [])
    scene.lane.at[ANA_AT] = LaneLink("ana")
    scene.clock.advance(10_000)
    scene.lan.announce("ana", ANA_AT)
    await until(lambda: scene.lane.link_to(key("ana")) is not None)


async def test_a_false_announcement_leads_nowhere(scene: Scene):
    neighbours = await scene.open()
    scene.lane.at[FALSE_AT] = LaneLink("mallory")
    scene.lan.announce("ana", FALSE_AT)
    found = (await neighbours.allow(name_of("ana")))["neighbour"]
    assert (found["linked"], found["near"], found["addresses"]) == (False, False, [])
    assert "another node answers" in found["trouble"]
    assert scene.lane.links == {}
    assert (await neighbours.nearby())["ignored"] == {Ignored.SPOOFED.value: 1}
    assert "was not there" in neighbours.notices()[0]
    # The true one is found all the same.
    scene.lane.at[ANA_AT] = LaneLink("ana")
    scene.clock.advance(10_000)
    scene.lan.announce("ana", ANA_AT)
    await until(lambda: scene.lane.link_to(key("ana")) is not None)


async def test_a_false_record_elsewhere_is_no_spoof(scene: Scene):
    neighbours = await scene.open()
    scene.lane.known[key("ana")] = [FALSE_AT]
    scene.lane.at[FALSE_AT] = LaneLink("mallory")
    await neighbours.allow(name_of("ana"))
    assert (await neighbours.nearby())["ignored"] == {}


async def test_a_no_hides_it_for_good(scene: Scene):
    neighbours = await scene.open()
    scene.lan.announce("ana", ANA_AT)
    found = (await neighbours.refuse(name_of("ana")))["neighbour"]
    assert found["state"] == "refused"
    scene.lan.announce("ana", ANA_AT)
    assert await entries(neighbours) == {name_of("ana"): "refused"}
    assert neighbours.notices() == []
    again = await scene.open()
    scene.lan.announce("ana", ANA_AT)
    assert await entries(again) == {name_of("ana"): "refused"}
    assert (await again.nearby())["nodes"][0]["near"] is False


async def test_a_yes_after_a_no_and_a_no_after_a_yes(scene: Scene):
    neighbours = await scene.open()
    scene.lane.at[ANA_AT] = LaneLink("ana")
    scene.lan.announce("ana", ANA_AT)
    await neighbours.refuse(name_of("ana"))
    scene.lane.known[key("ana")] = [ANA_AT]
    assert (await neighbours.allow(name_of("ana")))["neighbour"]["linked"]
    await neighbours.refuse(name_of("ana"))
    assert key("ana") not in neighbours._links
    assert scene.lane.kept == frozenset()


async def test_forgetting_lets_it_wait_again(scene: Scene):
    neighbours = await scene.open()
    scene.lan.announce("ana", ANA_AT)
    await neighbours.allow(name_of("ana"))
    await neighbours.forget(name_of("ana"))
    assert await entries(neighbours) == {name_of("ana"): "waiting"}
    assert "look_again" in scene.lan.calls
    assert await code_of(neighbours.forget(name_of("ana"))) == "E-NOT-FOUND"
    scene.settings = Settings(net=NET)
    plain = await scene.open()
    await plain.allow(name_of("bo"))
    assert (await plain.forget(name_of("bo")))["nodes"] == []


@pytest.mark.parametrize(
    ("handle", "code"),
    [
        ("", "E-ID"),
        ("!!", "E-ID"),
        ("node-ZZZZ-ZZZZ", "E-NOT-FOUND"),
        (name_of("own"), "E-PEER-SELF"),
        (name_of("ana")[:-1] + "0", "E-ID"),
        (name_of("ana")[:11], "E-AMBIGUOUS"),
    ],
)
async def test_a_handle_that_names_nobody(scene: Scene, handle: str, code: str):
    neighbours = await scene.open()
    scene.lan.announce("ana", ANA_AT)
    assert await code_of(neighbours.allow(handle)) == code
    assert await entries(neighbours) == {name_of("ana"): "waiting"}


async def test_two_keys_that_begin_alike(scene: Scene):
    neighbours = await scene.open()
    one = NodeId(bytes(31) + b"\1")
    two = NodeId(bytes(31) + b"\2")
    for number, each in enumerate((one, two)):
        sighting = Sighting(key=each, addresses=(f"10.0.0.{number + 1}:1",))
        scene.lan.vicinity.see(str(number), sighting, 1)
    with pytest.raises(NotFoundError) as caught:
        await neighbours.allow("node-0000-0000-0000")
    assert caught.value.code == "E-AMBIGUOUS"
    assert (await neighbours.allow(to_text("node", one)))["neighbour"]["state"] == "kept"


async def test_what_stands_in_the_way_is_told(scene: Scene):
    neighbours = await scene.open()
    scene.lan.notice = "No multicast."
    assert neighbours.notices() == ["No multicast."]
    assert (await neighbours.nearby())["notice"] == "No multicast."


# --- invites -------------------------------------------------------------------------------------


def link_to_ana(until_ms: int, token: bytes | None = None, net: str = NET) -> str:
    return sign_invite(
        net=net, key=key("ana"), address=ANA_AT, until=until_ms, token=token, seed=seed("ana")
    ).link


async def test_an_invite_is_made_and_told(scene: Scene):
    neighbours = await scene.open()
    found = await neighbours.invite(InviteWish(single=True, for_ms=DAY_MS))
    assert found["link"].startswith(f"intentcast://{name_of('own')}@10.0.0.9:9401?invite=")
    assert (found["single"], found["net"]) == (True, NET)
    assert found["until"].endswith("Z")


async def test_joining_links_and_keeps(scene: Scene):
    neighbours = await scene.open()
    scene.lane.at[ANA_AT] = LaneLink("ana")
    link = link_to_ana(scene.clock.now().wall_ms + HOUR_MS, token=b"t" * 16)
    found = (await neighbours.join(link, private=False))["neighbour"]
    assert (found["state"], found["how"], found["linked"]) == ("kept", "invite", True)
    assert await code_of(neighbours.join("nonsense", private=False)) == "E-INVITE"


async def test_tokens_reach_the_invitations(scene: Scene):
    neighbours = await scene.open()
    link = LaneLink("bo")
    any_link: Any = link
    neighbours.handle_join(any_link, Join(request=3, token=b"t" * 16))
    await until(lambda: bool(link.said))
    assert link.said == [Refused(request=3, reason=Reason.NOT_FOUND)]


async def test_the_invite_of_the_start_is_followed_when_its_node_comes(scene: Scene):
    scene.calm.pause_s = 0
    link = link_to_ana(scene.clock.now().wall_ms + HOUR_MS, token=b"t" * 16)
    scene.settings = replace(scene.settings, join=link)
    neighbours = await scene.open()
    await until(lambda: bool(neighbours.notices()))
    assert "invite of the start waits" in neighbours.notices()[0]
    scene.lane.at[ANA_AT] = LaneLink("ana")
    await until(lambda: scene.lane.link_to(key("ana")) is not None)
    await until(lambda: neighbours.notices() == [])
    assert await entries(neighbours) == {name_of("ana"): "kept"}
    # At the next start there is nothing left to do.
    count = len(scene.lane.dialled)
    scene.lane.links[key("ana")] = LaneLink("ana")
    await scene.open()
    assert not following(scene)
    assert len(scene.lane.dialled) == count


async def test_an_invite_of_the_start_that_is_not_taken(scene: Scene):
    scene.lane.at[ANA_AT] = LaneLink(
        "ana", answer=lambda ask: Refused(request=ask.request, reason=Reason.DUPLICATE)
    )
    link = link_to_ana(scene.clock.now().wall_ms + HOUR_MS, token=b"t" * 16)
    scene.settings = replace(scene.settings, join=link)
    neighbours = await scene.open()
    await until(lambda: bool(neighbours.notices()))
    assert "used this invite already" in neighbours.notices()[0]


async def test_an_invite_of_the_start_that_is_over_is_a_notice(scene: Scene):
    scene.settings = replace(scene.settings, join=link_to_ana(1))
    neighbours = await scene.open()
    assert "its time has passed" in neighbours.notices()[0]
    assert scene.lane.dialled == []


async def test_an_invite_of_the_start_runs_out_while_it_waits(scene: Scene):
    scene.calm.pause_s = 0
    link = link_to_ana(scene.clock.now().wall_ms + HOUR_MS)
    scene.settings = replace(scene.settings, join=link)
    neighbours = await scene.open()
    await until(lambda: bool(scene.lane.dialled))
    assert following(scene)
    scene.clock.advance(2 * HOUR_MS)
    await until(lambda: "its time has passed" in " ".join(neighbours.notices()))
    await until(lambda: not following(scene))


def following(scene: Scene) -> list[str]:
    """Name the tasks that follow an invite: nobody else would dial for it."""
    names = [task.get_name() for task in scene.tasks._tasks]
    return [name for name in names if name == "follows an invite"]


async def test_an_invite_of_the_start_for_another_network_stops_the_start(scene: Scene):
    link = link_to_ana(scene.clock.now().wall_ms + HOUR_MS, net="other")
    scene.settings = replace(scene.settings, join=link)
    with pytest.raises(LocalProtocolError) as caught:
        await scene.open()
    assert caught.value.code == "E-INVITE-NET"


async def test_whom_it_stays_linked_to_is_told_with_what_went_wrong(scene: Scene):
    neighbours = await scene.open()
    scene.lane.at[ANA_AT] = LaneLink("ana")
    scene.lan.announce("ana", ANA_AT)
    await neighbours.allow(name_of("ana")[:24])
    scene.lan.announce("bo", FALSE_AT)
    await neighbours.allow(name_of("bo")[:24])
    told = {each.key: each for each in neighbours.standing()}
    assert set(told) == {key("ana"), key("bo")}
    assert told[key("ana")].error is None
    assert told[key("bo")].error is not None
