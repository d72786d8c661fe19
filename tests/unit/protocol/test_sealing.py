"""A sealed box opens with one key, whole, and says nothing of its sender."""

from __future__ import annotations

import pytest
from nacl.public import PrivateKey, SealedBox

from protocol.errors import LocalProtocolError, Reason, SignatureError
from protocol.sealing import SEAL_OVERHEAD_BYTES, box_public_key, check_box_key, open_sealed, seal

SEED = bytes(range(32))
KEY = box_public_key(SEED)
FRESH = b"\x07" * 32
LOW_ORDER = [
    bytes(32),
    b"\x01" + bytes(31),
    bytes.fromhex("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
    bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
]


def test_what_is_sealed_opens():
    for plaintext in (b"", b"x", b"x" * 50_000):
        sealed = seal(plaintext, KEY, FRESH)
        assert len(sealed) == len(plaintext) + SEAL_OVERHEAD_BYTES
        assert open_sealed(sealed, SEED) == plaintext


def test_the_form_is_libsodiums():
    assert SealedBox(PrivateKey(SEED)).decrypt(seal(b"letter", KEY, FRESH)) == b"letter"
    assert open_sealed(SealedBox(PrivateKey(SEED).public_key).encrypt(b"letter"), SEED) == b"letter"


def test_the_same_seed_gives_the_same_bytes_and_another_does_not():
    assert seal(b"x", KEY, FRESH) == seal(b"x", KEY, FRESH)
    assert seal(b"x", KEY, FRESH) != seal(b"x", KEY, b"\x08" * 32)


def refused(ciphertext, seed=SEED):
    with pytest.raises(SignatureError) as caught:
        open_sealed(ciphertext, seed)
    return caught.value.reason


def test_any_bent_byte_is_refused():
    sealed = seal(b"letter", KEY, FRESH)
    for at in range(len(sealed)):
        bent = bytearray(sealed)
        bent[at] ^= 1
        assert refused(bytes(bent)) is Reason.BAD_SEAL


def test_cut_short_or_with_a_tail_is_refused():
    sealed = seal(b"letter", KEY, FRESH)
    for cut in range(len(sealed)):
        assert refused(sealed[:cut]) is Reason.BAD_SEAL
    assert refused(sealed + b"\0") is Reason.BAD_SEAL


def test_another_key_does_not_open_it():
    assert refused(seal(b"letter", KEY, FRESH), b"\x09" * 32) is Reason.BAD_SEAL


@pytest.mark.parametrize("key", LOW_ORDER)
def test_nobody_seals_to_a_key_of_low_order(key):
    with pytest.raises(LocalProtocolError) as caught:
        seal(b"letter", key, FRESH)
    assert caught.value.code == "E-KEY"


@pytest.mark.parametrize("key", [*LOW_ORDER, b"", bytes(31), b"\x02" * 33])
def test_such_a_key_does_not_enter_a_thread(key):
    with pytest.raises(SignatureError) as caught:
        check_box_key(key)
    assert caught.value.reason is Reason.BAD_KEY


def test_an_honest_key_does():
    check_box_key(KEY)
