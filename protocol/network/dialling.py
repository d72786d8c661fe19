"""Dialling: whom to try next, and how long to leave one alone that did not answer.

Enters: the book, the links there are, how dials ended. Leaves: dials, and when to look again. A
node with fewer than three dialled links is in need and dials in earnest; else it dials gently, and
when it has all its links it looks from time to time whether another node is there (a feeler), or
whether one is back whose link broke (a return). An address is tried for ever, ever more rarely, so
that a split network finds itself again. Never here: sockets, a choice by what a node claims, an
order that anybody else could foresee.
Source: docs/protocol/06-gossip.md, "Links".
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain
from typing import Final

from protocol import limits
from protocol.ids import NodeId
from protocol.network.actions import DialPeer
from protocol.network.addresses import NodeRecord, Role, dialable
from protocol.network.book import Book
from protocol.network.chance import Chance
from protocol.network.groups import group_of
from protocol.network.patience import Patience
from protocol.network.returns import Returns
from protocol.now import Now

SETTLED_MS: Final = 10_000
"""A link that lasted this long counts as a success."""
FAILING: Final = 3
"""Failures in a row after which a node counts as gone; guess."""
_WEIGHED: Final = 4
"""Nodes weighed for one dial; guess."""
_WEIGHED_MIN: Final = 8
_DOUBLINGS_MAX: Final = 20
_HISTORY: Final = (1 << limits.dials_open_max) - 1


class Purpose(StrEnum):
    """What a dial is for."""

    LINK = "link"
    """One of the outbound links."""
    FEELER = "feeler"
    """To see whether the node is there."""
    RETURN = "return"
    """To see whether one is back whose link broke, and to have it again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dial:
    """One dial in flight."""

    address: str
    """`host:port`."""
    group: str
    """Its address group."""
    purpose: Purpose
    """What for."""
    until_ms: int
    """Monotonic ms at which it counts as ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What the links are when dials are chosen."""

    is_free: Callable[[NodeId], bool]
    """Whether a node may be dialled at all: not linked, not kept by its owner, not banned."""
    groups: frozenset[str]
    """Address groups of the outbound links that were chosen here."""
    chosen: int
    """Their number."""
    outbound: int
    """Links this node chose to dial, or its owner did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Failure:
    """What is remembered of a key that could not be linked."""

    count: int
    """Failures in a row."""
    retry_ms: int
    """Monotonic ms before which it is left alone."""


class Dialling:
    """Keeps the number of outbound links."""

    def __init__(self, *, chance: Chance, outbound_max: int = limits.outbound_links) -> None:
        """Start with nothing in flight.

        Args:
            chance: the choice among nodes, and the spread of waits.
            outbound_max: links wanted.
        """
        self._chance = chance
        self._outbound_max = outbound_max
        self._in_flight: OrderedDict[NodeId, Dial] = OrderedDict()
        self._failures: OrderedDict[NodeId, _Failure] = OrderedDict()
        self._patience = Patience()
        self._returns = Returns(chance)
        self._anchors: list[NodeId] = []
        self._ends = 0
        self._feeler_ms: int | None = None

    @property
    def in_flight(self) -> int:
        """Dials that have not ended."""
        return len(self._in_flight)

    def begin_with(self, anchors: list[NodeId]) -> None:
        """Dial these before all others: links of the last run."""
        self._anchors = anchors[: limits.anchors]

    # --- how dials and links ended ------------------------------------------------------------

    def joined(self, key: NodeId, *, outbound: bool) -> Dial | None:
        """A link to a key is open; gives the dial that it came of, if any.

        A peer that came by itself ends no dial: the dial may yet take the place of its link.
        """
        if not outbound:
            return None
        dial = self._in_flight.pop(key, None)
        if dial is not None:
            self._ends = (self._ends << 1) & _HISTORY
            self._patience.reached(key, dial.address, dial.group)
        return dial

    def lost(self, key: NodeId, lasted_ms: int, mono_ms: int) -> None:
        """A link ended; one that hardly lasted counts as a failure."""
        if lasted_ms >= SETTLED_MS:
            self.settled(key)
        else:
            self.rest(key, mono_ms)

    def broke(self, key: NodeId, place: int, mono_ms: int) -> None:
        """A chosen link broke without a word: look from time to time whether its peer is back."""
        self._returns.broke(key, place, mono_ms)

    def back(self, key: NodeId) -> int | None:
        """A node is missed no more; gives the place its link had, None if it was not missed."""
        return self._returns.back(key)

    def settled(self, key: NodeId) -> None:
        """A node is there and takes links."""
        self._failures.pop(key, None)

    def failed(self, key: NodeId, mono_ms: int) -> Dial | None:
        """A dial made no link; gives which."""
        self._ends = (self._ends << 1 | 1) & _HISTORY
        self.rest(key, mono_ms)
        return self._in_flight.pop(key, None)

    def rest(self, key: NodeId, mono_ms: int, *, at_least_ms: int = 0) -> None:
        """Leave a node alone for a while, each time for longer."""
        before = self._failures.pop(key, None)
        count = before.count + 1 if before else 1
        wait_ms = min(
            limits.dial_backoff_ms_max,
            limits.dial_backoff_ms_min << min(count - 1, _DOUBLINGS_MAX),
        )
        retry_ms = mono_ms + self._chance.around(max(wait_ms, at_least_ms))
        self._failures[key] = _Failure(count=count, retry_ms=retry_ms)
        if len(self._failures) > limits.known_nodes_max:
            self._failures.popitem(last=False)

    def failures_of(self, key: NodeId) -> int:
        """Count how often in a row a node could not be linked."""
        failure = self._failures.get(key)
        return failure.count if failure else 0

    def is_failing(self, key: NodeId) -> bool:
        """Tell whether a node is probably gone."""
        return self.failures_of(key) >= FAILING

    def _retry_ms(self, key: NodeId) -> int:
        failure = self._failures.get(key)
        return failure.retry_ms if failure else 0

    # --- whom to dial now ---------------------------------------------------------------------

    def choose(self, book: Book, outlook: Outlook, now: Now) -> tuple[list[DialPeer], int]:
        """Choose whom to dial now; what is returned counts as in flight.

        Returns:
            The dials, and after how many ms to look again.
        """
        self._forget_ended(now.mono_ms)
        in_need = outlook.outbound < limits.links_needed
        room = self._room(outlook, in_need=in_need)
        dials: list[DialPeer] = []
        if room > 0:
            best = self._best(book, outlook, now, room)
            dials += [self._dial(r, Purpose.LINK, now.mono_ms, in_need=in_need) for r in best]
            self._anchors = []
        if not dials and not in_need:
            dials += self._return(book, outlook, now) or self._feel(book, outlook, now)
        if len(dials) < room:
            pause_ms = self._pause_ms(book, outlook, now, in_need=in_need)
        else:
            pause_ms = self._feeler_in(now.mono_ms)
        return_ms = self._returns.due_in(now.mono_ms)
        if in_need or return_ms is None:
            return dials, pause_ms
        return dials, min(pause_ms, max(limits.dial_backoff_ms_min, return_ms))

    def _forget_ended(self, mono_ms: int) -> None:
        while self._in_flight:
            key = next(iter(self._in_flight))
            if self._in_flight[key].until_ms > mono_ms:
                break
            del self._in_flight[key]

    def _room(self, outlook: Outlook, *, in_need: bool) -> int:
        links = sum(1 for dial in self._in_flight.values() if dial.purpose is Purpose.LINK)
        wanted = self._outbound_max - outlook.chosen - links
        if not in_need:
            return min(wanted, limits.dials_gentle_max - len(self._in_flight))
        # Of those in flight as many will fail as did of late: that many more are sent out.
        wanted += self._ends.bit_count()
        return min(wanted, limits.dials_open_max - len(self._in_flight))

    def _best(self, book: Book, outlook: Outlook, now: Now, room: int) -> list[NodeRecord]:
        """Draw, then take who failed least, one of each address group."""
        groups = set(outlook.groups)
        groups |= {d.group for d in self._in_flight.values() if d.purpose is Purpose.LINK}
        found: dict[NodeId, NodeRecord] = {}
        for key in chain(self._anchors, book.draws(self._chance, now.wall_ms)):
            if len(found) >= max(_WEIGHED_MIN, _WEIGHED * room):
                break
            node = book.node(key)
            is_wanted = node is not None and Role.RELAY in node.record.roles
            if node is None or not is_wanted or not self._may_dial(node.record, outlook, now):
                continue
            if self._group(node.record) not in groups:
                found[key] = node.record
        anchors = set(self._anchors)
        ranked = sorted(found, key=lambda key: (key not in anchors, *self._rank(found[key])))
        best: list[NodeRecord] = []
        for key in ranked:
            group = self._group(found[key])
            if len(best) < room and group not in groups:
                groups.add(group)
                best.append(found[key])
        return best

    def _group(self, record: NodeRecord) -> str:
        return group_of(self._address(record), record.net)

    def _rank(self, record: NodeRecord) -> tuple[bool, int]:
        # Who offers to be everybody's first peer is left to those who have no other.
        return Role.BOOTSTRAP in record.roles, self.failures_of(record.key)

    def _may_dial(self, record: NodeRecord, outlook: Outlook, now: Now) -> bool:
        return (
            self._due_ms(record) <= now.mono_ms
            and record.key not in self._in_flight
            and outlook.is_free(record.key)
        )

    def _due_ms(self, record: NodeRecord) -> int:
        """Give the monotonic ms from which both a node and the place it names may be dialled."""
        address = self._address(record)
        place_ms = self._patience.due_ms(record.key, address, self._group(record))
        return max(self._retry_ms(record.key), place_ms)

    def _address(self, record: NodeRecord) -> str:
        """Give the address to dial; a node with several is tried at each in turn."""
        addresses = dialable(record)
        return addresses[self.failures_of(record.key) % len(addresses)]

    def _dial(
        self, record: NodeRecord, purpose: Purpose, mono_ms: int, *, in_need: bool
    ) -> DialPeer:
        address, group = self._address(record), self._group(record)
        self._patience.tried(address, group, mono_ms)
        self._in_flight[record.key] = Dial(
            address=address,
            group=group,
            purpose=purpose,
            until_ms=mono_ms + limits.dial_ms_max,
        )
        within_ms = limits.handshake_ms_max
        if in_need:
            # Most may be gone; who is only slow gets longer the next time.
            doublings = min(self.failures_of(record.key), _DOUBLINGS_MAX)
            within_ms = min(within_ms, limits.dial_ms_needed << doublings)
        return DialPeer(address=address, key=record.key, within_ms=within_ms)

    # --- when to look again -------------------------------------------------------------------

    def _pause_ms(self, book: Book, outlook: Outlook, now: Now, *, in_need: bool) -> int:
        """Say when somebody may be due whom this look did not find."""
        if not book.is_small:
            return limits.dial_backoff_ms_min if in_need else limits.dial_pause_ms
        waits = [
            self._due_ms(node.record) - now.mono_ms
            for key in book.draws(self._chance, now.wall_ms)
            if key not in self._in_flight and outlook.is_free(key) and (node := book.node(key))
        ]
        # Who is free and due already shares its group with a link: nothing is missed by waiting.
        soonest = min([wait for wait in waits if wait > 0], default=limits.sweep_ms)
        return max(limits.dial_backoff_ms_min, min(soonest, limits.sweep_ms))

    # --- returns and feelers ------------------------------------------------------------------

    def _return(self, book: Book, outlook: Outlook, now: Now) -> list[DialPeer]:
        """See whether one is back whose link broke."""

        def may_dial(key: NodeId) -> bool:
            node = book.node(key)
            return node is not None and self._may_dial(node.record, outlook, now)

        key = self._returns.draw(now.mono_ms, may_dial)
        node = book.node(key) if key is not None else None
        if node is None:
            return []
        return [self._dial(node.record, Purpose.RETURN, now.mono_ms, in_need=False)]

    def _feeler_in(self, mono_ms: int) -> int:
        if self._feeler_ms is None:
            self._feeler_ms = mono_ms + self._chance.around(limits.feeler_ms)
        return max(limits.dial_backoff_ms_min, self._feeler_ms - mono_ms)

    def _feel(self, book: Book, outlook: Outlook, now: Now) -> list[DialPeer]:
        """See whether the holder of a contested place is there, or somebody never reached."""
        if self._feeler_in(now.mono_ms) > limits.dial_backoff_ms_min:
            return []
        self._feeler_ms = now.mono_ms + self._chance.around(limits.feeler_ms)
        held = book.contested()
        if held is not None and held not in self._in_flight and not outlook.is_free(held):
            # It is linked, so it is there.
            book.decide(held, is_there=True, wall_ms=now.wall_ms)
            held = None
        keys = [held] if held is not None else book.draws(self._chance, now.wall_ms, new_only=True)
        for key in keys:
            node = book.node(key)
            if node is not None and self._may_dial(node.record, outlook, now):
                return [self._dial(node.record, Purpose.FEELER, now.mono_ms, in_need=False)]
        return []
