"""Tunnels that pass a node, end there, or begin there; and whatever must not come of them."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest

from node.clock import ManualClock
from node.errors import TransportError
from node.network.carriage import Carriage
from node.network.tunnel import TunnelPipe
from node.runtime.tasks import Tasks
from protocol import limits
from protocol.channel.messages import Refused
from protocol.channel.tunnel import TunnelData, TunnelEnd, TunnelOpen, TunnelOpened
from protocol.errors import MessageError, Reason
from protocol.ids import NodeId
from tests.unit.node.network.passers import FakeLink, key_of

OWN = key_of("own")
FAR = key_of("far")
OPENED = TunnelOpened(request=99)
OPENED_HERE = TunnelOpened(request=5)


class Desk:
    """A carriage, the links it may find, and the pipes that end at it."""

    def __init__(self, tasks: Tasks) -> None:
        self.clock = ManualClock()
        self.is_relay = True
        self.far = FakeLink("far")
        self.found: Any = self.far
        self.pipes: list[TunnelPipe] = []
        self.over = asyncio.Event()
        self.roots: dict[Any, Any] = {}
        self.carriage = Carriage(
            node_id=OWN,
            clock=self.clock,
            spawn=tasks.spawn,
            connect=self.connect,
            is_relay=lambda: self.is_relay,
            receive=self.receive,
            root=lambda link: self.roots.get(link, link),
        )
        self.near = FakeLink("near", outbound=False)

    async def connect(self, key: NodeId) -> Any:
        assert key == FAR
        if isinstance(self.found, asyncio.Event):
            await self.found.wait()
        if isinstance(self.found, Exception):
            raise self.found
        return self.found

    async def receive(self, pipe: TunnelPipe) -> None:
        self.pipes.append(pipe)
        await self.over.wait()
        raise TransportError("over")

    def ask(self, number: int = 3, key: bytes = FAR, link: FakeLink | None = None) -> None:
        message = TunnelOpen(request=5, tunnel=number, key=key)
        self.carriage.handle(link or self.near, message)  # type: ignore[arg-type]

    def hear(self, link: FakeLink, message: Any) -> None:
        self.carriage.handle(link, message)  # type: ignore[arg-type]

    async def carry(self, number: int = 3) -> int:
        """Carry a tunnel to the far end; gives its number there."""
        self.far.asked.clear()
        self.ask(number)
        self.far.answers.append(OPENED)
        await self.far.asked.wait()
        await settled()
        assert self.near.sent[-1] == TunnelOpened(request=5)
        opened: int = [m for m in self.far.sent if isinstance(m, TunnelOpen)][-1].tunnel
        return opened


async def settled() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


@pytest.fixture
async def desk():
    tasks = Tasks()
    made = Desk(tasks)
    yield made
    made.over.set()
    await settled()
    await tasks.close()
    assert tasks.failures == 0


# --- carrying ------------------------------------------------------------------------------------


async def test_pieces_pass_both_ways_and_an_end_too(desk: Desk):
    number = await desk.carry()
    assert desk.far.sent[0] == TunnelOpen(request=99, tunnel=number, key=FAR)
    desk.hear(desk.near, TunnelData(tunnel=3, data=b"there", is_last=False))
    assert desk.far.sent[-1] == TunnelData(tunnel=number, data=b"there", is_last=False)
    desk.hear(desk.far, TunnelData(tunnel=number, data=b"back"))
    assert desk.near.sent[-1] == TunnelData(tunnel=3, data=b"back")
    assert desk.carriage.carried_count == 1
    desk.hear(desk.near, TunnelEnd(tunnel=3, reason=Reason.CLOSED))
    assert desk.far.sent[-1] == TunnelEnd(tunnel=number, reason=Reason.CLOSED)
    assert len(desk.carriage) == 0
    # What was on its way when it ended is let go.
    desk.hear(desk.far, TunnelData(tunnel=number, data=b"late"))
    desk.hear(desk.far, TunnelEnd(tunnel=number, reason=Reason.CLOSED))
    assert desk.near.sent[-1] == TunnelData(tunnel=3, data=b"back")


async def test_a_link_that_ends_takes_its_tunnels_along(desk: Desk):
    number = await desk.carry()
    desk.carriage.closed(desk.far)  # type: ignore[arg-type]
    assert desk.near.sent[-1] == TunnelEnd(tunnel=3, reason=Reason.CLOSED)
    assert len(desk.carriage) == 0
    assert number == 3
    # A new link counts anew.
    desk.far = desk.found = FakeLink("far")
    assert await desk.carry(5) == 3


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (TransportError("nowhere"), Reason.CLOSED),
        (Refused(request=99, reason=Reason.QUOTA), Reason.QUOTA),
    ],
)
async def test_a_far_end_that_is_not_there_is_said(desk: Desk, found: Any, reason: Reason):
    if isinstance(found, Exception):
        desk.found = found
    else:
        desk.far.answers.append(found)
    desk.ask()
    await settled()
    assert desk.near.sent == [Refused(request=5, reason=reason)]
    assert len(desk.carriage) == 0


async def test_whoever_loses_interest_while_the_far_end_is_sought_gets_none(desk: Desk):
    desk.ask()
    await desk.far.asked.wait()
    desk.hear(desk.near, TunnelEnd(tunnel=3, reason=Reason.CLOSED))
    desk.far.answers.append(OPENED)
    await settled()
    assert isinstance(desk.far.sent[-1], TunnelEnd)
    assert desk.near.sent == [Refused(request=5, reason=Reason.CLOSED)]
    assert len(desk.carriage) == 0


async def test_a_search_in_vain_ends_no_other_tunnel_of_the_same_number(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
):
    in_vain = asyncio.Event()

    async def find(key: NodeId) -> Any:
        if key == FAR:
            return desk.far
        await in_vain.wait()
        raise TransportError("nobody there")

    monkeypatch.setattr(desk.carriage._lookups, "find", find)
    desk.ask(3, key=b"\x07" * 32)
    desk.hear(desk.near, TunnelEnd(tunnel=3, reason=Reason.CLOSED))
    opened = await desk.carry(3)
    in_vain.set()
    await settled()
    desk.hear(desk.near, TunnelData(tunnel=3, data=b"still here"))
    assert desk.far.sent[-1] == TunnelData(tunnel=opened, data=b"still here")


async def test_nothing_is_carried_before_it_is_open(desk: Desk):
    desk.ask()
    desk.hear(desk.near, TunnelData(tunnel=3, data=b"early"))
    assert desk.near.sent == [TunnelEnd(tunnel=3, reason=Reason.OVER_BUDGET)]
    desk.far.answers.append(OPENED)
    await settled()
    assert not any(isinstance(message, TunnelData) for message in desk.far.sent)
    assert len(desk.carriage) == 0


async def test_only_relays_carry_and_never_back_to_the_asker(desk: Desk):
    desk.is_relay = False
    desk.ask()
    desk.is_relay = True
    desk.ask(key=desk.near.peer_id)
    assert desk.near.sent == [Refused(request=5, reason=Reason.POLICY)] * 2


@pytest.mark.parametrize("number", [2, 4])
def test_a_number_is_the_askers_to_choose(number: int):
    desk = Desk(Tasks())
    with pytest.raises(MessageError):
        desk.ask(number)
    outbound = FakeLink("other")
    with pytest.raises(MessageError):
        desk.ask(number + 1, link=outbound)


async def test_a_number_in_use_is_not_free(desk: Desk):
    await desk.carry()
    with pytest.raises(MessageError) as caught:
        desk.ask(3)
    assert caught.value.reason is Reason.UNEXPECTED


# --- bounds --------------------------------------------------------------------------------------


async def test_tunnels_of_one_link_and_of_all_are_capped(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(limits, "tunnels_link_max", 2)
    for number in (3, 5):
        await desk.carry(number)
    desk.ask(7)
    assert desk.near.sent[-1] == Refused(request=5, reason=Reason.QUOTA)
    monkeypatch.setattr(limits, "tunnels_max", 2)
    other = FakeLink("other", outbound=False)
    desk.ask(3, link=other)
    assert other.sent == [Refused(request=5, reason=Reason.QUOTA)]


async def inner_link(desk: Desk, number: int, outer: FakeLink) -> FakeLink:
    """Open a tunnel that ends here, and give the channel inside it."""
    desk.ask(number, key=OWN, link=outer)
    assert outer.sent[-1] == OPENED_HERE
    inner = FakeLink(f"inner{number}", outbound=False)
    desk.roots[inner] = outer
    return inner


async def test_tunnels_asked_for_inside_tunnels_count_with_their_link(desk: Desk):
    desk.found = asyncio.Event()
    reasons: Counter[Reason] = Counter()
    inside = [await inner_link(desk, 2 * each + 3, desk.near) for each in range(8)]
    for inner in inside:
        for number in range(16):
            desk.ask(2 * number + 1, link=inner)
        reasons.update(message.reason for message in inner.sent)
    assert len(desk.carriage) == limits.tunnels_link_max
    assert reasons == {Reason.QUOTA: 8 * 17 - limits.tunnels_link_max}


async def test_who_asks_inside_tunnels_may_ask_no_oftener(desk: Desk):
    desk.found = TransportError("nowhere")
    inner = [await inner_link(desk, number, desk.near) for number in (3, 5)]
    left = limits.tunnels_link_max - len(inner)
    for number in range(left):
        desk.ask(2 * number + 1, link=inner[number % 2])
        await settled()
    for link in (desk.near, *inner):
        desk.ask(9, link=link)
        assert link.sent[-1] == Refused(request=5, reason=Reason.OVER_BUDGET)
    desk.near.is_open = False
    desk.carriage.closed(desk.near)  # type: ignore[arg-type]
    desk.ask(9, link=inner[0])
    assert inner[0].sent[-1] == Refused(request=5, reason=Reason.CLOSED)
    assert len(desk.carriage._opens) == 0


async def test_no_tunnel_ends_here_inside_one_that_ends_here(desk: Desk):
    inner = await inner_link(desk, 3, desk.near)
    desk.ask(3, key=OWN, link=inner)
    assert inner.sent == [Refused(request=5, reason=Reason.POLICY)]


async def test_what_we_ask_of_a_peer_takes_none_of_its_places(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(limits, "tunnels_link_max", 1)
    await desk.carry(3)
    desk.far.outbound = True
    desk.ask(4, key=OWN, link=desk.far)
    assert desk.far.sent[-1] == OPENED_HERE


async def test_tunnels_are_not_asked_for_all_the_time(desk: Desk):
    desk.found = TransportError("nowhere")
    for _ in range(limits.tunnels_link_max):
        desk.ask()
        await settled()
    assert {message.reason for message in desk.near.sent} == {Reason.CLOSED}
    desk.ask()
    assert desk.near.sent[-1] == Refused(request=5, reason=Reason.OVER_BUDGET)
    desk.clock.advance(1_000)
    desk.ask()
    desk.ask(5)
    await settled()
    reasons = [message.reason for message in desk.near.sent[-2:]]
    assert reasons == [Reason.OVER_BUDGET, Reason.CLOSED]
    desk.carriage.closed(desk.near)  # type: ignore[arg-type]
    desk.ask()
    await settled()
    assert desk.near.sent[-1].reason is Reason.CLOSED


async def test_a_tunnel_that_keeps_no_pace_is_ended(desk: Desk):
    number = await desk.carry()
    piece = TunnelData(tunnel=3, data=bytes(limits.tunnel_piece_bytes_max))
    for _ in range(limits.tunnel_slack_bytes // len(piece.data)):
        desk.hear(desk.near, piece)
    assert len(desk.carriage) == 2
    desk.hear(desk.near, piece)
    assert desk.near.sent[-1] == TunnelEnd(tunnel=3, reason=Reason.OVER_BUDGET)
    assert desk.far.sent[-1] == TunnelEnd(tunnel=number, reason=Reason.OVER_BUDGET)
    assert len(desk.carriage) == 0


async def test_a_far_side_that_takes_nothing_ends_the_tunnel(desk: Desk):
    await desk.carry()
    desk.far.bytes_waiting = limits.peer_queue_bytes_max
    desk.hear(desk.near, TunnelData(tunnel=3, data=b"piece"))
    assert len(desk.carriage) == 0
    desk.far.bytes_waiting = 0
    await desk.carry(5)
    desk.far.room = 0
    desk.hear(desk.near, TunnelData(tunnel=5, data=b"piece"))
    assert len(desk.carriage) == 0


async def test_a_tunnel_nobody_uses_is_ended(desk: Desk):
    number = await desk.carry()
    desk.clock.advance(limits.tunnel_idle_ms_max - 1)
    desk.carriage.sweep()
    assert len(desk.carriage) == 2
    desk.hear(desk.near, TunnelData(tunnel=3, data=b"piece"))
    desk.hear(desk.far, TunnelData(tunnel=number, data=b"piece"))
    desk.clock.advance(1)
    desk.carriage.sweep()
    assert len(desk.carriage) == 2
    desk.clock.advance(limits.tunnel_idle_ms_max)
    desk.ask(5)
    desk.carriage.sweep()
    assert desk.near.sent[-1] == TunnelEnd(tunnel=3, reason=Reason.STALLED)
    # One that is being opened has a deadline of its own.
    assert len(desk.carriage) == 1


# --- ends ----------------------------------------------------------------------------------------


async def test_a_tunnel_to_this_node_ends_here(desk: Desk):
    desk.is_relay = False
    desk.ask(key=OWN)
    assert desk.near.sent == [TunnelOpened(request=5)]
    await settled()
    (pipe,) = desk.pipes
    assert not pipe.outbound
    assert pipe.remote_host == desk.near.remote_host
    desk.hear(desk.near, TunnelData(tunnel=3, data=b"frame"))
    assert await pipe.receive() == b"frame"
    desk.over.set()
    await settled()
    assert desk.near.sent[-1] == TunnelEnd(tunnel=3, reason=Reason.CLOSED)
    assert len(desk.carriage) == 0


async def test_a_tunnel_of_ours_is_asked_for(desk: Desk):
    desk.far.answers.append(OPENED)
    pipe = await desk.carriage.open(desk.far, key_of("mailbox"))  # type: ignore[arg-type]
    (ask,) = desk.far.sent
    assert (ask.key, ask.tunnel % 2, pipe.outbound) == (key_of("mailbox"), 1, True)
    desk.hear(desk.far, TunnelData(tunnel=ask.tunnel, data=b"frame"))
    assert await pipe.receive() == b"frame"
    pipe.abort()
    assert len(desk.carriage) == 0


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (Refused(request=99, reason=Reason.QUOTA), "E-TUNNEL-REFUSED"),
        (TransportError("no answer", code="E-PEER-TIMEOUT"), "E-PEER-TIMEOUT"),
    ],
)
async def test_a_refusal_leaves_nothing_behind(desk: Desk, answer: Any, code: str):
    desk.far.answers.append(answer)
    with pytest.raises(TransportError) as caught:
        await desk.carriage.open(desk.far, key_of("mailbox"))  # type: ignore[arg-type]
    assert caught.value.code == code
    assert len(desk.carriage) == 0


async def test_both_ends_of_a_link_choose_numbers_that_never_meet(desk: Desk):
    inbound = FakeLink("in", outbound=False)
    for link in (desk.far, inbound):
        link.answers += [OPENED] * 2
        for _ in range(2):
            await desk.carriage.open(link, key_of("mailbox"))  # type: ignore[arg-type]
    assert [ask.tunnel for ask in desk.far.sent] == [3, 5]
    assert [ask.tunnel for ask in inbound.sent] == [2, 4]
