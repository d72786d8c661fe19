"""The messages two nodes exchange: one frozen record per message, and their only reader and writer.

A message is a canonical msgpack array whose first item is its tag; every field has a closed range
and every list a cap. Enters: values of our own to write, or bytes from a peer. Leaves: the other
one. Signed things (node records, envelopes, letters, receipts) travel as opaque byte strings and
are opened on a higher floor. Never here: signatures, stores, or an answer to a message.

A question carries `request`, chosen by the asker; its answer, or `Refused`, carries the same.
Source: docs/protocol/04-frames.md.
"""

from __future__ import annotations

from typing import Annotated, Final, TypeAlias

import msgspec
from msgspec import Meta

from protocol import limits
from protocol.channel.fields import (
    PLAIN_TEXT,
    CategoryText,
    Cell,
    Detail,
    Envelope,
    Fields,
    IdPrefixes,
    Key,
    LevelNumber,
    Ms,
    Nonce,
    Ranges,
    Record,
    RequestId,
    Salt,
    Version,
)
from protocol.channel.post import (
    BoxChallenge,
    BoxNonce,
    BoxOpen,
    BoxOpened,
    BoxRead,
    Letters,
    Put,
    PutDone,
    Receipt,
    ReceiptAnswer,
    ReceiptQuery,
    ReceiptStored,
)
from protocol.channel.tunnel import TunnelData, TunnelEnd, TunnelOpen, TunnelOpened
from protocol.encoding import decode
from protocol.errors import LocalProtocolError, MessageError, ObjectError, Reason

# --- the link itself ---------------------------------------------------------------------------


class LinkLimits(Fields, frozen=True, kw_only=True):
    """What the sender of a `Hello` bears on this link."""

    frame_bytes: Annotated[int, Meta(ge=limits.frame_bytes_min, le=limits.frame_bytes_max)] = (
        limits.frame_bytes_max
    )
    """Largest ciphertext it reads, bytes."""


class Interest(Fields, frozen=True, kw_only=True):
    """Which casts a leaf wants of its relays: those that fit both lists."""

    categories: (
        Annotated[list[CategoryText], Meta(max_length=limits.interest_categories_max)] | None
    )
    """Category paths; each stands for all below it. None for any; empty for no cast at all."""
    cells: Annotated[list[Cell], Meta(max_length=limits.interest_cells_max)] | None
    """H3 cells that cover the places. None for any; empty for casts that may be met anywhere."""


class Hello(Fields, frozen=True, kw_only=True, tag=1):
    """The first message of each end, once per link."""

    versions: Annotated[list[Version], Meta(min_length=1, max_length=limits.versions_max)]
    """Protocol versions it speaks; both use the highest they share."""
    record: Record
    """Its signed node record; the key in it is this link's static key."""
    clock_ms: Ms
    """Its wall clock, Unix ms."""
    limits: LinkLimits = LinkLimits()
    """What it bears."""
    agent: Annotated[str, Meta(max_length=limits.agent_chars_max, pattern=PLAIN_TEXT)] = ""
    """Name and version of its software; shown, never believed."""
    outbound: Annotated[int, Meta(ge=0, le=limits.outbound_told_max)] = 0
    """Outbound links it has at the moment; a full relay lets go of who has most."""
    interest: Interest | None = None
    """What it wants pushed and announced; None for everything. A relay never narrows."""


class Bye(Fields, frozen=True, kw_only=True, tag=2):
    """The last message of a link, where there is time for one."""

    reason: Reason
    """Why it ends."""
    detail: Detail = ""
    """A sentence for the log of the other end."""


class Ping(Fields, frozen=True, kw_only=True, tag=3):
    """Are you there? Answered by `Pong` with the same number."""

    nonce: Nonce
    """Any number."""


class Pong(Fields, frozen=True, kw_only=True, tag=4):
    """Yes."""

    nonce: Nonce
    """The number of the `Ping`."""


class Refused(Fields, frozen=True, kw_only=True, tag=5):
    """The answer to any question that will not be served; on a good day no fault of anybody."""

    request: RequestId
    """The question's number."""
    reason: Reason
    """Why."""
    detail: Detail = ""
    """A sentence for the log of the asker."""


# --- public objects ----------------------------------------------------------------------------


class Objects(Fields, frozen=True, kw_only=True, tag=16):
    """Envelopes, pushed or asked for."""

    raws: Annotated[list[Envelope], Meta(min_length=1, max_length=limits.objects_per_message_max)]
    """Each as its author signed it."""


class Ids(Fields, frozen=True, kw_only=True, tag=17):
    """Announcement: the sender holds these and serves them."""

    ids: IdPrefixes
    """First 16 bytes of each object's id."""


class Want(Fields, frozen=True, kw_only=True, tag=18):
    """Asks for these objects; answered by `Objects` and `Missing`."""

    ids: IdPrefixes
    """First 16 bytes of each object's id."""


class Missing(Fields, frozen=True, kw_only=True, tag=19):
    """These were wanted and are not served any more."""

    ids: IdPrefixes
    """First 16 bytes of each object's id."""


class Level(Fields, frozen=True, kw_only=True, tag=23):
    """The receiver's choice for this link: how new objects are to come."""

    level: LevelNumber
    """0 quiet, 1 ids, 2 push."""


class LevelGiven(Fields, frozen=True, kw_only=True, tag=24):
    """The sender's word on it, where it gives less than was asked, or takes back what it gave."""

    level: LevelNumber
    """As in `Level`."""


class Stem(Fields, frozen=True, kw_only=True, tag=25):
    """Objects on their way from an author: passed on to one peer, neither stored nor announced."""

    raws: Annotated[list[Envelope], Meta(min_length=1, max_length=limits.stem_per_message_max)]
    """Each as its author signed it."""


class Wants(Fields, frozen=True, kw_only=True, tag=22):
    """A leaf's interest has changed."""

    interest: Interest | None
    """In place of that of its `Hello`."""


class RangesQuery(Fields, frozen=True, kw_only=True, tag=26):
    """One round of comparing what both ends hold."""

    request: RequestId = 0
    """Chosen by the asker."""
    salt: Salt
    """Keys the fingerprints of this comparison; random."""
    ranges: Ranges
    """Ranges, as in docs/protocol/07-sync.md."""


class RangesAnswer(Fields, frozen=True, kw_only=True, tag=27):
    """The answerer's side of the same ranges."""

    request: RequestId = 0
    """The question's number."""
    ranges: Ranges
    """Ranges; empty when nothing is left to compare."""


# --- nodes -------------------------------------------------------------------------------------


class RecordsQuery(Fields, frozen=True, kw_only=True, tag=32):
    """Asks for node records the peer believes live."""

    request: RequestId = 0
    """Chosen by the asker."""
    count: Annotated[int, Meta(ge=1, le=limits.records_per_answer_max)]
    """Most records in the answer."""


class RecordsAnswer(Fields, frozen=True, kw_only=True, tag=33):
    """Some node records."""

    request: RequestId = 0
    """The question's number."""
    records: Annotated[list[Record], Meta(max_length=limits.records_per_answer_max)]
    """Signed node records."""


class WhoIs(Fields, frozen=True, kw_only=True, tag=34):
    """Asks for the node record of one transport key."""

    request: RequestId = 0
    """Chosen by the asker."""
    key: Key
    """The node's transport key."""


class WhoIsAnswer(Fields, frozen=True, kw_only=True, tag=35):
    """The newest record known, if any."""

    request: RequestId = 0
    """The question's number."""
    record: Record | None = None
    """Signed node record."""


class Join(Fields, frozen=True, kw_only=True, tag=36):
    """Hands in the token of an invite for one; the key proved on this link is the one invited."""

    request: RequestId = 0
    """Chosen by the asker."""
    token: Annotated[
        bytes,
        Meta(min_length=limits.invite_token_bytes, max_length=limits.invite_token_bytes),
    ]
    """As it stands in the invite."""


class Joined(Fields, frozen=True, kw_only=True, tag=37):
    """The token is used up, and the asker is known here as a guest."""

    request: RequestId = 0
    """The question's number."""


class Outbound(Fields, frozen=True, kw_only=True, tag=38):
    """How many outbound links the sender has now, in place of the number in its `Hello`."""

    count: Annotated[int, Meta(ge=0, le=limits.outbound_told_max)]
    """Open ones."""


Ask: TypeAlias = (
    RangesQuery
    | RecordsQuery
    | WhoIs
    | Join
    | BoxOpen
    | BoxChallenge
    | BoxRead
    | Put
    | Receipt
    | ReceiptQuery
    | TunnelOpen
)
"""A question."""
Answer: TypeAlias = (
    RangesAnswer
    | RecordsAnswer
    | WhoIsAnswer
    | Joined
    | BoxOpened
    | BoxNonce
    | Letters
    | PutDone
    | ReceiptStored
    | ReceiptAnswer
    | TunnelOpened
    | Refused
)
"""What comes back."""
Message: TypeAlias = (
    Hello
    | Bye
    | Ping
    | Pong
    | Objects
    | Ids
    | Want
    | Missing
    | Wants
    | Level
    | LevelGiven
    | Stem
    | Outbound
    | TunnelData
    | TunnelEnd
    | Ask
    | Answer
)
"""Anything that travels in a frame."""

ANSWER_TO: Final[dict[type[Ask], type[Answer]]] = {
    RangesQuery: RangesAnswer,
    RecordsQuery: RecordsAnswer,
    WhoIs: WhoIsAnswer,
    Join: Joined,
    BoxOpen: BoxOpened,
    BoxChallenge: BoxNonce,
    BoxRead: Letters,
    Put: PutDone,
    Receipt: ReceiptStored,
    ReceiptQuery: ReceiptAnswer,
    TunnelOpen: TunnelOpened,
}
"""Each question and its answer; `Refused` answers any."""

_DECODER = msgspec.msgpack.Decoder(Message)
_ENCODER = msgspec.msgpack.Encoder()
_TAGS: Final = frozenset(int(str(kind.__struct_config__.tag)) for kind in Message.__args__)


def decode_message(raw: bytes) -> Message:
    """Read one message of a frame.

    Raises:
        MessageError: TOO_LARGE, BAD_ENCODING, NOT_CANONICAL, TOO_DEEP, UNKNOWN_KIND (a tag of
            another version), BAD_SHAPE or OUT_OF_RANGE.
    """
    if len(raw) > limits.message_bytes_max:
        raise MessageError(Reason.TOO_LARGE, f"a message of {len(raw)} bytes")
    try:
        message: Message = _DECODER.decode(raw)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise _refusal(raw, str(error)) from error
    if _ENCODER.encode(message) != raw:
        raise MessageError(Reason.NOT_CANONICAL, "not the shortest form")
    return message


def _refusal(raw: bytes, why: str) -> MessageError:
    """Find the reason for a message that could not be read; slow, but its sender is leaving."""
    try:
        value = decode(raw, bytes_max=limits.message_bytes_max)
    except ObjectError as error:
        return MessageError(error.reason, error.sentence)
    tag = value[0] if isinstance(value, list) and value else None
    if type(tag) is not int:
        return MessageError(Reason.BAD_SHAPE, "a message is an array that begins with its tag")
    if tag not in _TAGS:
        return MessageError(Reason.UNKNOWN_KIND, f"message tag {tag}")
    if "regex" in why:
        return MessageError(Reason.OUT_OF_RANGE, f"tag {tag}: text holds a control character")
    is_range = any(mark in why for mark in (" of length ", ">=", "<=", "enum value"))
    return MessageError(Reason.OUT_OF_RANGE if is_range else Reason.BAD_SHAPE, f"tag {tag}: {why}")


def encode_message(message: Message) -> bytes:
    """Write one message, canonical.

    Raises:
        LocalProtocolError: a field breaks its range or the message does not fit a frame; we never
            send what a peer would have to punish.
    """
    raw = _ENCODER.encode(message)
    try:
        if len(raw) > limits.message_bytes_max:
            raise MessageError(Reason.TOO_LARGE, f"a message of {len(raw)} bytes")  # noqa: TRY301
        _DECODER.decode(raw)
    except (msgspec.MsgspecError, MessageError) as error:
        raise LocalProtocolError(f"{type(message).__name__} cannot be sent: {error}") from error
    return raw
