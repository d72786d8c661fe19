"""Tunnels that pass a node, end there, or begin there; and whatever must not come of them."""

from __future__ import annotations

import asyncio
import gc
from collections import Counter
from typing import Any

import pytest

from node.errors import TransportError
from node.network.failing import Fault, TunnelError
from node.runtime.tasks import Tasks
from protocol import limits
from protocol.channel.messages import Refused
from protocol.channel.tunnel import TunnelData, TunnelEnd, TunnelOpen, TunnelOpened
from protocol.errors import MessageError, Reason
from protocol.ids import NodeId
from tests.unit.node.network.passers import FAR, OPENED, OWN, Desk, FakeLink, key_of, settled

OPENED_HERE = TunnelOpened(request=5)


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
        # Its own reason would be taken for ours: that we are full, or carry for nobody.
        (Refused(request=99, reason=Reason.QUOTA), Reason.CLOSED),
        (Refused(request=99, reason=Reason.POLICY), Reason.CLOSED),
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
    monkeypatch.setattr(limits, "tunnels_max", 3)
    monkeypatch.setattr(limits, "tunnels_home_min", 0)
    other = FakeLink("other", outbound=False)
    # One that is being opened will need two numbers, and has them from the first.
    desk.ask(3, link=other)
    assert other.sent == []
    desk.ask(5, link=other)
    assert other.sent == [Refused(request=5, reason=Reason.QUOTA)]


def near_at(host: str, number: int = 0) -> FakeLink:
    link = FakeLink(f"near {host} {number}", outbound=False)
    link.remote_host = host
    return link


async def test_all_peers_of_one_address_group_have_what_one_peer_may_have(desk: Desk):
    desk.found = asyncio.Event()
    links = [near_at(f"8.8.{number}.7", number) for number in range(8)]
    for link in links:
        for number in range(limits.tunnels_group_max // 4):
            desk.ask(2 * number + 1, link=link)
    reasons = [message.reason for link in links for message in link.sent]
    assert reasons == [Reason.QUOTA] * (limits.tunnels_group_max)
    assert len(desk.carriage) == limits.tunnels_group_max
    # What comes in a tunnel comes from where the tunnel comes from.
    inner = FakeLink("inner", outbound=False)
    desk.roots[inner] = links[0]
    desk.ask(1, link=inner)
    assert inner.sent == [Refused(request=5, reason=Reason.QUOTA)]
    elsewhere = near_at("9.9.9.9")
    desk.ask(1, link=elsewhere)
    assert elsewhere.sent == []
    assert 2 * limits.tunnels_group_max == 2 * limits.tunnels_max // 8


async def test_of_those_that_end_here_a_group_has_twice_as_many(desk: Desk):
    links = [near_at(f"8.8.{number}.7", number) for number in range(3)]
    for link in links:
        for number in range(limits.tunnels_group_max):
            desk.ask(2 * number + 1, OWN, link)
    assert len(desk.carriage) == 2 * limits.tunnels_group_max
    assert {message.reason for message in links[2].sent} == {Reason.QUOTA}


@pytest.mark.parametrize("host", ["127.0.0.1", "192.168.1.5", "fd00::5", "relay.example", ""])
async def test_an_address_that_tells_nothing_is_no_group(desk: Desk, host: str):
    desk.found = asyncio.Event()
    links = [near_at(host, number) for number in range(2)]
    for link in links:
        for number in range(limits.tunnels_link_max):
            desk.ask(2 * number + 1, link=link)
    assert len(desk.carriage) == 2 * limits.tunnels_link_max > limits.tunnels_group_max


async def test_carrying_leaves_room_for_tunnels_that_end_here(desk: Desk):
    desk.found = asyncio.Event()
    links = [near_at(f"{20 + number}.8.8.8", number) for number in range(9)]
    for link in links:
        for number in range(limits.tunnels_link_max):
            desk.ask(2 * number + 1, link=link)
    opening = (2 * limits.tunnels_max - limits.tunnels_home_min) // 2
    assert len(desk.carriage) == opening
    for number in range(limits.tunnels_home_min):
        desk.ask(2 * number + 1, OWN, near_at(f"{40 + number}.8.8.8", number))
    assert len(desk.carriage) == opening + limits.tunnels_home_min
    late = near_at("200.8.8.8")
    desk.ask(3, OWN, late)
    assert late.sent == [Refused(request=5, reason=Reason.QUOTA)]


async def test_nothing_is_kept_of_a_link_that_closed_meanwhile(desk: Desk):
    desk.found = gate = asyncio.Event()
    desk.ask()
    await settled()
    desk.far.is_open = False
    desk.carriage.closed(desk.far)  # type: ignore[arg-type]
    desk.far.answers.append(TransportError("the link ended before the answer came"))
    desk.found = None
    gate.set()
    await settled()
    assert desk.near.sent[-1] == Refused(request=5, reason=Reason.CLOSED)
    desk.far = FakeLink("far")
    gc.collect()
    assert len(desk.carriage._numbers) == 0
    assert len(desk.carriage._turns) == 0


async def test_a_far_end_that_leaves_with_its_answer_opens_nothing(desk: Desk):
    desk.ask()
    await desk.far.asked.wait()
    desk.far.is_open = False
    desk.far.answers.append(OPENED)
    await settled()
    assert desk.near.sent == [Refused(request=5, reason=Reason.CLOSED)]
    assert len(desk.carriage) == 0


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


def pieces(link: FakeLink) -> int:
    return sum(isinstance(message, TunnelData) for message in link.sent)


async def flood(desk: Desk, links: list[FakeLink], seconds: int) -> None:
    """Have each link bring as many crumbs as it may bring messages."""
    for _ in range(seconds * limits.messages_per_s):
        desk.clock.advance(1_000 // limits.messages_per_s)
        for turns in list(desk.carriage._turns.values()):
            turns._timed()
        for link in links:
            desk.hear(link, TunnelData(tunnel=3, data=b"x", is_last=False))


async def test_crumbs_of_many_do_not_use_up_what_the_far_end_reads(desk: Desk):
    links = [near_at("127.0.0.1", number) for number in range(4)]
    for link in links:
        await desk.carry(3, link)
    desk.far.sent.clear()
    desk.far.room = 10_000
    await flood(desk, links, 8)
    most = limits.tunnel_pieces_burst + 8 * limits.tunnel_pieces_s
    assert most - 10 <= pieces(desk.far) <= most
    # One of a far end that answers in crumbs neither: they go back at the same pace.
    assert limits.tunnel_pieces_s <= limits.messages_per_s // 2
    assert limits.tunnel_pieces_burst <= limits.messages_burst // 2


async def test_crumbs_of_a_far_end_do_not_use_up_what_the_asker_reads(desk: Desk):
    numbers = [await desk.carry(number) for number in (3, 5, 7)]
    desk.near.sent.clear()
    for _ in range(4 * limits.messages_per_s):
        desk.clock.advance(1_000 // limits.messages_per_s)
        for turns in list(desk.carriage._turns.values()):
            turns._timed()
        for number in numbers:
            desk.hear(desk.far, TunnelData(tunnel=number, data=b"x", is_last=False))
    assert pieces(desk.near) <= limits.tunnel_pieces_burst + 4 * limits.tunnel_pieces_s


async def test_a_letter_waits_for_nobodys_crumbs(desk: Desk):
    links = [near_at("127.0.0.1", number) for number in range(4)]
    honest = near_at("127.0.0.1", 9)
    for link in (*links, honest):
        await desk.carry(3, link)
    desk.far.room = 10_000
    await flood(desk, links, 8)
    desk.far.sent.clear()
    letter = [bytes(limits.tunnel_piece_bytes_max)] * 2 + [b"rest"]
    for piece in letter:
        desk.hear(honest, TunnelData(tunnel=3, data=piece))
    await flood(desk, links, 1)
    sent = [message.data for message in desk.far.sent if isinstance(message, TunnelData)]
    assert [each for each in sent if each != b"x"] == letter
    assert sent.index(b"rest") < 5 * len(letter)


async def test_crumbs_beyond_the_allowance_end_the_tunnel(desk: Desk):
    await desk.carry()
    desk.far.room = 10_000
    for _ in range(limits.tunnel_slack_bytes // limits.tunnel_piece_bytes_least):
        desk.hear(desk.near, TunnelData(tunnel=3, data=b"x", is_last=False))
    assert desk.near.sent[-1] == TunnelOpened(request=5)
    desk.hear(desk.near, TunnelData(tunnel=3, data=b"x", is_last=False))
    assert desk.near.sent[-1] == TunnelEnd(tunnel=3, reason=Reason.OVER_BUDGET)


async def tire(desk: Desk, link: FakeLink) -> None:
    turns = desk.carriage._turns_of(link)  # type: ignore[arg-type]
    for _ in range(limits.tunnel_pieces_burst):
        turns.follow("before", lambda: None)
    turns.follow("before", lambda: None)


def serve(desk: Desk, link: FakeLink) -> None:
    desk.clock.advance(1_000)
    desk.carriage._turns_of(link)._timed()  # type: ignore[arg-type]


async def test_an_end_comes_after_the_pieces_that_wait(desk: Desk):
    number = await desk.carry()
    await tire(desk, desk.far)
    desk.hear(desk.near, TunnelData(tunnel=3, data=b"goodbye"))
    desk.hear(desk.near, TunnelEnd(tunnel=3, reason=Reason.CLOSED))
    assert len(desk.carriage) == 0
    assert pieces(desk.far) == 0
    serve(desk, desk.far)
    assert desk.far.sent[-2:] == [
        TunnelData(tunnel=number, data=b"goodbye"),
        TunnelEnd(tunnel=number, reason=Reason.CLOSED),
    ]


async def test_a_piece_that_waited_and_is_not_taken_ends_the_tunnel_once(desk: Desk):
    await desk.carry()
    await tire(desk, desk.far)
    desk.hear(desk.near, TunnelData(tunnel=3, data=b"one"))
    desk.hear(desk.near, TunnelData(tunnel=3, data=b"two"))
    desk.far.room = 0
    serve(desk, desk.far)
    assert desk.near.sent[1:] == [TunnelEnd(tunnel=3, reason=Reason.OVER_BUDGET)]
    assert len(desk.carriage) == 0


async def test_tunnels_are_opened_at_their_turn_and_nothing_waits_on_a_link_that_ended(desk: Desk):
    await tire(desk, desk.far)
    desk.ask()
    await settled()
    assert desk.far.sent == []
    desk.far.answers.append(OPENED)
    serve(desk, desk.far)
    await settled()
    assert desk.near.sent == [TunnelOpened(request=5)]
    turns = desk.carriage._turns_of(desk.far)  # type: ignore[arg-type]
    await tire(desk, desk.far)
    desk.hear(desk.near, TunnelData(tunnel=3, data=b"late"))
    desk.far.is_open = False
    desk.carriage.closed(desk.far)  # type: ignore[arg-type]
    assert turns.bytes_waiting == 0
    assert desk.near.sent[1:] == [TunnelEnd(tunnel=3, reason=Reason.CLOSED)]


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


def refused(reason: Reason) -> Refused:
    return Refused(request=99, reason=reason)


@pytest.mark.parametrize(
    ("answer", "code", "fault"),
    [
        (refused(Reason.QUOTA), "E-TUNNEL-REFUSED", Fault.CARRIER),
        (refused(Reason.OVER_BUDGET), "E-TUNNEL-REFUSED", Fault.CARRIER),
        (refused(Reason.EXPIRED), "E-TUNNEL-REFUSED", Fault.CARRIER),
        (refused(Reason.POLICY), "E-TUNNEL-REFUSED", Fault.NO_CARRIER),
        (refused(Reason.CLOSED), "E-TUNNEL-FAR", Fault.FAR_END),
        (TransportError("no answer", code="E-PEER-TIMEOUT"), "E-PEER-TIMEOUT", Fault.CARRIER),
    ],
)
async def test_a_refusal_leaves_nothing_behind_and_says_whose_it_is(
    desk: Desk, answer: Any, code: str, fault: Fault
):
    desk.far.answers.append(answer)
    with pytest.raises(TunnelError) as caught:
        await desk.carriage.open(desk.far, key_of("mailbox"))  # type: ignore[arg-type]
    assert (caught.value.code, caught.value.fault) == (code, fault)
    assert len(desk.carriage) == 0


async def test_who_asks_waits_longer_than_a_carrier_looks(desk: Desk):
    waits: list[int] = []

    async def request(_ask: Any, timeout_ms: int) -> Any:
        waits.append(timeout_ms)
        return OPENED

    desk.far.request = request  # type: ignore[assignment, method-assign]
    await desk.carriage.open(desk.far, key_of("mailbox"))  # type: ignore[arg-type]
    assert waits == [limits.tunnel_open_ms_max + limits.tunnel_answer_ms_max]


async def test_both_ends_of_a_link_choose_numbers_that_never_meet(desk: Desk):
    inbound = FakeLink("in", outbound=False)
    for link in (desk.far, inbound):
        link.answers += [OPENED] * 2
        for _ in range(2):
            await desk.carriage.open(link, key_of("mailbox"))  # type: ignore[arg-type]
    assert [ask.tunnel for ask in desk.far.sent] == [3, 5]
    assert [ask.tunnel for ask in inbound.sent] == [2, 4]
