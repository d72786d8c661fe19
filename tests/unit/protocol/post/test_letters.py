"""A letter says nothing but its length in steps, and has one spelling only."""

from __future__ import annotations

import pytest
from nacl.public import PrivateKey, SealedBox

from protocol import limits, sealing
from protocol.encoding import encode
from protocol.errors import LocalProtocolError, ObjectError, Reason, RemoteProtocolError
from protocol.ids import blake2b_256
from protocol.post import letters
from protocol.post.letters import Contents

BOX_SEED = b"\x11" * 32
BOX = sealing.box_public_key(BOX_SEED)
EPHEMERAL = b"\x22" * 32
OPENED = {"name": (b"s" * 16, "buyer ana"), "phone": (b"t" * 16, "+1 555 0100")}


def plaintext(value: object) -> bytes:
    return letters.pad(encode(value), limits.letter_pad_bytes)


def refused(value: object) -> Reason:
    with pytest.raises(ObjectError) as caught:
        letters.read(plaintext(value))
    return caught.value.reason


@pytest.mark.parametrize("opened", [None, OPENED])
def test_what_was_sealed_is_what_is_opened(opened):
    contents = Contents(envelope=b"an envelope", opened=opened)
    letter = letters.seal_letter(contents, BOX, EPHEMERAL)
    assert letters.open_letter(letter, BOX_SEED) == contents


def test_pynacl_opens_it_too():
    letter = letters.seal_letter(Contents(envelope=b"e"), BOX, EPHEMERAL)
    opened = SealedBox(PrivateKey(BOX_SEED)).decrypt(letter)
    assert letters.read(opened) == Contents(envelope=b"e")


def test_the_same_seed_makes_the_same_letter_and_another_one_another():
    contents = Contents(envelope=b"e")
    first = letters.seal_letter(contents, BOX, EPHEMERAL)
    assert letters.seal_letter(contents, BOX, EPHEMERAL) == first
    assert letters.seal_letter(contents, BOX, b"\x23" * 32) != first


def test_hash_is_blake2b_of_the_sealed_bytes():
    assert letters.letter_hash(b"letter") == blake2b_256(b"letter")


def test_short_and_shorter_letters_look_alike():
    sizes = {len(letters.build(Contents(envelope=b"e" * n))) for n in (1, 50, 400)}
    assert sizes == {limits.letter_pad_bytes}
    assert len(letters.build(Contents(envelope=b"e" * 600))) == 2 * limits.letter_pad_bytes


def test_another_box_cannot_open_it():
    letter = letters.seal_letter(Contents(envelope=b"e"), BOX, EPHEMERAL)
    with pytest.raises(RemoteProtocolError) as caught:
        letters.open_letter(letter, b"\x12" * 32)
    assert caught.value.reason is Reason.BAD_SEAL


def test_the_largest_envelope_fits_and_a_larger_one_does_not():
    largest = letters.build(Contents(envelope=bytes(limits.sealed_bytes_max)))
    assert len(largest) <= letters.PLAINTEXT_BYTES_MAX
    with pytest.raises(LocalProtocolError) as caught:
        letters.build(Contents(envelope=bytes(limits.sealed_bytes_max + 1)))
    assert caught.value.code == "E-LETTER"
    assert caught.value.fix


def test_values_too_large_for_one_letter_are_the_writers_mistake():
    opened = {f"field_{n}": (b"s" * 16, "w" * 2_000) for n in range(16)}
    with pytest.raises(LocalProtocolError, match="E-LETTER"):
        letters.build(Contents(envelope=bytes(limits.sealed_bytes_max), opened=opened))


@pytest.mark.parametrize(
    "opened",
    [
        {},
        {"Name": (b"s" * 16, "v")},
        {"": (b"s" * 16, "v")},
        {"name\n": (b"s" * 16, "v")},
        {"name": (b"s" * 15, "v")},
        {"name": (b"s" * 16, "v" * 2_001)},
        {f"f{n}": (b"s" * 16, "v") for n in range(17)},
    ],
)
def test_disclosed_values_that_are_none_are_the_writers_mistake(opened):
    with pytest.raises(LocalProtocolError, match="E-LETTER"):
        letters.build(Contents(envelope=b"e", opened=opened))


@pytest.mark.parametrize(
    "value",
    [
        None,
        {},
        [],
        [b"e"],
        [b"e", None, None],
        ["e", None],
        [b"", None],
        [b"e" * (limits.sealed_bytes_max + 1), None],
        [b"e", []],
        [b"e", {}],
        [b"e", {"name": None}],
        [b"e", {"name": [b"s" * 16]}],
        [b"e", {"name": ["s" * 16, "v"]}],
        [b"e", {"name": [b"s" * 16, b"v"]}],
    ],
)
def test_other_shapes_are_refused(value):
    assert refused(value) is Reason.BAD_SHAPE


def test_text_that_is_not_canonical_is_refused():
    with pytest.raises(ObjectError) as caught:
        letters.read(letters.pad(b"\x92\xc5\x00\x01e\xc0", limits.letter_pad_bytes))
    assert caught.value.reason is Reason.NOT_CANONICAL


@pytest.mark.parametrize("size", [0, 1, 3, 4, 511, 513])
def test_a_plaintext_of_another_length_is_refused(size):
    with pytest.raises(ObjectError) as caught:
        letters.read(bytes(size))
    assert caught.value.reason in (Reason.BAD_SHAPE, Reason.BAD_ENCODING)


def test_an_overlong_plaintext_is_refused_unread():
    with pytest.raises(ObjectError) as caught:
        letters.read(bytes(letters.PLAINTEXT_BYTES_MAX + 1))
    assert caught.value.reason is Reason.TOO_LARGE


def test_padding_hides_nothing():
    good = plaintext([b"e", None])
    for bad in (good[:-1] + b"\x01", good + bytes(512), b"\xff" * 4 + good[4:]):
        with pytest.raises(ObjectError) as caught:
            letters.unpad(bad, limits.letter_pad_bytes)
        assert caught.value.reason is Reason.BAD_SHAPE


def test_a_mailbox_knows_a_letter_by_its_length():
    letters.check_size(bytes(48 + 512))
    letters.check_size(bytes(48 + letters.PLAINTEXT_BYTES_MAX))
    for size, reason in [
        (0, Reason.BAD_SHAPE),
        (48, Reason.BAD_SHAPE),
        (48 + 511, Reason.BAD_SHAPE),
        (48 + letters.PLAINTEXT_BYTES_MAX + 512, Reason.TOO_LARGE),
    ]:
        with pytest.raises(ObjectError) as caught:
            letters.check_size(bytes(size))
        assert caught.value.reason is reason
    assert limits.letter_bytes_max >= 48 + letters.PLAINTEXT_BYTES_MAX
