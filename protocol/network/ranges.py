"""Ranges: how two nodes write down what they say about stretches of the order.

A list of ranges cuts the order into pieces from its beginning on; of each piece it says nothing,
its fingerprint, the names in it, or (in an answer only) that the rest has to wait. One list has one
form: what can be written in two ways is not read in one of them. Enters: ranges of our own, or
bytes from a peer. Leaves: the other one. Never here: what to say of a range.
Source: docs/protocol/07-sync.md, "Ranges".
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from itertools import pairwise
from typing import Final, TypeAlias

from protocol import limits
from protocol.channel.fields import ID_PREFIX_BYTES
from protocol.errors import LocalProtocolError, MessageError, Reason
from protocol.network.order import END, FINGERPRINT_BYTES, START, Place

_AT_MAX: Final = 2**53 - 1
_NUMBER_BYTES_MAX: Final = 8
"""Seven bits a byte: enough for any time."""
_NO_BOUND: Final = 0x1F
_MODE_SHIFT: Final = 5
_LATER: Final = 0x7F
_LATER_BYTES: Final = 2 + _NUMBER_BYTES_MAX + ID_PREFIX_BYTES
"""`Later`, with a skip before it."""


class Mode(IntEnum):
    """What is said of a range."""

    SKIP = 0
    """Nothing: it is settled."""
    FINGERPRINT = 1
    """The hash of the names in it."""
    NAMES = 2
    """The names in it."""
    LATER = 3
    """This and everything behind it was not looked at for want of room."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Skip:
    """Nothing is said up to here."""

    upper: Place
    """Where it ends; it begins where the range before it ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprint:
    """All the writer holds in a range, hashed."""

    upper: Place
    """Where it ends; `END` for never."""
    digest: bytes
    """16 bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """All the writer holds in a range, named."""

    upper: Place
    """Where it ends; `END` for never."""
    names: tuple[bytes, ...]
    """16 bytes each, sorted, none twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Later:
    """The rest of what was asked has to be asked again."""


Range: TypeAlias = Skip | Fingerprint | Names | Later
"""One piece of a list."""


# --- writing ---------------------------------------------------------------------------------


class RangesWriter:
    """Writes a list within its bounds."""

    def __init__(self, bytes_max: int = limits.ranges_bytes_max) -> None:
        """Start with an empty list.

        Args:
            bytes_max: most bytes; some are kept for `Later`.
        """
        self._out = bytearray()
        self._bytes_max = bytes_max - _LATER_BYTES
        self._count = 0
        self._last = START
        self._skipped: Place | None = None

    @property
    def raw(self) -> bytes:
        """What is written; a skip at the end says nothing and is left out."""
        return bytes(self._out)

    def skip(self, upper: Place) -> None:
        """Say nothing up to a place; two skips in a row are one."""
        if upper > (self._skipped or self._last):
            self._skipped = upper

    def fingerprint(self, upper: Place, digest: bytes) -> bool:
        """Write a fingerprint; tells whether there was room."""
        return self._put(Mode.FINGERPRINT, upper, digest)

    def names(self, upper: Place, names: list[bytes]) -> bool:
        """Write names, in any order; tells whether there was room."""
        return self._put(Mode.NAMES, upper, _number(len(names)) + b"".join(sorted(names)))

    def names_room(self, upper: Place) -> int:
        """Tell how many names a range up to a place could have."""
        head, _ = self._head(Mode.NAMES, upper)
        room = self._bytes_max - len(self._out) - len(head) - len(_number(self._bytes_max))
        return max(0, room // ID_PREFIX_BYTES)

    def later(self) -> None:
        """Say that the rest has to wait; the last word."""
        if self._skipped is not None:
            self._out += _bound(Mode.SKIP, self._last, self._skipped)
            self._skipped = None
        self._out.append(_LATER)

    def _head(self, mode: Mode, upper: Place) -> tuple[bytes, int]:
        """Write a skip that is due, and the head of a range; gives the ranges these are."""
        if self._skipped is None:
            return _bound(mode, self._last, upper), 1
        before = _bound(Mode.SKIP, self._last, self._skipped)
        return before + _bound(mode, self._skipped, upper), 2

    def _put(self, mode: Mode, upper: Place, body: bytes) -> bool:
        head, count = self._head(mode, upper)
        if (
            len(self._out) + len(head) + len(body) > self._bytes_max
            or self._count + count > limits.ranges_per_message_max - 2
        ):
            return False
        self._out += head + body
        self._count += count
        self._last, self._skipped = upper, None
        return True


def _number(value: int) -> bytes:
    """Write a number in bytes of seven bits, lowest first; the last one has no top bit."""
    out = bytearray()
    while value > 0x7F:  # noqa: PLR2004 - seven bits
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _bound(mode: Mode, before: Place, upper: Place) -> bytes:
    if upper == END:
        return bytes([mode << _MODE_SHIFT | _NO_BOUND])
    at, prefix = upper
    return bytes([mode << _MODE_SHIFT | len(prefix)]) + _number(at - before[0]) + prefix


def encode_ranges(ranges: list[Range]) -> bytes:
    """Write a list.

    Raises:
        LocalProtocolError: it is longer than a message bears, or no list that could be read again.
    """
    writer = RangesWriter()
    fits = True
    for each in ranges:
        match each:
            case Skip(upper=upper):
                writer.skip(upper)
            case Fingerprint(upper=upper, digest=digest):
                fits &= writer.fingerprint(upper, digest)
            case Names(upper=upper, names=names):
                fits &= writer.names(upper, list(names))
            case _:
                writer.later()
    try:
        if not fits or decode_ranges(writer.raw) != ranges:
            raise LocalProtocolError("these ranges cannot be written")
    except MessageError as error:
        raise LocalProtocolError(f"these ranges cannot be sent: {error}") from error
    return writer.raw


# --- reading ---------------------------------------------------------------------------------


class _Reader:
    """Reads numbers and runs of bytes."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._spot = 0

    @property
    def is_done(self) -> bool:
        return self._spot == len(self._raw)

    def take(self, count: int) -> bytes:
        taken = self._raw[self._spot : self._spot + count]
        if len(taken) < count:
            raise MessageError(Reason.BAD_SHAPE, "ranges end in the middle of one")
        self._spot += count
        return taken

    def number(self) -> int:
        value = 0
        for place in range(_NUMBER_BYTES_MAX):
            (byte,) = self.take(1)
            value |= (byte & 0x7F) << 7 * place
            if byte < 0x80:  # noqa: PLR2004 - seven bits
                if byte == 0 and place > 0:
                    raise MessageError(Reason.NOT_CANONICAL, "a number in a range is too long")
                return value
        raise MessageError(Reason.OUT_OF_RANGE, "a number in a range is too large")


def decode_ranges(raw: bytes) -> list[Range]:
    """Read a list.

    Raises:
        MessageError: TOO_LARGE, more bytes or ranges than a list has; BAD_SHAPE; OUT_OF_RANGE;
            NOT_CANONICAL, what has a shorter form, or is out of order.
    """
    if len(raw) > limits.ranges_bytes_max:
        raise MessageError(Reason.TOO_LARGE, f"ranges of {len(raw)} bytes")
    reader = _Reader(raw)
    ranges: list[Range] = []
    last = START
    while not reader.is_done:
        if len(ranges) == limits.ranges_per_message_max:
            raise MessageError(Reason.TOO_LARGE, "too many ranges")
        if last == END:
            raise MessageError(Reason.BAD_SHAPE, "a range behind the last one")
        found, last = _read_range(reader, last)
        if isinstance(found, Skip) and ranges and isinstance(ranges[-1], Skip):
            raise MessageError(Reason.NOT_CANONICAL, "two skips in a row")
        ranges.append(found)
    if ranges and isinstance(ranges[-1], Skip):
        raise MessageError(Reason.NOT_CANONICAL, "a skip at the end")
    return ranges


def _read_range(reader: _Reader, last: Place) -> tuple[Range, Place]:
    (head,) = reader.take(1)
    if head > _LATER:
        raise MessageError(Reason.BAD_SHAPE, "a range of no known mode")
    mode, length = Mode(head >> _MODE_SHIFT), head & _NO_BOUND
    if mode is Mode.LATER:
        if length != _NO_BOUND:
            raise MessageError(Reason.BAD_SHAPE, "what has to wait has no bound")
        return Later(), END
    upper = _read_bound(reader, length, last)
    match mode:
        case Mode.SKIP:
            return Skip(upper=upper), upper
        case Mode.FINGERPRINT:
            return Fingerprint(upper=upper, digest=reader.take(FINGERPRINT_BYTES)), upper
        case _:
            return Names(upper=upper, names=_read_names(reader)), upper


def _read_bound(reader: _Reader, length: int, last: Place) -> Place:
    if length == _NO_BOUND:
        return END
    if length > ID_PREFIX_BYTES:
        raise MessageError(Reason.OUT_OF_RANGE, "a bound longer than a name")
    at = last[0] + reader.number()
    prefix = reader.take(length)
    if at > _AT_MAX:
        raise MessageError(Reason.OUT_OF_RANGE, "a bound behind all times")
    if prefix.endswith(b"\x00"):
        raise MessageError(Reason.NOT_CANONICAL, "zeros at the end of a bound")
    if (at, prefix) <= last:
        raise MessageError(Reason.NOT_CANONICAL, "an empty range, or one out of order")
    return at, prefix


def _read_names(reader: _Reader) -> tuple[bytes, ...]:
    count = reader.number()
    if count * ID_PREFIX_BYTES > limits.ranges_bytes_max:
        raise MessageError(Reason.OUT_OF_RANGE, "more names than fit")
    run = reader.take(count * ID_PREFIX_BYTES)
    names = tuple(run[n : n + ID_PREFIX_BYTES] for n in range(0, len(run), ID_PREFIX_BYTES))
    if any(before >= after for before, after in pairwise(names)):
        raise MessageError(Reason.NOT_CANONICAL, "names out of order, or twice")
    return names
