"""Cases of ranges: rows that are read and what they say, rows that are not, and two answers.

Enters: names counted from one. Leaves: cases for `generate_vectors.py`. A row is read as
docs/protocol/07-sync.md says; where `held` is given, whoever holds these names answers it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from protocol import limits
from protocol.network.order import END, Order
from protocol.network.ranges import (
    Fingerprint,
    Later,
    Names,
    Range,
    Skip,
    decode_ranges,
    encode_ranges,
)
from protocol.network.reconciliation import answer
from scripts.vector_cases import Case, invalid, valid
from tests.parties import NOW_MS

NOTES = {
    "Bound": "Places are read or compared in another way.",
    "Mode": "A mode or bound without meaning is taken for one with it.",
    "Number": "A number has more than one spelling, or runs over.",
    "Names": "Names are taken in any order, or twice, or beyond the row.",
    "Row": "A row has more than one spelling, or is not read to its end.",
    "Size": "A row larger than a message is read.",
    "Answer": "Names are hashed, split or named in another way.",
}
_DIGEST = bytes(range(16))
_SALT = bytes(range(16, 32))


def _name(number: int) -> bytes:
    return number.to_bytes(16, "big")


def plain(ranges: list[Range]) -> list[Any]:
    """Write what a row says as JSON can."""
    found: list[Any] = []
    for each in ranges:
        match each:
            case Skip(upper=upper):
                found.append({"mode": "skip", "upper": _place(upper)})
            case Fingerprint(upper=upper, digest=digest):
                found.append(
                    {"mode": "fingerprint", "upper": _place(upper), "digest": digest.hex()}
                )
            case Names(upper=upper, names=names):
                listed = [name.hex() for name in names]
                found.append({"mode": "names", "upper": _place(upper), "names": listed})
            case Later():
                found.append({"mode": "later"})
    return found


def _place(place: tuple[int, bytes]) -> Any:
    return None if place == END else {"at": place[0], "prefix": place[1].hex()}


def _read(comment: str, flag: str, ranges: list[Range]) -> Case:
    raw = encode_ranges(ranges)
    return valid(comment, {"ranges": raw.hex()}, {"read": plain(ranges)}, flag)


def _answered(comment: str, held: list[tuple[int, bytes]], question: list[Range]) -> Case:
    order = Order()
    for at, name in held:
        order.add(at, name)
    raw = encode_ranges(question)
    said = answer(order, raw, _SALT).raw
    given = {
        "ranges": raw.hex(),
        "salt": _SALT.hex(),
        "held": [[at, name.hex()] for at, name in held],
    }
    made = {"read": plain(question), "answer": said.hex(), "said": plain(decode_ranges(said))}
    return valid(comment, given, made, "Answer")


def ranges() -> Iterator[Case]:
    """Give every case."""
    yield from _good()
    yield from _answers()
    yield from _bad()


def _good() -> Iterator[Case]:
    yield _read("nothing is said", "Row", [])
    yield _read("everything, hashed", "Mode", [Fingerprint(upper=END, digest=_DIGEST)])
    yield _read("names are asked for", "Names", [Names(upper=END, names=())])
    yield _read(
        "a skip, a bound with a prefix in the same millisecond, and the rest later",
        "Bound",
        [
            Skip(upper=(NOW_MS, b"")),
            Names(upper=(NOW_MS, b"\x80\x01"), names=(_name(1), _name(2))),
            Later(),
        ],
    )
    yield _read(
        "the last place of all",
        "Bound",
        [Fingerprint(upper=(2**53 - 1, b"\xff" * 16), digest=_DIGEST)],
    )
    yield _read("a bound of two bytes", "Number", [Names(upper=(128, b""), names=(_name(1),))])


def _answers() -> Iterator[Case]:
    few = [(NOW_MS + n, _name(n + 1)) for n in range(31)]
    many = [(NOW_MS + n // 4, _name(n * n + 1)) for n in range(40)]
    whole: list[Range] = [Fingerprint(upper=END, digest=_DIGEST)]
    yield _answered("fewer than 32 that differ are named", few, whole)
    yield _answered("32 or more that differ are cut into 16", many, whole)
    named: list[Range] = [Names(upper=(NOW_MS + 2, b""), names=(_name(1), _name(2)))]
    yield _answered("names that are equal need no answer", few, named)
    yield _answered("who names nothing hears names", [], [Names(upper=END, names=())])


def _bad() -> Iterator[Case]:
    two = _name(2).hex() + _name(1).hex()
    cases = [
        ("a mode there is not", "Mode", "ff", "bad_shape"),
        ("later, with a bound", "Mode", "6000", "bad_shape"),
        ("a prefix longer than a name", "Bound", "5101" + "11" * 17 + "00", "out_of_range"),
        ("a prefix that ends in zero", "Bound", "41010000", "not_canonical"),
        ("an empty range", "Bound", "400000", "not_canonical"),
        ("a bound before the one before", "Bound", "41000500" + "41000400", "not_canonical"),
        ("a time behind all times", "Bound", "40" + "80" * 7 + "1000", "out_of_range"),
        ("a number with a needless zero", "Number", "40810000", "not_canonical"),
        ("a number of nine bytes", "Number", "40" + "ff" * 9, "out_of_range"),
        ("names out of order", "Names", "5f02" + two, "not_canonical"),
        ("a name twice", "Names", "5f02" + _name(2).hex() * 2, "not_canonical"),
        ("fewer names than said", "Names", "5f02" + _name(2).hex(), "bad_shape"),
        ("more names than fit a row", "Names", "5fffffff07", "out_of_range"),
        ("a fingerprint that is cut off", "Row", "3f0011", "bad_shape"),
        ("a range behind the last one", "Row", "5f007f", "bad_shape"),
        ("a skip at the end", "Row", "0001", "not_canonical"),
        ("two skips in a row", "Row", "000100015f00", "not_canonical"),
        ("more ranges than a row has", "Size", "400100" * 2_049, "too_large"),
        ("more bytes than a row has", "Size", "00" * (limits.ranges_bytes_max + 1), "too_large"),
    ]
    for comment, flag, raw, reason in cases:
        yield invalid(comment, {"ranges": raw}, reason, flag)
