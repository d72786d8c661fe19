"""XChaCha20-Poly1305 (IETF): what the library encrypts, and what it refuses to open."""

from __future__ import annotations

import json

import pytest
from nacl import bindings
from nacl.exceptions import CryptoError

NONCE_BYTES = 24


def verdict(case):
    """Give `valid`, or `invalid` when the tag or a parameter does not hold."""
    key, nonce, aad, message, tag = (
        bytes.fromhex(case[name]) for name in ("key", "iv", "aad", "ct", "tag")
    )
    if len(nonce) != NONCE_BYTES:
        return "invalid"
    try:
        opened = bindings.crypto_aead_xchacha20poly1305_ietf_decrypt(message + tag, aad, nonce, key)
    except CryptoError:
        return "invalid"
    plaintext = bytes.fromhex(case["msg"])
    sealed = bindings.crypto_aead_xchacha20poly1305_ietf_encrypt(plaintext, aad, nonce, key)
    return "valid" if (opened, sealed) == (plaintext, message + tag) else "differs"


def test_wycheproof(shared):
    path = shared / "vectors" / "wycheproof-xchacha20_poly1305_test.json"
    if not path.is_file():
        pytest.skip(f"no public vectors at {path}")
    groups = json.loads(path.read_text("utf-8"))["testGroups"]
    cases = [case for group in groups for case in group["tests"]]
    wrong = [case["tcId"] for case in cases if verdict(case) != case["result"]]
    assert (len(cases), wrong) == (315, [])
