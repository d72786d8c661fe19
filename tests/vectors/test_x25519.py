"""X25519 as boxes and channels use it: a shared secret of zero is an error, never a key."""

from __future__ import annotations

import json

import pytest
from nacl import bindings


def test_wycheproof(shared):
    path = shared / "vectors" / "wycheproof-x25519_test.json"
    if not path.is_file():
        pytest.skip(f"no public vectors at {path}")
    count, zero, wrong = 0, 0, []
    for group in json.loads(path.read_text("utf-8"))["testGroups"]:
        for case in group["tests"]:
            count += 1
            private, public, expected = (
                bytes.fromhex(case[name]) for name in ("private", "public", "shared")
            )
            try:
                secret = bindings.crypto_scalarmult(private, public)
            except RuntimeError:
                zero += 1
                secret = bytes(32)
            if secret != expected:
                wrong.append(case["tcId"])
    assert (count, zero, wrong) == (518, 31, [])
