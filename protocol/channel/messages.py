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
from msgspec import Meta, Struct

from protocol import limits
from protocol.encoding import decode
from protocol.errors import LocalProtocolError, MessageError, ObjectError, Reason

ID_PREFIX_BYTES: Final = 16
"""Announcements name an object by the first 16 bytes of its id."""
_MS_MAX: Final = 2**53 - 1
_REQUEST_MAX: Final = 2**32 - 1
# Control characters and marks that turn text around could forge a line of a log or terminal.
_PLAIN_TEXT: Final = r"\A[^\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]*\Z"

RequestId = Annotated[int, Meta(ge=0, le=_REQUEST_MAX)]
"""Chosen by the asker, unique among its open questions on this link."""
Count = Annotated[int, Meta(ge=1, le=limits.ids_per_message_max)]
Ms = Annotated[int, Meta(ge=0, le=_MS_MAX)]
Nonce = Annotated[int, Meta(ge=0, le=_REQUEST_MAX)]
Version = Annotated[int, Meta(ge=1, le=65_535)]
Key = Annotated[bytes, Meta(min_length=32, max_length=32)]
Hash = Annotated[bytes, Meta(min_length=32, max_length=32)]
Signature = Annotated[bytes, Meta(min_length=64, max_length=64)]
Work = Annotated[bytes, Meta(min_length=limits.pow_bytes, max_length=limits.pow_bytes)]
IdPrefix = Annotated[bytes, Meta(min_length=ID_PREFIX_BYTES, max_length=ID_PREFIX_BYTES)]
IdPrefixes = Annotated[list[IdPrefix], Meta(max_length=limits.ids_per_message_max)]
Envelope = Annotated[bytes, Meta(min_length=1, max_length=limits.public_bytes_max)]
Record = Annotated[bytes, Meta(min_length=1, max_length=limits.node_record_bytes_max)]
Letter = Annotated[bytes, Meta(min_length=1, max_length=limits.letter_bytes_max)]
SealedReceipt = Annotated[bytes, Meta(min_length=1, max_length=limits.receipt_bytes_max)]
Detail = Annotated[str, Meta(max_length=limits.detail_chars_max, pattern=_PLAIN_TEXT)]


class _Fields(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """An array of exactly its fields, in their order."""


# --- the link itself ---------------------------------------------------------------------------


class LinkLimits(_Fields, frozen=True, kw_only=True):
    """What the sender of a `Hello` bears on this link."""

    frame_bytes: Annotated[int, Meta(ge=limits.frame_bytes_min, le=limits.frame_bytes_max)] = (
        limits.frame_bytes_max
    )
    """Largest ciphertext it reads, bytes."""


class Hello(_Fields, frozen=True, kw_only=True, tag=1):
    """The first message of each end, once per link."""

    versions: Annotated[list[Version], Meta(min_length=1, max_length=limits.versions_max)]
    """Protocol versions it speaks; both use the highest they share."""
    record: Record
    """Its signed node record; the key in it is this link's static key."""
    clock_ms: Ms
    """Its wall clock, Unix ms."""
    limits: LinkLimits = LinkLimits()
    """What it bears."""
    agent: Annotated[str, Meta(max_length=limits.agent_chars_max, pattern=_PLAIN_TEXT)] = ""
    """Name and version of its software; shown, never believed."""


class Bye(_Fields, frozen=True, kw_only=True, tag=2):
    """The last message of a link, where there is time for one."""

    reason: Reason
    """Why it ends."""
    detail: Detail = ""
    """A sentence for the log of the other end."""


class Ping(_Fields, frozen=True, kw_only=True, tag=3):
    """Are you there? Answered by `Pong` with the same number."""

    nonce: Nonce
    """Any number."""


class Pong(_Fields, frozen=True, kw_only=True, tag=4):
    """Yes."""

    nonce: Nonce
    """The number of the `Ping`."""


class Refused(_Fields, frozen=True, kw_only=True, tag=5):
    """The answer to any question that will not be served; on a good day no fault of anybody."""

    request: RequestId
    """The question's number."""
    reason: Reason
    """Why."""
    detail: Detail = ""
    """A sentence for the log of the asker."""


# --- public objects ----------------------------------------------------------------------------


class Objects(_Fields, frozen=True, kw_only=True, tag=16):
    """Envelopes, pushed or asked for."""

    raws: Annotated[list[Envelope], Meta(min_length=1, max_length=limits.objects_per_message_max)]
    """Each as its author signed it."""


class Ids(_Fields, frozen=True, kw_only=True, tag=17):
    """Announcement: the sender holds these and serves them."""

    ids: IdPrefixes
    """First 16 bytes of each object's id."""


class Want(_Fields, frozen=True, kw_only=True, tag=18):
    """Asks for these objects; answered by `Objects` and `Missing`."""

    ids: IdPrefixes
    """First 16 bytes of each object's id."""


class Missing(_Fields, frozen=True, kw_only=True, tag=19):
    """These were wanted and are not served any more."""

    ids: IdPrefixes
    """First 16 bytes of each object's id."""


class IdsQuery(_Fields, frozen=True, kw_only=True, tag=20):
    """Asks for a page of what the peer holds, in the order of (`at`, id)."""

    request: RequestId = 0
    """Chosen by the asker."""
    after_at: Ms = 0
    """Begin after this signed time, ms ..."""
    after_id: IdPrefix | None = None
    """... and, within it, after this id."""
    limit: Count = limits.ids_per_message_max
    """Most ids in the answer."""


class IdsAnswer(_Fields, frozen=True, kw_only=True, tag=21):
    """One page of ids."""

    request: RequestId = 0
    """The question's number."""
    ids: IdPrefixes
    """In the order of (`at`, id)."""
    last_at: Ms = 0
    """`at` of the last id, from which the next page is asked; 0 when there is none."""
    more: bool = False
    """Whether another page follows."""


# --- nodes -------------------------------------------------------------------------------------


class RecordsQuery(_Fields, frozen=True, kw_only=True, tag=32):
    """Asks for node records the peer believes live."""

    request: RequestId = 0
    """Chosen by the asker."""
    count: Annotated[int, Meta(ge=1, le=limits.records_per_answer_max)]
    """Most records in the answer."""


class RecordsAnswer(_Fields, frozen=True, kw_only=True, tag=33):
    """Some node records."""

    request: RequestId = 0
    """The question's number."""
    records: Annotated[list[Record], Meta(max_length=limits.records_per_answer_max)]
    """Signed node records."""


class WhoIs(_Fields, frozen=True, kw_only=True, tag=34):
    """Asks for the node record of one transport key."""

    request: RequestId = 0
    """Chosen by the asker."""
    key: Key
    """The node's transport key."""


class WhoIsAnswer(_Fields, frozen=True, kw_only=True, tag=35):
    """The newest record known, if any."""

    request: RequestId = 0
    """The question's number."""
    record: Record | None = None
    """Signed node record."""


class Join(_Fields, frozen=True, kw_only=True, tag=36):
    """Hands in the token of an invite for one; the key proved on this link is the one invited."""

    request: RequestId = 0
    """Chosen by the asker."""
    token: Annotated[
        bytes,
        Meta(min_length=limits.invite_token_bytes, max_length=limits.invite_token_bytes),
    ]
    """As it stands in the invite."""


class Joined(_Fields, frozen=True, kw_only=True, tag=37):
    """The token is used up, and the asker is known here as a guest."""

    request: RequestId = 0
    """The question's number."""


# --- the post ----------------------------------------------------------------------------------


class BoxOpen(_Fields, frozen=True, kw_only=True, tag=48):
    """Asks a mailbox to open a box."""

    request: RequestId = 0
    """Chosen by the asker."""
    open: Annotated[bytes, Meta(min_length=1, max_length=limits.box_open_bytes_max)]
    """Signed record: reader, mailbox key, until."""
    work: Work
    """Proof of work over that record."""


class BoxOpened(_Fields, frozen=True, kw_only=True, tag=49):
    """The box is open."""

    request: RequestId = 0
    """The question's number."""
    until: Ms
    """Until when, Unix ms."""


class BoxChallenge(_Fields, frozen=True, kw_only=True, tag=50):
    """Asks for a challenge, to prove being a box's reader on this link."""

    request: RequestId = 0
    """Chosen by the asker."""
    reader: Key
    """The box's reader key."""


class BoxNonce(_Fields, frozen=True, kw_only=True, tag=51):
    """The challenge to sign."""

    request: RequestId = 0
    """The question's number."""
    challenge: Hash
    """Fresh random bytes, good once."""


class BoxRead(_Fields, frozen=True, kw_only=True, tag=52):
    """Asks for the letters of a box: at once when some wait, else when one comes."""

    request: RequestId = 0
    """Chosen by the asker."""
    reader: Key
    """The box's reader key."""
    signature: Signature
    """By the reader, over network, mailbox key, reader, channel hash and challenge."""
    wait_ms: Annotated[int, Meta(ge=0, le=limits.read_wait_ms_max)] = 0
    """How long to wait for a letter before an empty answer."""


class Letters(_Fields, frozen=True, kw_only=True, tag=53):
    """Letters waiting in a box; they stay until receipted."""

    request: RequestId = 0
    """The question's number."""
    letters: Annotated[list[Letter], Meta(max_length=limits.letters_per_message_max)]
    """Sealed letters, oldest first."""
    more: bool = False
    """Whether more wait."""
    other_read_ms: Ms = 0
    """When another node than the asker's last proved to be this reader, Unix ms; 0 for never."""


class Put(_Fields, frozen=True, kw_only=True, tag=54):
    """Leaves a letter in an open box."""

    request: RequestId = 0
    """Chosen by the asker."""
    reader: Key
    """The box's reader key."""
    letter: Letter
    """The sealed letter."""
    work: Work
    """Proof of work over mailbox key, reader and letter hash."""


class PutDone(_Fields, frozen=True, kw_only=True, tag=55):
    """The letter is kept on disk until its receipt."""

    request: RequestId = 0
    """The question's number."""
    letter_hash: Hash
    """BLAKE2b-256 of the sealed letter."""


class Receipt(_Fields, frozen=True, kw_only=True, tag=56):
    """The reader hands in the receipt of a letter; the letter is dropped."""

    request: RequestId = 0
    """Chosen by the asker."""
    reader: Key
    """The box's reader key, proved on this link."""
    letter_hash: Hash
    """The letter it is for."""
    receipt: Annotated[bytes, Meta(max_length=limits.receipt_bytes_max)]
    """Sealed to the letter's author; empty to let the letter go without a receipt."""


class ReceiptStored(_Fields, frozen=True, kw_only=True, tag=57):
    """The receipt is kept until the box closes."""

    request: RequestId = 0
    """The question's number."""


class ReceiptQuery(_Fields, frozen=True, kw_only=True, tag=58):
    """Asks which of these letters have a receipt; anybody who knows box and hash may ask."""

    request: RequestId = 0
    """Chosen by the asker."""
    reader: Key
    """The box they were put into: receipts left in other boxes are no answer."""
    letter_hashes: Annotated[
        list[Hash], Meta(min_length=1, max_length=limits.receipts_per_message_max)
    ]
    """Letters put earlier."""


class ReceiptAnswer(_Fields, frozen=True, kw_only=True, tag=59):
    """The receipts there are."""

    request: RequestId = 0
    """The question's number."""
    receipts: Annotated[
        list[tuple[Hash, SealedReceipt]], Meta(max_length=limits.receipts_per_message_max)
    ]
    """Letter hash and sealed receipt."""


Ask: TypeAlias = (
    IdsQuery
    | RecordsQuery
    | WhoIs
    | Join
    | BoxOpen
    | BoxChallenge
    | BoxRead
    | Put
    | Receipt
    | ReceiptQuery
)
"""A question."""
Answer: TypeAlias = (
    IdsAnswer
    | RecordsAnswer
    | WhoIsAnswer
    | Joined
    | BoxOpened
    | BoxNonce
    | Letters
    | PutDone
    | ReceiptStored
    | ReceiptAnswer
    | Refused
)
"""What comes back."""
Message: TypeAlias = Hello | Bye | Ping | Pong | Objects | Ids | Want | Missing | Ask | Answer
"""Anything that travels in a frame."""

ANSWER_TO: Final[dict[type[Ask], type[Answer]]] = {
    IdsQuery: IdsAnswer,
    RecordsQuery: RecordsAnswer,
    WhoIs: WhoIsAnswer,
    Join: Joined,
    BoxOpen: BoxOpened,
    BoxChallenge: BoxNonce,
    BoxRead: Letters,
    Put: PutDone,
    Receipt: ReceiptStored,
    ReceiptQuery: ReceiptAnswer,
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
        decode_message(raw)
    except MessageError as error:
        raise LocalProtocolError(f"{type(message).__name__} cannot be sent: {error}") from error
    return raw
