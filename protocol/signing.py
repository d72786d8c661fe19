"""Tagged Ed25519: the one list of what a key may ever sign.

Enters: a tag from the closed list, bytes of our own form, a seed. Leaves: 64-byte signatures, or
refusals. No key ever signs bytes chosen by another: every record below has fields of its own, and
names the network and both parties where there are two. Source: docs/protocol/03-envelope.md.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from nacl import bindings
from nacl.exceptions import BadSignatureError

from protocol.errors import Reason, SignatureError
from protocol.ids import SigningKey

KEY_BYTES = 32
SIGNATURE_BYTES = 64


class Tag(StrEnum):
    """Domains of signatures; on the wire `intentcast/1/`, the name, and a zero byte."""

    INTENTCAST = "intentcast"
    OFFER = "offer"
    ACCEPTANCE = "acceptance"
    EVENT = "event"
    REVOKE = "revoke"
    PROFILE = "profile"
    ROTATION = "rotation"
    ROTATION_CONSENT = "rotation-consent"
    REVOCATION = "revocation"
    NODE_RECORD = "node-record"
    BOX_OPEN = "box-open"
    BOX_READ = "box-read"
    RECEIPT = "receipt"
    INVITE = "invite"

    def prefix(self) -> bytes:
        """Give the bytes that stand before every message signed in this domain."""
        return b"intentcast/1/" + self.value.encode() + b"\0"


_PREFIX: Final = {tag.value: tag.prefix() for tag in Tag}


def public_key(seed: bytes) -> SigningKey:
    """Derive the Ed25519 public key of a 32-byte seed."""
    key, _ = bindings.crypto_sign_seed_keypair(seed)
    return SigningKey(key)


def sign(tag: Tag, message: bytes, seed: bytes) -> bytes:
    """Sign `tag || message`; gives 64 bytes."""
    _, secret = bindings.crypto_sign_seed_keypair(seed)
    return bytes(bindings.crypto_sign(tag.prefix() + message, secret)[:SIGNATURE_BYTES])


def verify(tag: Tag, message: bytes, signature: bytes, key: bytes) -> None:
    """Check a signature by libsodium's own rule.

    Raises:
        SignatureError: BAD_SIGNATURE, also for wrong lengths.
    """
    if len(signature) != SIGNATURE_BYTES or len(key) != KEY_BYTES:
        raise SignatureError(Reason.BAD_SIGNATURE, "wrong length")
    try:
        bindings.crypto_sign_open(signature + _PREFIX[tag] + message, key)
    except (BadSignatureError, ValueError, TypeError) as error:
        raise SignatureError(Reason.BAD_SIGNATURE) from error


def check_key(key: bytes) -> None:
    """Refuse a key of low or mixed order; asked when a key enters a thread, profile or agreement.

    Raises:
        SignatureError: BAD_KEY.
    """
    if len(key) != KEY_BYTES or not bindings.crypto_core_ed25519_is_valid_point(key):
        raise SignatureError(Reason.BAD_KEY, "not a point of the prime-order group")
