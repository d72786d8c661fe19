"""The network of a node from outside: settings, links on demand, what it says of its peers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from node.errors import TransportError
from protocol import limits
from protocol.channel.messages import Interest
from protocol.errors import LocalProtocolError
from protocol.ids import NodeId, PeerId
from protocol.network.addresses import Role, sign_record
from protocol.network.events import RecordFound
from tests.integration.hamlet import Cottage, until
from tests.parties import NET, make_cast, make_profile

KEY = NodeId(b"\x05" * 32)


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
    monkeypatch.setattr(limits, "links_on_demand_max", 1)
    boxes = [Cottage(f"box{n}", tmp_path, mailbox=True) for n in range(2)]
    for box in boxes:
        await box.open()
    # No relay: nobody dials them but who needs them.
    hermit = Cottage("hermit", tmp_path, listens=False)
    await hermit.open()
    for box in boxes:
        record = sign_record(
            net=NET,
            key=box.network.node_id,
            addresses=["127.0.0.1:9", box.address],
            roles=[Role.MAILBOX],
            seq=1,
            at=hermit.clock.now().wall_ms,
            seed=bytes(32),
        )
        hermit.network._pump.feed(RecordFound(peer=PeerId(KEY), raw=record.raw))
    first = await hermit.network.connect(boxes[0].network.node_id)
    assert await hermit.network.connect(boxes[0].network.node_id) is first
    await until(lambda: hermit.peer_count == 1)
    assert hermit.network.peers()[0].address == boxes[0].address
    await hermit.network.connect(boxes[1].network.node_id)
    await first.wait_closed()
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


async def test_a_node_that_comes_while_no_way_to_it_is_found_is_linked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    relay, guest = Cottage("relay", tmp_path), Cottage("guest", tmp_path, listens=False)
    await relay.open()
    await guest.open()

    async def meanwhile(_node_id: NodeId) -> bool:
        await guest.network.dial(relay.address, relay.network.node_id)
        await until(lambda: relay.peer_count == 1)
        return False

    monkeypatch.setattr(relay.network, "_ask_where", meanwhile)
    link = await relay.network.connect(guest.network.node_id)
    assert link.peer_id == guest.network.node_id
    for each in (guest, relay):
        await each.close()


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
