"""Minds that are not what they seem, by name, and who is chosen to have one.

Each wears the product's engine, so that it is a good neighbour wherever its role does not say
otherwise: one that hides nothing is found out at once. Enters: the run, the node, the role's
settings. Leaves: a mind. Never here: whether the network bears it, which the checkers say.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING, Any

from protocol.channel.messages import Ids, Level, Message, Missing, Objects, Stem, Want
from protocol.channel.priority import priority_of
from protocol.encoding import decode, encode
from protocol.ids import PeerId, blake2b_256
from protocol.network.actions import SendMessage, ServeObjects
from protocol.network.events import MessageReceived, PeerJoined, PublishObject
from protocol.network.flow import Flow
from protocol.network.live import prefix_of
from protocol.now import Now
from protocol.objects import envelope
from tests.simulation.net.nodes import Node

if TYPE_CHECKING:
    from tests.simulation.net.scenario import Run

_PAYLOAD = (Objects, Stem)
_NEWS = (Objects, Ids, Stem)
_PER_MESSAGE = 1_024


def say(peer: PeerId, message: Message) -> SendMessage:
    """Send something, whatever the engine thinks of it."""
    return SendMessage(peer=peer, message=message, priority=priority_of(message))


def serves(action: Any) -> bool:
    """Tell whether an action hands out objects from the disk."""
    return isinstance(action, ServeObjects)


def name_of(raw: bytes) -> bytes:
    """Give the name peers know an envelope by."""
    return prefix_of(envelope.read_candidate(raw, peer=None, bytes_max=1 << 20).id)


class Mask:
    """An engine, and somebody between it and the world."""

    def __init__(self, run: Run, node: Node) -> None:
        """Put the mask on."""
        self.run = run
        self.node = node
        self.engine = node.mind
        self.chance = Random(f"{run.scenario.seed}/mask/{node.number}")

    def handle(self, event: Any, now: Now) -> list[Any]:
        """Let the engine see what happens, and the world what the mask lets through."""
        actions = [*self.before(event, now)]
        actions += [action for action in self.engine.handle(event, now) if self.lets(action)]
        return [*actions, *self.after(event, now)]

    def lets(self, action: Any) -> bool:
        """Tell whether an action of the engine is performed."""
        return True

    def before(self, event: Any, now: Now) -> list[Any]:
        """Act before the engine."""
        return []

    def after(self, event: Any, now: Now) -> list[Any]:
        """Act after it."""
        return []

    def peers(self) -> list[PeerId]:
        """List who is linked."""
        return list(self.node.wires)

    def every(self, seconds: float, act: Callable[[], list[Any]]) -> None:
        """Do something again and again, beginning now."""
        self._again(int(seconds * 1e6), act)

    def _again(self, pause_us: int, act: Callable[[], list[Any]]) -> None:
        world = self.run.world
        if self.node.is_up:
            world.act(self.node, act())
        world.later(world.at_us + pause_us, lambda: self._again(pause_us, act))

    def at(self, seconds: float, act: Callable[[], None]) -> None:
        """Do something once, at a moment of the run."""
        self.run.world.later(int(seconds * 1e6), act)


class Mute(Mask):
    """Takes everything and passes nothing on; asks everybody to push."""

    def lets(self, action: Any) -> bool:
        """Keep every object and every name back, also what is asked for."""
        is_news = isinstance(action, SendMessage) and isinstance(action.message, _NEWS)
        return not (is_news or serves(action))

    def after(self, event: Any, now: Now) -> list[Any]:
        """Ask each new peer for everything."""
        if isinstance(event, PeerJoined):
            return [say(event.peer, Level(level=int(Flow.PUSH)))]
        return []


class Teaser(Mask):
    """Names every object the moment it hears of it, and never serves one."""

    def __init__(self, run: Run, node: Node) -> None:
        """Put the mask on."""
        super().__init__(run, node)
        self._named: dict[bytes, None] = {}
        self._quiet: dict[PeerId, None] = {}

    def lets(self, action: Any) -> bool:
        """Keep every object back, and the admission that there is none."""
        kept = (*_NEWS, Missing)
        is_kept = isinstance(action, SendMessage) and isinstance(action.message, kept)
        return not (is_kept or serves(action))

    def before(self, event: Any, now: Now) -> list[Any]:
        """Pass on names only, to whoever takes them."""
        if isinstance(event, PeerJoined):
            return [say(event.peer, Level(level=int(Flow.PUSH)))]
        if not isinstance(event, MessageReceived):
            return []
        names: list[bytes] = []
        match event.message:
            case Level(level=level):
                (self._quiet.pop if level else self._quiet.setdefault)(event.peer, None)
            case Objects(raws=raws):
                names = [name_of(raw) for raw in raws]
            case Ids(ids=ids):
                names = list(ids)
            case _:
                pass
        news = [name for name in names if name not in self._named]
        self._named.update(dict.fromkeys(news))
        if not news:
            return []
        told = [peer for peer in self.peers() if peer != event.peer and peer not in self._quiet]
        return [say(peer, Ids(ids=news[:_PER_MESSAGE])) for peer in told]


class Covert(Mute):
    """Is honest until a moment, then passes nothing on."""

    def __init__(self, run: Run, node: Node, *, at_s: float) -> None:
        """Put the mask on."""
        super().__init__(run, node)
        self._at_us = int(at_s * 1e6)

    def lets(self, action: Any) -> bool:
        """Keep things back once its time has come."""
        return self.run.world.at_us < self._at_us or super().lets(action)

    def after(self, event: Any, now: Now) -> list[Any]:
        """Ask for nothing beyond what an engine asks for."""
        return []


class Liar(Mute):
    """Says it carries everything, takes every dialler in, and passes nothing on.

    Its record is always the newest, and it says that it needs links more than anybody.
    """

    def __init__(self, run: Run, node: Node) -> None:
        """Put the mask on."""
        super().__init__(run, node)
        node.claims_outbound = 0
        node.inbound_max = len(run.world.nodes)
        run.settlement.sign(node, age_ms=0)


class Censor(Mask):
    """Passes on everything but what one node publishes."""

    def __init__(self, run: Run, node: Node, *, victim: int) -> None:
        """Put the mask on.

        Args:
            run: the run.
            node: who wears it.
            victim: number of the node whose objects are kept back.
        """
        super().__init__(run, node)
        self._victim = victim

    def lets(self, action: Any) -> bool:
        """Keep back what is the victim's."""
        if serves(action):
            return not any(self._is_victims(prefix_of(each)) for each in action.ids)
        if not isinstance(action, SendMessage):
            return True
        match action.message:
            case Objects(raws=raws) | Stem(raws=raws):
                return not any(self._is_victims(name_of(raw)) for raw in raws)
            case Ids(ids=ids):
                return not any(self._is_victims(name) for name in ids)
            case _:
                return True

    def _is_victims(self, name: bytes) -> bool:
        story = self.run.tally.by_name.get(name)
        return story is not None and story.author == self._victim


class Spammer(Mask):
    """Publishes faultless objects of its own as fast as it is told to."""

    def __init__(
        self,
        run: Run,
        node: Node,
        *,
        per_second: float,
        from_s: float = 5,
        to_s: float = 1e9,
        one_key: bool = False,
    ) -> None:
        """Put the mask on.

        Args:
            run: the run.
            node: who wears it.
            per_second: objects.
            from_s: when it begins.
            to_s: when it ends.
            one_key: whether it signs them all with one key.
        """
        super().__init__(run, node)
        self._to_us = int(to_s * 1e6)
        self._seed = blake2b_256(b"spammer", node.key) if one_key else None
        self.at(from_s, lambda: self.every(1 / per_second, self._spam))

    def _spam(self) -> list[Any]:
        world = self.run.world
        if world.at_us > self._to_us:
            return []
        wall_ms = world.now_of(self.node).wall_ms
        size = self.run.scenario.drive.bytes
        verified = self.run.author.cast(wall_ms, size=size, seed=self._seed)
        self.run.tally.spam(verified)
        world.shelf[verified.id] = verified.raw
        self.engine.handle(PublishObject(verified=verified), world.now_of(self.node))
        return [say(peer, Objects(raws=[verified.raw])) for peer in self.peers()]


class Forger(Mask):
    """Sends a copy with a broken signature ahead of every object it passes on."""

    def lets(self, action: Any) -> bool:
        """Hold objects back; they follow their copies."""
        return not (isinstance(action, SendMessage) and isinstance(action.message, Objects))

    def before(self, event: Any, now: Now) -> list[Any]:
        """Put a forged copy before each object."""
        if not isinstance(event, MessageReceived) or not isinstance(event.message, _PAYLOAD):
            return []
        raws = [raw for raw in event.message.raws if raw in self.run.tally.by_raw]
        forged = [self._forged(raw) for raw in raws]
        if not forged:
            return []
        return [say(peer, Objects(raws=forged)) for peer in self.peers() if peer != event.peer]

    def _forged(self, raw: bytes) -> bytes:
        signed, signature, nonce = decode(raw, bytes_max=1 << 20)
        broken = bytes([signature[0] ^ 1 + self.chance.randrange(255)]) + signature[1:]
        return encode([signed, broken, nonce])


class IdFlood(Mask):
    """Names objects that are not there, without end."""

    def __init__(
        self, run: Run, node: Node, *, per_second: int, from_s: float = 5, to_s: float = 1e9
    ) -> None:
        """Put the mask on.

        Args:
            run: the run.
            node: who wears it.
            per_second: names told to each peer, rounded up to whole messages.
            from_s: when it begins.
            to_s: when it ends.
        """
        super().__init__(run, node)
        self._per_second = per_second
        self._to_us = int(to_s * 1e6)
        self.at(from_s, lambda: self.every(1, self._flood))

    def _flood(self) -> list[Any]:
        if self.run.world.at_us > self._to_us:
            return []
        count = min(self._per_second, _PER_MESSAGE)
        actions: list[Any] = []
        for peer in self.peers():
            for _ in range(max(1, self._per_second // _PER_MESSAGE)):
                names = [self.chance.randbytes(16) for _ in range(count)]
                actions.append(say(peer, Ids(ids=names)))
        return actions


class WantFlood(Mask):
    """Asks for every object again and again."""

    def __init__(self, run: Run, node: Node, *, times: int) -> None:
        """Put the mask on.

        Args:
            run: the run.
            node: who wears it.
            times: how often each object is asked for, of every peer.
        """
        super().__init__(run, node)
        self._times = times
        self._asked: dict[bytes, None] = {}
        self._served: Counter[tuple[PeerId, bytes]] = Counter()

    def before(self, event: Any, now: Now) -> list[Any]:
        """Count how often each peer sends each object."""
        if isinstance(event, MessageReceived) and isinstance(event.message, Objects):
            notes = self.run.notes
            for raw in event.message.raws:
                self._served[event.peer, raw] += 1
                most = max(notes.get("served_most", 0), self._served[event.peer, raw])
                notes["served_most"] = most
        return []

    def after(self, event: Any, now: Now) -> list[Any]:
        """Ask for what has just come, when it comes first."""
        if not isinstance(event, MessageReceived) or not isinstance(event.message, Objects):
            return []
        names = [name_of(raw) for raw in event.message.raws]
        names = [name for name in names if name not in self._asked]
        self._asked.update(dict.fromkeys(names))
        if not names:
            return []
        return [say(peer, Want(ids=names)) for peer in self.peers() for _ in range(self._times)]


class Replayer(Mask):
    """Keeps every object it sees, and sends them all again from time to time, dead or alive."""

    def __init__(self, run: Run, node: Node, *, every_s: float) -> None:
        """Put the mask on.

        Args:
            run: the run.
            node: who wears it.
            every_s: seconds between two times.
        """
        super().__init__(run, node)
        self._raws: dict[bytes, None] = {}
        self.at(every_s, lambda: self.every(every_s, self._replay))

    def before(self, event: Any, now: Now) -> list[Any]:
        """Keep what comes."""
        if isinstance(event, MessageReceived) and isinstance(event.message, _PAYLOAD):
            self._raws.update(dict.fromkeys(event.message.raws))
        return []

    def _replay(self) -> list[Any]:
        raws = list(self._raws)
        return [
            say(peer, Objects(raws=raws[start : start + 32]))
            for peer in self.peers()
            for start in range(0, len(raws), 32)
        ]


class Fidget(Mask):
    """Changes its mind about every link ten times a second."""

    def __init__(self, run: Run, node: Node, *, from_s: float = 5) -> None:
        """Put the mask on."""
        super().__init__(run, node)
        self._turn = 0
        self.at(from_s, lambda: self.every(0.1, self._change))

    def _change(self) -> list[Any]:
        self._turn += 1
        return [say(peer, Level(level=self._turn % 3)) for peer in self.peers()]


class Spy(Mask):
    """Is a good neighbour that writes down who told it of each object first."""

    def before(self, event: Any, now: Now) -> list[Any]:
        """Take down who spoke."""
        if isinstance(event, MessageReceived):
            match event.message:
                case Objects(raws=raws) | Stem(raws=raws):
                    names = [name_of(raw) for raw in raws]
                case Ids(ids=ids):
                    names = ids
                case _:
                    names = []
            for name in names:
                self.run.tally.told_spies.setdefault(name, event.peer)
                self.run.tally.told_us.setdefault(name, self.run.world.at_us)
        return []


ROLES: dict[str, Callable[..., Any]] = {
    "mute": Mute,
    "teaser": Teaser,
    "covert": Covert,
    "liar": Liar,
    "censor": Censor,
    "spammer": Spammer,
    "forger": Forger,
    "id flood": IdFlood,
    "want flood": WantFlood,
    "fidget": Fidget,
    "replayer": Replayer,
    "spy": Spy,
}
"""By the name a scenario gives."""


def drawn(nodes: list[Node], among: str, part: float, chance: Random) -> list[Node]:
    """Choose who takes a role."""
    kinds = {"all": (True, False), "relays": (True,), "leaves": (False,), "only relays": (True,)}
    pool = [node for node in nodes if node.is_honest and node.is_relay in kinds[among]]
    whole = len(nodes) if among == "only relays" else len(pool)
    return chance.sample(pool, min(len(pool), round(part * whole)))
