"""A links machine on a test's desk, and everything it wanted done."""

from __future__ import annotations

from typing import Any

from protocol.channel.messages import RecordsAnswer, RecordsQuery
from protocol.ids import NodeId
from protocol.network.actions import SendMessage
from protocol.network.chance import Chance
from protocol.network.events import LinkEvent, RecordsAnswered, Started
from protocol.network.links import Links
from tests.parties import NET
from tests.unit.protocol.network.driver import NOW, of, peer, record_of


def key(name: str) -> NodeId:
    return NodeId(peer(name))


class Desk:
    """A links machine and everything it wanted done."""

    def __init__(self, outbound_max: int = 3, net: str = NET) -> None:
        self.links = Links(net=net, own=key("own"), chance=Chance(b"x"), outbound_max=outbound_max)
        self.now = NOW
        self.actions: list[Any] = []

    def feed(self, event: LinkEvent) -> list[Any]:
        done = list(self.links.handle(event, self.now))
        self.actions += done
        return done

    def answered(self, name: str, *raws: bytes) -> list[Any]:
        """Let a peer answer our newest question for records."""
        query = [a.message for a in of(SendMessage, self.actions) if a.peer == peer(name)][-1]
        assert isinstance(query, RecordsQuery)
        answer = RecordsAnswer(request=query.request, records=list(raws))
        return self.feed(RecordsAnswered(peer=peer(name), answer=answer))


def messages(actions: list[Any]) -> list[Any]:
    return [action.message for action in of(SendMessage, actions)]


def started(desk: Desk, *names: str, **facts: Any) -> list[Any]:
    """Let it begin with what it knows of these nodes."""
    raws = tuple(record_of(name).raw for name in names)
    return desk.feed(Started(entries=(), records=raws, **facts))
