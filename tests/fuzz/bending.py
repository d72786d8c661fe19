"""How a good input is bent: one thing changed, or the same thing spelled in a forbidden way.

Enters: a valid input and a source of choices, either a script of bytes (which hypothesis shrinks)
or dice (for the fuzzer). Leaves: bytes or text that are nearly right. Nothing is judged in here.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, Protocol

import msgpack

_WHOLE = [0, 1, -1, 127, 128, 255, 256, 2**31, 2**32, 2**52 + 1, 2**53, 2**63, 2**64 - 1, -(2**63)]
_TEXTS = [
    *(
        "",
        "a" * 500,
        "\0",
        "\n",
        "\x1b[2J",
        "\u202e",
        "\u2028",
        "é",
        "e\u0301",
        "\ud800",
        "💬",
        "!",
    ),
    *(
        "-0",
        "+1",
        "1e9",
        "0x1",
        "NaN",
        "\uff11\uff12",
        "\u0663",
        " 1 ",
        "1_000",
        "../../x",
        "%s%n",
        "a" * 70_000,
    ),
]
_ODD: list[Any] = [
    *(
        None,
        True,
        False,
        [],
        {},
        [[]],
        {"!x": 1},
        {"": None},
        -0.0,
        float("nan"),
        float("inf"),
        1.5,
    ),
    *(b"", bytes(8), bytes(16), bytes(32), bytes(64), b"\xff" * 32, b"\xc1", bytes(70_000)),
    *(msgpack.ExtType(5, b"x"), msgpack.Timestamp(1, 0), *_WHOLE, *_TEXTS),
]
_HEADS = [b"\xdd\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff", b"\xc6\xff\xff\xff\xff", b"\xc1"]
_DEPTHS = [1, 15, 16, 17, 40, 1_100]


class Choices(Protocol):
    """Where decisions come from."""

    def below(self, count: int) -> int:
        """Give one of 0..count-1."""


class Script:
    """Decisions written down as bytes; once they are used up, drawn by dice these bytes seed."""

    def __init__(self, script: bytes) -> None:
        self._script = script
        self._at = 0
        self._dice: Dice | None = None

    def below(self, count: int) -> int:
        if count <= 1:
            return 0
        wide = 2 if count > 200 else 1
        if self._at + wide > len(self._script):
            self._dice = self._dice or Dice(int.from_bytes(self._script, "big"))
            return self._dice.below(count)
        taken = self._script[self._at : self._at + wide]
        self._at += wide
        return int.from_bytes(taken, "big") % count


class Dice:
    """Decisions by a seeded generator."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def below(self, count: int) -> int:
        return self._random.randrange(count) if count > 1 else 0


def one_of(of: list[Any], pick: Choices) -> Any:
    return of[pick.below(len(of))]


# --- trees ----------------------------------------------------------------------------------------


def places_of(tree: Any) -> list[tuple[Any, ...]]:
    """List the path to every value in a tree, its root included."""
    found: list[tuple[Any, ...]] = []
    waiting: list[tuple[tuple[Any, ...], Any]] = [((), tree)]
    while waiting and len(found) < 400:
        path, node = waiting.pop()
        found.append(path)
        if isinstance(node, dict):
            waiting += [((*path, key), child) for key, child in node.items()]
        elif isinstance(node, list):
            waiting += [((*path, at), child) for at, child in enumerate(node)]
    return found


def changed_at(tree: Any, path: tuple[Any, ...], change: Callable[[Any], Any]) -> Any:
    """Give the tree with the value at one place changed; the rest is shared."""
    if not path:
        return change(tree)
    copy = dict(tree) if isinstance(tree, dict) else list(tree)
    copy[path[0]] = changed_at(tree[path[0]], path[1:], change)
    return copy


def bend_tree(tree: Any, pick: Choices) -> Any:
    """Change one thing of a tree."""
    path = one_of(places_of(tree), pick)
    return changed_at(tree, path, lambda node: _bent(node, pick))


def _bent(node: Any, pick: Choices) -> Any:  # noqa: PLR0911 - one return a way
    way = pick.below(8)
    if way == 0:
        return one_of(_ODD, pick)
    if way == 1:
        return _nested(node, one_of(_DEPTHS, pick))
    if isinstance(node, bool) or node is None:
        return one_of([True, False, None, 0, 1, "", b""], pick)
    if isinstance(node, int):
        return _bent_int(node, pick)
    if isinstance(node, str):
        return _bent_text(node, pick)
    if isinstance(node, bytes):
        return _bent_bytes(node, pick)
    if isinstance(node, dict):
        return _bent_map(node, pick)
    if isinstance(node, list):
        return _bent_list(node, pick)
    return one_of(_ODD, pick)


def _nested(node: Any, depth: int) -> Any:
    for _ in range(depth):
        node = [node]
    return node


def _bent_int(node: int, pick: Choices) -> Any:
    near = [node + 1, node - 1, -node, node * 2, node // 2, node ^ 1 << pick.below(53)]
    return one_of([*near, str(node), float(node), bytes([node & 255]), *_WHOLE], pick)


def _bent_text(node: str, pick: Choices) -> Any:
    at = pick.below(len(node) + 1)
    insert = node[:at] + one_of(_TEXTS, pick) + node[at:]
    forms = [insert, node[:at], node[at:], node * 2, node.upper(), node.swapcase(), "!" + node]
    return one_of([*forms, node.encode("utf-8", "replace"), [node], *_TEXTS], pick)


def _bent_bytes(node: bytes, pick: Choices) -> Any:
    inside = unpacked(node)
    if isinstance(inside, list | dict) and pick.below(4):
        # Envelopes, records and letters carry canonical bytes inside canonical bytes.
        return spell(bend_tree(inside, pick), pick)
    return one_of(
        [
            bend_bytes(node, pick),
            node[:-1],
            node + b"\0",
            b"",
            bytes(len(node)),
            node[::-1],
            node.decode("latin-1"),
            list(node[:40]),
        ],
        pick,
    )


def _bent_map(node: dict[Any, Any], pick: Choices) -> Any:
    if not node:
        return {one_of(["a", "!a", "", 1], pick): one_of(_ODD, pick)}
    keys = sorted(node, key=str)
    key, other = one_of(keys, pick), one_of(keys, pick)
    rest = {name: value for name, value in node.items() if name != key}
    return one_of(
        [
            rest,
            {**node, key: node[other]},
            {**rest, f"{key}x": node[key]},
            {**node, one_of(["!must", "unheard_of", "", "é", "\0"], pick): one_of(_ODD, pick)},
            {**rest, key.encode() if isinstance(key, str) else key: node[key]},
            {**rest, 7: node[key]},
            [[name, value] for name, value in node.items()],
            list(node.values()),
            {**node, **{f"k{number}": number for number in range(one_of([10, 5_000], pick))}},
        ],
        pick,
    )


def _bent_list(node: list[Any], pick: Choices) -> Any:
    if not node:
        return [one_of(_ODD, pick)]
    at, other = pick.below(len(node)), pick.below(len(node))
    swapped = list(node)
    swapped[at], swapped[other] = swapped[other], swapped[at]
    return one_of(
        [
            node[:at] + node[at + 1 :],
            [*node, node[at]],
            swapped,
            node[:at],
            [*node, None],
            node * one_of([2, 20, 300], pick),
            {str(number): value for number, value in enumerate(node)},
            [*node[:at], node, *node[at:]],
        ],
        pick,
    )


# --- bytes ----------------------------------------------------------------------------------------


def bend_bytes(raw: bytes, pick: Choices) -> bytes:  # noqa: PLR0911 - one return a way
    """Change some bytes, knowing nothing of what they mean."""
    at = pick.below(len(raw) + 1)
    way = pick.below(9)
    if way == 0:
        return raw[:at]
    if way == 1:
        return raw + bytes([pick.below(256)]) * (1 + pick.below(4))
    if way == 2:
        return raw[:at] + bytes([pick.below(256)]) + raw[at:]
    if way == 3:
        return raw[:at] + one_of(_HEADS, pick) + raw[at + pick.below(6) :]
    if way == 4:
        return raw[:at] + raw[at + 1 + pick.below(40) :]
    if way == 5:
        return raw[:at] + raw[at : at + 16] * (1 + pick.below(40)) + raw[at:]
    if way == 6:
        return one_of([b"", b"\x91" * 100_000, b"\xc1", b"\0" * 70_000, b"\x80", b"\x90"], pick)
    found = bytearray(raw)
    for _ in range(1 + pick.below(3)):
        if found:
            found[pick.below(len(found))] ^= 1 + pick.below(255)
    return bytes(found)


def bend_text(text: str, pick: Choices) -> str:  # noqa: PLR0911 - one return a way
    """Change a piece of a text."""
    at = pick.below(len(text) + 1)
    way = pick.below(8)
    if way == 0:
        return text[:at]
    if way == 1:
        return text[:at] + one_of(_TEXTS, pick) + text[at:]
    if way == 2:
        return text[:at] + text[at + 1 + pick.below(8) :]
    if way == 3:
        return text[:at] + text[at : at + 8] * (1 + pick.below(60)) + text[at:]
    if way == 4:
        other = pick.below(len(text) + 1)
        low, high = sorted((at, other))
        return text[:low] + text[high:] + text[low:high]
    if way == 5:
        return text.swapcase()
    point = one_of([33, 48, 65, 97, 0x300, 0x2212, 0x660, 0x1F4AC, 0xDFFF, 0, 9, 0xFEFF], pick)
    return text[:at] + chr(point + pick.below(26) * (point in (33, 65, 97))) + text[at + 1 :]


def as_bytes(text: str) -> bytes:
    """Write a text that was read with `surrogateescape`, lone surrogates of its own included."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        escaped = [c if "\udc80" <= c <= "\udcff" else "" for c in text]
        plain = (c.encode("utf-8", "surrogatepass") for c in text)
        pairs = zip(escaped, plain, strict=True)
        return b"".join(e.encode("utf-8", "surrogateescape") or p for e, p in pairs)


def unpacked(raw: bytes) -> Any:
    """Read bytes as a tree without any of our rules; None when they are none."""
    try:
        return msgpack.unpackb(raw, raw=False, strict_map_key=False)
    except Exception:  # noqa: BLE001 - whatever it is, it is no tree
        return None


# --- spelling -------------------------------------------------------------------------------------


def spell(tree: Any, pick: Choices) -> bytes:
    """Write a tree as msgpack: canonically as a rule, sometimes in a way that is not."""
    way = pick.below(6)
    if way in (0, 1, 2):
        return packed(tree)
    if way == 3:
        return packed(tree) + bytes([pick.below(256)])
    if way == 4:
        return bend_bytes(packed(tree), pick)
    return _long_winded(tree, pick, depth=0)


def packed(tree: Any) -> bytes:
    """Write any tree, keys sorted where they can be."""
    raw: bytes = msgpack.packb(
        _sorted(tree, 0), use_bin_type=True, unicode_errors="surrogatepass", default=repr
    )
    return raw


def _sorted(tree: Any, depth: int) -> Any:
    if depth > 400:
        return None
    if isinstance(tree, dict):
        keys = sorted(tree, key=lambda key: (str(type(key)), key))
        return {key: _sorted(tree[key], depth + 1) for key in keys}
    if isinstance(tree, list | tuple):
        return [_sorted(child, depth + 1) for child in tree]
    if isinstance(tree, int) and not -(2**63) <= tree < 2**64:
        return float(tree) if abs(tree) < 2**900 else 0
    return tree


def _long_winded(node: Any, pick: Choices, *, depth: int) -> bytes:  # noqa: PLR0911 - one return a way
    """Spell a value with some heads longer than they have to be, or keys twice and out of order."""
    long = pick.below(3) == 0
    if depth > 60:
        return b"\xc0"
    if isinstance(node, dict):
        items = list(node.items())
        if long and items:
            items = one_of([items[::-1], [*items, items[0]], items], pick)
        body = b"".join(packed(key) + _long_winded(v, pick, depth=depth + 1) for key, v in items)
        head = b"\xdf" + len(items).to_bytes(4, "big") if long else _head(len(items), 0x80, 0xDE)
        return head + body
    if isinstance(node, list):
        body = b"".join(_long_winded(child, pick, depth=depth + 1) for child in node)
        head = b"\xdd" + len(node).to_bytes(4, "big") if long else _head(len(node), 0x90, 0xDC)
        return head + body
    if long and isinstance(node, str):
        raw = node.encode("utf-8", "surrogatepass")
        return b"\xdb" + len(raw).to_bytes(4, "big") + raw
    if long and isinstance(node, bytes):
        return b"\xc6" + len(node).to_bytes(4, "big") + node
    if long and type(node) is int and 0 <= node < 2**64:
        return b"\xcf" + node.to_bytes(8, "big")
    return packed(node)


def _head(count: int, small: int, wide: int) -> bytes:
    if count < 16:
        return bytes([small | count])
    return bytes([wide]) + min(count, 65_535).to_bytes(2, "big")
