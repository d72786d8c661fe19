"""Ed25519 as this product uses it, against public vectors with pinned verdicts.

Plain verification is libsodium's own rule; `signing.check_key` is asked besides when a key enters a
thread, a profile or an agreement. The counts are pinned: another library version that decides one
case otherwise would split the network, and must be noticed here.
"""

from __future__ import annotations

import json

import pytest
from nacl import bindings
from nacl.exceptions import BadSignatureError

from protocol.errors import SignatureError
from protocol.signing import SIGNATURE_BYTES, check_key


def load(shared, name):
    path = shared / "vectors" / name
    if not path.is_file():
        pytest.skip(f"no public vectors at {path}")
    return json.loads(path.read_text("utf-8"))


def plain(message: bytes, signature: bytes, key: bytes) -> bool:
    """Verify as `signing.verify` does, without our tag before the message."""
    if len(signature) != SIGNATURE_BYTES:
        return False
    try:
        bindings.crypto_sign_open(signature + message, key)
    except BadSignatureError:
        return False
    return True


def good_key(key: bytes) -> bool:
    try:
        check_key(key)
    except SignatureError:
        return False
    return True


def test_speccheck(shared):
    cases = load(shared, "ed25519-speccheck.json")
    passing, after = [], []
    for number, case in enumerate(cases):
        message, key, signature = (
            bytes.fromhex(case[name]) for name in ("message", "pub_key", "signature")
        )
        if plain(message, signature, key):
            passing.append(number)
            after += [number] if good_key(key) else []
    assert len(cases) == 12
    assert (passing, after) == ([3], [])


def test_cctv(shared):
    cases = load(shared, "cctv-ed25519.json")
    passing = [
        bytes.fromhex(case["key"])
        for case in cases
        if plain(case["msg"].encode(), bytes.fromhex(case["sig"]), bytes.fromhex(case["key"]))
    ]
    assert len(cases) == 914
    assert len(passing) == 43
    assert sum(map(good_key, passing)) == 1


def test_wycheproof(shared):
    groups = load(shared, "wycheproof-ed25519_test.json")["testGroups"]
    count, wrong = 0, []
    for group in groups:
        key = bytes.fromhex(group["publicKey"]["pk"])
        for case in group["tests"]:
            count += 1
            verdict = plain(bytes.fromhex(case["msg"]), bytes.fromhex(case["sig"]), key)
            if verdict != (case["result"] == "valid"):
                wrong.append(case["tcId"])
    assert (count, wrong) == (151, [])
