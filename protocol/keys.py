"""One root, many keys: every key of a node derives from 32 bytes by purpose and context.

`K(purpose, generation, context) = BLAKE2b-256(key=root, person=purpose, salt=generation,
data=context)`. Seeds for signing and for boxes are separate and never converted. The root itself is
kept and shown only by `node/keystore`. Source: docs/protocol/01-identity.md.
"""

from __future__ import annotations

import hashlib
from enum import StrEnum

ROOT_BYTES = 32
_PERSON_BYTES = 16
_SALT_BYTES = 16


class Purpose(StrEnum):
    """What a derived key is for; the closed list."""

    SIGN = "sign"
    BOX = "box"
    READER = "reader"
    PAIR = "pair"
    REVIEW = "review"
    STORE = "store"
    BACKUP = "backup"
    TRANSPORT = "transport"


def derive(root: bytes, purpose: Purpose, context: bytes, generation: int = 0) -> bytes:
    """Derive a 32-byte seed.

    Args:
        root: 32 bytes.
        purpose: separates uses; two purposes never share a key.
        context: separates keys of one use: a cast's nonce, or a fixed name for long-lived keys.
        generation: rotation count, 0..2^64-1.
    """
    if len(root) != ROOT_BYTES:
        raise ValueError("a root is 32 bytes")
    return hashlib.blake2b(
        context,
        digest_size=32,
        key=root,
        person=purpose.value.encode().ljust(_PERSON_BYTES, b"\0"),
        salt=generation.to_bytes(_SALT_BYTES, "big"),
    ).digest()
