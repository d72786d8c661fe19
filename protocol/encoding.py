"""Canonical bytes: the one way a value is written, and the strict way it is read back.

Enters: plain values (None, bool, int, str, bytes, list, dict with string keys) or bytes from
anywhere. Leaves: canonical msgpack, or values. Refused: floats, ext types, duplicate or unsorted
keys, long forms, trailing bytes, too deep, too many items. What was received is never re-encoded
to be stored or forwarded; encoding again serves only to compare.
Source: docs/protocol/02-canonical-bytes.md.
"""

from __future__ import annotations

from itertools import chain
from typing import Any, Final, Never

import msgpack
import msgspec

from protocol import limits
from protocol.errors import LocalProtocolError, ObjectError, Reason

_INT_MIN = -(2**63)
_INT_MAX = 2**64 - 1
_READER: Final = msgspec.msgpack.Decoder()
# "deterministic" sorts the keys of maps, refuses keys that are no text, and has one form for each
# value, the shortest.
_WRITER: Final = msgspec.msgpack.Encoder(order="deterministic")
_USED: Final = frozenset({str, bytes, int, bool, type(None), list, dict})


def _refuse_ext(_code: int, _data: bytes) -> Never:
    raise ObjectError(Reason.NOT_CANONICAL, "extension types are not used")


def _sorted_map(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    previous = None
    for key, _ in pairs:
        if type(key) is not str:
            raise ObjectError(Reason.NOT_CANONICAL, "a map key is not a string")
        if previous is not None and key <= previous:
            raise ObjectError(Reason.NOT_CANONICAL, "map keys are not sorted or stand twice")
        previous = key
    return dict(pairs)


def _check_tree(value: Any) -> None:
    """Check types, depth and count, without recursion: depth is what an attacker would choose."""
    stack = [(value, 1)]
    count = 0
    while stack:
        node, depth = stack.pop()
        count += 1
        if count > limits.items_max:
            raise ObjectError(Reason.TOO_LARGE, f"more than {limits.items_max} items")
        kind = type(node)
        if kind is list or kind is dict:
            if depth > limits.depth_max:
                raise ObjectError(Reason.TOO_DEEP, f"nested deeper than {limits.depth_max}")
            children = node if kind is list else node.values()
            stack.extend((child, depth + 1) for child in children)
        elif kind not in (str, bytes, int, bool, type(None)):
            raise ObjectError(Reason.NOT_CANONICAL, f"{kind.__name__} values are not used")


def decode(raw: bytes, *, bytes_max: int) -> Any:
    """Read canonical bytes, refusing every other spelling of the same value.

    Args:
        raw: bytes from anywhere.
        bytes_max: refuse longer input before looking inside.

    Raises:
        ObjectError: TOO_LARGE, BAD_ENCODING, NOT_CANONICAL or TOO_DEEP.
    """
    if len(raw) > bytes_max:
        raise ObjectError(Reason.TOO_LARGE, f"{len(raw)} bytes, at most {bytes_max}")
    try:
        value = _READER.decode(raw)
        if _is_in_model(value) and _WRITER.encode(value) == raw:
            return value
    except (ValueError, TypeError, RecursionError) as error:
        raise _refusal(raw, bytes_max) from error
    raise _refusal(raw, bytes_max)


def _is_in_model(value: Any) -> bool:
    """Look at types, depth and count, level by level; what stands in a level costs no call each."""
    level: list[Any] = [value]
    count = 0
    for _ in range(limits.depth_max + 1):
        count += len(level)
        if count > limits.items_max or not _USED.issuperset(map(type, level)):
            return False
        within: list[Any] = [node for node in level if type(node) is list]
        within += [node.values() for node in level if type(node) is dict]
        if not within:
            return True
        level = list(chain.from_iterable(within))
    return False


def _refusal(raw: bytes, bytes_max: int) -> ObjectError:
    """Find the reason for bytes that are not canonical; slow, but their sender is leaving."""
    try:
        value = msgpack.unpackb(
            raw,
            raw=False,
            use_list=True,
            strict_map_key=True,
            object_pairs_hook=_sorted_map,
            ext_hook=_refuse_ext,
            max_str_len=bytes_max,
            max_bin_len=bytes_max,
            max_array_len=limits.items_max,
            max_map_len=limits.items_max,
        )
        _check_tree(value)
    except ObjectError as error:
        return error
    except Exception:  # noqa: BLE001 - msgpack raises errors of many kinds
        return ObjectError(Reason.BAD_ENCODING, "not msgpack")
    return ObjectError(Reason.NOT_CANONICAL, "not the shortest form")


def _ordered(value: Any, depth: int) -> Any:
    if isinstance(value, dict):
        items = value.items()
        if depth > limits.depth_max or any(type(key) is not str for key in value):
            raise LocalProtocolError("a map is too deep or has a key that is not text")
        return {key: _ordered(child, depth + 1) for key, child in sorted(items)}
    if isinstance(value, list | tuple):
        if depth > limits.depth_max:
            raise LocalProtocolError("a list is nested too deep")
        return [_ordered(child, depth + 1) for child in value]
    if isinstance(value, str):
        return str(value)
    if value is None or isinstance(value, bool | bytes):
        return value
    if isinstance(value, int) and _INT_MIN <= value <= _INT_MAX:
        return int(value)
    raise LocalProtocolError(f"{type(value).__name__} values are not used in signed text")


def encode(value: Any) -> bytes:
    """Write a plain value as canonical msgpack.

    Raises:
        LocalProtocolError: the value holds a float, another type, or is nested too deep.
    """
    try:
        return bytes(msgpack.packb(_ordered(value, 1), use_bin_type=True))
    except UnicodeEncodeError as error:
        raise LocalProtocolError("text holds a lone surrogate, which has no bytes") from error
