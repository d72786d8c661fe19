"""Signed objects as a stranger reads them: msgpack and Ed25519, and nothing of the product's gates.

Enters: envelope bytes, or the plaintext of a letter. Leaves: `Paper`, or nothing when the signature
does not hold. The judge of the simulation reads with this, so that a fault of the product's own
reading cannot hide itself.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

import msgpack
from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """One signed object."""

    id: bytes
    kind: str
    key: bytes
    at: int
    exp: int
    to: bytes | None
    thread: bytes | None
    prev: bytes | None
    body: dict[str, Any]
    raw: bytes = field(repr=False)

    @property
    def what(self) -> str:
        """Its kind, or the type of its event."""
        return str(self.body.get("type")) if self.kind == "event" else self.kind


def read_paper(raw: bytes) -> Paper | None:
    """Read an envelope; None when its signature does not hold or its body is no map.

    What is not even twelve fields of the right kinds raises whatever it raises: an honest home
    keeps no such thing.
    """
    signed, signature, _ = msgpack.unpackb(raw, raw=False, strict_map_key=True)
    _, _, kind, key, at, exp, to, thread, prev, _, _, body = msgpack.unpackb(signed, raw=False)
    tagged = b"intentcast/1/" + kind.encode() + b"\0" + signed
    try:
        VerifyKey(key).verify(tagged, signature)
    except BadSignatureError:
        return None
    if not isinstance(body, dict):
        return None
    return Paper(
        id=hashlib.blake2b(signed + signature, digest_size=32).digest(),
        kind=kind,
        key=key,
        at=at,
        exp=exp,
        to=to,
        thread=thread,
        prev=prev,
        body=body,
        raw=raw,
    )


def letter_parts(plaintext: bytes) -> tuple[bytes, Any]:
    """Split a letter's plaintext into its envelope and the values beside it."""
    length = int.from_bytes(plaintext[:4], "big")
    envelope, opened = msgpack.unpackb(plaintext[4 : 4 + length], raw=False)
    return envelope, opened
