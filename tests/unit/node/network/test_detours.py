"""Whom a buyer lets carry its letters, whom never, and what a mailbox may learn of it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from node.clock import ManualClock
from node.entropy import SeededEntropy
from node.errors import TransportError
from node.network.detours import Detour, Detours
from node.network.endpoint import Endpoint, Handlers
from node.runtime.tasks import Tasks
from protocol import limits
from protocol.channel.messages import Hello, Ping
from protocol.channel.noise import transport_key
from protocol.channel.post import BoxChallenge
from protocol.channel.tunnel import TunnelEnd, TunnelOpen
from protocol.engine import Engine
from protocol.errors import MessageError, Reason
from protocol.ids import NodeId
from protocol.network.addresses import read_record
from protocol.network.events import RecordFound, RecordSigned, Started
from protocol.network.stem import Private
from protocol.now import MINUTE_MS
from tests.parties import NET
from tests.unit.node.network.passers import FakeLink
from tests.unit.protocol.network.driver import NOW, joined, peer, record_of

MAILBOX = NodeId(peer("mailbox"))
CTX = b"n" * 16
RELAYS = ("a", "b", "c", "d", "e", "f")


class Channel(FakeLink):
    """The inside of a tunnel."""

    def __init__(self, to: NodeId, over: Any, secret: bytes) -> None:
        super().__init__()
        self.peer_id = to
        self.over = over
        self.secret = secret
        self.handshake_hash = secret
        self.ended = asyncio.Event()

    async def run(self) -> None:
        await self.ended.wait()

    def close(self, *_why: Any) -> None:
        super().close()
        self.ended.set()


class Links(dict[NodeId, Any]):
    """Open links by peer."""


class Walker(Detours):
    """Detours whose tunnels are made up; those of `refusing` carriers fail."""

    def __init__(self, *relays: str, private: Private = Private.NORMAL, tasks: Tasks) -> None:
        self.clock = ManualClock(wall_ms=NOW.wall_ms + 1_234)
        engine = Engine(net=NET, own=NodeId(peer("own")), seed=b"seed", private=private)
        engine.handle(Started(entries=(), records=()), self.clock.now())
        engine.handle(RecordSigned(record=record_of("own")), self.clock.now())
        self.engine = engine
        self.known = Links()
        endpoint = Endpoint(
            net=NET,
            static_secret=b"s" * 32,
            hello=lambda: pytest.fail("our own hello goes into no tunnel"),
            check_hello=lambda *_: None,
            handlers=Handlers(on_open=print, on_message=print, on_closed=print),
            clock=self.clock,
            entropy=SeededEntropy("walker", net=NET),
            spawn=tasks.spawn,
        )
        self.post: list[Any] = []
        self.direct: list[NodeId] = []
        super().__init__(
            endpoint,
            engine,
            self.known,  # type: ignore[arg-type]
            connect=self.connect_to,
            on_post=lambda _link, message: self.post.append(message),
        )
        for name in relays:
            self.join(name)
        self.refusing: set[NodeId] = set()
        self.asked: list[NodeId] = []
        self.channels: list[Channel] = []

    def join(self, name: str, **facts: Any) -> None:
        self.engine.handle(joined(name, **facts), self.clock.now())
        self.known[NodeId(peer(name))] = FakeLink(name)
        self.known[NodeId(peer(name))].peer_id = NodeId(peer(name))

    async def connect_to(self, node_id: NodeId) -> Any:
        self.direct.append(node_id)
        return "direct"

    async def _channel(self, link: Any, to: NodeId, secret: bytes) -> Any:
        await asyncio.sleep(0)
        if isinstance(link, FakeLink) and not isinstance(link, Channel):
            self.asked.append(link.peer_id)
        if link.peer_id in self.refusing:
            raise TransportError("no room", code="E-TUNNEL-REFUSED")
        self.channels.append(Channel(to, link, secret))
        return self.channels[-1]

    def successors(self) -> set[NodeId]:
        return {NodeId(p) for p in self.engine.gossip.stem.successors(self.clock.now())}


@pytest.fixture
async def tasks():
    found = Tasks()
    yield found
    await found.close()


async def way(detours: Walker, ctx: bytes = CTX, mailbox: NodeId = MAILBOX) -> Detour:
    found = await detours.approach(mailbox, ctx)
    assert isinstance(found, Detour)
    return found


# --- who carries ---------------------------------------------------------------------------------


async def test_a_carrier_is_a_relay_we_dialled_that_gets_no_stems(tasks: Tasks):
    walker = Walker(*RELAYS, tasks=tasks)
    walker.join("in", outbound=False)
    walker.join("leaf", addresses=[], roles=[])
    allowed = {NodeId(peer(name)) for name in RELAYS} - walker.successors()
    assert {link.peer_id for link in walker.carriers()} == allowed
    carriers = {(await way(walker, bytes([n] * 16))).carrier for n in range(40)}
    assert carriers == allowed
    gone = next(iter(allowed))
    del_link = walker.known.pop(gone)
    assert del_link.peer_id not in {link.peer_id for link in walker.carriers()}


async def test_a_mailbox_carries_no_tunnel_to_itself(tasks: Tasks):
    walker = Walker(*RELAYS, tasks=tasks)
    carriers = [link.peer_id for link in walker.carriers()]
    for number in range(10):
        found = await way(walker, bytes([number] * 16), carriers[0])
        assert found.carrier != carriers[0]


async def test_one_request_has_one_carrier_to_its_mailboxes_asked_for_at_once(tasks: Tasks):
    walker = Walker(*RELAYS, tasks=tasks)
    chosen = set()
    for number in range(10):
        ctx = bytes([number] * 16)
        boxes = [NodeId(bytes([m] * 32)) for m in range(3)]
        ways = await asyncio.gather(*(way(walker, ctx, each) for each in boxes))
        ways.append(await way(walker, ctx, NodeId(bytes([9] * 32))))
        assert len({each.carrier for each in ways}) == 1
        chosen.add(ways[0].carrier)
    assert len(chosen) > 1


async def test_who_carries_for_a_request_goes_on_when_others_come(tasks: Tasks):
    for number in range(10):
        walker = Walker(*RELAYS[:4], tasks=tasks)
        before = await way(walker, bytes([number] * 16))
        for name in RELAYS[4:]:
            walker.join(name)
        after = await way(walker, bytes([number] * 16), NodeId(bytes(32)))
        assert after.carrier == before.carrier


async def test_carriers_that_refuse_are_asked_last_for_a_minute(tasks: Tasks):
    walker = Walker(*RELAYS, tasks=tasks)
    carriers = {link.peer_id for link in walker.carriers()}
    walker.refusing = set(list(carriers)[:2])
    for number in range(20):
        await way(walker, bytes([number] * 16))
    assert sum(key in walker.refusing for key in walker.asked) <= 2
    walker.refusing.clear()
    walker.clock.advance(60_001)
    later = {(await way(walker, bytes([99, number] * 8))).carrier for number in range(30)}
    assert later == carriers


async def test_the_memory_of_failures_is_bounded(tasks: Tasks, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("node.network.detours._SHUNNED_MAX", 2)
    monkeypatch.setattr("node.network.detours._DIRECT_MAX", 1)
    walker = Walker(*RELAYS, tasks=tasks)
    walker.refusing = {link.peer_id for link in walker.carriers()}
    for number in range(3):
        await walker.approach(NodeId(bytes([number] * 32)), CTX)
    assert len(walker._shunned) == 2
    assert walker.direct_count == 1


# --- the last resort -----------------------------------------------------------------------------


async def test_three_are_asked_and_then_the_mailbox_itself(tasks: Tasks):
    walker = Walker(*RELAYS, tasks=tasks)
    walker.refusing = {link.peer_id for link in walker.carriers()}
    found: Any = await walker.approach(MAILBOX, CTX)
    assert found == "direct"
    assert walker.direct == [MAILBOX]
    assert len(walker.asked) == 3
    assert walker.direct_count == 1
    walker.refusing.clear()
    await way(walker)
    assert walker.direct_count == 0


async def test_the_careful_do_not_go_at_all(tasks: Tasks):
    walker = Walker("a", "b", private=Private.CAREFUL, tasks=tasks)
    with pytest.raises(TransportError) as caught:
        await walker.approach(MAILBOX, CTX)
    assert caught.value.code == "E-TUNNEL-NONE"
    assert caught.value.fix
    assert walker.direct == []


async def test_whoever_does_not_mind_goes_directly(tasks: Tasks):
    walker = Walker(*RELAYS, private=Private.OFF, tasks=tasks)
    found: Any = await walker.approach(MAILBOX, CTX)
    assert found == "direct"
    assert walker.asked == []
    assert walker.private is Private.OFF


# --- two parts -----------------------------------------------------------------------------------


async def test_the_careful_go_through_two(tasks: Tasks):
    walker = Walker(*RELAYS, private=Private.CAREFUL, tasks=tasks)
    found = await way(walker)
    middle, last = walker.channels
    assert found.handshake_hash == last.secret
    assert middle.over.peer_id == found.carrier
    assert last.over is middle
    assert middle.peer_id not in (found.carrier, MAILBOX)
    found.link.close()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not middle.is_open


async def test_a_second_part_that_fails_takes_the_first_along(tasks: Tasks):
    walker = Walker(*RELAYS, private=Private.CAREFUL, tasks=tasks)
    carriers = {link.peer_id for link in walker.carriers()}
    walker.refusing = {NodeId(peer(name)) for name in RELAYS} - carriers
    walker.refusing |= {link.peer_id for link in walker.carriers()}
    with pytest.raises(TransportError):
        await walker.approach(MAILBOX, CTX)
    walker.refusing -= carriers
    walker.asked.clear()
    fails = [each for each in RELAYS if NodeId(peer(each)) in walker.refusing]
    assert fails
    for number in range(12):
        ctx = bytes([number] * 16)
        try:
            await walker.approach(MAILBOX, ctx)
        except TransportError:
            continue
    middles = [channel for channel in walker.channels if channel.peer_id != MAILBOX]
    failed = [channel for channel in middles if channel.peer_id in walker.refusing]
    assert failed
    assert not any(channel.is_open for channel in failed)


async def test_where_there_is_no_other_relay_one_part_must_do(tasks: Tasks):
    walker = Walker("a", "b", "c", private=Private.CAREFUL, tasks=tasks)
    carrier = walker.carriers()[0].peer_id
    book = walker.engine.links.book
    walker.engine.handle(
        RecordFound(peer=peer("a"), raw=record_of("mailbox").raw), walker.clock.now()
    )
    assert book.find(MAILBOX, walker.clock.now().wall_ms) is not None
    others = walker.successors()
    found = await way(walker)
    assert found.carrier == carrier
    assert walker.channels[0].peer_id in others
    lonely = Walker("a", private=Private.CAREFUL, tasks=tasks)
    only = lonely.known[NodeId(peer("a"))]
    assert await lonely._second_hop(only, MAILBOX) is None


# --- keeping -------------------------------------------------------------------------------------


async def test_a_box_has_one_detour_and_another_box_another(tasks: Tasks):
    walker = Walker(*RELAYS, tasks=tasks)
    one, again = await asyncio.gather(way(walker), way(walker))
    other = await way(walker, b"o" * 16)
    assert one is again
    assert other is not one
    assert walker.count == 2
    assert one.peer_id == MAILBOX
    assert one.handshake_hash != other.handshake_hash
    one.link.close()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert walker.count == 1
    anew = await way(walker)
    assert anew is not one
    # The mailbox sees the same key come back, and takes it for the same reader's node.
    assert anew.handshake_hash == one.handshake_hash


async def test_boxes_share_detours_when_there_are_too_many(
    tasks: Tasks, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(limits, "tunnels_link_max", 2)
    monkeypatch.setattr("node.network.detours._DETOURS_MAX", 3)
    walker = Walker(*RELAYS, tasks=tasks)
    ways = [await way(walker, bytes([number] * 16)) for number in range(4)]
    assert ways[0] is ways[2] is ways[3]
    await way(walker, CTX, NodeId(b"m" * 32))
    found: Any = await walker.approach(NodeId(b"o" * 32), CTX)
    assert found == "direct"


async def test_what_nobody_uses_is_given_up(tasks: Tasks):
    walker = Walker(*RELAYS, tasks=tasks)
    used, unused = await way(walker), await way(walker, b"o" * 16)
    asking = asyncio.ensure_future(used.request(BoxChallenge(reader=bytes(32)), 1))
    await asyncio.sleep(0)
    walker.clock.advance(119_000)
    walker.sweep()
    assert walker.count == 2
    walker.clock.advance(2_000)
    walker.sweep()
    assert used.link.is_open
    assert not unused.link.is_open
    used.link.answers.append("answer")  # type: ignore[attr-defined]
    assert await asking == "answer"  # type: ignore[comparison-overlap]
    assert used.asking == 0
    walker.stop()
    assert walker.count == 0


async def test_looking_after_detours_never_ends(tasks: Tasks, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("node.network.detours._SWEEP_S", 0)
    walker = Walker(*RELAYS, tasks=tasks)
    await way(walker)
    running = tasks.spawn(walker.run(), "detours")
    walker.clock.advance(500_000)
    while walker.count:
        await asyncio.sleep(0)
    running.cancel()


async def test_how_hard_it_is_to_tell_is_said(tasks: Tasks):
    walker = Walker(*RELAYS, tasks=tasks)
    await way(walker)
    assert walker.document() == {
        "mode": "normal",
        "successors": 2,
        "waiting": 0,
        "carriers": 4,
        "tunnels": 1,
        "direct": 0,
    }


# --- what a mailbox learns -----------------------------------------------------------------------


async def test_a_hello_in_a_tunnel_says_nothing_of_this_node(tasks: Tasks):
    walker = Walker(*RELAYS, tasks=tasks)
    secrets = {walker._secret(m, c) for m in (MAILBOX, NodeId(b"o" * 32)) for c in (CTX, b"p" * 16)}
    assert len(secrets) == 4
    secret = walker._secret(MAILBOX, CTX)
    assert secret == walker._secret(MAILBOX, CTX)
    hello: Hello = walker._hello(secret)
    record = read_record(hello.record, net=NET)
    assert record.key == transport_key(secret) != walker._endpoint.node_id
    assert record.addresses == ()
    assert record.roles == ()
    assert hello.agent == ""
    assert hello.interest is None
    assert hello.outbound == 0
    assert {moment % MINUTE_MS for moment in (hello.clock_ms, record.at, record.seq)} == {0}


async def test_only_the_post_and_tunnels_have_business_in_a_tunnel(tasks: Tasks):
    walker = Walker(*RELAYS, tasks=tasks)
    guest: Any = FakeLink("guest", outbound=False)
    ask = BoxChallenge(reader=bytes(32))
    walker._inner(guest, ask)
    assert walker.post == [ask]
    walker._inner(guest, TunnelEnd(tunnel=3, reason=Reason.CLOSED))
    with pytest.raises(MessageError) as caught:
        walker._inner(guest, Ping(nonce=1))
    assert caught.value.reason is Reason.UNEXPECTED
    ours: Any = FakeLink("mailbox")
    with pytest.raises(MessageError):
        walker._inner(ours, ask)
    with pytest.raises(MessageError):
        # Its answer would tell the mailbox whether the node it names is the one that came.
        walker._inner(ours, TunnelOpen(tunnel=2, key=walker._endpoint.node_id))
    assert ours.sent == []
    walker._closed(guest, Reason.CLOSED)
