"""What a mailbox asks, proves and decides; it sees sealed bytes, their size, and who brings them.

Enters: signed records and works from peers, and a `BoxState` the caller loaded. Leaves: records of
our own, or named outcomes the caller carries out inside one transaction. Nothing returned has
happened yet. Never here: what a letter says, whose box it is, the clock.
Source: docs/protocol/08-post.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from protocol import limits, signing, work
from protocol.encoding import decode, encode
from protocol.errors import ObjectError, Reason
from protocol.ids import LetterHash, NodeId, SigningKey, blake2b_256

_KEY_BYTES: Final = 32
_TIME_MAX: Final = 2**52
_RECORD_FIELDS: Final = 4


# --- signed records ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxRecord:
    """A reader's wish to have a box at one mailbox."""

    net: str
    """Network id."""
    mailbox: NodeId
    """Transport key of the mailbox; a record for one opens nothing at another."""
    reader: SigningKey
    """Ed25519 key that will read; names the box."""
    until: int
    """Unix ms: the box closes then."""

    def text(self) -> bytes:
        """Give the bytes that are signed: canonical [net, mailbox, reader, until]."""
        return encode([self.net, self.mailbox, self.reader, self.until])

    def work_digest(self) -> bytes:
        """Give what the work of opening is done over, 32 bytes."""
        return blake2b_256(self.text())


def sign_box_record(record: BoxRecord, reader_seed: bytes) -> bytes:
    """Write a `BoxOpen`'s record: canonical [text, signature by the reader]."""
    text = record.text()
    return encode([text, signing.sign(signing.Tag.BOX_OPEN, text, reader_seed)])


def read_box_record(raw: bytes, nonce: bytes, *, net: str, mailbox: bytes) -> BoxRecord:
    """Check a `BoxOpen`'s record and its work, cheapest first.

    Args:
        raw: the record as it came.
        nonce: 8 bytes of work beside it.
        net: the network this mailbox is on.
        mailbox: our own transport key.

    Raises:
        RemoteProtocolError: WRONG_NETWORK, MISMATCH (for another mailbox), BAD_WORK,
            BAD_SIGNATURE, or any fault of encoding or shape.
    """
    parts = decode(raw, bytes_max=limits.box_open_bytes_max)
    if type(parts) is not list or [type(part) for part in parts] != [bytes, bytes]:
        raise ObjectError(Reason.BAD_SHAPE, "a text and a signature", field="open")
    text, signature = parts
    record = _read_record(decode(text, bytes_max=limits.box_open_bytes_max))
    if record.net != net:
        raise ObjectError(Reason.WRONG_NETWORK, f"of network {record.net!r}", field="net")
    if record.mailbox != mailbox:
        raise ObjectError(Reason.MISMATCH, "is for another mailbox", field="mailbox")
    due = work.box_open_bits(net)
    if work.bits_of(record.work_digest(), nonce) < due:
        raise ObjectError(Reason.BAD_WORK, f"{due} bits are due", field="work")
    signing.verify(signing.Tag.BOX_OPEN, text, signature, record.reader)
    return record


def _read_record(fields: Any) -> BoxRecord:
    if type(fields) is not list or len(fields) != _RECORD_FIELDS:
        raise ObjectError(Reason.BAD_SHAPE, f"a box record has {_RECORD_FIELDS} fields")
    net, mailbox, reader, until = fields
    if type(net) is not str or len(net) > limits.net_chars_max:
        raise ObjectError(Reason.BAD_SHAPE, "a network id", field="net")
    for value, field in ((mailbox, "mailbox"), (reader, "reader")):
        if type(value) is not bytes or len(value) != _KEY_BYTES:
            raise ObjectError(Reason.BAD_SHAPE, f"{_KEY_BYTES} bytes", field=field)
    if type(until) is not int or not 0 <= until <= _TIME_MAX:
        raise ObjectError(Reason.BAD_SHAPE, "unix ms", field="until")
    return BoxRecord(net=net, mailbox=NodeId(mailbox), reader=SigningKey(reader), until=until)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadProof:
    """What a reader signs to read once: everything that keeps the signature from being reused."""

    net: str
    """Network id."""
    mailbox: bytes
    """Transport key of the mailbox."""
    reader: bytes
    """Ed25519 key of the box's reader."""
    handshake_hash: bytes
    """Hash of this one channel's handshake: a mailbox in the middle cannot pass the proof on."""
    challenge: bytes
    """32 bytes drawn by the mailbox for this one reading."""

    def text(self) -> bytes:
        """Give the bytes that are signed."""
        return encode([self.net, self.mailbox, self.reader, self.handshake_hash, self.challenge])

    def sign(self, reader_seed: bytes) -> bytes:
        """Sign as the reader; gives 64 bytes."""
        return signing.sign(signing.Tag.BOX_READ, self.text(), reader_seed)

    def verify(self, signature: bytes) -> None:
        """Check the reader's signature.

        Raises:
            SignatureError: BAD_SIGNATURE.
        """
        signing.verify(signing.Tag.BOX_READ, self.text(), signature, self.reader)


def put_digest(mailbox: bytes, reader: bytes, letter: bytes) -> bytes:
    """Give what a depositor's work is done over.

    Args:
        mailbox: transport key, 32 bytes.
        reader: the box, 32 bytes.
        letter: hash of the sealed letter, 32 bytes.
    """
    return blake2b_256(mailbox, reader, letter)


def check_put_work(digest: bytes, nonce: bytes) -> int:
    """Count a depositor's bits; `letter_rank` says what they are worth when the box is full.

    Raises:
        ObjectError: BAD_WORK below `limits.put_bits_min`.
    """
    bits = work.bits_of(digest, nonce)
    if bits < limits.put_bits_min:
        raise ObjectError(
            Reason.BAD_WORK, f"{bits} bits, {limits.put_bits_min} are due", field="work"
        )
    return bits


def letter_rank(bits: int, size: int) -> int:
    """Weigh a depositor's work by the room it asks for: a letter of twice the size owes twice.

    Args:
        bits: work that was done.
        size: bytes of the letter.
    """
    return bits - work.put_surplus_bits(size)


# --- decisions ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldLetter:
    """A waiting letter, as far as its rank goes."""

    hash: LetterHash
    """Which."""
    bits: int
    """Its depositor's work."""
    size: int
    """Bytes."""

    @property
    def rank(self) -> int:
        """What its place costs."""
        return letter_rank(self.bits, self.size)


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxState:
    """What a mailbox has to know of one box to decide."""

    until: int | None
    """Unix ms the box is open to; None when nobody ever opened it."""
    letters: int = 0
    """Letters waiting."""
    size: int = 0
    """Bytes waiting."""
    by_depositor: int = 0
    """Letters waiting from the node that asks."""
    known: bool = False
    """Whether the letter in hand waits here already or has its receipt."""
    room: int = limits.mailbox_bytes_max
    """Bytes this mailbox has left for letters and receipts, over all its boxes."""

    def is_open(self, now_ms: int) -> bool:
        """Tell whether the box takes and gives letters."""
        return self.until is not None and now_ms < self.until

    def has_room(self, size: int) -> bool:
        """Tell whether `size` more bytes fit without anything having to go."""
        return self.letters < limits.box_letters_max and self.size + size <= limits.box_bytes_max

    @property
    def shortage_bits(self) -> int:
        """Give how much more than the least a place costs here, all boxes of others considered.

        0 while there is room; then a bit more with each percent, so that what is left is the
        dearer the less it is, and whoever fills it pays for all of it.
        """
        full = 100 * (limits.mailbox_bytes_max - self.room) // limits.mailbox_bytes_max
        return max(0, full - limits.mailbox_short_percent + 1)

    def is_paid(self, size: int, bits: int) -> bool:
        """Tell whether the work of a letter is what a place costs at this mailbox now."""
        due = limits.put_bits_min + self.shortage_bits
        return self.shortage_bits == 0 or letter_rank(bits, size) >= due


@dataclass(frozen=True, slots=True, kw_only=True)
class PostRefused:
    """The mailbox will not; on a good day nobody's fault."""

    reason: Reason
    """NOT_OPEN, QUOTA, POLICY, EXPIRED, OUT_OF_RANGE or NOT_PARTY."""
    detail: str = ""
    """A sentence for the asker's log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxGranted:
    """Keep the box open until then, then answer."""

    until: int
    """Unix ms."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterTaken:
    """Drop what has to go, keep the letter, then answer."""

    evict: tuple[LetterHash, ...] = ()
    """Letters of lower rank that make room."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterKnown:
    """It is here already or has its receipt: answer as if it had just been put."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptTaken:
    """Drop the letter, then answer."""

    keep: bool
    """Whether there is a receipt to keep; without one the reader only lets the letter go."""


OpenOutcome: TypeAlias = BoxGranted | PostRefused
PutOutcome: TypeAlias = LetterTaken | LetterKnown | PostRefused
ReceiptOutcome: TypeAlias = ReceiptTaken | PostRefused


def decide_open(
    record: BoxRecord, state: BoxState, *, boxes: int, welcome: bool, now_ms: int
) -> OpenOutcome:
    """Open a box, or extend it; an older record shortens nothing.

    Args:
        record: checked.
        state: the box as it is.
        boxes: boxes open at this mailbox.
        welcome: whether this mailbox serves this reader at all.
        now_ms: wall clock, Unix ms.
    """
    if not welcome:
        return PostRefused(reason=Reason.POLICY, detail="this node keeps no boxes for others")
    if record.until <= now_ms:
        return PostRefused(reason=Reason.EXPIRED, detail="the box would be closed already")
    if record.until > now_ms + limits.box_until_ms_max:
        return PostRefused(reason=Reason.QUOTA, detail="a box is not kept open for that long")
    if state.is_open(now_ms):
        return BoxGranted(until=max(record.until, state.until or 0))
    if boxes >= limits.boxes_served_max:
        return PostRefused(reason=Reason.QUOTA, detail="no room for another box")
    return BoxGranted(until=record.until)


def decide_put(
    state: BoxState, *, size: int, bits: int, held: Sequence[HeldLetter], now_ms: int
) -> PutOutcome:
    """Take a letter, or say why not.

    Args:
        state: the box as it is.
        size: bytes of the letter.
        bits: its depositor's work.
        held: letters waiting, oldest first; may be empty while `state.has_room(size)`.
        now_ms: wall clock, Unix ms.
    """
    if not state.is_open(now_ms):
        return PostRefused(reason=Reason.NOT_OPEN, detail="no such box is open here")
    if state.known:
        return LetterKnown()
    if state.by_depositor >= limits.depositor_letters_max:
        return PostRefused(reason=Reason.QUOTA, detail="your letters wait here to be read")
    if size > state.room or not state.is_paid(size, bits):
        return PostRefused(reason=Reason.QUOTA, detail="this mailbox is short of room")
    if state.has_room(size):
        return LetterTaken()
    return _make_room(state, size=size, bits=bits, held=held)


def _make_room(state: BoxState, *, size: int, bits: int, held: Sequence[HeldLetter]) -> PutOutcome:
    """Let letters of strictly lower rank go, the lowest first; of equals the newest.

    Nothing goes for a letter that costs less than all it displaces together: one large letter
    would else drive out a hundred small ones, each of hardly less work.
    """
    refused = PostRefused(reason=Reason.QUOTA, detail="the box is full; more work ranks higher")
    letters = state.letters + 1 - limits.box_letters_max
    surplus = state.size + size - limits.box_bytes_max
    going: list[HeldLetter] = []
    for _, lowest in sorted(enumerate(held), key=lambda place: (place[1].rank, -place[0])):
        if letters <= 0 and surplus <= 0:
            break
        if lowest.rank >= letter_rank(bits, size):
            return refused
        going.append(lowest)
        letters, surplus = letters - 1, surplus - lowest.size
    if letters > 0 or surplus > 0:
        return refused
    evict = _spare(going, letters, surplus)
    if sum(1 << letter.rank for letter in evict) > 1 << bits:
        return refused
    return LetterTaken(evict=tuple(letter.hash for letter in evict))


def _spare(going: Sequence[HeldLetter], letters: int, surplus: int) -> list[HeldLetter]:
    """Keep those that need not go after all, the highest rank first: a large one makes much room.

    Args:
        going: lowest first.
        letters: how many too many are left without them, 0 or less.
        surplus: the same in bytes.
    """
    evict: list[HeldLetter] = []
    for highest in reversed(going):
        if letters < 0 and surplus + highest.size <= 0:
            letters, surplus = letters + 1, surplus + highest.size
        else:
            evict.append(highest)
    return evict[::-1]


def decide_read(state: BoxState, *, now_ms: int) -> PostRefused | None:
    """Tell whether a proven reader may read; None when yes."""
    if not state.is_open(now_ms):
        return PostRefused(reason=Reason.NOT_OPEN, detail="no such box is open here")
    return None


def decide_receipt(state: BoxState, *, proven: bool, receipt: bytes, now_ms: int) -> ReceiptOutcome:
    """Take a receipt for any letter of the box, even one that never came: it may still come.

    Args:
        state: the box as it is.
        proven: whether this channel proved to be the reader's.
        receipt: sealed bytes; empty to let the letter go without one.
        now_ms: wall clock, Unix ms.
    """
    if not proven:
        return PostRefused(reason=Reason.NOT_PARTY, detail="prove to be the reader first")
    if not state.is_open(now_ms):
        return PostRefused(reason=Reason.NOT_OPEN, detail="no such box is open here")
    is_short = state.shortage_bits > 0 or len(receipt) > state.room
    if receipt and is_short and not state.known:
        # In the place of a letter there is always room for its receipt; others cost no work.
        return PostRefused(reason=Reason.QUOTA, detail="this mailbox keeps all that it can")
    return ReceiptTaken(keep=bool(receipt))
