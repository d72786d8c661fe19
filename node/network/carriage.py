"""The carriage: tunnels that pass this node, that end here, and that it asked for.

For a peer that asks, this node finds the far end by its own book, never by an address from the
asker, and passes sealed pieces on between two links. A tunnel whose far end is this node itself
leads to its post window. Enters: messages of tunnels, links that end. Leaves: the same messages on
another link; pipes. Never here: a word of what travels inside; more than so many tunnels, so many
bytes a second or pieces on one link, or a tunnel that nobody uses; a far end's reason for its no,
which the asker would take for ours.
Source: docs/protocol/17-tunnel.md.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias
from weakref import WeakKeyDictionary

from node.clock import Clock
from node.errors import TransportError
from node.network.connection import Connection
from node.network.endpoint import Spawn
from node.network.failing import Fault, TunnelError
from node.network.lookups import Lookups
from node.network.tunnel import Allowance, TunnelPipe, cost
from node.network.turns import Turns
from protocol import limits
from protocol.channel.messages import Answer, Refused
from protocol.channel.priority import Priority
from protocol.channel.tunnel import TunnelData, TunnelEnd, TunnelOpen, TunnelOpened
from protocol.errors import MessageError, Reason
from protocol.ids import NodeId
from protocol.network.groups import public_group_of

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


@dataclass(slots=True, kw_only=True, eq=False)
class _Passage:
    """One direction of a tunnel that is carried."""

    source: Connection
    source_number: int
    to: Connection
    number: int
    whose: Connection
    """The link whose turns this takes."""
    turns: Turns
    allowance: Allowance
    clock: Clock
    heard_ms: int
    on_stuck: Callable[[_Passage], None]
    """Told when the far side takes no more."""

    def take(self, data: bytes, *, is_last: bool) -> bool:
        """Pass a piece on at its turn, if the pace is kept and the far side keeps up."""
        self.heard_ms = self.clock.now().mono_ms
        size = cost(data)
        room = _QUEUE_BYTES_MAX - self.to.bytes_waiting
        if room < 0 or self.allowance.wait_ms(size):
            return False
        message = TunnelData(tunnel=self.number, data=data, is_last=is_last)
        return self.turns.take(self.whose, size, lambda: self._pass(message), room=room)

    def _pass(self, message: TunnelData) -> None:
        """Send a piece behind our own letters, and among what was asked of us."""
        if not self.to.send(message, Priority.PULL):
            self.on_stuck(self)

    def ended(self, reason: Reason) -> None:
        """Tell the far side, after what still waits for it."""
        end = TunnelEnd(tunnel=self.number, reason=reason)
        self.turns.follow(self.whose, lambda: self.to.send(end, Priority.PULL) or self.to.send(end))


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
        # By links that may be over, and of which nobody says so: they go with them.
        self._numbers: WeakKeyDictionary[Connection, int] = WeakKeyDictionary()
        self._opens: WeakKeyDictionary[Connection, Allowance] = WeakKeyDictionary()
        self._turns: WeakKeyDictionary[Connection, Turns] = WeakKeyDictionary()

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
            TunnelError: E-TUNNEL-REFUSED, the peer will not; E-TUNNEL-FAR, it found no way there;
                or it does not answer.
        """
        number = self._next_number(link)
        pipe = self._pipe(link, number, outbound=True)
        # Noted before the answer: the far end may speak in the very frame that brings it.
        self._ends.setdefault(link, {})[number] = pipe
        try:
            ask = TunnelOpen(tunnel=number, key=key)
            wait_ms = limits.tunnel_open_ms_max + limits.tunnel_answer_ms_max
            _check(await link.request(ask, wait_ms))
        except TunnelError:
            pipe.abort()
            raise
        except TransportError as error:
            pipe.abort()
            raise TunnelError(error.sentence, fault=Fault.CARRIER, code=error.code) from error
        except BaseException:
            pipe.abort()
            raise
        return pipe

    def _pipe(self, link: Connection, number: int, *, outbound: bool) -> TunnelPipe:
        return TunnelPipe(
            link,
            number,
            outbound=outbound,
            clock=self._clock,
            turns=self._turns_of(link),
            on_end=lambda _: self._forget(link, number),
        )

    def _turns_of(self, link: Connection) -> Turns:
        found = self._turns.get(link)
        if found is None:
            found = self._turns[link] = Turns(self._clock)
        return found

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
        if turns := self._turns.pop(link, None):
            turns.close()

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
        if self._is_full(root, is_far=key != self._node_id):
            return Reason.QUOTA
        # Each may cost dials, and questions to peers.
        is_over = self._opens.setdefault(root, self._allowance()).wait_ms(1)
        return Reason.OVER_BUDGET if is_over else None

    def _is_full(self, root: Connection, *, is_far: bool) -> bool:
        """Tell whether there is no number for one more tunnel of a link.

        One that is carried needs two, from when it is asked for. Of those that end here some are
        always left: whoever fills a relay does not shut its mailbox.
        """
        need = 2 if is_far else 1
        kept = limits.tunnels_home_min if is_far else 0
        group = public_group_of(root.remote_host)
        in_group = 0 if group is None else self._held_by(group)
        opening = sum(
            isinstance(end, _Opening) for ends in self._ends.values() for end in ends.values()
        )
        return (
            self._asked_over(root) >= limits.tunnels_link_max
            or in_group + need > 2 * limits.tunnels_group_max
            or len(self) + opening + need > 2 * limits.tunnels_max - kept
        )

    def _held_by(self, group: str) -> int:
        """Count the numbers that all peers of one address group hold, or are about to."""
        return sum(
            1 if isinstance(end, TunnelPipe) else 2
            for link, ends in self._ends.items()
            if public_group_of(self._root(link).remote_host) == group
            for number, end in ends.items()
            if _is_theirs(link, number)
        )

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
        pipe = self._pipe(link, ask.tunnel, outbound=False)
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
        whose = self._root(link)
        turns = self._turns_of(far)
        await turns.turn(whose)
        number = self._next_number(far)
        onward = TunnelOpen(tunnel=number, key=ask.key)
        try:
            answer = await far.request(onward, limits.tunnel_open_ms_max)
        except BaseException:
            # Too late for us, perhaps not for the far end.
            far.send(TunnelEnd(tunnel=number, reason=Reason.CLOSED))
            raise
        if isinstance(answer, Refused):
            # There is no way, whatever its reason: the asker would take any other for ours.
            return Reason.CLOSED
        if opening.is_over or not link.is_open or not far.is_open:
            far.send(TunnelEnd(tunnel=number, reason=Reason.CLOSED))
            return Reason.CLOSED
        there = self._passage(link, ask.tunnel, far, number, whose)
        back = self._passage(far, number, link, ask.tunnel, far)
        self._ends.setdefault(link, {})[ask.tunnel] = there
        self._ends.setdefault(far, {})[number] = back
        link.send(TunnelOpened(request=ask.request))
        return None

    def _passage(
        self, source: Connection, source_number: int, to: Connection, number: int, whose: Connection
    ) -> _Passage:
        return _Passage(
            source=source,
            source_number=source_number,
            to=to,
            number=number,
            whose=whose,
            turns=self._turns_of(to),
            allowance=Allowance(self._clock, burst=limits.tunnel_slack_bytes),
            clock=self._clock,
            heard_ms=self._clock.now().mono_ms,
            on_stuck=self._stuck,
        )

    def _stuck(self, passage: _Passage) -> None:
        """End a tunnel whose far side takes no more; it may have ended while the piece waited."""
        number = passage.source_number
        if self._ends.get(passage.source, {}).get(number) is passage:
            self._cut(passage.source, number, Reason.OVER_BUDGET)

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
        TunnelError: E-TUNNEL-REFUSED, the peer's own no; E-TUNNEL-FAR, there is no way.
    """
    if isinstance(answer, TunnelOpened):
        return
    reason = answer.reason if isinstance(answer, Refused) else Reason.UNEXPECTED
    match reason:
        case Reason.CLOSED:
            fault, code = Fault.FAR_END, "E-TUNNEL-FAR"
        case Reason.POLICY:
            fault, code = Fault.NO_CARRIER, "E-TUNNEL-REFUSED"
        case _:
            fault, code = Fault.CARRIER, "E-TUNNEL-REFUSED"
    raise TunnelError(f"no tunnel there: {reason.value}", fault=fault, code=code)
