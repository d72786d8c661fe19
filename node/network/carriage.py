"""The carriage: tunnels that pass this node, that end here, and that it asked for.

For a peer that asks, this node finds the far end by its own book, never by an address from the
asker, and passes sealed pieces on between two links. A tunnel whose far end is this node itself
leads to its post window. Enters: messages of tunnels, links that end. Leaves: the same messages on
another link; pipes. Never here: a word of what travels inside; more than so many tunnels, so many
bytes a second, or a tunnel that nobody uses.
Source: docs/protocol/17-tunnel.md.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias

from node.clock import Clock
from node.errors import TransportError
from node.network.connection import Connection
from node.network.endpoint import Spawn
from node.network.lookups import Lookups
from node.network.tunnel import Allowance, TunnelPipe
from protocol import limits
from protocol.channel.messages import Answer, Refused
from protocol.channel.tunnel import TunnelData, TunnelEnd, TunnelOpen, TunnelOpened
from protocol.errors import MessageError, Reason
from protocol.ids import NodeId

_LOG = logging.getLogger(__name__)
_QUEUE_BYTES_MAX: Final = limits.peer_queue_bytes_max // 2
"""Bytes waiting on a link above which nothing more is carried over it: its own news go first."""
_MS: Final = 1_000

TunnelMessage: TypeAlias = TunnelOpen | TunnelData | TunnelEnd
"""What a peer says of tunnels without having been asked."""


class _End(Protocol):
    """Where pieces go that come with one number on one link."""

    heard_ms: int

    def take(self, data: bytes, *, is_last: bool) -> bool:
        """Take a piece; False when it is too much."""
        ...

    def ended(self, reason: Reason) -> None:
        """The tunnel is over on the side the pieces came from."""
        ...


@dataclass(slots=True, kw_only=True)
class _Passage:
    """One direction of a tunnel that is carried."""

    to: Connection
    number: int
    allowance: Allowance
    clock: Clock
    heard_ms: int

    def take(self, data: bytes, *, is_last: bool) -> bool:
        """Pass a piece on, if the pace is kept and the far side keeps up."""
        self.heard_ms = self.clock.now().mono_ms
        return (
            self.allowance.wait_ms(len(data)) == 0
            and self.to.bytes_waiting <= _QUEUE_BYTES_MAX
            and self.to.send(TunnelData(tunnel=self.number, data=data, is_last=is_last))
        )

    def ended(self, reason: Reason) -> None:
        """Tell the far side."""
        self.to.send(TunnelEnd(tunnel=self.number, reason=reason))


@dataclass(slots=True, kw_only=True)
class _Opening:
    """A tunnel whose far end is being looked for."""

    heard_ms: int
    is_over: bool = False

    def take(self, data: bytes, *, is_last: bool) -> bool:  # noqa: ARG002 - whatever it is
        """Refuse pieces that come before the tunnel is open."""
        return False

    def ended(self, _reason: Reason) -> None:
        """Note that the asker has lost interest."""
        self.is_over = True


class Carriage:
    """One per node; `sweep` it now and then."""

    def __init__(
        self,
        *,
        node_id: NodeId,
        clock: Clock,
        spawn: Spawn,
        connect: Callable[[NodeId], Awaitable[Connection]],
        is_relay: Callable[[], bool],
        receive: Callable[[TunnelPipe], Awaitable[None]],
        root: Callable[[Connection], Connection] = lambda link: link,
    ) -> None:
        """Start with no tunnels.

        Args:
            node_id: our own transport key.
            clock: for pace and silence.
            spawn: runs background tasks.
            connect: gives a link to a node, by this node's own book.
            is_relay: whether this node carries for others.
            receive: serves a tunnel that ends here, until it is over.
            root: gives the link that a channel in a tunnel which ends here comes over; a link
                itself for a link.
        """
        self._node_id = node_id
        self._clock = clock
        self._spawn = spawn
        self._lookups = Lookups(connect, clock=clock, spawn=spawn)
        self._is_relay = is_relay
        self._receive = receive
        self._root = root
        self._ends: dict[Connection, dict[int, _End]] = {}
        self._numbers: dict[Connection, int] = {}
        self._opens: dict[Connection, Allowance] = {}

    def __len__(self) -> int:
        """Count the numbers in use; a tunnel that is carried has two."""
        return sum(map(len, self._ends.values()))

    @property
    def carried_count(self) -> int:
        """Count the tunnels that pass this node."""
        passages = [
            end for ends in self._ends.values() for end in ends.values() if type(end) is _Passage
        ]
        return len(passages) // 2

    def is_over(self, key: NodeId) -> bool:
        """Tell whether any tunnel passes the link to a node."""
        return any(link.peer_id == key for link in self._ends)

    # --- asking -------------------------------------------------------------------------------

    async def open(self, link: Connection, key: NodeId) -> TunnelPipe:
        """Ask a peer for a tunnel to a node.

        Raises:
            TransportError: E-TUNNEL-REFUSED, the peer will not; or it does not answer.
        """
        number = self._next_number(link)
        pipe = TunnelPipe(
            link,
            number,
            outbound=True,
            clock=self._clock,
            on_end=lambda _: self._forget(link, number),
        )
        # Noted before the answer: the far end may speak in the very frame that brings it.
        self._ends.setdefault(link, {})[number] = pipe
        try:
            ask = TunnelOpen(tunnel=number, key=key)
            _check(await link.request(ask, limits.tunnel_open_ms_max))
        except BaseException:
            pipe.abort()
            raise
        return pipe

    def _next_number(self, link: Connection) -> int:
        """Choose a number the other end never chooses: it has the other half of them."""
        number = self._numbers.get(link, 1 if link.outbound else 0) + 2
        self._numbers[link] = number
        return number

    def _forget(self, link: Connection, number: int) -> None:
        ends = self._ends.get(link, {})
        ends.pop(number, None)
        if not ends:
            self._ends.pop(link, None)

    # --- from peers ---------------------------------------------------------------------------

    def handle(self, link: Connection, message: TunnelMessage) -> None:
        """Take what a peer says of tunnels.

        Raises:
            MessageError: UNEXPECTED, a number that is in use, or not the peer's to choose.
        """
        match message:
            case TunnelOpen():
                self._asked(link, message)
            case TunnelData(tunnel=number, data=data, is_last=is_last):
                end = self._ends.get(link, {}).get(number)
                # One that ended a moment ago may still be spoken to.
                if end is not None and not end.take(data, is_last=is_last):
                    self._cut(link, number, Reason.OVER_BUDGET)
            case TunnelEnd(tunnel=number, reason=reason):
                end = self._ends.get(link, {}).get(number)
                self._forget(link, number)
                if end is not None:
                    self._pass_end(end, reason)

    def _pass_end(self, end: _End, reason: Reason) -> None:
        """Let the other side of a tunnel know, and forget that side too."""
        end.ended(reason)
        if isinstance(end, _Passage):
            self._forget(end.to, end.number)

    def _cut(self, link: Connection, number: int, reason: Reason) -> None:
        """End a tunnel, telling both sides."""
        end = self._ends[link][number]
        self._forget(link, number)
        link.send(TunnelEnd(tunnel=number, reason=reason))
        self._pass_end(end, reason)

    def closed(self, link: Connection) -> None:
        """A link has ended, and every tunnel on it."""
        self._numbers.pop(link, None)
        self._opens.pop(link, None)
        for end in self._ends.pop(link, {}).values():
            self._pass_end(end, Reason.CLOSED)

    def _asked(self, link: Connection, ask: TunnelOpen) -> None:
        ends = self._ends.get(link, {})
        if ask.tunnel in ends or not _is_theirs(link, ask.tunnel):
            raise MessageError(Reason.UNEXPECTED, "a tunnel's number that is not free")
        if refusal := self._refusal(link, NodeId(ask.key)):
            link.send(Refused(request=ask.request, reason=refusal))
        elif ask.key == self._node_id:
            self._end_here(link, ask)
        else:
            opening = _Opening(heard_ms=self._clock.now().mono_ms)
            self._ends.setdefault(link, {})[ask.tunnel] = opening
            _ = self._spawn(self._lead(link, ask, opening), "a tunnel is led on")

    def _refusal(self, link: Connection, key: NodeId) -> Reason | None:
        """Say why no tunnel is opened, if none is.

        What is asked inside a tunnel that ends here counts with the link it comes over: whoever is
        there would else have as much again with every tunnel.
        """
        root = self._root(link)
        if key == self._node_id:
            is_refused = root is not link
        else:
            is_refused = not self._is_relay() or key == link.peer_id
        if is_refused:
            return Reason.POLICY
        if not root.is_open:
            return Reason.CLOSED
        if self._asked_over(root) >= limits.tunnels_link_max or len(self) >= 2 * limits.tunnels_max:
            return Reason.QUOTA
        # Each may cost dials, and questions to peers.
        is_over = self._opens.setdefault(root, self._allowance()).wait_ms(1)
        return Reason.OVER_BUDGET if is_over else None

    def _asked_over(self, root: Connection) -> int:
        """Count the tunnels that the peer at the other end of a link has, inside tunnels too."""
        return sum(
            sum(_is_theirs(link, number) for number in ends)
            for link, ends in self._ends.items()
            if self._root(link) is root
        )

    def _allowance(self) -> Allowance:
        return Allowance(self._clock, burst=limits.tunnels_link_max, per_s=limits.tunnel_opens_s)

    def _end_here(self, link: Connection, ask: TunnelOpen) -> None:
        pipe = TunnelPipe(
            link,
            ask.tunnel,
            outbound=False,
            clock=self._clock,
            on_end=lambda _: self._forget(link, ask.tunnel),
        )
        self._ends.setdefault(link, {})[ask.tunnel] = pipe
        link.send(TunnelOpened(request=ask.request))
        _ = self._spawn(self._serve(pipe), "a tunnel ends here")

    async def _serve(self, pipe: TunnelPipe) -> None:
        try:
            await self._receive(pipe)
        except TransportError as error:
            _LOG.debug("no channel through a tunnel: %s", error)
        finally:
            pipe.abort()

    async def _lead(self, link: Connection, ask: TunnelOpen, opening: _Opening) -> None:
        """Find the far end, and join the two halves."""
        refusal: Reason | None = Reason.CLOSED
        try:
            async with asyncio.timeout(limits.tunnel_open_ms_max / _MS):
                far = await self._lookups.find(NodeId(ask.key))
                refusal = await self._join(link, ask, far, opening)
        except (TransportError, TimeoutError) as error:
            _LOG.debug("a tunnel leads nowhere: %s", error)
        if refusal is not None:
            # The asker may have ended it meanwhile, and given its number to another.
            if self._ends.get(link, {}).get(ask.tunnel) is opening:
                self._forget(link, ask.tunnel)
            link.send(Refused(request=ask.request, reason=refusal))

    async def _join(
        self, link: Connection, ask: TunnelOpen, far: Connection, opening: _Opening
    ) -> Reason | None:
        """Open the half beyond; gives the reason when it cannot be."""
        number = self._next_number(far)
        onward = TunnelOpen(tunnel=number, key=ask.key)
        try:
            answer = await far.request(onward, limits.tunnel_open_ms_max)
        except BaseException:
            # Too late for us, perhaps not for the far end.
            far.send(TunnelEnd(tunnel=number, reason=Reason.CLOSED))
            raise
        if isinstance(answer, Refused):
            return answer.reason
        if opening.is_over or not link.is_open:
            far.send(TunnelEnd(tunnel=number, reason=Reason.CLOSED))
            return Reason.CLOSED
        self._ends.setdefault(link, {})[ask.tunnel] = self._passage(far, number)
        self._ends.setdefault(far, {})[number] = self._passage(link, ask.tunnel)
        link.send(TunnelOpened(request=ask.request))
        return None

    def _passage(self, to: Connection, number: int) -> _Passage:
        allowance = Allowance(self._clock, burst=limits.tunnel_slack_bytes)
        now_ms = self._clock.now().mono_ms
        return _Passage(
            to=to, number=number, allowance=allowance, clock=self._clock, heard_ms=now_ms
        )

    # --- time ---------------------------------------------------------------------------------

    def sweep(self) -> None:
        """End every tunnel from which nothing was heard for too long."""
        before_ms = self._clock.now().mono_ms - limits.tunnel_idle_ms_max
        for link in list(self._ends):
            for number, end in list(self._ends.get(link, {}).items()):
                if end.heard_ms <= before_ms and not isinstance(end, _Opening):
                    self._cut(link, number, Reason.STALLED)


def _is_theirs(link: Connection, number: int) -> bool:
    """Tell whether the other end of a link chose a number."""
    return number % 2 == (0 if link.outbound else 1)


def _check(answer: Answer) -> None:
    """See that a tunnel is open.

    Raises:
        TransportError: E-TUNNEL-REFUSED.
    """
    if not isinstance(answer, TunnelOpened):
        why = answer.reason.value if isinstance(answer, Refused) else "another answer"
        raise TransportError(f"no tunnel there: {why}", code="E-TUNNEL-REFUSED")
