"""Nodes over loopback: a cast reaches everybody, a sleeper catches up, forgeries go nowhere."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from node.errors import ConfigError, TransportError
from protocol import work
from protocol.channel.messages import Interest, Objects
from protocol.channel.post import Put, PutDone
from protocol.encoding import decode, encode
from protocol.errors import Reason
from protocol.ids import NodeId, PeerId, blake2b_256, to_text
from protocol.network.addresses import Role
from protocol.now import HOUR_MS, MINUTE_MS
from protocol.objects.envelope import open_stored
from protocol.objects.header import Header, Kind
from protocol.objects.revoke import Revoke
from tests.integration.hamlet import Cottage, clock_at, until
from tests.parties import NET, NOW_MS, Party, buyer_ana, make_cast, make_profile, signed

Build = Callable[..., Awaitable[Cottage]]


@pytest.fixture
async def build(tmp_path: Path) -> AsyncIterator[Build]:
    """Open cottages; close what is still open at the end."""
    cottages: list[Cottage] = []

    async def opened(name: str, *peers: Cottage, **facts: Any) -> Cottage:
        cottage = Cottage(name, tmp_path, peers=[peer.address for peer in peers], **facts)
        await cottage.open()
        cottages.append(cottage)
        return cottage

    yield opened
    for cottage in cottages:
        if cottage.is_open:
            await cottage.close()
    assert [cottage.tasks.failures for cottage in cottages] == [0] * len(cottages)


async def test_a_cast_reaches_everybody_and_is_on_their_disks(build: Build):
    relay = await build("relay")
    buyer = await build("buyer", relay, listens=False)
    vendors = [await build(f"vendor{n}", relay, listens=False) for n in range(2)]
    await until(lambda: relay.peer_count == 3)
    cast = make_cast()
    await buyer.keep(cast)
    await until(lambda: all(each.has_heard(cast.id) for each in [relay, *vendors]))
    for each in [relay, *vendors]:
        assert await each.raw_of(cast.id) == cast.raw
    assert not buyer.has_heard(cast.id)
    await until(lambda: buyer.network.seen_at(cast.id) == (1, 1))
    assert [peer.first_objects for peer in relay.network.peers()].count(1) == 1
    counted, views = relay.network.traffic.sums, relay.network.peers()
    assert counted["in"] >= sum(view.bytes_in for view in views) >= len(cast.raw)
    assert counted["out"] >= sum(view.bytes_out for view in views) >= 2 * len(cast.raw)


def revoke_of(cast: Any, by: Party = buyer_ana, minutes: int = 1) -> Any:
    header = Header(
        net=NET, kind=Kind.REVOKE, key=by.key, at=NOW_MS + minutes * MINUTE_MS, exp=cast.header.exp,
        to=None, thread=cast.id, prev=None, target=0,
    )  # fmt: skip
    return open_stored(signed(header, Revoke(target=cast.id), by.seed("sign")), net=NET)


async def test_a_node_that_was_away_gets_the_live_casts(build: Build):
    relay = await build("relay")
    buyer = await build("buyer", relay, listens=False)
    vendor = await build("vendor", relay, listens=False)
    await until(lambda: relay.peer_count == 2)
    await vendor.close()
    casts = [make_cast(nonce=bytes([n] * 16)) for n in range(20)]
    for cast in casts:
        await buyer.keep(cast)
    await until(lambda: len(relay.heard) == len(casts))
    await buyer.close()
    await vendor.open()
    await until(lambda: len(vendor.heard) == len(casts))
    assert {cast.id for cast in casts} == {verified.id for verified in vendor.heard}


async def test_a_restarted_relay_serves_what_its_disk_holds(build: Build):
    relay = await build("relay")
    buyer = await build("buyer", relay, listens=False)
    await until(lambda: relay.peer_count == 1)
    cast, profile = make_cast(), make_profile()
    await buyer.keep(cast)
    await buyer.keep(profile)
    await until(lambda: len(relay.heard) == 2)
    await buyer.close()
    await relay.close()
    await relay.open()
    late = await build("late", relay, listens=False)
    await until(lambda: late.has_heard(cast.id) and late.has_heard(profile.id))
    assert [verified.id for verified in await late.network.live_casts()] == [cast.id]
    assert len(relay.heard) == 2, "what was known before the restart is not news"


async def test_a_revoke_takes_the_place_of_its_cast_everywhere(build: Build):
    relay = await build("relay")
    buyer = await build("buyer", relay, listens=False)
    vendor = await build("vendor", relay, listens=False)
    await until(lambda: relay.peer_count == 2)
    cast = make_cast()
    await buyer.keep(cast)
    await until(lambda: vendor.has_heard(cast.id))
    revoke = revoke_of(cast)
    await buyer.keep(revoke)
    await until(lambda: vendor.has_heard(revoke.id))
    assert await vendor.raw_of(cast.id) is None
    late = await build("late", relay, listens=False)
    await until(lambda: late.has_heard(revoke.id))
    assert not late.has_heard(cast.id)


async def test_losing_a_relay_cuts_nobody_off(build: Build):
    first = await build("first")
    second = await build("second", first)
    buyer = await build("buyer", first, listens=False)
    vendor = await build("vendor", first, listens=False)
    # Both leaves were told of the first relay alone; the second they find by themselves.
    await until(lambda: buyer.peer_count == vendor.peer_count == 2)
    await first.close()
    await until(lambda: buyer.peer_count == vendor.peer_count == 1)
    cast = make_cast()
    await buyer.keep(cast)
    await until(lambda: vendor.has_heard(cast.id))
    assert [view.address for view in vendor.network.peers()] == [second.address]


async def test_a_forger_is_sent_away_and_the_true_object_gets_in(build: Build):
    relay = await build("relay")
    forger = await build("forger", relay, listens=False)
    buyer = await build("buyer", relay, listens=False)
    await until(lambda: relay.peer_count == 2)
    cast = make_cast()
    text, signature, _nonce = decode(cast.raw, bytes_max=8192)
    link = await forger.network.connect(relay.network.node_id)
    for number in range(12):
        forged = bytes([number]) + signature[1:]
        if forged != signature:
            name = blake2b_256(text, forged)
            work_done = work.solve(name, cast.header.target, tries=1 << 20)
            link.send(Objects(raws=[encode([text, forged, work_done])]))
    await until(lambda: forger.peer_count == 0)
    assert relay.network.peers()[0].key == buyer.network.node_id
    await buyer.keep(cast)
    await until(lambda: relay.has_heard(cast.id))
    with suppress(TransportError):
        again = await forger.network.connect(relay.network.node_id)
        await again.wait_closed()
    assert [view.key for view in relay.network.peers()] == [buyer.network.node_id]


async def test_a_node_is_found_by_asking_the_peers(build: Build):
    relay = await build("relay")
    box = await build("box", relay, mailbox=True)
    buyer = await build("buyer", relay, listens=False)
    await until(lambda: buyer.peer_count == 2)
    assert [record.key for record in buyer.network.mailboxes()] == [box.network.node_id]
    assert box.network.mailboxes()[0].key == box.network.node_id
    link = await buyer.network.connect(box.network.node_id)
    assert link.peer_id == box.network.node_id
    # As a node that never heard of it: only its peer knows where it is.
    book = buyer.network._engine.links._book
    for node_id in (box.network.node_id, relay.network.node_id):
        book.forget(node_id)
    link.close()
    await until(lambda: buyer.peer_count == 1)
    again = await buyer.network.connect(box.network.node_id)
    assert again.peer_id == box.network.node_id
    again.send(Put(request=1, reader=bytes(32), letter=b"a letter", work=bytes(8)))
    await until(lambda: len(box.posted) == 1)


async def test_who_cannot_be_reached_is_told_apart(build: Build):
    relay = await build("relay")
    buyer = await build("buyer", relay, listens=False)
    await until(lambda: buyer.peer_count == 1)
    with pytest.raises(TransportError) as caught:
        await buyer.network.connect(NodeId(b"\x05" * 32))
    assert caught.value.code == "E-PEER-UNKNOWN"
    with pytest.raises(TransportError) as caught:
        await buyer.network.connect(buyer.network.node_id)
    assert caught.value.code == "E-PEER-SELF"


async def test_a_missing_object_is_asked_of_everybody(build: Build):
    relays = [await build(f"relay{number}") for number in range(2)]
    late = await build("late")
    buyer = await build("buyer", listens=False)
    # Casts of other things come by no way but the asking.
    buyer.network.want_casts(Interest(categories=["books"], cells=None))
    missing, other = (make_cast(nonce=bytes([n] * 16), category="electronics") for n in range(2))
    book = make_cast(category="books")
    for each in (missing, other, book):
        await late.keep(each)
    for relay in relays:
        await buyer.network.dial(relay.address, relay.network.node_id)
    await until(lambda: buyer.peer_count == 2)
    assert not any(relay.network._meters.messages().get(("Want",)) for relay in relays)
    buyer.network.want(missing.id)
    await until(lambda: all(relay.network._meters.messages().get(("Want",)) for relay in relays))
    assert not buyer.has_heard(missing.id), "nobody it was asked of has it"
    await buyer.network.dial(late.address, late.network.node_id)
    await until(lambda: buyer.has_heard(missing.id) and buyer.has_heard(book.id))
    assert await buyer.raw_of(missing.id) == missing.raw
    assert not buyer.has_heard(other.id)


async def test_peers_are_added_by_address_and_key(build: Build):
    relay = await build("relay")
    hermit = await build("hermit", listens=False)
    key = to_text("node", relay.network.node_id)
    await hermit.network.add_peer(f"{key}@{relay.address}")
    await until(lambda: hermit.peer_count == 1)
    view = hermit.network.peers()[0]
    assert view.document()["node"] == key
    assert view.outbound
    assert view.address == relay.address
    assert Role.RELAY in view.roles
    other = to_text("node", NodeId(b"\x05" * 32))
    with pytest.raises(TransportError) as caught:
        await hermit.network.add_peer(f"{other}@{relay.address}")
    assert caught.value.code == "E-PEER-KEY"
    with pytest.raises(ConfigError) as refused:
        await hermit.network.add_peer("nonsense")
    assert refused.value.code == "E-PEER"


async def test_clocks_are_compared_with_three_peers(build: Build):
    relays = [await build(f"relay{number}") for number in range(3)]
    late = clock_at(NOW_MS + HOUR_MS + 5 * MINUTE_MS)
    leaf = await build("leaf", *relays, listens=False, clock=late)
    await until(lambda: leaf.peer_count == 3)
    assert relays[0].network.clock_median_ms() is None, "who dials it has no vote"
    offset = leaf.network.clock_median_ms()
    assert offset is not None
    assert abs(offset + 5 * MINUTE_MS) < 5_000


async def test_a_peer_that_talks_nonsense_is_charged_for_it(build: Build):
    relay = await build("relay")
    rude = await build("rude", relay, listens=False)
    await until(lambda: relay.peer_count == 1)
    link = await rude.network.connect(relay.network.node_id)
    link.send(PutDone(request=7, letter_hash=bytes(32)))
    await link.wait_closed()
    assert link.ending is not None
    assert link.ending.reason is Reason.UNEXPECTED
    peer = PeerId(rude.network.node_id)
    assert relay.network._engine.links.fault_points(peer, relay.clock.now()) > 19
