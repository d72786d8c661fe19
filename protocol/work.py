"""Proof of work: what a public object or a mailbox request costs its author.

Enters: a 32-byte digest and a nonce. Leaves: how many leading zero bits BLAKE2b-256(digest ||
nonce) has. The nonce stands outside every signed text and is part of no id.
Source: docs/protocol/03-envelope.md, "Work".
"""

from __future__ import annotations

from protocol import limits
from protocol.ids import blake2b_256

_HASH_BITS = 256
_SIZE_STEP_BYTES = 2_048
_LIFE_STEP_MS = 7 * 86_400_000


def bits_of(digest: bytes, nonce: bytes) -> int:
    """Count the leading zero bits of BLAKE2b-256(digest || nonce)."""
    return _HASH_BITS - int.from_bytes(blake2b_256(digest, nonce), "big").bit_length()


def base_bits(net: str) -> int:
    """Give the base work of a public object on a network."""
    return limits.pow_base_bits_main if net == "main" else limits.pow_base_bits_other


def box_open_bits(net: str) -> int:
    """Give the work of opening a box on a network."""
    return limits.box_open_bits_main if net == "main" else limits.box_open_bits_other


def _ceil_log2(numerator: int, step: int) -> int:
    """Give ceil(log2(max(1, numerator / step))) in integers; the numerator is 1 or more."""
    return ((numerator - 1) // step).bit_length()


def put_surplus_bits(size: int) -> int:
    """Give what a letter owes beyond a small one for the same place in a full box.

    Args:
        size: bytes of the letter, 1 or more.
    """
    return _ceil_log2(size, limits.put_share_bytes)


def required_bits(net: str, signed_bytes: int, life_ms: int) -> int:
    """Work a public object owes: base, more for size and for life, at most base + 4.

    Args:
        net: network id.
        signed_bytes: length of the signed text.
        life_ms: `exp - at`.
    """
    surplus = _ceil_log2(signed_bytes, _SIZE_STEP_BYTES) + _ceil_log2(life_ms, _LIFE_STEP_MS)
    return base_bits(net) + min(surplus, limits.pow_surplus_bits_max)


def solve(digest: bytes, bits: int, *, start: int = 0, tries: int) -> bytes | None:
    """Search `tries` nonces from `start`; gives 8 bytes, or None when none was found.

    The caller chooses the slice, so that a long search can yield to other work.
    """
    limit = 1 << (_HASH_BITS - bits)
    for number in range(start, start + tries):
        nonce = number.to_bytes(limits.pow_bytes, "big")
        if int.from_bytes(blake2b_256(digest, nonce), "big") < limit:
            return nonce
    return None
