"""Detours: ways to a mailbox that do not show it who comes.

A buyer opens, reads and fills boxes through a tunnel that another peer carries, each box at each
mailbox by a key of its own, so that nobody there can join two boxes or tell whose they are. Enters:
a mailbox and an identity context; tunnels of others that end here. Leaves: a channel to ask
questions over. Never here: what is asked; a carrier that passes our stems on, which would know both
what we published and where we read; a lasting key or an exact clock of ours in a tunnel.
Source: docs/protocol/17-tunnel.md.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final
from weakref import WeakValueDictionary

from node.entropy import Entropy
from node.errors import TransportError
from node.network.carriage import Carriage
from node.network.connection import Connection
from node.network.endpoint import Endpoint, Handlers
from node.network.handshake import VERSIONS
from node.network.links import Links
from node.network.tunnel import TunnelPipe
from protocol import limits
from protocol.channel.messages import Answer, Ask, Hello, Message
from protocol.channel.noise import transport_key
from protocol.channel.post import BoxChallenge, BoxOpen, BoxRead, Put, Receipt, ReceiptQuery
from protocol.channel.tunnel import TunnelData, TunnelEnd, TunnelOpen
from protocol.engine import Engine
from protocol.errors import MessageError, Reason
from protocol.ids import NodeId, blake2b_256
from protocol.network.addresses import Role, dialable, sign_record
from protocol.network.stem import Private
from protocol.now import MINUTE_MS

_LOG = logging.getLogger(__name__)
_TRIES: Final = 3
"""Carriers asked before the last resort; guess."""
_SHUNNED_MS: Final = 60_000
"""How long a carrier that failed is asked last; guess."""
_SHUNNED_MAX: Final = 256
"""Carriers whose failures are remembered; guess."""
_DETOURS_MAX: Final = 4 * limits.tunnels_link_max
"""Detours open at a time; guess."""
_UNUSED_MS: Final = 120_000
"""A detour nobody asked anything over for so long is given up; guess."""
_DIRECT_MAX: Final = 256
"""Mailboxes remembered as asked without a detour; guess."""
_SWEEP_S: Final = 15.0
_POST: Final = BoxOpen | BoxChallenge | BoxRead | Put | Receipt | ReceiptQuery


class Detour:
    """A channel to a mailbox through a tunnel."""

    def __init__(self, link: Connection, carrier: NodeId, now_ms: int) -> None:
        """Begin to use an open channel."""
        self.link = link
        self.carrier = carrier
        self.used_ms = now_ms
        self.asking = 0

    @property
    def peer_id(self) -> NodeId:
        """The mailbox's proved key."""
        return self.link.peer_id

    @property
    def handshake_hash(self) -> bytes:
        """Names this channel and no other."""
        return self.link.handshake_hash

    async def request(self, ask: Ask, timeout_ms: int) -> Answer:
        """Ask, and wait for the answer.

        Raises:
            TransportError: no answer, or no channel any more.
        """
        self.asking += 1
        try:
            return await self.link.request(ask, timeout_ms)
        finally:
            self.asking -= 1


class Detours:
    """One per node; `run` it."""

    def __init__(
        self,
        endpoint: Endpoint,
        engine: Engine,
        links: Links,
        *,
        connect: Callable[[NodeId], Awaitable[Connection]],
        lead: Callable[[NodeId], Awaitable[Connection]] | None = None,
        on_post: Callable[[Connection, Message], None],
    ) -> None:
        """Start with none.

        Args:
            endpoint: this node's end of its own links.
            engine: knows relays, and whom stems go to; to be read only.
            links: the open links.
            connect: gives a link to a node, by this node's own book, for our own post.
            lead: the same for a tunnel that a peer asked for; None for `connect`.
            on_post: hears the questions to our mailbox that come through tunnels.
        """
        self._endpoint = endpoint
        self._engine = engine
        self._links = links
        self._connect = connect
        self._on_post = on_post
        self._entropy: Entropy = endpoint.entropy
        self.carriage = Carriage(
            node_id=endpoint.node_id,
            clock=endpoint.clock,
            spawn=endpoint.spawn,
            connect=lead or connect,
            is_relay=lambda: engine.links.is_relay,
            receive=self._receive,
            root=lambda link: self._guests.get(link, link),
        )
        self._inside = Handlers(on_open=_nothing, on_message=self._inner, on_closed=self._closed)
        self._detours: dict[tuple[NodeId, bytes], Detour] = {}
        self._turns: WeakValueDictionary[tuple[NodeId, bytes], asyncio.Lock] = WeakValueDictionary()
        self._guests: dict[Connection, Connection] = {}
        self._shunned: OrderedDict[NodeId, int] = OrderedDict()
        self._direct: OrderedDict[NodeId, None] = OrderedDict()

    # --- what others may ask ------------------------------------------------------------------

    @property
    def private(self) -> Private:
        """What this node's owner chose."""
        return self._engine.gossip.stem.private

    def carriers(self) -> list[Connection]:
        """List the links to peers that may carry for us: relays we dialled, which get no stems."""
        links = self._engine.links
        successors = self._engine.gossip.stem.successors(self._endpoint.clock.now())
        found = (
            self._links.get(NodeId(peer))
            for peer in links.outbound_relays()
            if peer not in successors
        )
        return [link for link in found if link is not None]

    @property
    def count(self) -> int:
        """Count the detours that are open."""
        return sum(1 for each in self._detours.values() if each.link.is_open)

    @property
    def direct_count(self) -> int:
        """Count the mailboxes that were last reached without a detour, for want of a carrier."""
        return len(self._direct)

    def guests_of(self, link: Connection) -> list[Connection]:
        """List the channels that come to this node's mailbox through tunnels over a link."""
        return [guest for guest, over in self._guests.items() if over is link]

    def document(self) -> dict[str, str | int]:
        """Write for the API how hard it is to tell who asked."""
        stem = self._engine.gossip.stem
        return {
            "mode": stem.private.value,
            "successors": len(stem.successors(self._endpoint.clock.now())),
            "waiting": stem.own_count,
            "carriers": len(self.carriers()),
            "tunnels": self.count,
            "direct": self.direct_count,
        }

    # --- going --------------------------------------------------------------------------------

    async def approach(self, mailbox: NodeId, ctx: bytes) -> Connection | Detour:
        """Give a channel to a mailbox for the boxes and letters of one identity context.

        Raises:
            TransportError: E-TUNNEL-NONE, no peer carries there, and the owner wants no other way;
                or why the mailbox cannot be reached.
        """
        if self.private is Private.OFF:
            return await self._connect(mailbox)
        turn = self._turns.setdefault((mailbox, ctx), asyncio.Lock())
        async with turn:
            if found := self._found(mailbox, ctx):
                return found
            room = len(self._detours) < _DETOURS_MAX
            for carrier in self._choose(mailbox, ctx)[:_TRIES] if room else ():
                try:
                    return await self._open(carrier, mailbox, ctx)
                except TransportError as error:
                    _LOG.info("no tunnel by %s: %s", carrier.peer_id.hex()[:8], error)
                    self._shun(carrier.peer_id)
        return await self._last_resort(mailbox)

    def _found(self, mailbox: NodeId, ctx: bytes) -> Detour | None:
        """Give the detour there is; one of another context only when there are too many."""
        found = self._detours.get((mailbox, ctx))
        if found is None and len(self._detours) >= limits.tunnels_link_max:
            others = (each for (to, _), each in self._detours.items() if to == mailbox)
            found = next(others, None)
        return found if found and found.link.is_open else None

    async def _last_resort(self, mailbox: NodeId) -> Connection:
        if self.private is Private.CAREFUL:
            raise TransportError(
                "no peer carries a tunnel to that mailbox",
                code="E-TUNNEL-NONE",
                fix='Connect to more relays, or set private = "normal" to go there directly',
            )
        link = await self._connect(mailbox)
        self._direct[mailbox] = None
        if len(self._direct) > _DIRECT_MAX:
            self._direct.popitem(last=False)
        return link

    def _choose(self, mailbox: NodeId, ctx: bytes) -> list[Connection]:
        """List who may carry, in an order drawn for each context: last who failed lately.

        A carrier knows a mailbox that is asked for, and soon after sees which request names it: one
        is enough to tell whose that is. The fewer are asked, the seldomer it is one that tells; so
        all mailboxes of a context are asked for in the same order, those asked for at once too.
        """
        secret = self._endpoint.static_secret
        used = {each.carrier for (_, of), each in self._detours.items() if of == ctx}
        now_ms = self._now_ms()

        def rank(link: Connection) -> tuple[bool, bool, bytes]:
            key = link.peer_id
            drawn = blake2b_256(b"carrier", secret, ctx, key)
            return self._shunned.get(key, 0) > now_ms, key not in used, drawn

        return sorted((each for each in self.carriers() if each.peer_id != mailbox), key=rank)

    def _shun(self, carrier: NodeId) -> None:
        self._shunned.pop(carrier, None)
        self._shunned[carrier] = self._now_ms() + _SHUNNED_MS
        if len(self._shunned) > _SHUNNED_MAX:
            self._shunned.popitem(last=False)

    def _now_ms(self) -> int:
        return self._endpoint.clock.now().mono_ms

    async def _open(self, carrier: Connection, mailbox: NodeId, ctx: bytes) -> Detour:
        middle = await self._second_hop(carrier, mailbox)
        try:
            link = await self._channel(middle or carrier, mailbox, self._secret(mailbox, ctx))
        except BaseException:
            if middle:
                middle.close()
            raise
        detour = Detour(link, carrier.peer_id, self._now_ms())
        self._detours[mailbox, ctx] = detour
        self._direct.pop(mailbox, None)
        _ = self._endpoint.spawn(self._carry(detour, middle), "a detour")
        return detour

    async def _second_hop(self, carrier: Connection, mailbox: NodeId) -> Connection | None:
        """Give a channel to one more relay, for an owner who is careful; None without one."""
        wall_ms = self._endpoint.clock.now().wall_ms
        others = [
            record.key
            for record in self._engine.links.book.with_role(Role.RELAY, wall_ms)
            if dialable(record) and record.key not in (carrier.peer_id, mailbox)
        ]
        if self.private is not Private.CAREFUL or not others:
            return None
        chosen = others[int(self._entropy.jitter(0, len(others))) % len(others)]
        middle = await self._channel(carrier, chosen, self._entropy.bytes(32))
        _ = self._endpoint.spawn(middle.run(), "the first part of a detour")
        return middle

    async def _channel(self, link: Connection, to: NodeId, secret: bytes) -> Connection:
        """Open a tunnel over a link, and a channel inside it by a key nobody knows.

        Raises:
            TransportError: it cannot be.
        """
        pipe = await self.carriage.open(link, to)
        endpoint = replace(
            self._endpoint,
            static_secret=secret,
            hello=lambda: self._hello(secret),
            handlers=self._inside,
        )
        found = Connection(endpoint, pipe, expected=to)
        await found.open()
        return found

    def _secret(self, mailbox: NodeId, ctx: bytes) -> bytes:
        """Give the key of one context at one mailbox: the same again, and like no other.

        A mailbox tells a box's owner when another node read it: a key drawn anew each time would
        be another node.
        """
        return blake2b_256(b"tunnel", self._endpoint.static_secret, mailbox, ctx)

    def _hello(self, secret: bytes) -> Hello:
        """Say nothing of this node: not what it runs, nor how its clock differs."""
        minute_ms = self._endpoint.clock.now().wall_ms // MINUTE_MS * MINUTE_MS
        record = sign_record(
            net=self._endpoint.net,
            key=transport_key(secret),
            addresses=[],
            roles=[],
            seq=minute_ms,
            at=minute_ms,
            seed=blake2b_256(b"tunnel record", secret),
        )
        return Hello(versions=list(VERSIONS), record=record.raw, clock_ms=minute_ms)

    async def _carry(self, detour: Detour, middle: Connection | None) -> None:
        """Run a detour to its end and forget it."""
        try:
            await detour.link.run()
        finally:
            for key in [key for key, each in self._detours.items() if each is detour]:
                del self._detours[key]
            if middle:
                middle.close()

    # --- coming -------------------------------------------------------------------------------

    async def _receive(self, pipe: TunnelPipe) -> None:
        """Serve a tunnel that ends here, until it is over."""
        link = Connection(replace(self._endpoint, handlers=self._inside), pipe)
        await link.open()
        self._guests[link] = pipe.link
        try:
            await link.run()
        finally:
            del self._guests[link]

    def _inner(self, link: Connection, message: Message) -> None:
        """Take what comes through a tunnel: the post, and tunnels that go on from here.

        A mailbox that asks whoever came for a tunnel would learn by the answer who that is.
        """
        match message:
            case TunnelData() | TunnelEnd():
                self.carriage.handle(link, message)
            case TunnelOpen() if not link.outbound:
                self.carriage.handle(link, message)
            case _ if isinstance(message, _POST) and not link.outbound:
                self._on_post(link, message)
            case _:
                name = type(message).__name__
                raise MessageError(Reason.UNEXPECTED, f"{name} has no business in a tunnel")

    def _closed(self, link: Connection, _reason: Reason) -> None:
        self.carriage.closed(link)

    # --- time ---------------------------------------------------------------------------------

    async def run(self) -> None:
        """Give up what nobody uses; never ends by itself."""
        while True:
            await asyncio.sleep(_SWEEP_S)
            self.sweep()

    def sweep(self) -> None:
        """Give up silent tunnels, and detours nobody asks anything over."""
        self.carriage.sweep()
        now_ms = self._now_ms()
        for detour in list(self._detours.values()):
            if detour.asking:
                detour.used_ms = now_ms
            elif now_ms - detour.used_ms >= _UNUSED_MS:
                detour.link.close()

    def stop(self) -> None:
        """Say goodbye to every mailbox."""
        for detour in list(self._detours.values()):
            detour.link.close()


def _nothing(_link: Connection) -> None:
    """Nobody is told of a channel inside a tunnel."""
