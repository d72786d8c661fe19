"""Sealed boxes: bytes only one X25519 key can open; PyNaCl's `SealedBox` opens them too.

Enters: plaintext, a recipient key and a 32-byte ephemeral seed drawn by the caller (nothing here
is random). Leaves: ciphertext 48 bytes longer. A sealed box says nothing about its sender: what is
inside must be signed and must name its recipient. Source: libsodium, "Sealed boxes".
"""

from __future__ import annotations

import hashlib

from nacl import bindings

from protocol.errors import LocalProtocolError, Reason, SignatureError
from protocol.ids import BoxKey

SEAL_OVERHEAD_BYTES = 48
KEY_BYTES = 32


def box_public_key(seed: bytes) -> BoxKey:
    """Derive the X25519 public key of a 32-byte seed (used as the scalar itself)."""
    return BoxKey(bindings.crypto_scalarmult_base(seed))


def _nonce(ephemeral: bytes, recipient: bytes) -> bytes:
    return hashlib.blake2b(ephemeral + recipient, digest_size=24).digest()


def seal(plaintext: bytes, key: bytes, ephemeral_seed: bytes) -> bytes:
    """Seal to an X25519 public key.

    Args:
        plaintext: any bytes.
        key: 32 bytes, the recipient's.
        ephemeral_seed: 32 fresh random bytes; never used twice.

    Raises:
        LocalProtocolError: E-KEY when the recipient's key is of low order.
    """
    ephemeral = bindings.crypto_scalarmult_base(ephemeral_seed)
    try:
        box = bindings.crypto_box(plaintext, _nonce(ephemeral, key), key, ephemeral_seed)
    except Exception as error:
        raise LocalProtocolError("the recipient's box key is not usable", code="E-KEY") from error
    return ephemeral + bytes(box)


def open_sealed(ciphertext: bytes, seed: bytes) -> bytes:
    """Open with the X25519 secret.

    Raises:
        SignatureError: BAD_SEAL when it was not sealed to this key or was altered.
    """
    try:
        return bytes(
            bindings.crypto_box_seal_open(ciphertext, bindings.crypto_scalarmult_base(seed), seed)
        )
    except Exception as error:  # PyNaCl raises CryptoError, RuntimeError and TypeError here
        raise SignatureError(Reason.BAD_SEAL, "not sealed to this key, or altered") from error


def check_box_key(key: bytes) -> None:
    """Refuse a key nobody can seal to; asked when a box enters a thread.

    Raises:
        SignatureError: BAD_KEY when it is of low order or wrong length.
    """
    # The binding does not look at the length: a short key would be read past its end.
    if len(key) != KEY_BYTES:
        raise SignatureError(Reason.BAD_KEY, "a box key has 32 bytes")
    try:
        # Any clamped scalar shows it: multiplied with a point of low order it gives zero.
        bindings.crypto_scalarmult(bytes(range(KEY_BYTES)), key)
    except RuntimeError as error:
        raise SignatureError(Reason.BAD_KEY, "not a usable box key") from error
