"""The comparison of what two nodes hold: whom to compare with, and when.

A stage of gossip beside the exchange of names. Enters: peers that come and go, their questions and
answers, the time. Leaves: questions and answers; what a peer holds and we do not is wanted. Never
here: bytes of objects; what a want brings goes the whole way in (`intake`).
Source: docs/protocol/06-gossip.md, "Catching up".
"""

from __future__ import annotations

from typing import assert_never

from protocol import limits
from protocol.channel.messages import IdsAnswer
from protocol.channel.priority import Priority
from protocol.network.actions import GossipAction, SendMessage, SetTimer, Timer
from protocol.network.carried import Carried
from protocol.network.catch_up import CatchUp
from protocol.network.chance import Chance
from protocol.network.events import PageAsked, PageReceived, PageRefused, PeerJoined, PeerLost
from protocol.now import Now


class Comparison:
    """What one node says and asks about everything it holds."""

    def __init__(self, carried: Carried, *, chance: Chance) -> None:
        """Begin with no question open.

        Args:
            carried: the tables.
            chance: which peer to compare ids with.
        """
        self._carried = carried
        self._chance = chance
        self._catch_up = CatchUp()

    def handle(self, event: PageAsked | PageReceived | PageRefused, now: Now) -> list[GossipAction]:
        """Answer a question, or take an answer."""
        match event:
            case PageAsked(peer=peer, query=query):
                after = (query.after_at, query.after_id or b"")
                page = self._carried.live.page(after, query.limit, now.wall_ms)
                answer = IdsAnswer(
                    request=query.request, ids=page.ids, last_at=page.last_at, more=page.more
                )
                return [SendMessage(peer=peer, message=answer, priority=Priority.PULL)]
            case PageReceived(peer=peer, answer=answer):
                if self._catch_up.take(peer, answer):
                    self._carried.note_names(answer.ids, peer)
                return self._questions()
            case PageRefused(peer=peer, request=request):
                self._catch_up.refused(peer, request)
                return []
            case _:
                assert_never(event)

    def _questions(self) -> list[GossipAction]:
        """Ask on where peers have served most of what was missing before."""
        return [
            SendMessage(peer=peer, message=query, priority=Priority.CONTROL)
            for peer, query in self._catch_up.queries(self._carried.wanted.waiting_at)
        ]

    def joined(self, event: PeerJoined) -> list[GossipAction]:
        """Compare with a peer that has come."""
        self._catch_up.begin(event.peer)
        return self._questions()

    def anew(self) -> list[GossipAction]:
        """Compare with every peer: this node wants something else than before."""
        for peer in self._carried.peers:
            self._catch_up.begin(peer)
        return self._questions()

    def lost(self, event: PeerLost) -> None:
        """Forget what was open with a peer."""
        self._catch_up.lose(event.peer)

    def started(self) -> list[GossipAction]:
        """Wind the clock."""
        return [SetTimer(timer=Timer.CATCH_UP, delay_ms=self._chance.around(limits.catch_up_ms))]

    def timed(self, timer: Timer) -> list[GossipAction]:
        """Ask on with every heartbeat, and compare with somebody from time to time."""
        if timer is Timer.HEARTBEAT:
            return self._questions()
        if timer is not Timer.CATCH_UP:
            return []
        for peer in self._chance.sample(list(self._carried.peers), 1):
            self._catch_up.begin(peer)
        return [*self._questions(), *self.started()]
