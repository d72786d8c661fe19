"""Reconciliation: find what two orders differ in, by few bytes and few rounds.

The asker sends fingerprints of ranges; the answerer, who keeps nothing in mind, leaves out what is
equal, cuts what differs into smaller ranges, and names what is small. What an answer names needs no
further round: the asker knows from it what it lacks. Enters: orders, lists of ranges from peers.
Leaves: lists of ranges, names. Whatever a peer says, a round says at most so much, and what is kept
of it is bounded. Never here: what becomes of a name, and the time.
Source: docs/protocol/07-sync.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from itertools import pairwise
from typing import Final, TypeAlias

from protocol import limits
from protocol.channel.fields import ID_PREFIX_BYTES
from protocol.errors import MessageError, Reason
from protocol.network.order import END, START, Order, Place, between
from protocol.network.ranges import (
    Fingerprint,
    Later,
    Names,
    RangesWriter,
    Skip,
    decode_ranges,
)

_RANGE_WORK: Final = 8_192
"""A range costs about as much as hashing so many bytes; measured."""
_BYTE_WORK: Final = 128
"""A byte said costs the link so much more than a byte hashed."""
_NEWEST: Final = 4
"""The newest names are told at once: most often it is these that differ; measured."""
_WINDOW: Final = 256
"""Ranges asked about in the first rounds; then about twice as many as were answered; guess."""
_WINDOW_MIN: Final = 8
_GROWTH: Final = 3
"""Going back in time, each of the first ranges has so many times the names of the one before."""

Part: TypeAlias = tuple[int, int, Place]
"""A run of an order: rank of its first name, rank behind its last, where its range ends."""


def parts_of(order: Order, start: int, stop: int, upper: Place) -> list[Part]:
    """Cut a run of names into 16 that differ by at most one in length.

    Args:
        order: holds them.
        start: rank of the first.
        stop: rank behind the last; at least 16 further.
        upper: where the last part ends.
    """
    count = stop - start
    cuts = [start + count * n // limits.ranges_split for n in range(limits.ranges_split + 1)]
    return [
        (begin, end, upper if end == stop else _cut(order, end)) for begin, end in pairwise(cuts)
    ]


def _cut(order: Order, rank: int) -> Place:
    """Find the shortest place between a name and the one before it."""
    return between(order.at_rank(rank - 1), order.at_rank(rank))


# --- the answerer ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What to say, and what it cost."""

    raw: bytes
    """A list of ranges; empty when nothing differs."""
    work: int
    """In the unit of `ranges_work_max`."""


class _Answerer:
    """Writes one answer."""

    def __init__(self, order: Order, salt: bytes) -> None:
        self._order = order
        self._salt = salt
        self._writer = RangesWriter()
        self._hashed = 0

    def compare(self, lower: Place, asked: Fingerprint | Names) -> bool:
        """Answer one range; tells whether all of it found room."""
        order = self._order
        start, stop = order.rank(lower), order.rank(asked.upper)
        if isinstance(asked, Names):
            # Whoever names nothing wants to hear names, though there be none.
            is_equal = 0 < stop - start == len(asked.names) and (
                sorted(order.names(start, stop)) == list(asked.names)
            )
            fits = is_equal or self._name(start, stop, asked.upper)
        else:
            is_equal = self._hash(start, stop) == asked.digest
            fits = is_equal or self._tell(start, stop, asked.upper)
        if is_equal:
            self.skip(asked.upper)
        return fits

    def skip(self, upper: Place) -> None:
        self._writer.skip(upper)

    def _hash(self, start: int, stop: int) -> bytes:
        self._hashed += (stop - start) * ID_PREFIX_BYTES
        return self._order.fingerprint(start, stop, self._salt)

    def _tell(self, start: int, stop: int, upper: Place) -> bool:
        if stop - start < limits.ranges_names_below:
            return self._name(start, stop, upper)
        parts = parts_of(self._order, start, stop, upper)
        return all(self._writer.fingerprint(end, self._hash(a, b)) for a, b, end in parts)

    def _name(self, start: int, stop: int, upper: Place) -> bool:
        """Name a run, or as much of it as there is room for."""
        room = self._writer.names_room(upper)
        if stop - start <= room:
            return self._writer.names(upper, self._order.names(start, stop))
        # The place where it is cut may take more bytes than `upper` does.
        room = self._writer.names_room((END[0] - 1, bytes(ID_PREFIX_BYTES)))
        if room > 0:
            end = start + room
            self._writer.names(_cut(self._order, end), self._order.names(start, end))
        return False

    def finish(self, count: int, *, fits: bool) -> Answered:
        if not fits:
            self._writer.later()
        raw = self._writer.raw
        work = self._hashed + _RANGE_WORK * count + _BYTE_WORK * len(raw)
        return Answered(raw=raw, work=work)


def answer(order: Order, raw: bytes, salt: bytes) -> Answered:
    """Answer one round; nothing is kept in mind.

    Args:
        order: what is held here.
        raw: ranges of the asker.
        salt: of this comparison, chosen by the asker.

    Raises:
        MessageError: as `decode_ranges`, and BAD_SHAPE for a question that puts something off.
    """
    ranges = decode_ranges(raw)
    answerer = _Answerer(order, salt)
    fits = True
    lower = START
    for asked in ranges:
        if isinstance(asked, Later):
            raise MessageError(Reason.BAD_SHAPE, "a question that puts something off")
        if isinstance(asked, Skip):
            answerer.skip(asked.upper)
        elif not answerer.compare(lower, asked):
            fits = False
            break
        lower = asked.upper
    return answerer.finish(len(ranges), fits=fits)


# --- the asker ---------------------------------------------------------------------------------


class _How(Enum):
    """What is said of a range in a question."""

    HASHED = "hashed"
    """Its fingerprint."""
    NAMED = "named"
    """The names we hold in it: it may be equal."""
    OPEN = "open"
    """No names: it is known to differ, and the peer's names tell all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ask:
    """A range that is to be asked about, or was."""

    lower: Place
    """Where it begins."""
    upper: Place
    """Where it ends."""
    how: _How
    """What is said of it."""


@dataclass(slots=True, kw_only=True)
class Found:
    """What one answer told."""

    names: list[bytes] = field(default_factory=list)
    """Names the peer holds, in ranges that differ; some of them are held here too."""
    work: int = 0
    """What taking it cost."""


def opening(order: Order, place: Place) -> list[Part]:
    """Cut everything behind a place for the first round.

    Two nodes differ most often in what is newest. The newest few are named, and the ranges before
    them grow with age: so an outage, however long, lies behind the last cut, and one answer names
    it; what is old and equal takes few fingerprints.
    """
    start, stop = order.rank(place), len(order)
    cuts = []
    size, cut = _NEWEST, stop - _NEWEST
    while cut > start:
        cuts.append(cut)
        size *= _GROWTH
        cut -= size
    ends = [(cut, _cut(order, cut)) for cut in reversed(cuts)]
    begins = [start, *reversed(cuts)]
    return [
        (begin, end, upper)
        for begin, (end, upper) in zip(begins, [*ends, (stop, END)], strict=True)
    ]


class Session:
    """One comparison with one peer, in stretches of so many rounds.

    Attributes:
        place: up to where everything is settled; kept from stretch to stretch.
        rounds: rounds of this stretch.
    """

    def __init__(self) -> None:
        """Begin with nothing settled."""
        self.place = START
        self.rounds = 0
        self._salt = b""
        self._window = _WINDOW
        self._asked: list[_Ask] = []
        self._waiting: list[_Ask] = []

    @property
    def is_done(self) -> bool:
        """Whether there is nothing left to ask."""
        return self.place == END

    @property
    def salt(self) -> bytes:
        """Salt of this stretch."""
        return self._salt

    def begin(self, order: Order, salt: bytes) -> None:
        """Begin a stretch, where the one before ended.

        Args:
            order: what we hold.
            salt: 16 random bytes.
        """
        self.rounds = 0
        self._salt = salt
        lower = self.place
        self._asked, self._waiting = [], []
        parts = opening(order, lower)
        for start, stop, upper in parts:
            how = _How.NAMED if stop - start <= _NEWEST else _How.HASHED
            self._waiting.append(_Ask(lower=lower, upper=upper, how=how))
            lower = upper

    def question(self, order: Order) -> bytes:
        """Write the next round; what is written counts as asked."""
        writer = RangesWriter()
        self._asked = []
        for each in self._waiting[: self._window]:
            if not self._say(order, each, writer):
                break
            self._asked.append(each)
        del self._waiting[: len(self._asked)]
        return writer.raw

    def _say(self, order: Order, each: _Ask, writer: RangesWriter) -> bool:
        """Write our side of one range; tells whether there was room."""
        writer.skip(each.lower)
        start, stop = order.rank(each.lower), order.rank(each.upper)
        if each.how is _How.HASHED:
            return writer.fingerprint(each.upper, order.fingerprint(start, stop, self._salt))
        names = order.names(start, stop) if each.how is _How.NAMED else []
        return writer.names(each.upper, names)

    def take(self, order: Order, raw: bytes) -> Found:
        """Take the answer to a round.

        Raises:
            MessageError: as `decode_ranges`, and UNEXPECTED for what was not asked about.
        """
        ranges = decode_ranges(raw)
        asked, self._asked = self._asked, []
        self.rounds += 1
        found = Found(work=_RANGE_WORK * len(ranges) + _BYTE_WORK * len(raw))
        again: list[_Ask] = []
        lower = START
        questions = iter(asked)
        question = next(questions, None)
        for each in ranges:
            if isinstance(each, Later):
                rest = _rest(order, asked, lower)
                # What finds no room in the answer was asked in vain.
                self._window = _WINDOW_MIN + 2 * (len(asked) - len(rest))
                again += rest
                break
            if not isinstance(each, Skip):
                question = _covering(question, questions, lower, each.upper)
                again += self._compare(order, question, lower, each, found)
            lower = each.upper
        self._go_on(again)
        return found

    def _go_on(self, again: list[_Ask]) -> None:
        """Ask what is still open before the rest; too many ranges become one wide one."""
        waiting = again + self._waiting
        if len(waiting) > limits.ranges_waiting_max:
            first = waiting[limits.ranges_waiting_max - 1]
            wide = _Ask(lower=first.lower, upper=waiting[-1].upper, how=_How.HASHED)
            waiting[limits.ranges_waiting_max - 1 :] = [wide]
        self._waiting = waiting
        self.place = waiting[0].lower if waiting else END

    def _compare(
        self, order: Order, question: _Ask, lower: Place, said: Fingerprint | Names, found: Found
    ) -> list[_Ask]:
        """Hold a peer's word on a range against the order; gives what to ask further."""
        start, stop = order.rank(lower), order.rank(said.upper)
        if isinstance(said, Names):
            found.names += said.names
            return []
        if question.how is not _How.HASHED:
            raise MessageError(Reason.UNEXPECTED, "a fingerprint where names were asked for")
        found.work += (stop - start) * ID_PREFIX_BYTES
        if order.fingerprint(start, stop, self._salt) == said.digest:
            return []
        if stop - start < limits.ranges_names_below:
            return [_Ask(lower=lower, upper=said.upper, how=_How.OPEN)]
        again = []
        for _, _, upper in parts_of(order, start, stop, said.upper):
            again.append(_Ask(lower=lower, upper=upper, how=_How.HASHED))
            lower = upper
        return again


def _covering(question: _Ask | None, questions: Iterator[_Ask], lower: Place, upper: Place) -> _Ask:
    """Find the question a range answers.

    Raises:
        MessageError: UNEXPECTED, there is none.
    """
    while question is not None and question.upper <= lower:
        question = next(questions, None)
    if question is None or lower < question.lower or upper > question.upper:
        raise MessageError(Reason.UNEXPECTED, "a range that was not asked about")
    return question


def _rest(order: Order, asked: list[_Ask], cut: Place) -> list[_Ask]:
    """Give what was asked behind a place."""
    rest = []
    for each in asked:
        if each.upper > cut:
            lower = max(each.lower, cut)
            count = order.rank(each.upper) - order.rank(lower)
            is_small = count < limits.ranges_names_below
            how = _How.OPEN if is_small else _How.HASHED
            rest.append(_Ask(lower=lower, upper=each.upper, how=how))
    return rest
