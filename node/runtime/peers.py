"""Linked peers for people: who they are, what is thought of each, and why.

Enters: what the network machines know of a link. Leaves: plain records. Never here: a judgement;
the words only say what the machines decided.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from node.network.dialer import Kept
from protocol import limits
from protocol.ids import NodeId, PeerId, to_text
from protocol.network.budgets import BudgetView
from protocol.network.choice import SupplyView
from protocol.network.flow import Flow
from protocol.network.gossip import Gossip
from protocol.network.invites import NODE_PREFIX
from protocol.network.standing import Standing
from protocol.now import Now

_KIB: Final = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Esteem:
    """What is thought of one link."""

    supply: SupplyView | None
    """As a source."""
    given: Flow
    """What we give it."""
    merit: int
    """What good it did of late, 0..1000."""
    standing: Standing
    """What its faults come to."""
    budget: BudgetView | None
    """What it may bring now; None where there is no bound."""
    narrows: bool
    """Whether it wants only some casts."""

    def document(self, *, is_only: bool = False) -> dict[str, Any]:
        """Write it for the API; a link that is the only one is compared with no other."""
        supply, budget = self.supply, self.budget
        return {
            "asked": None if supply is None else supply.flow.name.lower(),
            "given": self.given.name.lower(),
            "lag_ms": None if supply is None else supply.lag_ms,
            "penalty_ms": 0 if supply is None else supply.penalty_ms,
            "merit": self.merit,
            "standing": self.standing.name.lower(),
            "news_left": None if budget is None else budget.news_left,
            "news_per_s": None if budget is None else budget.news_per_s,
            "pull_kib_left": None if budget is None else max(0, budget.pull_bytes_left) // _KIB,
            "over_budget": 0 if budget is None else budget.refused,
            "narrows": self.narrows,
            "why": self.why(is_only=is_only),
        }

    def why(self, *, is_only: bool = False) -> str:
        """Say in a sentence why it has the place it has."""
        if self.standing is not Standing.GOOD:
            return f"faults bar it from pushing until they are below {limits.fault_points_no_push}"
        if self.supply is None:
            return "nothing is known of it yet"
        if self.supply.is_refusing:
            return "it would not push when it was asked"
        if is_only:
            return "your only peer"
        is_drawn = self.supply.is_stable and self.supply.flow is Flow.PUSH
        return "drawn by lot to push, whatever its lag" if is_drawn else _WHY[self.supply.flow]


_WHY: Final = {
    Flow.PUSH: "among those that bring what is new first",
    Flow.IDS: "others bring what is new sooner; it names what it has",
    Flow.QUIET: "there are enough others; it names what it has now and then",
}


def esteem(gossip: Gossip, standing: Standing, peer: PeerId, now: Now) -> Esteem:
    """Gather what is thought of a linked peer."""
    return Esteem(
        supply=gossip.supply_view(peer, now),
        given=gossip.flow_to(peer),
        merit=gossip.merit(peer),
        standing=standing,
        budget=gossip.budget(peer, now),
        narrows=gossip.narrows(peer),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerView:
    """A linked peer, for people."""

    key: NodeId
    """Its transport key."""
    address: str
    """Where it was dialled, or its IP address."""
    outbound: bool
    """Whether this node dialled."""
    roles: tuple[str, ...]
    """What it offers."""
    agent: str
    """Its software, as it says."""
    rtt_ms: int | None
    """Round trip, when measured."""
    since_ms: int
    """How long it has been linked."""
    bytes_in: int
    """Received, before encryption."""
    bytes_out: int
    """Sent, before encryption."""
    first_objects: int
    """Objects it was the first to supply."""
    fault_points: int
    """What it has done wrong lately."""
    esteem: Esteem
    """What is thought of it."""

    def document(self, *, is_only: bool = False) -> dict[str, Any]:
        """Write it for the API."""
        return {
            "node": to_text(NODE_PREFIX, self.key),
            "address": self.address,
            "direction": "out" if self.outbound else "in",
            "roles": list(self.roles),
            "agent": self.agent,
            "rtt_ms": self.rtt_ms,
            "connected_s": self.since_ms // 1_000,
            "bytes_in": self.bytes_in,
            "bytes_out": self.bytes_out,
            "objects": self.first_objects,
            "fault_points": self.fault_points,
            "explain": self.esteem.document(is_only=is_only),
        }


def unlinked(
    kept: Sequence[Kept], is_linked: Callable[[NodeId], bool], now: Now
) -> list[dict[str, Any]]:
    """List the addresses that are dialled and not linked, for the API.

    Args:
        kept: the peers to stay linked to.
        is_linked: whether there is a link to a node.
        now: the time.
    """
    found = []
    for each in kept:
        if each.peer_id is not None and is_linked(each.peer_id):
            continue
        wait_ms = None if each.next_ms is None else max(0, each.next_ms - now.mono_ms)
        found.append(
            {
                "address": str(each.address),
                "tries": each.failures,
                "code": each.error.code if each.error else None,
                "error": each.error.sentence if each.error else None,
                "next_s": None if wait_ms is None else wait_ms // 1000,
            }
        )
    return found
