"""What gossip knows: the state that its stages share.

One object per node, made by `Gossip` and handed to its stages. Nothing here decides; it only holds
the tables and the few words said about them by more than one stage.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import Any

from protocol import limits
from protocol.channel.frames import fitting
from protocol.channel.messages import Objects
from protocol.channel.priority import Priority
from protocol.errors import Reason
from protocol.ids import PeerId
from protocol.network.actions import BlamePeer, DropObject, GossipAction, SendMessage
from protocol.network.admission import points_of
from protocol.network.budgets import Budgets
from protocol.network.chance import Chance
from protocol.network.declined import Declined, Times
from protocol.network.interest import Interests
from protocol.network.live import LiveEntry, LiveTable, prefix_of
from protocol.network.memory import Copies, Holders, Recent, Servings
from protocol.network.policy import Refusals
from protocol.network.queue import VerifyQueue
from protocol.network.service import Service
from protocol.network.standing import Merits
from protocol.network.verdicts import Verdicts
from protocol.network.wanted import Wanted
from protocol.objects.envelope import Verified


class Carried:
    """The tables of one node's gossip.

    Attributes:
        net: network id.
        peers: linked peers with their address groups, in the order they came.
        rtts: round trips measured, ms.
        service: which links owe us something.
        live: public objects held.
        queue: candidates between admission and verdict.
        rejected: names provably bad for ever.
        declined: names not taken, and not asked for again; refused by policy, they count as held.
        wanted: names announced and not here.
        interests: which peers want what.
        refusals: what this node's operator does not carry.
        budgets: how much each link may bring.
        merits: what good each link did of late.
        holders: which peers hold what.
        servings: how often each link was served what it asked for.
        copies: what came lately, to tell copies without reading them.
        storing: objects on their way to disk.
        sought: names this node itself asks for, with the monotonic ms at which it stops.
        thanks: names each peer supplied, to be confirmed with the next heartbeat.
        firsts: how many objects each linked peer was the first to supply.
        verdicts: what became of the objects that came.
    """

    def __init__(
        self,
        *,
        net: str,
        objects_max: int,
        pending_max: int,
        rejected_max: int,
        chance: Chance | None = None,
        is_open: bool = False,
    ) -> None:
        """Start empty."""
        self.net = net
        self.peers: dict[PeerId, str] = {}
        self.rtts: dict[PeerId, int] = {}
        self.service = Service()
        self.live = LiveTable(net=net, entries_max=objects_max, chance=chance)
        self.queue = VerifyQueue(pending_max=pending_max)
        self.rejected = Recent(rejected_max)
        self.declined = Declined(self.live.holdings, limits.declined_ids_max)
        self.wanted = Wanted(groups=self.peers)
        self.interests = Interests()
        self.refusals = Refusals()
        self.budgets = Budgets(net=net, is_open=is_open)
        self.merits = Merits()
        self.holders = Holders(limits.holders_ids_max, limits.holder_places_max, self.peers)
        self.servings = Servings()
        self.copies = Copies(limits.copies_known_max)
        self.storing: dict[bytes, Verified[Any]] = {}
        self.sought: OrderedDict[bytes, int] = OrderedDict()
        self.thanks: dict[PeerId, list[bytes]] = {}
        self.firsts: dict[PeerId, int] = {}
        self.verdicts = Verdicts()

    def knows(self, prefix: bytes) -> bool:
        """Tell whether nothing need be asked about a name: held, pending, or not taken."""
        return (
            prefix in self.live
            or prefix in self.queue
            or prefix in self.declined
            or prefix in self.rejected
        )

    def note_names(
        self, names: Iterable[bytes], peer: PeerId, mono_ms: int = 0, wait_ms: int = 0
    ) -> None:
        """Take a peer's word that it holds objects: what is not here is wanted.

        Args:
            names: 16-byte names.
            peer: whose word.
            mono_ms: the moment.
            wait_ms: how long a push may still be waited for.
        """
        for prefix in names:
            if prefix in self.live:
                self.note_holder(prefix, peer)
            elif not self.knows(prefix):
                self.wanted.note(prefix, peer, mono_ms, wait_ms)

    def is_wanted_by(self, peer: PeerId, prefix: bytes) -> bool:
        """Tell whether a linked peer wants an object that is held."""
        entry = self.live.get(prefix)
        return peer in self.peers and entry is not None and self.interests.wants(peer, entry)

    def let_go(self, entry: LiveEntry) -> DropObject:
        """Remember an object that lost its place as held and not served: it is not asked for."""
        prefix = prefix_of(entry.id)
        self.declined.add(prefix, times_of(entry))
        self.storing.pop(prefix, None)
        return DropObject(id=entry.id)

    def note_holder(self, prefix: bytes, peer: PeerId) -> None:
        """Remember that a linked peer holds an object."""
        if peer in self.peers:
            self.holders.note(prefix, peer)


def times_of(entry: LiveEntry) -> Times:
    """Give what is remembered of an object that is held and not served."""
    target = None if entry.target is None else prefix_of(entry.target)
    return Times(at=entry.at, exp=entry.exp, target=target)


def blame(peer: PeerId, reason: Reason) -> list[GossipAction]:
    """Charge a peer with what its bytes broke; nothing for reasons that are nobody's fault."""
    points = points_of(reason)
    return [BlamePeer(peer=peer, reason=reason, points=points)] if points else []


def objects_messages(peer: PeerId, raws: list[bytes], priority: Priority) -> list[SendMessage]:
    """Put envelopes for a peer into as few messages as hold them."""
    messages = []
    start = 0
    while start < len(raws):
        count = fitting(raws[start:], count_max=limits.objects_per_message_max)
        message = Objects(raws=raws[start : start + count])
        messages.append(SendMessage(peer=peer, message=message, priority=priority))
        start += count
    return messages
