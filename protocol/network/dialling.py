"""Dialling: which relay to try next, and how long to leave one alone that did not answer.

Enters: the relays that are known, the links there are, how dials ended. Leaves: dials, and when to
look again. An address is tried for ever, ever more rarely, so that a split network finds itself
again. Never here: sockets, and an order that anybody else could foresee.
Source: docs/protocol/06-gossip.md, "Links".
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from protocol import limits
from protocol.ids import NodeId
from protocol.network.actions import DialPeer
from protocol.network.addresses import NodeRecord, dialable
from protocol.network.chance import Chance
from protocol.network.events import DialOutcome

SETTLED_MS = 10_000
"""A link that lasted this long counts as a success."""
_DOUBLINGS_MAX = 20


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
            chance: the choice among relays, and the spread of waits.
            outbound_max: links wanted.
        """
        self._chance = chance
        self._outbound_max = outbound_max
        self._in_flight: dict[NodeId, None] = {}
        self._failures: OrderedDict[NodeId, _Failure] = OrderedDict()

    @property
    def in_flight(self) -> int:
        """Dials that have not ended."""
        return len(self._in_flight)

    def joined(self, key: NodeId) -> None:
        """A link to a key is open, whoever dialled."""
        self._in_flight.pop(key, None)

    def lost(self, key: NodeId, lasted_ms: int, mono_ms: int) -> None:
        """A link ended; one that hardly lasted counts as a failure."""
        if lasted_ms >= SETTLED_MS:
            self._failures.pop(key, None)
        else:
            self._fail(key, mono_ms)

    def failed(self, key: NodeId, outcome: DialOutcome, mono_ms: int) -> bool:
        """A dial made no link; tells whether hearsay about the key proved false."""
        self._in_flight.pop(key, None)
        self._fail(key, mono_ms)
        return outcome is DialOutcome.OTHER_NODE

    def _fail(self, key: NodeId, mono_ms: int) -> None:
        before = self._failures.pop(key, None)
        count = before.count + 1 if before else 1
        wait_ms = min(
            limits.dial_backoff_ms_max,
            limits.dial_backoff_ms_min << min(count - 1, _DOUBLINGS_MAX),
        )
        retry_ms = mono_ms + self._chance.around(wait_ms)
        self._failures[key] = _Failure(count=count, retry_ms=retry_ms)
        if len(self._failures) > limits.known_nodes_max:
            self._failures.popitem(last=False)

    def choose(
        self, relays: Sequence[NodeRecord], linked: Mapping[NodeId, bool], mono_ms: int
    ) -> tuple[list[DialPeer], int]:
        """Choose whom to dial now; what is returned counts as in flight.

        Args:
            relays: fresh records, each with an address that may be dialled.
            linked: linked keys, with whether this node dialled.
            mono_ms: the moment.

        Returns:
            The dials, and after how many ms to look again.
        """
        outbound = sum(1 for is_outbound in linked.values() if is_outbound)
        room = min(
            self._outbound_max - outbound - len(self._in_flight),
            limits.dials_open_max - len(self._in_flight),
        )
        free = [r for r in relays if r.key not in linked and r.key not in self._in_flight]
        due = [r for r in free if self._retry_ms(r.key) <= mono_ms]
        dials = []
        for record in self._chance.sample(due, max(0, room)):
            failure = self._failures.get(record.key)
            # A node with several addresses is tried at each in turn.
            number = failure.count if failure else 0
            addresses = dialable(record)
            address = addresses[number % len(addresses)]
            self._in_flight[record.key] = None
            dials.append(DialPeer(address=address, key=record.key))
        waits = [self._retry_ms(r.key) - mono_ms for r in free if r not in due]
        wait_ms = min([*waits, limits.sweep_ms])
        return dials, max(limits.dial_backoff_ms_min, wait_ms)

    def _retry_ms(self, key: NodeId) -> int:
        failure = self._failures.get(key)
        return failure.retry_ms if failure else 0
