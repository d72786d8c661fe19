"""The network as the rest of this node sees it: publish, want, connect, and who is there.

Builds server and dialler, feeds the engine what links report, and hands letters and boxes on to the
post. Enters: settings and keys, once; then calls of the parties. Leaves: new objects, messages of
the post. Never here: a decision about an object or a peer, which the engine makes; an address from
anything but settings, invites and signed records.
Source: docs/protocol/06-gossip.md.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from node.clock import Clock
from node.config import Settings
from node.entropy import Entropy
from node.errors import TransportError
from node.meters import Meters
from node.network.carriage import TunnelMessage
from node.network.connection import Connection
from node.network.detours import Detours
from node.network.dialer import Dialer, Kept, parse_address
from node.network.endpoint import Bounds, Endpoint, Handlers, Tap
from node.network.errands import Errand
from node.network.links import Links
from node.network.server import Door, Server
from node.policy import NodePolicy
from node.runtime.card import Card
from node.runtime.demand import Demand
from node.runtime.loading import load_casts, load_start
from node.runtime.peer_text import parse_peer
from node.runtime.peers import PeerView, esteem
from node.runtime.pump import Pump
from node.runtime.search import Search
from node.runtime.tasks import Tasks
from node.runtime.traffic import Traffic
from node.runtime.verifiers import RUNS_EACH
from node.runtime.whereabouts import Whereabouts
from node.storage.database import Storage
from protocol.channel.messages import Hello, Interest, Join, Message
from protocol.channel.post import BoxChallenge, BoxOpen, BoxRead, Put, Receipt, ReceiptQuery
from protocol.engine import Engine
from protocol.errors import LocalProtocolError, Reason
from protocol.ids import NodeId, ObjectId, PeerId
from protocol.network.actions import DialPeer
from protocol.network.addresses import NodeRecord, Role, dialable
from protocol.network.events import (
    AlreadyLinked,
    ChangeInterest,
    ChangePolicy,
    DialFailed,
    DialOutcome,
    LetGo,
    MessageReceived,
    PeerFaulted,
    PeerJoined,
    PeerLost,
    PeersKept,
    PublishObject,
    RecordSigned,
    RttMeasured,
    SeekObject,
)
from protocol.network.independence import Dependence
from protocol.network.policy import Rule
from protocol.network.stem import Private
from protocol.network.verdicts import Verdict
from protocol.objects.envelope import Verified

_FOR_OTHER_ROOMS = BoxOpen | BoxChallenge | BoxRead | Put | Receipt | ReceiptQuery | Join


class Network:
    """All links of this node, and what travels over them."""

    def __init__(
        self,
        *,
        settings: Settings,
        clock: Clock,
        entropy: Entropy,
        tasks: Tasks,
        storage: Storage,
        transport_seed: bytes,
        record_seed: bytes,
        on_object: Callable[[Verified[Any]], None],
        on_message: Callable[[Connection, Message], None],
        on_link_up: Callable[[NodeId], None] | None = None,
        tap: Tap | None = None,
        meters: Meters | None = None,
    ) -> None:
        """Put the parts together; nothing is opened before `start`.

        Args:
            settings: the operator's choices.
            clock: the time.
            entropy: the randomness.
            tasks: owner of the background work.
            storage: the home's database.
            transport_seed: 32 bytes, the X25519 transport secret.
            record_seed: 32 bytes, the Ed25519 seed of this node's signed record.
            on_object: hears of each new public object of others, once it is on disk.
            on_message: hears the questions of the post, and tokens of invites.
            on_link_up: hears of each new link.
            tap: sees every frame in the clear; for tests and traces.
            meters: counts what comes.

        Raises:
            ConfigError: E-PEER.
        """
        self._settings = settings
        self._clock = clock
        self._entropy = entropy
        self._storage = storage
        self._tasks = tasks
        self._on_message = on_message
        self._on_link_up = on_link_up
        self._tap = tap
        self._meters = meters or Meters()
        self._kept_peers = [parse_peer(text) for text in settings.peers]
        self._card = Card(
            settings, clock=clock, transport_seed=transport_seed, record_seed=record_seed
        )
        self._engine = self._make_engine(entropy)
        self._pump = self._make_pump(on_object)
        endpoint = self._endpoint(transport_seed, entropy)
        self._links = Links(self.node_id)
        self._dialer = Dialer(endpoint, self._links)
        self._server = Server(endpoint, self._links)
        lead = partial(self.connect, errand=Errand.GUEST)
        self.detours = Detours(
            endpoint, self._engine, self._links, connect=self.connect, lead=lead, on_post=on_message
        )
        self._demand = Demand(self.detours.carriage.is_over)
        self.traffic = Traffic()
        self._dialled: dict[NodeId, str] = {}
        self._whereabouts = self._make_whereabouts()
        self._search = Search(self._find, known=self.addresses_of, clock=clock, spawn=tasks.spawn)
        self._interest: Interest | None = None
        self.port: int | None = None

    def _make_whereabouts(self) -> Whereabouts:
        return Whereabouts(
            self._engine.links,
            net=self._settings.net,
            links=self._links,
            dialer=self._dialer,
            clock=self._clock,
            entropy=self._entropy,
            feed=self._pump.feed,
            on_reached=self._dialled.__setitem__,
        )

    def _make_engine(self, entropy: Entropy) -> Engine:
        return Engine(
            net=self._settings.net,
            own=self.node_id,
            seed=entropy.bytes(32),
            pushers=self._settings.push_links or None,
            uplink_bps=self._settings.uplink_kbit * 1_000 or None,
            private=Private(self._settings.private),
            is_open=self._settings.limits == "open",
            runs=max(1, self._settings.verify_processes * RUNS_EACH),
        )

    def _make_pump(self, on_object: Callable[[Verified[Any]], None]) -> Pump:
        return Pump(
            self._engine,
            net=self._settings.net,
            clock=self._clock,
            tasks=self._tasks,
            storage=self._storage,
            link_of=self._link_of,
            dial=self._begin_dial,
            on_object=on_object,
            meters=self._meters,
            verify_processes=self._settings.verify_processes,
        )

    def _endpoint(self, transport_seed: bytes, entropy: Entropy) -> Endpoint:
        return Endpoint(
            net=self._settings.net,
            static_secret=transport_seed,
            hello=lambda: self._card.hello(self._engine.links.outbound_count),
            check_hello=self._check_hello,
            handlers=Handlers(
                on_open=self._opened,
                on_message=self._received,
                on_closed=self._closed,
                on_rtt=self._measured,
            ),
            clock=self._clock,
            entropy=entropy,
            spawn=self._tasks.spawn,
            bounds=Bounds(is_paced=self._settings.limits != "open"),
            proxy=str(parse_address(proxy)) if (proxy := self._settings.dial_through) else "",
            gate=self._pump.gate,
            tap=self._count,
        )

    @property
    def node_id(self) -> NodeId:
        """This node's public transport key."""
        return self._card.node_id

    # --- start and stop -------------------------------------------------------------------------

    async def start(self) -> None:
        """Read what the home holds, open the port, dial the operator's peers.

        Raises:
            TransportError: E-PORT, the port cannot be had.
            LocalProtocolError: E-ADDRESS, an advertised address is none.
            StorageError: the database cannot be read.
        """
        wall_ms = self._clock.now().wall_ms
        net = self._settings.net
        started = await load_start(self._storage, net=net, wall_ms=wall_ms)
        self._pump.start()
        self._pump.feed(started)
        if self._settings.listen_port is not None:
            host = self._settings.listen_host
            self.port = await self._server.start(host, self._settings.listen_port)
            self._card.listens_on(self.port)
        self._pump.feed(RecordSigned(record=self._card.record()))
        for address, key in self._kept_peers:
            self._dialer.keep(address, key)
        _ = self._tasks.spawn(self.detours.run(), "detours")

    async def stop(self) -> None:
        """Say goodbye to every peer, and write what was decided."""
        self._dialer.stop()
        self.detours.stop()
        await self._server.stop()
        outbound = list(self._links)
        for link in outbound:
            link.close(Reason.SHUTDOWN)
        await asyncio.gather(*(link.wait_closed() for link in outbound))
        await self._pump.stop()

    async def cut(self) -> None:
        """Be gone for everybody at once: no goodbye, nothing that waits is sent; then `stop`."""
        self._dialer.stop()
        for link in self._links:
            link.cut()
        await self._server.stop()

    # --- what parties ask -----------------------------------------------------------------------

    def publish(self, verified: Verified[Any], raw: bytes) -> None:
        """Give an object of our own, already committed, to everybody.

        Raises:
            LocalProtocolError: `raw` is not the envelope that was verified.
        """
        if raw != verified.raw:
            raise LocalProtocolError("these are not the bytes that were verified")
        self._pump.feed(PublishObject(verified=verified))

    def want(self, object_id: bytes) -> None:
        """Ask every peer, and for some minutes every newcomer, for an object."""
        self._pump.feed(SeekObject(id=ObjectId(object_id)))

    def carry(self, policy: NodePolicy) -> None:
        """Carry for others by these rules from now on."""
        self._pump.feed(ChangePolicy(policy=policy.refuse, objects_max=policy.objects_max))

    def let_go(self, ids: list[ObjectId]) -> None:
        """Carry these objects of others no more."""
        self._pump.feed(LetGo(ids=tuple(ids)))

    def want_casts(self, interest: Interest | None) -> None:
        """Want these casts of relays from now on; None for all."""
        if interest != self._interest:
            self._interest = interest
            self._card.wants(interest)
            self._pump.feed(ChangeInterest(interest=interest))

    async def add_peer(self, text: str) -> None:
        """Link to one more peer of the operator's, and stay linked while this node runs.

        Args:
            text: `host:port` or `key@host:port`.

        Raises:
            ConfigError: E-PEER.
            TransportError: it cannot be linked now, and is not kept.
        """
        place = parse_peer(text)
        await self._dialer.dial(*place)
        self._dialer.keep(*place)

    async def live_casts(self) -> list[Verified[Any]]:
        """Open every live intentcast that is held, for a vendor who has just come."""
        wall_ms = self._clock.now().wall_ms
        return await load_casts(self._storage, net=self._settings.net, wall_ms=wall_ms)

    async def connect(self, node_id: NodeId, errand: Errand = Errand.POST) -> Connection:
        """Give the link to a node, dialling it when there is none.

        Args:
            node_id: its transport key.
            errand: for whom: our own post, or a guest's tunnel.

        Raises:
            TransportError: E-PEER-UNKNOWN, nobody knows where it is; E-PEER-SELF; or why the last
                of its addresses did not answer.
        """
        if node_id == self.node_id:
            raise TransportError("that is this node itself", code="E-PEER-SELF")
        if link := self._linked(node_id, errand):
            return link
        # The carriage looks once for all its guests, and lets nobody else wait for theirs.
        is_guests = errand is Errand.GUEST
        found = await (self._find(node_id, errand) if is_guests else self._search.find(node_id))
        self._end(self._demand.used(node_id, errand))
        return found

    async def _find(self, node_id: NodeId, errand: Errand = Errand.POST) -> Connection:
        return await self._whereabouts.find(node_id, errand, lambda: self._linked(node_id, errand))

    def _linked(self, node_id: NodeId, errand: Errand) -> Connection | None:
        link = self._links.get(node_id)
        if link is not None:
            self._end(self._demand.used(node_id, errand))
        return link

    def mailboxes(self) -> list[NodeRecord]:
        """List fresh records of nodes that hold letters for others, our own among them."""
        now = self._clock.now()
        others = self._engine.links.book.with_role(Role.MAILBOX, now.wall_ms)
        own = self._card.record()
        return [own, *others] if Role.MAILBOX in own.roles else others

    def peers(self) -> list[PeerView]:
        """Describe the linked peers, the longest linked first."""
        gossip, links, now = self._engine.gossip, self._engine.links, self._clock.now()
        kept = {each.peer_id: str(each.address) for each in self._dialer.kept}
        views = []
        for peer, link in links.peers.items():
            key = NodeId(peer)
            connection = self._links.get(key)
            bytes_in, bytes_out = self.traffic.of(key)
            address = self._dialled.get(key) or kept.get(key) if link.outbound else None
            views.append(
                PeerView(
                    key=key,
                    address=address or link.address,
                    outbound=link.outbound,
                    roles=tuple(role.value for role in link.record.roles),
                    agent=link.agent,
                    rtt_ms=connection.rtt_ms if connection else None,
                    since_ms=now.mono_ms - link.since_ms,
                    bytes_in=bytes_in,
                    bytes_out=bytes_out,
                    first_objects=gossip.first_from(peer),
                    fault_points=round(links.fault_points(peer, now)),
                    esteem=esteem(gossip, links.standing(peer, now), peer, now),
                )
            )
        return views

    def linked(self) -> list[NodeId]:
        """List the keys of all peers linked now."""
        return [link.peer_id for link in self._links]

    def renew(self) -> None:
        """Make every link anew: after a sleep they are dead, or a clock was read before it."""
        for link in list(self._links):
            link.close(Reason.CLOSED, "the clock jumped here: links are made anew")
        self._dialer.reconnect()

    def seen_at(self, object_id: bytes) -> tuple[int, int]:
        """Count the linked peers known to hold an object, and the linked peers."""
        return self._engine.gossip.seen_at(object_id)

    def clock_median_ms(self) -> int | None:
        """Give the median of the clocks with a vote against ours; None with fewer than three."""
        return self._engine.links.clock_offset_ms(self._clock.now())

    # --- for whoever examines this node -----------------------------------------------------------

    @property
    def kept(self) -> list[Kept]:
        """The peers to stay linked to, and how that goes."""
        return self._dialer.kept

    @property
    def door(self) -> Door:
        """How crowded it is where peers come in."""
        return self._server.door

    def gossip_counts(self) -> dict[str, int]:
        """Count the public objects held, and the names being verified, missing and condemned."""
        gossip = self._engine.gossip
        return {
            "live": len(gossip.live),
            "pending": gossip.pending_count,
            "wanted": gossip.wanted_count,
            "rejected": gossip.rejected_count,
            "storing": self._pump.waiting_for_disk,
        }

    def verdicts(self) -> Mapping[tuple[Verdict, Reason | None], int]:
        """Count what became of the objects peers sent."""
        return self._engine.gossip.verdicts

    def refused(self) -> Mapping[Rule, int]:
        """Count what the operator's policy refused."""
        return self._engine.gossip.refused

    def roles(self) -> list[str]:
        """List what this node offers to others."""
        return [role.value for role in self._card.roles()]

    @property
    def is_up(self) -> bool:
        """Whether links are made and taken."""
        listens = self._settings.listen_port is not None
        return self._pump.is_running and (self.port is not None) == listens

    def link_hosts(self) -> list[tuple[str, bool]]:
        """Give for each link the IP address of its other end, and whether this node dialled."""
        return [(link.address, link.outbound) for link in self._engine.links.peers.values()]

    def dependence(self) -> Dependence | None:
        """Say what all links this node dialled have in common, if anything."""
        return self._engine.links.dependence()

    def known_count(self) -> int:
        """Count the nodes that are known and can be dialled."""
        book = self._engine.links.book
        return book.new_count + book.tried_count

    def clock_offsets_ms(self) -> list[int]:
        """Give how far each clock that has a vote is ahead of ours."""
        return self._engine.links.clock_offsets_ms(self._clock.now())

    # --- neighbours -----------------------------------------------------------------------------

    def link_to(self, node_id: NodeId) -> Connection | None:
        """Give the open link to a node, if there is one."""
        return self._links.get(node_id)

    def keep_apart(self, keys: frozenset[NodeId]) -> None:
        """Name the nodes whose links come on top of those this node chooses."""
        self._pump.feed(PeersKept(keys=keys))

    async def dial(self, address: str, node_id: NodeId) -> Connection:
        """Link to a node at an address its owner, or the local network, gave for it.

        Raises:
            TransportError: no link; E-PEER-KEY, another node answers there.
        """
        link = await self._dialer.dial(address, node_id)
        if link.outbound:
            self._dialled[node_id] = address
        return link

    def spare(self, is_spared: Callable[[NodeId], bool]) -> None:
        """Say whose links are never ended to make room for others."""
        self._engine.links.spare(is_spared)

    def addresses_of(self, node_id: NodeId) -> list[str]:
        """List where a node's own signed records say it is, the best first."""
        wall_ms = self._clock.now().wall_ms
        records = self._engine.links.book.records_of(node_id, wall_ms)
        return [address for record in records for address in dialable(record)]

    def own_addresses(self) -> list[str]:
        """List where this node says it can be dialled."""
        return self._card.addresses()

    # --- dialling -------------------------------------------------------------------------------

    def _end(self, node_id: NodeId | None) -> None:
        """End a link made on demand, whose place another takes."""
        link = self._links.get(node_id)
        if link is not None and not self._engine.links.relies_on(PeerId(link.peer_id)):
            link.close(Reason.QUOTA, "this node needs the place for another")

    def _begin_dial(self, action: DialPeer) -> None:
        _ = self._tasks.spawn(self._dial(action), f"dials {action.address}")

    async def _dial(self, action: DialPeer) -> None:
        try:
            link = await self._dialer.dial(
                action.address, action.key, errand=Errand.LINK, within_ms=action.within_ms
            )
        except TransportError as error:
            is_other = error.code == "E-PEER-KEY"
            outcome = DialOutcome.OTHER_NODE if is_other else DialOutcome.UNREACHABLE
            self._pump.feed(DialFailed(key=action.key, outcome=outcome))
        else:
            self._dialled[action.key] = action.address
            if link.errand.is_on_demand:
                self._pump.feed(AlreadyLinked(key=action.key))

    def _link_of(self, peer: PeerId) -> Connection | None:
        return self._links.get(NodeId(peer))

    # --- what links report ----------------------------------------------------------------------

    def _check_hello(self, hello: Hello, peer: NodeId) -> None:
        self._engine.links.check_hello(hello, peer, self._clock.now())

    def _opened(self, link: Connection) -> None:
        self._pump.feed(RecordSigned(record=self._card.record()))
        self.traffic.opened(link.peer_id)
        self._end(self._demand.made(link.peer_id, link.errand))
        is_kept = link.peer_id in {each.peer_id or each.expected for each in self._dialer.kept}
        is_asked = link.errand.is_on_demand and not is_kept
        self._pump.feed(
            PeerJoined(
                peer=PeerId(link.peer_id),
                hello=link.remote_hello,
                outbound=link.outbound,
                address=self._address_of(link),
                kept=link.outbound and not is_asked,
                asked=is_asked,
            )
        )
        if self._on_link_up is not None:
            self._on_link_up(link.peer_id)

    def _address_of(self, link: Connection) -> str:
        """Give where the other end of a link is; behind a proxy that is not where its bytes go."""
        if link.outbound and self._settings.dial_through:
            return self._dialled.get(link.peer_id, "")
        return link.remote_host

    def _received(self, link: Connection, message: Message) -> None:
        self._meters.message(message)
        if isinstance(message, _FOR_OTHER_ROOMS):
            self._on_message(link, message)
        elif isinstance(message, TunnelMessage):
            self.detours.carriage.handle(link, message)
        else:
            self._pump.feed(MessageReceived(peer=PeerId(link.peer_id), message=message))

    def _measured(self, link: Connection) -> None:
        peer = PeerId(link.peer_id)
        if self._link_of(peer) is link and link.rtt_ms is not None:
            self._pump.feed(RttMeasured(peer=peer, rtt_ms=link.rtt_ms))

    def _closed(self, link: Connection, _reason: Reason) -> None:
        peer = PeerId(link.peer_id)
        fault = link.ending.fault if link.ending else None
        if fault is not None:
            self._pump.feed(PeerFaulted(peer=peer, reason=fault.reason, points=int(fault.severity)))
        self._pump.feed(PeerLost(peer=peer, broke=bool(link.ending and link.ending.broke)))
        self.detours.carriage.closed(link)
        self.traffic.closed(link.peer_id)
        self._dialled.pop(link.peer_id, None)
        self._demand.lost(link.peer_id)

    def _count(self, peer: NodeId, inbound: bool, frame: bytes) -> None:  # noqa: FBT001 - a tap
        self.traffic.count(peer, len(frame), inbound=inbound)
        if self._tap is not None:
            self._tap(peer, inbound, frame)
