"""The list of everything that reads bytes or text from outside, and how one of them is judged.

A decoder stands here with good inputs, the function, the errors it may raise, and, where its form
is canonical, the writer that must give the same input back. Leaves: cases bent from good inputs,
and a verdict on each: read, refused by a typed error, or a finding. A new reader of the product is
added to `wire_readers`, `people_readers` or `file_readers`; a test fails where one is missing.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any

from hypothesis import strategies as st

from protocol.errors import IntentcastError, RemoteProtocolError
from tests.fuzz import bending

CPU_S_MAX = 2.0
"""Most processor time one input may take; the slowest honest one takes a fiftieth of it."""
_TIMES = 3
"""An input that is dear is dear each time; a machine that paused is not."""
CASES_NIGHT = 100_000


class Form(StrEnum):
    """How good inputs are bent."""

    MSGPACK = "msgpack"
    """Bytes that hold a tree."""
    BYTES = "bytes"
    """Any other bytes."""
    TEXT = "text"
    """What a person types."""
    TREE = "tree"
    """A value of JSON or the like, handed over as it is."""
    JSON = "json"
    """The bytes of such a value."""
    LINE = "line"
    """The words of a command line."""


@dataclass(frozen=True, kw_only=True)
class Decoder:
    """One way in."""

    name: str
    """As the tables name it: where it stands, and what it reads."""
    form: Form
    good: Callable[[], Sequence[Any]]
    """Makes valid inputs; called once."""
    read: Callable[[Any], Any]
    """Reads one input."""
    allowed: tuple[type[Exception], ...] = (RemoteProtocolError,)
    """What it may raise; anything else is a finding."""
    again: Callable[[Any], Any] | None = None
    """Writes what was read: the very same input, since a canonical form has one spelling."""
    covers: tuple[str, ...] = ()
    """Functions of the product it drives, as `module.function`."""
    is_slow: bool = False
    """Whether one case takes milliseconds: an everyday run has fewer of them."""

    def inputs(self) -> Sequence[Any]:
        """Give the good inputs."""
        return _made(self)


@cache
def _made(decoder: Decoder) -> Sequence[Any]:
    return tuple(decoder.good())


SCRIPTS = st.binary(min_size=6, max_size=10)
"""What decides how an input is bent: the first bytes one by one, what follows by dice of theirs."""
BENDS = 10
"""Cases made of one script: drawing costs more than most readers do."""
_JUNK: list[Any] = [
    *(b"", b"\xc1", b"\0" * 100, b"\xff" * 100, b"{", b"[" * 100_000, b"\x91" * 100_000),
    *(
        b"<a>" * 20_000,
        b"\xdd\xff\xff\xff\xff",
        b"\xdf\xff\xff\xff\xff",
        b'"' * 999,
        b"\xed\xa0\x80",
    ),
    *(b"a = " + b"[" * 5_000, b"\x80" * 70_000, b"NaN", b"-0.0", b"1e999", b"9" * 10_000),
]


def bent(decoder: Decoder, script: bytes) -> Any:
    """Make one case: as a rule a good input with something wrong, sometimes plain junk."""
    pick = bending.Script(script)
    if decoder.form in (Form.TREE, Form.LINE):
        return _bent_tree(decoder, pick)
    way = pick.below(16)
    good = bending.one_of(list(decoder.inputs()), pick)
    if way == 0:
        found = bending.one_of([*_JUNK, script, script * 40], pick)
        return found.decode("utf-8", "surrogateescape") if decoder.form is Form.TEXT else found
    if way == 1:
        return good
    for _ in range(1 + (way > 12)):
        good = _bent_once(decoder.form, good, pick)
    return good


def cases_of(decoder: Decoder, script: bytes) -> Iterator[Any]:
    """Make all cases of one script."""
    for number in range(BENDS):
        yield bent(decoder, script[:number] + bytes([number]) + script[number:])


def _bent_tree(decoder: Decoder, pick: bending.Choices) -> Any:
    tree = bending.one_of(list(decoder.inputs()), pick)
    for _ in range(1 + pick.below(3)):
        tree = bending.bend_tree(tree, pick)
    if decoder.form is Form.LINE:
        words = tree if isinstance(tree, list) else [tree]
        plain = [bending.packed(word).decode("latin-1")[:200] for word in words[:12]]
        pairs = zip(words, plain, strict=False)
        return [word if isinstance(word, str) else shown for word, shown in pairs]
    return tree


def _bent_once(form: Form, good: Any, pick: bending.Choices) -> Any:
    if form is Form.TEXT:
        return bending.bend_text(good, pick)
    tree = None
    if form is Form.MSGPACK:
        tree = bending.unpacked(good)
    elif form is Form.JSON:
        try:
            tree = json.loads(good)
        except (ValueError, RecursionError):
            tree = None
    if tree is None or pick.below(5) == 0:
        return bending.bend_bytes(good, pick)
    tree = bending.bend_tree(tree, pick)
    return bending.spell(tree, pick) if form is Form.MSGPACK else json_bytes(tree)


def json_bytes(tree: Any) -> bytes:
    """Write any tree as JSON, what JSON does not know as its text."""
    try:
        return json.dumps(tree, default=repr).encode()
    except (ValueError, TypeError, RecursionError):
        return b"[" * 2_000


def judge(decoder: Decoder, case: Any) -> str:
    """Read one case and name the outcome.

    Returns:
        `read`, or `refused` and the reason or code.

    Raises:
        AssertionError: it took too long, or has two spellings. Any other error of the reader that
            it may not raise comes through as it is.
    """
    spent = 0.0
    for _ in range(_TIMES):
        begun = time.process_time()
        outcome = _outcome(decoder, case)
        spent = time.process_time() - begun
        if spent < CPU_S_MAX:
            return outcome
    raise AssertionError(f"{spent:.1f} s of processor time for one input, {_TIMES} times")


def _outcome(decoder: Decoder, case: Any) -> str:
    try:
        found = decoder.read(case)
    except decoder.allowed as error:
        return f"refused {_why(error)}"
    if decoder.again is not None:
        assert decoder.again(found) == case, "two spellings of one value"
    return "read"


def _why(error: Exception) -> str:
    if isinstance(error, RemoteProtocolError):
        return error.reason.value
    if isinstance(error, IntentcastError):
        assert error.sentence, "an error without a sentence"
        assert error.code.startswith("E-"), error.code
        str(error)
        return error.code
    return type(error).__name__


def check_told(error: IntentcastError) -> None:
    """Require of a person's error that it says what to do next."""
    assert error.fix, f"no next step: {error}"


def decoders() -> dict[str, Decoder]:
    """Give all of them by name."""
    from tests.property import file_readers, people_readers, wire_readers

    lists = (wire_readers.READERS, people_readers.READERS, file_readers.READERS)
    found = [decoder for readers in lists for decoder in readers]
    assert len({decoder.name for decoder in found}) == len(found)
    return {decoder.name: decoder for decoder in found}
