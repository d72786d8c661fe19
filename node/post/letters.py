"""What the market hands to the post, and what the post hands to the market."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from protocol.ids import LetterHash, NodeId, ObjectId
from protocol.objects.reply import Reply
from protocol.post.letters import Opened


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingLetter:
    """A signed object on its way to one party."""

    ctx: bytes
    """Our identity in this thread: its box gets the receipt."""
    envelope_id: ObjectId
    """Id of the object; one letter is ever on its way for each."""
    envelope: bytes = field(repr=False)
    """The object's envelope bytes."""
    opened: Opened | None = field(default=None, repr=False)
    """Values disclosed beside it."""
    to_key: bytes
    """Ed25519 key the object names in `to`: the only one whose receipt ends the sending."""
    reply: Reply
    """The recipient's newest way back."""
    priority: int
    """Higher goes first: `node.storage.outbox.Priority`."""
    expires_at: int
    """Unix ms; the sending ends then, receipt or not."""
    thread: bytes | None
    """Id of the root cast."""
    kind: str
    """For people who look into the outbox."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A letter that opened with one of our boxes; its envelope is not yet believed."""

    hash: LetterHash
    """BLAKE2b-256 of its sealed bytes."""
    envelope: bytes = field(repr=False)
    """Envelope bytes."""
    opened: Opened | None = field(repr=False)
    """Values disclosed beside it."""
    mailbox: NodeId
    """Where this copy was read."""
    reader: bytes
    """The box it came to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """The object is committed; its author gets a receipt."""

    signer_seed: bytes = field(repr=False)
    """Ed25519 seed of the key named in the object's `to`."""
    author_box: bytes
    """X25519 key of the author's newest `reply`."""
    envelope_id: ObjectId
    """The object."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known(Recorded):
    """It was committed before; its author gets a receipt again, since the first may be lost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parked:
    """What it follows is missing: look again later; without a receipt its sender keeps it."""

    is_ours: bool = False
    """Whether we wrote it ourselves, for another copy of this home: nothing waits for it here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Discard:
    """Not for us, or not a letter: the mailbox drops it and nobody gets a receipt."""

    reason: str
    """For the log."""


LetterOutcome: TypeAlias = Recorded | Known | Parked | Discard
