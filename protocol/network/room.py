"""Making room: who has to go when a node is full and somebody comes who needs a link more.

A node that refuses newcomers leaves those alone who know nobody else; so it lets go of the inbound
peer that can spare the link most easily. Enters: the links there are, who comes, the moment.
Leaves: links to end. Never: of a peer that was first with anything in the last hour, one its owner
keeps, a guest, a reader of a box; for two newcomers of one address group in one minute.
Source: docs/protocol/06-gossip.md, "Making room".
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping

from protocol import limits
from protocol.errors import Reason
from protocol.ids import NodeId, PeerId
from protocol.network.actions import ClosePeer
from protocol.network.chance import Chance
from protocol.network.link import Link
from protocol.now import Now


class Room:
    """Decides for one node."""

    def __init__(
        self,
        links: Mapping[PeerId, Link],
        *,
        chance: Chance,
        inbound_max: int,
        firsts: Callable[[PeerId], int],
        is_kept: Callable[[PeerId], bool],
    ) -> None:
        """Start with room for all.

        Args:
            links: those there are, kept up to date by their owner.
            chance: chooses between equals.
            inbound_max: inbound links before one makes room for another.
            firsts: counts the objects a peer was the first to supply.
            is_kept: tells of a peer whose link comes on top of all others.
        """
        self._links = links
        self._chance = chance
        self._inbound_max = inbound_max
        self._firsts = firsts
        self._is_kept = is_kept
        self._going: dict[PeerId, None] = {}
        self._made_ms: OrderedDict[str, int] = OrderedDict()
        self.is_spared: Callable[[NodeId], bool] = lambda _key: False
        """Tells of a peer that is never let go for another."""

    def count(self) -> int:
        """Count the inbound links, those aside that are about to end and those that are kept."""
        return sum(1 for peer, link in self._links.items() if self._takes_room(peer, link))

    def _takes_room(self, peer: PeerId, link: Link) -> bool:
        return not (link.outbound or peer in self._going or self._is_kept(peer))

    def lost(self, peer: PeerId) -> None:
        """A link has ended."""
        self._going.pop(peer, None)

    # --- who goes -----------------------------------------------------------------------------

    def receive(self, peer: PeerId, told: int, group: str, now: Now) -> list[ClosePeer]:
        """See whom a newcomer displaces: nobody, the one with most links to spare, or itself.

        Where nobody has to go it may stay as a visitor, while there is room for those: so whoever
        reads a box here finds a place at a full relay too.

        Args:
            peer: who comes; not among the links yet.
            told: outbound links it has, as it says.
            group: its address group.
            now: the moment.
        """
        inbound = self.count()
        if inbound < self._inbound_max:
            return []
        goes = self._choose(told, group, now)
        if goes is not None:
            self._going[goes] = None
            return [_no_room(goes, "another needs the place more")]
        if inbound < self._inbound_max + limits.inbound_reserve:
            return []
        return [_no_room(peer, "this node has no room for another link")]

    def _choose(self, told: int, group: str, now: Now) -> PeerId | None:
        self._forget(now.mono_ms)
        if group in self._made_ms:
            return None
        spare = {
            peer: link.told
            for peer, link in self._links.items()
            if link.told >= told + limits.room_margin
            and self._takes_room(peer, link)
            and not self._is_protected(peer, link, now)
        }
        if not spare:
            return None
        self._made_ms[group] = now.mono_ms
        if len(self._made_ms) > limits.room_groups_max:
            self._made_ms.popitem(last=False)
        most = max(spare.values())
        (chosen,) = self._chance.sample([peer for peer in spare if spare[peer] == most], 1)
        return chosen

    def _forget(self, mono_ms: int) -> None:
        while self._made_ms:
            group, made_ms = next(iter(self._made_ms.items()))
            if mono_ms - made_ms < limits.room_pause_ms:
                break
            del self._made_ms[group]

    def _is_protected(self, peer: PeerId, link: Link, now: Now) -> bool:
        self._note_firsts(peer, link, now)
        is_first = link.first_ms is not None and (
            now.mono_ms - link.first_ms < limits.first_protects_ms
        )
        return is_first or self.is_spared(NodeId(peer))

    def _note_firsts(self, peer: PeerId, link: Link, now: Now) -> None:
        count = self._firsts(peer)
        if count > link.firsts:
            link.firsts, link.first_ms = count, now.mono_ms

    # --- from time to time --------------------------------------------------------------------

    def sweep(self, now: Now) -> list[ClosePeer]:
        """Note who was first, and let go of the newest visitors that came for nothing."""
        for peer, link in self._links.items():
            self._note_firsts(peer, link, now)
        over = self.count() - self._inbound_max
        ended: list[ClosePeer] = []
        for peer, link in reversed(list(self._links.items())):
            if len(ended) >= over:
                break
            is_over = now.mono_ms - link.since_ms >= limits.visit_ms
            takes = self._takes_room(peer, link)
            if takes and is_over and not self._is_protected(peer, link, now):
                self._going[peer] = None
                why = "this node is full, and keeps places for those who come for letters"
                ended.append(_no_room(peer, why))
        return ended


def _no_room(peer: PeerId, detail: str) -> ClosePeer:
    return ClosePeer(peer=peer, reason=Reason.QUOTA, detail=detail)
