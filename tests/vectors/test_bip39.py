"""The words of a root are BIP39 English, as every other wallet and paper reads them."""

from __future__ import annotations

import json

import pytest
from mnemonic import Mnemonic


def test_trezor(shared):
    path = shared / "vectors" / "bip39-vectors.json"
    if not path.is_file():
        pytest.skip(f"no public vectors at {path}")
    cases = json.loads(path.read_text("utf-8"))["english"]
    words = Mnemonic("english")
    assert len(cases) == 24
    for entropy, sentence, seed, _ in cases:
        assert words.to_mnemonic(bytes.fromhex(entropy)) == sentence
        assert bytes(words.to_entropy(sentence)).hex() == entropy
        assert words.check(sentence)
        assert Mnemonic.to_seed(sentence, "TREZOR").hex() == seed
