"""A signature holds for its tag, its bytes and its key, and for nothing else."""

from __future__ import annotations

import pytest

from protocol.errors import Reason, SignatureError
from protocol.objects.header import Kind
from protocol.signing import Tag, check_key, public_key, sign, verify

SEED = bytes(range(32))
KEY = public_key(SEED)
MESSAGE = b"a message"


def refused(*facts):
    with pytest.raises(SignatureError) as caught:
        verify(*facts)
    return caught.value.reason


def test_what_is_signed_verifies():
    for tag in Tag:
        verify(tag, MESSAGE, sign(tag, MESSAGE, SEED), KEY)


def test_a_signature_is_of_one_domain():
    signature = sign(Tag.OFFER, MESSAGE, SEED)
    for tag in set(Tag) - {Tag.OFFER}:
        assert refused(tag, MESSAGE, signature, KEY) is Reason.BAD_SIGNATURE


def test_domains_cannot_run_into_the_message():
    prefixes = [tag.prefix() for tag in Tag]
    assert all(prefix.startswith(b"intentcast/1/") and prefix[-1] == 0 for prefix in prefixes)
    assert not any(a != b and a.startswith(b) for a in prefixes for b in prefixes)


def test_every_kind_has_a_domain():
    assert {kind.value for kind in Kind} <= {tag.value for tag in Tag}


def test_any_change_is_refused():
    signature = sign(Tag.OFFER, MESSAGE, SEED)
    assert refused(Tag.OFFER, MESSAGE + b"!", signature, KEY) is Reason.BAD_SIGNATURE
    assert refused(Tag.OFFER, MESSAGE, signature, public_key(b"\x01" * 32)) is Reason.BAD_SIGNATURE
    for at in range(64):
        bent = bytearray(signature)
        bent[at] ^= 1
        assert refused(Tag.OFFER, MESSAGE, bytes(bent), KEY) is Reason.BAD_SIGNATURE


@pytest.mark.parametrize(
    ("signature", "key"), [(b"", KEY), (bytes(63), KEY), (bytes(64), b""), (bytes(65), KEY)]
)
def test_wrong_lengths_are_refused(signature, key):
    assert refused(Tag.OFFER, MESSAGE, signature, key) is Reason.BAD_SIGNATURE


@pytest.mark.parametrize(
    "key",
    [
        b"",
        bytes(31),
        bytes(32),
        b"\x01" + bytes(31),
        b"\xff" * 32,
        bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa"),
    ],
)
def test_weak_keys_are_refused(key):
    with pytest.raises(SignatureError) as caught:
        check_key(key)
    assert caught.value.reason is Reason.BAD_KEY


def test_an_honest_key_is_not():
    check_key(KEY)
