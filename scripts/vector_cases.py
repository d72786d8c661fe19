"""Cases of the low floors: canonical bytes, keys and ids, sealed boxes.

Enters: nothing. Leaves: cases for `generate_vectors.py`, bytes in hex, the same at every run.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from protocol import ids, limits, sealing, signing
from protocol import keys as derivation
from protocol.encoding import encode
from protocol.errors import Reason

Case = dict[str, Any]

SEED = bytes(range(32))


def valid(comment: str, given: Case, intermediate: Case, *flags: str) -> Case:
    """Write a case that holds."""
    return {
        "comment": comment,
        "flags": list(flags),
        "input": given,
        "intermediate": intermediate,
        "result": "valid",
        "reason": None,
    }


def invalid(comment: str, given: Case, reason: str, *flags: str) -> Case:
    """Write a case that is refused, and why."""
    return {
        "comment": comment,
        "flags": list(flags),
        "input": given,
        "intermediate": {},
        "result": "invalid",
        "reason": str(reason),
    }


# --- canonical bytes ---------------------------------------------------------------------------

CANONICAL_NOTES = {
    "Spelling": "Another spelling of the same value is accepted: one object would have many ids.",
    "Types": "Types outside the data model are accepted: they read differently elsewhere.",
    "Order": "Map keys are unsorted or stand twice: readers disagree on which one counts.",
    "Framing": "Input is cut short, has a tail, or claims more than it holds.",
    "Limits": "Depth or count is unbounded: a small message exhausts its reader.",
}

_VALUES: list[tuple[str, Any]] = [
    ("nil", None),
    ("booleans", [False, True]),
    ("the ends of each integer width", [127, 128, 255, 256, 65_535, 65_536, 2**32 - 1, 2**32]),
    ("negative ones", [-1, -32, -33, -128, -129, -32_768, -32_769, -(2**31), -(2**31) - 1]),
    ("the widest integers", [2**64 - 1, -(2**63)]),
    ("empty containers", [[], {}, "", b""]),
    ("text beyond ASCII", "Grüße, 東京, 🚙"),
    ("text and bytes of 31, 32 and 256", ["x" * 31, "x" * 32, "x" * 256, b"y" * 255, b"y" * 256]),
    ("a list of 16", list(range(16))),
    ("keys sorted by their code points", {"Z": 1, "a": 2, "aa": 3, "ä": 4}),
    ("a map of 16", {f"{n:02}": n for n in range(16)}),
]

_REFUSED: list[tuple[str, str, Reason, str]] = [
    ("5 in two bytes", "cc05", Reason.NOT_CANONICAL, "Spelling"),
    ("5 as a signed byte", "d005", Reason.NOT_CANONICAL, "Spelling"),
    ("255 in three bytes", "cd00ff", Reason.NOT_CANONICAL, "Spelling"),
    ("-1 in two bytes", "d0ff", Reason.NOT_CANONICAL, "Spelling"),
    ("one letter with a length byte", "d90161", Reason.NOT_CANONICAL, "Spelling"),
    ("one byte with a two-byte length", "c5000161", Reason.NOT_CANONICAL, "Spelling"),
    ("a list of one, long form", "dc0001c0", Reason.NOT_CANONICAL, "Spelling"),
    ("a map of one, long form", "de0001a161c0", Reason.NOT_CANONICAL, "Spelling"),
    ("a float", "ca3f800000", Reason.NOT_CANONICAL, "Types"),
    ("a double", "cb3ff0000000000000", Reason.NOT_CANONICAL, "Types"),
    ("a timestamp", "d6ff00000000", Reason.NOT_CANONICAL, "Types"),
    ("an extension", "d40500", Reason.NOT_CANONICAL, "Types"),
    ("a key of bytes", "81c4016101", Reason.NOT_CANONICAL, "Types"),
    ("keys out of order", "82a16201a16101", Reason.NOT_CANONICAL, "Order"),
    ("a key twice", "82a16101a16101", Reason.NOT_CANONICAL, "Order"),
    ("a key that is a number", "810501", Reason.BAD_ENCODING, "Types"),
    ("nothing", "", Reason.BAD_ENCODING, "Framing"),
    ("a list of two with one", "9201", Reason.BAD_ENCODING, "Framing"),
    ("two values", "c0c0", Reason.BAD_ENCODING, "Framing"),
    ("a byte that begins nothing", "c1", Reason.BAD_ENCODING, "Framing"),
    ("text that is not UTF-8", "a1ff", Reason.BAD_ENCODING, "Framing"),
    ("a surrogate in UTF-8", "a3eda080", Reason.BAD_ENCODING, "Framing"),
    ("a list that claims 2^32-1 items", "ddffffffff", Reason.BAD_ENCODING, "Limits"),
    ("one level too deep", "91" * (limits.depth_max + 1) + "c0", Reason.TOO_DEEP, "Limits"),
    (
        "more items than allowed",
        "92" + ("dc0800" + "00" * 2048) * 2,
        Reason.TOO_LARGE,
        "Limits",
    ),
]


def canonical() -> Iterator[Case]:
    """Cases of reading canonical bytes."""
    for comment, value in _VALUES:
        raw = encode(value)
        yield valid(comment, {"raw": raw.hex()}, {"value": plain(value)})
    deepest = b"\x91" * limits.depth_max + b"\xc0"
    yield valid("as deep as allowed", {"raw": deepest.hex()}, {}, "Limits")
    for comment, raw_hex, reason, flag in _REFUSED:
        yield invalid(comment, {"raw": raw_hex}, reason, flag)


def plain(value: Any) -> Any:
    """Write a value as JSON; bytes as `{"hex": ...}`, wide integers as `{"int": "..."}`."""
    if isinstance(value, bytes):
        return {"hex": value.hex()}
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    if isinstance(value, int):
        return value if abs(value) < 2**53 else {"int": str(value)}
    if isinstance(value, dict):
        return {"map": {key: plain(child) for key, child in value.items()}}
    return [plain(child) for child in value]


# --- keys and ids ------------------------------------------------------------------------------

KEYS_NOTES = {
    "Derive": "A seed derived otherwise: a restored node would not find its own keys.",
    "WeakKey": "A key of low or mixed order is let into a thread: others could sign for it.",
    "WeakBox": "A box key of low order is let into a thread: everybody could read its letters.",
    "Text": "An id with a slip of the tongue is taken for another one.",
}

_WEAK_SIGNING = {
    "zero": "00" * 32,
    "the neutral element": "01" + "00" * 31,
    "order 2": "ec" + "ff" * 30 + "7f",
    "order 8": "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "not on the curve": "02" + "00" * 31,
    "not reduced": "ff" * 32,
    "too short": "58" * 31,
}
_WEAK_BOX = {
    "zero": "00" * 32,
    "one": "01" + "00" * 31,
    "order 8": "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "-1": "ec" + "ff" * 30 + "7f",
    "too short": "09" * 31,
}


def keys() -> Iterator[Case]:
    """Cases of deriving, of keys that may not enter a thread, and of ids read aloud."""
    for purpose, context, generation in (
        ("sign", b"profile", 0),
        ("sign", bytes(range(16)), 0),
        ("sign", bytes(range(16)), 1),
        ("box", bytes(range(16)), 0),
        ("reader", bytes(range(16)), 0),
        ("review", bytes(range(16)), 2**64 - 1),
        ("transport", b"node", 0),
    ):
        seed = derivation.derive(SEED, derivation.Purpose(purpose), context, generation)
        given = {
            "op": "derive",
            "root": SEED.hex(),
            "purpose": purpose,
            "context": context.hex(),
            "generation": str(generation),
        }
        public = {
            "seed": seed.hex(),
            "ed25519": signing.public_key(seed).hex(),
            "x25519": sealing.box_public_key(seed).hex(),
        }
        yield valid(f"{purpose}, generation {generation}", given, public, "Derive")
    honest = signing.public_key(SEED).hex()
    yield valid("an honest signing key", {"op": "signing_key", "key": honest}, {})
    yield valid(
        "an honest box key", {"op": "box_key", "key": sealing.box_public_key(SEED).hex()}, {}
    )
    for comment, key in _WEAK_SIGNING.items():
        yield invalid(comment, {"op": "signing_key", "key": key}, Reason.BAD_KEY, "WeakKey")
    for comment, key in _WEAK_BOX.items():
        yield invalid(comment, {"op": "box_key", "key": key}, Reason.BAD_KEY, "WeakBox")
    yield from _texts()


def _texts() -> Iterator[Case]:
    for prefix, value in (("cast", SEED), ("offer", bytes(32)), ("deal", b"\xff" * 32)):
        given = {"op": "id_text", "prefix": prefix, "text": ids.to_text(prefix, value)}
        yield valid(f"{prefix} as it is written", given, {"value": value.hex()}, "Text")
    text = ids.to_text("cast", SEED)
    spoken = {"op": "id_text", "prefix": "cast", "text": f" {text.lower().replace('0', 'o')} "}
    yield valid("lower case, O for 0", spoken, {"value": SEED.hex()}, "Text")
    for comment, wrong in (
        ("one character differs", text[:-6] + ("2" if text[-6] != "2" else "3") + text[-5:]),
        ("another prefix's check group", ids.to_text("offer", SEED).replace("offer", "cast")),
        ("a group is missing", text[:-5]),
        ("a letter outside the alphabet", text[:-1] + "U"),
        ("nothing", ""),
    ):
        yield invalid(comment, {"op": "id_text", "prefix": "cast", "text": wrong}, "E-ID", "Text")


# --- sealed boxes ------------------------------------------------------------------------------

SEALING_NOTES = {
    "Bent": "An altered box opens.",
    "Cut": "A box cut short or with a tail opens.",
    "Key": "A box opens with another key, or is sealed to a key everybody knows.",
}


def sealing_cases() -> Iterator[Case]:
    """Cases of opening a sealed box."""
    fresh = b"\x07" * 32
    key = sealing.box_public_key(SEED)
    boxes = {
        text: sealing.seal(text, key, fresh) for text in (b"", b"a", b"a letter" * 64, bytes(512))
    }
    for text, box in boxes.items():
        given = {"secret": SEED.hex(), "box": box.hex()}
        made = {"key": key.hex(), "ephemeral": fresh.hex(), "plaintext": text.hex()}
        yield valid(f"{len(text)} bytes", given, made)
    box = boxes[b"a"]
    for comment, bent, flag in (
        ("first byte bent", bytes([box[0] ^ 1]) + box[1:], "Bent"),
        ("tag bent", box[:32] + bytes([box[32] ^ 1]) + box[33:], "Bent"),
        ("last byte bent", box[:-1] + bytes([box[-1] ^ 128]), "Bent"),
        ("one byte short", box[:-1], "Cut"),
        ("only the ephemeral key", box[:32], "Cut"),
        ("nothing", b"", "Cut"),
        ("a tail", box + b"\0", "Cut"),
        ("an ephemeral key of low order", bytes(32) + box[32:], "Key"),
    ):
        yield invalid(comment, {"secret": SEED.hex(), "box": bent.hex()}, Reason.BAD_SEAL, flag)
    given = {"secret": (b"\x09" * 32).hex(), "box": box.hex()}
    yield invalid("another secret", given, Reason.BAD_SEAL, "Key")
