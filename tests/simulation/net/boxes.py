"""Boxes of simulated authors: which mailboxes and carriers they choose, and what spies see of it.

Before a cast sets out its author opens a box at each of its mailboxes, through a tunnel that a peer
carries. Both are chosen by the product's own code: mailboxes by `node.market.lots`, carriers by
`node.network.detours`. Spies are mailboxes and carriers like all relays, and tell each other what
they saw. Enters: authors about to publish, what spies heard of casts. Leaves: the reply a cast
names, and how many authors are known. Never here: what a cast's way through the network betrays,
which `checkers` counts.
Source: docs/protocol/17-tunnel.md, docs/concepts/privacy.md.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from random import Random
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

from node.entropy import SeededEntropy
from node.market.lots import draw, groups_of
from node.network.detours import Detour, Detours
from protocol.ids import NodeId, PeerId, blake2b_256
from protocol.network.stem import Private
from protocol.now import DAY_MS
from protocol.objects.reply import Reply
from tests.simulation.net.nodes import Node

if TYPE_CHECKING:
    from tests.simulation.net.scenario import Run

WINDOW_US: Final = 3_000_000
"""A cast that names a mailbox is looked for so long after somebody asked for a way there."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a spy that carries saw: somebody asked for a way to a mailbox."""

    at_us: int
    author: int
    mailbox: NodeId


@dataclass(kw_only=True)
class Opened:
    """One author's way to one mailbox."""

    author: int
    mailbox: NodeId
    carriers: list[Node] = field(default_factory=list)
    """The first is a peer of the author; none where it came as itself."""


class Boxes:
    """All boxes of one run."""

    def __init__(self, run: Run) -> None:
        """Start with none: every relay is a mailbox, and known to everybody."""
        self._run = run
        self._chance = Random(f"{run.scenario.seed}/boxes")
        self._detours: dict[int, Detours] = {}
        self._taken: dict[int, set[frozenset[NodeId]]] = {}
        self.asked: list[Asked] = []
        self.known: dict[frozenset[NodeId], set[int]] = {}
        """Authors that a spy carried to a spy, by the mailboxes of the cast."""
        self.direct = 0
        """Ways without a carrier."""

    def open(self, node: Node, wall_ms: int) -> Reply:
        """Open the boxes of one cast; give the reply it names."""
        run = self._run
        relays = [each for each in run.world.nodes if each.is_relay and each is not node]
        groups = groups_of([each.record for each in relays], run.world.net)
        drawn = [NodeId(each.key) for each in relays]
        self._chance.shuffle(drawn)
        order = sorted(set(groups.values()))
        self._chance.shuffle(order)
        taken = self._taken.setdefault(node.number, set())
        chosen = draw(drawn, groups, taken, order)
        taken.add(frozenset(chosen))
        ctx = self._chance.randbytes(16)
        for mailbox in chosen:
            self._see(self._way(node, mailbox, ctx), chosen)
        reader = blake2b_256(b"reader", ctx)
        return Reply(
            box=blake2b_256(b"box", ctx),
            reader=reader,
            at=list(chosen),
            until=wall_ms + 30 * DAY_MS,
        )

    def _way(self, node: Node, mailbox: NodeId, ctx: bytes) -> Opened:
        """Choose who carries, as the product does."""
        opened = Opened(author=node.number, mailbox=mailbox)
        detours = self._detours.get(node.number) or self._detours_of(node)
        choice = detours._choose(mailbox, ctx)
        if not choice:
            self.direct += 1
            return opened
        carrier = choice[0].peer_id
        link: Any = SimpleNamespace(is_open=True, peer_id=carrier)
        detours._detours[mailbox, ctx] = Detour(link, carrier, 0)
        world = self._run.world
        opened.carriers.append(world.by_key[PeerId(carrier)])
        if detours.private is Private.CAREFUL:
            ends = {PeerId(carrier), PeerId(mailbox)}
            others = [each for each in world.nodes if each.is_relay and each.key not in ends]
            opened.carriers.append(others[self._chance.randrange(len(others))])
        return opened

    def _detours_of(self, node: Node) -> Detours:
        """Give the product's choice over the links a node has in the simulated network."""
        world = self._run.world

        def link_to(peer: NodeId) -> Any:
            is_there = PeerId(peer) in node.wires
            return SimpleNamespace(peer_id=peer, is_open=True) if is_there else None

        endpoint: Any = SimpleNamespace(
            node_id=NodeId(node.key),
            clock=SimpleNamespace(now=lambda: world.now_of(node)),
            spawn=None,
            entropy=SeededEntropy(f"{world.seed}/{node.number}", net=world.net),
            static_secret=blake2b_256(b"static", node.key),
        )
        links: Any = SimpleNamespace(get=link_to)
        made = Detours(endpoint, node.engine, links, connect=_nobody, on_post=_nothing)
        self._detours[node.number] = made
        return made

    # --- what spies make of it ------------------------------------------------------------------

    def _see(self, opened: Opened, mailboxes: list[NodeId]) -> None:
        """Note what those spies see that are on this way."""
        if not all(_is_spy(each) for each in opened.carriers[:1]):
            return
        if _is_spy(self._run.world.by_key[PeerId(opened.mailbox)]):
            # What goes in at the first comes out at the box at once, whoever is between.
            self.known.setdefault(frozenset(mailboxes), set()).add(opened.author)
        elif opened.carriers and _is_spy(opened.carriers[-1]):
            at_us = self._run.world.at_us
            self.asked.append(Asked(at_us=at_us, author=opened.author, mailbox=opened.mailbox))

    def judge(self) -> dict[str, float]:
        """Let the spies name the author of every cast they heard of.

        Returns:
            Parts of the casts whose author is named rightly: `origin_joined` by whoever told them
            first, and where a carrier and a mailbox are theirs by those; `origin_moment` also by
            comparing whom a single carrier was asked for with what appears soon after.
        """
        tally = self._run.tally
        heard = {
            name: (tally.by_name[name], us) for name, us in tally.told_us.items()
            if name in tally.by_name
        }  # fmt: skip
        suspects = {name: self._suspects(story, us) for name, (story, us) in heard.items()}
        joined = moment = 0
        for name, (story, _) in heard.items():
            first = self._run.world.by_key[tally.told_spies[name]].number
            certain = self.known.get(frozenset(story.verified.body.reply.at))
            joined += story.author == (min(certain) if certain else first)
            guess = min(certain) if certain else self._best(suspects[name], heard, first)
            moment += story.author == guess
        count = max(1, len(heard))
        return {
            "origin_joined": joined / count,
            "origin_moment": moment / count,
            "boxes_direct": self.direct,
        }

    def _suspects(self, story: Any, us: int) -> list[Asked]:
        at = story.verified.body.reply.at
        return [a for a in self.asked if a.mailbox in at and 0 <= us - a.at_us <= WINDOW_US]

    def _best(self, suspects: list[Asked], heard: dict[bytes, Any], first: int) -> int:
        """Name who asked for the most of a cast's mailboxes that few others were named at."""
        weights: Counter[int] = Counter()
        for asked in suspects:
            rivals = [
                1
                for story, us in heard.values()
                if asked.mailbox in story.verified.body.reply.at
                and 0 <= us - asked.at_us <= WINDOW_US
            ]
            weights[asked.author] += 1_000 // len(rivals)
        return weights.most_common(1)[0][0] if weights else first


def _is_spy(node: Node) -> bool:
    return node.role == "spy"


async def _nobody(_key: NodeId) -> Any:
    raise NotImplementedError("boxes are opened on paper only")


def _nothing(_link: Any, _message: Any) -> None:
    """Nothing is asked."""
