"""What a run gave: who got which object when, and what it cost on the wire.

Enters: what a world's observers see. Leaves: deliveries, copies, bytes, and their percentiles.
Never here: whether that is good, which the checkers say.
"""

from __future__ import annotations

from array import array
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from protocol.channel.messages import Ids, Message, Objects, Want
from protocol.ids import ObjectId, PeerId
from protocol.network.live import prefix_of
from protocol.objects.envelope import Verified
from tests.simulation.net.nodes import Node
from tests.simulation.net.wires import FRAME_BYTES, Wire
from tests.simulation.net.world import Observer, World


@dataclass(slots=True, kw_only=True)
class Story:
    """What became of one object."""

    number: int
    """Its place in the order of publishing."""
    verified: Verified[Any]
    """It."""
    author: int
    """Number of the node it came from."""
    at_us: int
    """When its author let it go."""
    public_us: int = 0
    """When it was first sent to whoever wants it: its stem, if it had one, ended there."""
    is_measured: bool
    """Whether it counts; the first ones only warm the network."""
    nodes: array[int] = field(default_factory=lambda: array("I"))
    """Who got it, by number, in that order."""
    after_us: array[int] = field(default_factory=lambda: array("I"))
    """How long after its author let it go."""
    copies: int = 0
    """How often its bytes went over a wire."""
    copies_honest: int = 0
    """Those of them that went to honest nodes."""
    uploads: Counter[int] = field(default_factory=Counter)
    """How often each node sent it."""
    pushes: Counter[int] = field(default_factory=Counter)
    """How often each sent it to somebody who had not asked."""

    def after_public_us(self) -> list[int]:
        """Give how long after it became public each got it."""
        stem_us = max(0, self.public_us - self.at_us)
        return [max(0, value - stem_us) for value in self.after_us]


def percentile(values: list[int], part: float) -> int:
    """Give the value that so large a part does not exceed; 0 of none."""
    return values[min(len(values) - 1, int(part * len(values)))] if values else 0


class Tally(Observer):
    """Counts one run."""

    def __init__(self, world: World) -> None:
        """Start with nothing seen."""
        self.stories: dict[ObjectId, Story] = {}
        self.by_raw: dict[bytes, Story] = {}
        self.by_name: dict[bytes, Story] = {}
        """By the 16 bytes peers name an object by."""
        self.spam_ids: dict[ObjectId, None] = {}
        self.told_spies: dict[bytes, PeerId] = {}
        """Who told any spy first of an object, by name."""
        self.told_us: dict[bytes, int] = {}
        """When."""
        self.asked: set[tuple[bytes, int, int]] = set()
        """(name, who was asked, who asked) of every want."""
        self.bytes = 0
        self.frames = 0
        self.messages: Counter[type] = Counter()
        self.message_bytes: Counter[type] = Counter()
        self.ids = 0
        self.wants = 0
        self.payloads = 0
        self.new = 0
        self.parted: Counter[tuple[bool, bool, str]] = Counter()
        """Links that were ended: (an honest node ended it, with an honest one, why)."""
        self.world = world

    def begin(self) -> None:
        """Count bytes and messages from here on."""
        self.bytes = self.frames = self.ids = self.wants = self.payloads = self.new = 0
        self.messages.clear()
        self.message_bytes.clear()

    def publish(
        self, verified: Verified[Any], node: Node, at_us: int, *, is_measured: bool
    ) -> None:
        """Take down that an object sets out."""
        story = Story(
            number=len(self.stories), verified=verified, author=node.number, at_us=at_us,
            is_measured=is_measured,
        )  # fmt: skip
        self.stories[verified.id] = self.by_raw[verified.raw] = story
        self.by_name[prefix_of(verified.id)] = story

    def spam(self, verified: Verified[Any]) -> None:
        """Take down that an object nobody needs sets out."""
        self.spam_ids[verified.id] = None

    # --- what is seen -------------------------------------------------------------------------

    def on_sent(self, wire: Wire, message: Message, size: int) -> None:
        """Count a message."""
        kind = type(message)
        self.messages[kind] += 1
        self.message_bytes[kind] += size
        if isinstance(message, Objects):
            self.payloads += len(message.raws)
            for raw in message.raws:
                story = self.by_raw.get(raw)
                if story is not None:
                    if not story.copies:
                        story.public_us = self.world.at_us
                    story.copies += 1
                    story.copies_honest += wire.dst.is_honest
                    story.uploads[wire.src.number] += 1
                    case = prefix_of(story.verified.id), wire.src.number, wire.dst.number
                    story.pushes[wire.src.number] += case not in self.asked
        elif isinstance(message, Ids):
            self.ids += len(message.ids)
        elif isinstance(message, Want):
            self.wants += len(message.ids)
            ends = wire.dst.number, wire.src.number
            self.asked.update((name, *ends) for name in message.ids if name in self.by_name)

    def on_frame(self, wire: Wire, size: int) -> None:
        """Count a frame."""
        self.bytes += size
        self.frames += 1

    def on_new(self, node: Node, object_id: ObjectId, at_us: int) -> None:
        """Count a delivery."""
        story = self.stories.get(object_id)
        if story is not None and node.is_honest:
            story.nodes.append(node.number)
            story.after_us.append(at_us - story.at_us)
            self.new += 1

    def on_ended(self, node: Node, peer: PeerId, reason: str) -> None:
        """Count a link that a node ended."""
        self.parted[node.is_honest, self.world.by_key[peer].is_honest, reason] += 1

    @property
    def first_us(self) -> int:
        """When the first object that counts set out."""
        return min((story.at_us for story in self.measured), default=0)

    # --- what came of it ----------------------------------------------------------------------

    @property
    def measured(self) -> list[Story]:
        """The objects that count."""
        return [story for story in self.stories.values() if story.is_measured]

    def figures(self) -> dict[str, float]:
        """Sum up the measured objects, and the window that `begin` opened."""
        measured = self.measured
        whole = sorted(value for story in measured for value in story.after_us)
        after = sorted(value for story in measured for value in story.after_public_us())
        deliveries = max(1, len(after))
        relayed = sorted(count for story in measured for count in story.uploads.values())
        payload = sum(len(story.verified.raw) for story in measured) / max(1, len(measured))
        return {
            "objects": len(measured),
            "deliveries": len(after),
            "p50_ms": percentile(after, 0.5) / 1_000,
            "p99_ms": percentile(after, 0.99) / 1_000,
            "max_ms": (after[-1] if after else 0) / 1_000,
            "whole_p50_ms": percentile(whole, 0.5) / 1_000,
            "whole_p99_ms": percentile(whole, 0.99) / 1_000,
            "copies": sum(story.copies for story in measured) / deliveries,
            "copies_honest": sum(story.copies_honest for story in measured) / deliveries,
            "ids": self.ids / max(1, self.new),
            "wants": self.wants / max(1, self.new),
            "wire": self.bytes / (max(1, self.new) * payload) if payload else 0.0,
            "upload_p99": percentile(relayed, 0.99),
            "push_max": max((c for s in measured for c in s.pushes.values()), default=0),
            "upload_max": relayed[-1] if relayed else 0,
        }

    def kinds(self) -> list[tuple[str, int, int]]:
        """List (message, how many, bytes) of the window, the heaviest first, then frames."""
        rows = [
            (kind.__name__, count, self.message_bytes[kind])
            for kind, count in self.messages.items()
        ]
        rows.sort(key=lambda row: (-row[2], row[0]))
        return [*rows, ("frames", self.frames, self.frames * FRAME_BYTES)]
