"""Names of things: distinct types over bytes, and their text form that is safe to read aloud.

Text form: a prefix, then Crockford base32 (no I, L, O, U) in groups of four, the last group being
20 check bits of BLAKE2b-256 over prefix and bytes. Reading accepts lower case, spaces and O/I/L.
Enters: 32-byte values or text a person typed. Leaves: the other one. Never guesses: text whose
check group differs is refused.
"""

from __future__ import annotations

import hashlib
from typing import NewType

from protocol.errors import LocalProtocolError

ObjectId = NewType("ObjectId", bytes)
"""BLAKE2b-256(signed || signature), 32 bytes."""
CastId = NewType("CastId", bytes)
"""ObjectId of an intentcast."""
OfferId = NewType("OfferId", bytes)
"""ObjectId of an offer."""
DealId = NewType("DealId", bytes)
"""ObjectId of an acceptance; names the deal that follows."""
AgreementId = NewType("AgreementId", bytes)
"""BLAKE2b-256 of the concatenated ids of an agreement."""
SigningKey = NewType("SigningKey", bytes)
"""Ed25519 public key, 32 bytes."""
BoxKey = NewType("BoxKey", bytes)
"""X25519 public key, 32 bytes."""
NodeId = NewType("NodeId", bytes)
"""X25519 transport public key of a node, 32 bytes."""
PeerId = NewType("PeerId", bytes)
"""NodeId of the far end of one live connection."""
LetterHash = NewType("LetterHash", bytes)
"""BLAKE2b-256 of a sealed letter's bytes."""

ID_BYTES = 32
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_VALUE = {c: i for i, c in enumerate(_ALPHABET)} | {"O": 0, "I": 1, "L": 1}
_DIGITS = 52
_GROUP = 4


def blake2b_256(*parts: bytes) -> bytes:
    """Hash the concatenation of `parts` to 32 bytes."""
    return hashlib.blake2b(b"".join(parts), digest_size=32).digest()


def _check_group(prefix: str, value: bytes) -> str:
    bits = int.from_bytes(blake2b_256(prefix.encode(), b"\0", value)[:3], "big") >> 4
    return "".join(_ALPHABET[(bits >> shift) & 31] for shift in (15, 10, 5, 0))


def to_text(prefix: str, value: bytes) -> str:
    """Write 32 bytes as `prefix-XXXX-...`: 13 groups and one check group."""
    number = int.from_bytes(value, "big") << 4
    digits = "".join(_ALPHABET[(number >> (5 * (_DIGITS - 1 - i))) & 31] for i in range(_DIGITS))
    digits += _check_group(prefix, value)
    groups = [digits[i : i + _GROUP] for i in range(0, len(digits), _GROUP)]
    return "-".join([prefix, *groups])


def short_text(prefix: str, value: bytes, groups: int = 2) -> str:
    """Write the first `groups` groups: a handle for people, resolved by prefix, never a proof."""
    return "-".join(to_text(prefix, value).split("-")[: groups + 1])


def normalise(prefix: str, text: str) -> str:
    """Strip the prefix, dashes and spaces, and map look-alike letters; may be a partial handle.

    Raises:
        LocalProtocolError: E-ID when a character is not of the alphabet.
    """
    body = text.strip().upper().removeprefix(prefix.upper() + "-").replace("-", "").replace(" ", "")
    if not body or len(body) > _DIGITS + _GROUP or any(c not in _VALUE for c in body):
        raise LocalProtocolError(
            f"'{text[:80]}' is not an id",
            code="E-ID",
            fix=f"An id looks like {prefix}-7Q4M-K2XD; copy it from the list",
        )
    return "".join(_ALPHABET[_VALUE[c]] for c in body)


def from_text(prefix: str, text: str) -> bytes:
    """Read the full text form back to 32 bytes.

    Raises:
        LocalProtocolError: E-ID when it is not the full form or its check group differs.
    """
    digits = normalise(prefix, text)
    if len(digits) == _DIGITS + _GROUP:
        number = 0
        for c in digits[:_DIGITS]:
            number = number << 5 | _VALUE[c]
        if number & 15 == 0:
            value = (number >> 4).to_bytes(ID_BYTES, "big")
            if _check_group(prefix, value) == digits[_DIGITS:]:
                return value
    raise LocalProtocolError(
        f"'{text[:80]}' has a wrong check group or length",
        code="E-ID",
        fix="Compare it with the original, group by group",
    )


def matches_handle(prefix: str, value: bytes, handle: str) -> bool:
    """Tell whether a (partial) handle names `value`."""
    return normalise(prefix, to_text(prefix, value)).startswith(normalise(prefix, handle))
