"""More minds that are not what they seem: liars about sets and nodes, jailers, people of two faces.

As `roles`, whose masks they wear. Enters: the run, the node, the role's settings. Leaves: a mind.
Never here: whether the network bears it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from protocol import limits
from protocol.channel.messages import (
    Ids,
    Objects,
    RangesAnswer,
    RangesQuery,
    RecordsAnswer,
    RecordsQuery,
    Stem,
)
from protocol.ids import NodeId, PeerId
from protocol.network.actions import SendMessage
from protocol.network.addresses import Role, sign_record
from protocol.network.events import MessageReceived
from protocol.network.live import prefix_of
from protocol.network.order import END, FINGERPRINT_BYTES, SALT_BYTES
from protocol.network.ranges import Fingerprint, Later, Names, RangesWriter, Skip, decode_ranges
from tests.simulation.net.nodes import Node
from tests.simulation.net.roles import Censor, Mask, name_of, say, serves
from tests.simulation.net.world import WALL_MS

if TYPE_CHECKING:
    from protocol.now import Now
    from tests.simulation.net.scenario import Run

_NAME_BYTES = 16


class RangeAbuser(Mask):
    """Lies in every comparison, one way for each node, and asks without end itself.

    One in five says that everything differs, whatever it is asked; one that nothing does; one puts
    everything off for ever; one names a million objects, a message full at a time; one names what
    is nearly an object that there is.
    """

    def __init__(
        self, run: Run, node: Node, *, asks_per_s: float, ranges: int, from_s: float, to_s: float
    ) -> None:
        """Put the mask on.

        Args:
            run: the run.
            node: who wears it.
            asks_per_s: questions to each peer.
            ranges: in each question, none of which is equal.
            from_s: when it begins to ask.
            to_s: when it ends to ask.
        """
        super().__init__(run, node)
        self._ranges = ranges
        self._to_us = int(to_s * 1e6)
        lies = (self._differ, self._agree, self._put_off, self._claim, self._collide)
        self._lie = lies[node.number % len(lies)]
        self.at(from_s, lambda: self.every(1 / asks_per_s, self._ask))

    def lets(self, action: Any) -> bool:
        """Keep honest answers back."""
        is_answer = isinstance(action, SendMessage) and isinstance(action.message, RangesAnswer)
        return not is_answer

    def before(self, event: Any, now: Now) -> list[Any]:
        """Answer with a lie."""
        if not isinstance(event, MessageReceived) or not isinstance(event.message, RangesQuery):
            return []
        writer = RangesWriter()
        self._lie(event.message.ranges, writer)
        answer = RangesAnswer(request=event.message.request, ranges=writer.raw)
        return [say(event.peer, answer)]

    def _differ(self, asked: bytes, writer: RangesWriter) -> None:
        """Say that every range differs, however small it is cut."""
        for each in decode_ranges(asked):
            match each:
                case Fingerprint(upper=upper):
                    writer.fingerprint(upper, self.chance.randbytes(FINGERPRINT_BYTES))
                case Names(upper=upper):
                    writer.names(upper, [self.chance.randbytes(_NAME_BYTES)])
                case Skip(upper=upper):
                    writer.skip(upper)
                case Later():
                    pass

    def _agree(self, asked: bytes, writer: RangesWriter) -> None:
        """Say that all is equal: what the peer lacks, it does not learn of here."""

    def _put_off(self, asked: bytes, writer: RangesWriter) -> None:
        """Have it asked again, and again."""
        writer.later()

    def _claim(self, asked: bytes, writer: RangesWriter) -> None:
        """Name as many as there is room for, and put the rest off."""
        for each in decode_ranges(asked):
            if isinstance(each, Fingerprint | Names):
                room = max(0, writer.names_room(each.upper) - 1)
                writer.names(each.upper, [self.chance.randbytes(_NAME_BYTES) for _ in range(room)])
                break
        writer.later()

    def _collide(self, asked: bytes, writer: RangesWriter) -> None:
        """Name what begins as real objects do, eight bytes long."""
        real = sorted(self.run.tally.by_name)[:64]
        for each in decode_ranges(asked):
            if isinstance(each, Fingerprint | Names) and real:
                names = {name[:8] + self.chance.randbytes(8) for name in real}
                writer.names(each.upper, sorted(names))
                return

    def _ask(self) -> list[Any]:
        if self.run.world.at_us > self._to_us:
            return []
        writer = RangesWriter()
        for number in range(self._ranges - 1):
            upper = (WALL_MS + 1_000 * number, b"")
            writer.fingerprint(upper, self.chance.randbytes(FINGERPRINT_BYTES))
        writer.fingerprint(END, self.chance.randbytes(FINGERPRINT_BYTES))
        salt = self.chance.randbytes(SALT_BYTES)
        query = RangesQuery(request=self.chance.randrange(1 << 30), salt=salt, ranges=writer.raw)
        return [say(peer, query) for peer in self.peers()]


class Jailer(Mask):
    """Passes on everything but what belongs to one category."""

    def __init__(self, run: Run, node: Node, *, category: str) -> None:
        """Put the mask on.

        Args:
            run: the run.
            node: who wears it.
            category: of the casts that are kept back.
        """
        super().__init__(run, node)
        self._category = category

    def lets(self, action: Any) -> bool:
        """Keep back what belongs to the category."""
        if serves(action):
            return not any(self._is_kept(prefix_of(each)) for each in action.ids)
        if not isinstance(action, SendMessage):
            return True
        match action.message:
            case Objects(raws=raws) | Stem(raws=raws):
                return not any(self._is_kept(name_of(raw)) for raw in raws)
            case Ids(ids=ids):
                return not any(self._is_kept(name) for name in ids)
            case RangesAnswer():
                return False
            case _:
                return True

    def _is_kept(self, name: bytes) -> bool:
        story = self.run.tally.by_name.get(name)
        return story is not None and bool(story.verified.body.category == self._category)


class TwoFaced(Censor):
    """Signs two forms of one request, gives each to half of its links, and serves neither."""

    def __init__(
        self, run: Run, node: Node, *, from_s: float, requests: int = 2, pause_s: float = 2
    ) -> None:
        """Put the mask on.

        Args:
            run: the run.
            node: who wears it.
            from_s: when it asks first.
            requests: how many, roots and amendments in turn.
            pause_s: between them.
        """
        super().__init__(run, node, victim=node.number)
        for number in range(requests):
            self.at(from_s + number * pause_s, partial(self._ask, amend=bool(number % 2)))

    def _ask(self, *, amend: bool) -> None:
        run, world = self.run, self.run.world
        wall_ms = world.now_of(self.node).wall_ms
        forms = run.author.forms(wall_ms, amend=amend, size=run.scenario.drive.bytes)
        for each in forms:
            world.shelf[each.id] = each.raw
            run.tally.publish(each, self.node, world.at_us, is_measured=True)
        run.observers.setdefault("forms", []).append([each.id for each in forms])
        *common, one, other = [each.raw for each in forms]
        actions = []
        for number, peer in enumerate(self.peers()):
            actions.append(say(peer, Objects(raws=[*common, other if number % 2 else one])))
        world.act(self.node, actions)


class RecordFlood(Mask):
    """Answers each question for addresses with made-up ones, and goes on to tell and to ask."""

    def __init__(
        self, run: Run, node: Node, *, per_second: float, from_s: float, to_s: float
    ) -> None:
        """Put the mask on.

        Args:
            run: the run.
            node: who wears it.
            per_second: messages of made-up records to each peer, beside its answers.
            from_s: when it begins.
            to_s: when it ends.
        """
        super().__init__(run, node)
        self._to_us = int(to_s * 1e6)
        self._asked: dict[PeerId, int] = {}
        self.at(from_s, lambda: self.every(1 / per_second, self._flood))

    def lets(self, action: Any) -> bool:
        """Keep honest answers back."""
        is_answer = isinstance(action, SendMessage) and isinstance(action.message, RecordsAnswer)
        return not is_answer

    def before(self, event: Any, now: Now) -> list[Any]:
        """Answer with a lie."""
        if isinstance(event, MessageReceived) and isinstance(event.message, RecordsQuery):
            self._asked[event.peer] = event.message.request
            return [self._tell(event.peer, self._made_up())]
        return []

    def _flood(self) -> list[Any]:
        if self.run.world.at_us > self._to_us:
            return []
        raws = self._made_up()
        told = [self._tell(peer, raws) for peer in self.peers()]
        query = RecordsQuery(request=1, count=limits.records_per_answer_max)
        return [*told, *(say(peer, query) for peer in self.peers())]

    def _tell(self, peer: PeerId, raws: list[bytes]) -> SendMessage:
        return say(peer, RecordsAnswer(request=self._asked.get(peer, 0), records=raws))

    def _made_up(self) -> list[bytes]:
        """Make relays that are nowhere, each in an address group of its own."""
        raws = []
        for _ in range(limits.records_per_answer_max):
            key = NodeId(self.chance.randbytes(32))
            group = self.chance.randrange(110, 120), self.chance.randrange(256)
            address = f"{group[0]}.{group[1]}.7.7:7440"
            record = sign_record(
                net=self.run.world.net, key=key, addresses=[address], roles=[Role.RELAY],
                seq=WALL_MS, at=WALL_MS, seed=key,
            )  # fmt: skip
            raws.append(record.raw)
        self.run.notes["made_up"] = self.run.notes.get("made_up", 0) + len(raws)
        return raws


ROLES: dict[str, Callable[..., Any]] = {
    "range abuser": RangeAbuser,
    "jailer": Jailer,
    "two faced": TwoFaced,
    "record flood": RecordFlood,
}
"""By the name a scenario gives."""
