"""The network of a node from outside: settings, links on demand, what it says of its peers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from node.errors import TransportError
from node.network.connection import Connection
from node.network.errands import Errand
from protocol import limits
from protocol.channel.frames import unpack_frame
from protocol.channel.messages import Interest, Refused, WhoIs, decode_message
from protocol.channel.tunnel import TunnelOpen
from protocol.errors import LocalProtocolError
from protocol.ids import NodeId, PeerId
from protocol.network.addresses import NodeRecord, Role, sign_record
from protocol.network.events import RecordFound
from tests.integration.hamlet import Cottage, until
from tests.parties import NET, make_cast, make_profile

KEY = NodeId(b"\x05" * 32)


def mailbox_record(hermit: Cottage, box: Cottage, *addresses: str) -> NodeRecord:
    """What somebody tells of a mailbox that is no relay: nobody dials it but who needs it."""
    return sign_record(
        net=NET,
        key=box.network.node_id,
        addresses=[*addresses, box.address],
        roles=[Role.MAILBOX],
        seq=1,
        at=hermit.clock.now().wall_ms,
        seed=bytes(32),
    )


async def test_a_port_that_is_taken_is_said(tmp_path: Path):
    first = Cottage("first", tmp_path)
    await first.open()
    second = Cottage("second", tmp_path)
    second.port = first.port
    with pytest.raises(TransportError) as caught:
        await second.open()
    assert caught.value.code == "E-PORT"
    await second.network.stop()
    await second.tasks.close()
    await second.storage.close()
    await first.close()


async def test_only_verified_bytes_are_published(tmp_path: Path):
    node = Cottage("node", tmp_path)
    await node.open()
    cast = make_cast()
    with pytest.raises(LocalProtocolError):
        node.network.publish(cast, cast.raw + b"x")
    await node.close()


async def test_links_on_demand_make_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(limits, "links_on_demand_max", limits.links_for_guests_max + 1)
    boxes = [Cottage(f"box{n}", tmp_path, mailbox=True) for n in range(2)]
    for box in boxes:
        await box.open()
    # No relay: nobody dials them but who needs them.
    hermit = Cottage("hermit", tmp_path, listens=False)
    await hermit.open()
    monkeypatch.setattr(hermit.network._pump, "_dial", lambda _action: None)
    for box in boxes:
        record = mailbox_record(hermit, box, "127.0.0.1:9")
        hermit.network._pump.feed(RecordFound(peer=PeerId(KEY), raw=record.raw))
    first = await hermit.network.connect(boxes[0].network.node_id)
    assert await hermit.network.connect(boxes[0].network.node_id) is first
    await until(lambda: hermit.peer_count == 1)
    assert hermit.network.peers()[0].address == boxes[0].address
    await hermit.network.connect(boxes[1].network.node_id)
    await first.wait_closed()
    for each in (hermit, *boxes):
        await each.close()


async def test_a_link_on_demand_to_a_relay_that_was_drawn_is_relied_on(tmp_path: Path):
    box = Cottage("box", tmp_path, mailbox=True)
    await box.open()
    hermit = Cottage("hermit", tmp_path, listens=False)
    await hermit.open()
    record = box.network._card.record()
    hermit.network._pump.feed(RecordFound(peer=PeerId(KEY), raw=record.raw))
    link = await hermit.network.connect(record.key)
    links = hermit.network._engine.links
    await until(lambda: links.relies_on(PeerId(record.key)))
    assert links.outbound_count == 1
    hermit.network._end(record.key)
    assert link.is_open, "it makes room for no other"
    for each in (hermit, box):
        await each.close()


async def test_a_guests_tunnels_end_none_of_our_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(limits, "links_for_guests_max", 1)
    hermit = Cottage("hermit", tmp_path, listens=False)
    await hermit.open()
    monkeypatch.setattr(hermit.network._pump, "_dial", lambda _action: None)
    boxes = [Cottage(f"box{n}", tmp_path, mailbox=True) for n in range(3)]
    for box in boxes:
        await box.open()
        record = mailbox_record(hermit, box)
        hermit.network._pump.feed(RecordFound(peer=PeerId(KEY), raw=record.raw))
    ours = await hermit.network.connect(boxes[0].network.node_id)
    first = await hermit.network.connect(boxes[1].network.node_id, Errand.GUEST)
    await hermit.network.connect(boxes[2].network.node_id, Errand.GUEST)
    await first.wait_closed()
    await until(lambda: hermit.peer_count == 2)
    assert ours.is_open
    for each in (hermit, *boxes):
        await each.close()


async def test_another_node_at_a_known_address_is_not_believed(tmp_path: Path):
    relay = Cottage("relay", tmp_path)
    await relay.open()
    hermit = Cottage("hermit", tmp_path, listens=False)
    await hermit.open()
    record = sign_record(
        net=NET,
        key=KEY,
        addresses=[relay.address],
        roles=[Role.RELAY],
        seq=1,
        at=hermit.clock.now().wall_ms,
        seed=bytes(32),
    )
    hermit.network._pump.feed(RecordFound(peer=PeerId(KEY), raw=record.raw))
    with pytest.raises(TransportError) as caught:
        await hermit.network.connect(KEY)
    assert caught.value.code == "E-PEER-KEY"
    for each in (hermit, relay):
        await each.close()


async def test_an_answer_about_another_node_than_was_asked_about_is_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    asker, liar = Cottage("asker", tmp_path), Cottage("liar", tmp_path)
    for each in (asker, liar):
        await each.open()
    other = sign_record(
        net=NET,
        key=KEY,
        addresses=["203.0.113.9:1"],
        roles=[Role.RELAY],
        seq=1,
        at=asker.clock.now().wall_ms,
        seed=bytes(32),
    )
    monkeypatch.setattr(liar.network._engine.links._introductions, "_find", lambda *_: other)
    await liar.network.dial(asker.address, asker.network.node_id)
    await until(lambda: asker.peer_count == 1)
    assert not await asker.network._whereabouts._ask(NodeId(b"\x07" * 32), Errand.POST)
    assert asker.network.known_count() == 1, "the liar itself"
    assert await asker.network._whereabouts._ask(KEY, Errand.POST)
    for each in (liar, asker):
        await each.close()


async def test_a_node_that_comes_while_no_way_to_it_is_found_is_linked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    relay, guest = Cottage("relay", tmp_path), Cottage("guest", tmp_path, listens=False)
    await relay.open()
    await guest.open()

    async def meanwhile(*_of_whom: object) -> list[str]:
        await guest.network.dial(relay.address, relay.network.node_id)
        await until(lambda: relay.peer_count == 1)
        return []

    monkeypatch.setattr(relay.network._whereabouts, "_ask", meanwhile)
    link = await relay.network.connect(guest.network.node_id)
    assert link.peer_id == guest.network.node_id
    for each in (guest, relay):
        await each.close()


async def test_many_who_look_for_a_dead_node_ask_its_peers_once(tmp_path: Path):
    relay, seeker = Cottage("relay", tmp_path), Cottage("seeker", tmp_path, listens=False)
    await relay.open()
    await seeker.open()
    await seeker.network.dial(relay.address, relay.network.node_id)
    record = sign_record(
        net=NET,
        key=KEY,
        addresses=["127.0.0.1:9"],
        roles=[Role.MAILBOX],
        seq=1,
        at=seeker.clock.now().wall_ms,
        seed=bytes(32),
    )
    seeker.network._pump.feed(RecordFound(peer=PeerId(KEY), raw=record.raw))
    for _ in range(2):
        looks = [seeker.network.connect(KEY) for _ in range(30)]
        errors = await asyncio.gather(*looks, return_exceptions=True)
        assert {getattr(each, "code", "") for each in errors} == {"E-PEER-LOST"}
    assert relay.network._meters.messages()["WhoIs",] == 1
    # Somebody nobody has heard of is asked for each time: the answer may be new.
    for _ in range(2):
        with pytest.raises(TransportError):
            await seeker.network.connect(NodeId(b"\x06" * 32))
    assert relay.network._meters.messages()["WhoIs",] == 3
    for each in (seeker, relay):
        await each.close()


async def test_a_guest_makes_a_relay_ask_few_of_its_peers_and_once(tmp_path: Path):
    relay, guest = Cottage("relay", tmp_path), Cottage("guest", tmp_path, listens=False)
    peers = [Cottage(f"peer{n}", tmp_path, listens=False) for n in range(5)]
    await relay.open()
    for each in (guest, *peers):
        await each.open()
        await each.network.dial(relay.address, relay.network.node_id)
    await until(lambda: relay.peer_count == len(peers) + 1)
    link = guest.network.link_to(relay.network.node_id)
    assert link is not None
    asks = [
        link.request(TunnelOpen(tunnel=2 * number + 1, key=KEY), 5_000)
        for number in range(limits.tunnels_link_max)
    ]
    answers = await asyncio.gather(*asks)
    assert {type(answer) for answer in answers} == {Refused}
    asked = [
        isinstance(decode_message(raw), WhoIs)
        for each in (guest, *peers)
        for _, inbound, frame in each.frames
        if inbound
        for raw in unpack_frame(frame)
    ]
    assert sum(asked) == limits.lookup_peers_max
    for each in (guest, *peers, relay):
        await each.close()


async def test_a_place_that_a_stranger_names_often_is_dialled_seldom(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """By itself: the second time comes, and not before its pause is over."""
    async with nobodys_place() as (place, heard_s):
        relay, guest, _ = await stranger(tmp_path, monkeypatch)
        for number in range(20):
            tell(relay, guest, number, place)
        await until(lambda: len(heard_s) >= 2)
        assert heard_s[1] - heard_s[0] > limits.dial_backoff_ms_min / 2_000
        for each in (guest, relay):
            await each.close()


async def test_tunnels_to_a_place_that_a_stranger_names_dial_it_seldom(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    async with nobodys_place() as (place, heard_s):
        relay, guest, link = await stranger(tmp_path, monkeypatch)
        monkeypatch.setattr(relay.network._pump, "_dial", lambda _action: None)
        asks = []
        for number in range(20):
            key = tell(relay, guest, number, place)
            asks.append(link.request(TunnelOpen(tunnel=2 * number + 1, key=key), 5_000))
        answers = await asyncio.gather(*asks)
        assert {type(answer) for answer in answers} == {Refused}, "each was dealt with"
        assert 1 <= len(heard_s) <= 3
        for each in (guest, relay):
            await each.close()


@asynccontextmanager
async def nobodys_place() -> AsyncIterator[tuple[str, list[float]]]:
    """Have a place where no node is; the list has the moments when somebody dialled it."""
    heard_s: list[float] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard_s.append(asyncio.get_running_loop().time())
        await reader.readline()
        writer.close()

    third = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"127.0.0.1:{third.sockets[0].getsockname()[1]}", heard_s
    finally:
        third.close()


async def stranger(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Cottage, Cottage, Connection]:
    """Open a relay and a guest of its that dials nobody else, and give their link."""
    relay, guest = Cottage("relay", tmp_path), Cottage("guest", tmp_path, listens=False)
    await relay.open()
    await guest.open()
    await guest.network.dial(relay.address, relay.network.node_id)
    await until(lambda: relay.peer_count == 1)
    monkeypatch.setattr(guest.network._pump, "_dial", lambda _action: None)
    link = guest.network.link_to(relay.network.node_id)
    assert link is not None
    return relay, guest, link


def tell(relay: Cottage, guest: Cottage, number: int, place: str) -> NodeId:
    """Let the guest name a made-up node at a place."""
    key = NodeId(bytes([number]) * 32)
    record = sign_record(
        net=NET,
        key=key,
        addresses=[place],
        roles=[Role.RELAY],
        seq=1,
        at=relay.clock.now().wall_ms,
        seed=bytes([number]) * 32,
    )
    relay.network._pump.feed(RecordFound(peer=PeerId(guest.network.node_id), raw=record.raw))
    return key


async def test_a_leaf_hears_of_what_it_asked_for_and_of_the_rest_when_it_asks_for_all(
    tmp_path: Path,
):
    relay, leaf = Cottage("relay", tmp_path), Cottage("leaf", tmp_path, listens=False)
    await relay.open()
    await leaf.open()
    leaf.network.want_casts(Interest(categories=["books"], cells=None))
    await leaf.network.dial(relay.address, relay.network.node_id)
    await until(lambda: relay.peer_count == 1)
    assert relay.network.peers()[0].esteem.narrows
    casts = [make_cast(title=name, category=name) for name in ("electronics", "books")]
    profile = make_profile()
    everything: list[Any] = [*casts, profile]
    for each in everything:
        await relay.keep(each)
    await until(lambda: leaf.network.gossip_counts()["live"] == 2)
    await until(lambda: {each.id for each in leaf.heard} == {casts[1].id, profile.id})
    leaf.network.want_casts(None)
    await until(lambda: leaf.network.gossip_counts()["live"] == 3)
    assert not relay.network.peers()[0].esteem.narrows
    for node in (leaf, relay):
        await node.close()
