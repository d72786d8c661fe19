"""A receipt is the recipient's own word for one letter, and nobody else can give it."""

from __future__ import annotations

from typing import Any

import pytest

from protocol import limits, sealing, signing
from protocol.encoding import encode
from protocol.errors import LocalProtocolError, ObjectError, Reason, RemoteProtocolError
from protocol.ids import LetterHash, ObjectId
from protocol.post.letters import pad
from protocol.post.receipt import Receipt, check_receipt, open_receipt, seal_receipt

VENDOR_SEED = b"\x01" * 32
VENDOR = signing.public_key(VENDOR_SEED)
BOX_SEED = b"\x02" * 32
BOX = sealing.box_public_key(BOX_SEED)
EPHEMERAL = b"\x03" * 32
RECEIPT = Receipt(
    net="test",
    envelope_id=ObjectId(b"e" * 32),
    letter_hash=LetterHash(b"l" * 32),
    at=1_790_000_000_000,
)


def sealed(plain: bytes) -> bytes:
    return sealing.seal(plain, BOX, EPHEMERAL)


def signed_text(value: object, seed: bytes = VENDOR_SEED, tag=signing.Tag.RECEIPT) -> bytes:
    text = encode(value)
    return sealed(pad(encode([text, signing.sign(tag, text, seed)]), limits.receipt_pad_bytes))


def reason_of(raw: bytes) -> Reason:
    with pytest.raises(RemoteProtocolError) as caught:
        open_receipt(raw, BOX_SEED, signer=VENDOR)
    return caught.value.reason


def test_the_author_reads_what_the_recipient_signed():
    raw = seal_receipt(RECEIPT, VENDOR_SEED, BOX, EPHEMERAL)
    assert open_receipt(raw, BOX_SEED, signer=VENDOR) == RECEIPT
    assert len(raw) == 256 + sealing.SEAL_OVERHEAD_BYTES


def test_all_receipts_of_a_network_have_one_length():
    other = Receipt(
        net="test", envelope_id=ObjectId(bytes(32)), letter_hash=LetterHash(bytes(32)), at=0
    )
    assert len(seal_receipt(other, VENDOR_SEED, BOX, EPHEMERAL)) == len(
        seal_receipt(RECEIPT, VENDOR_SEED, BOX, EPHEMERAL)
    )


def test_the_longest_network_name_fits():
    long = Receipt(
        net="\U0001f300" * 32,
        envelope_id=RECEIPT.envelope_id,
        letter_hash=RECEIPT.letter_hash,
        at=1,
    )
    raw = seal_receipt(long, VENDOR_SEED, BOX, EPHEMERAL)
    assert len(raw) <= limits.receipt_bytes_max
    assert open_receipt(raw, BOX_SEED, signer=VENDOR) == long


def test_a_longer_network_name_is_our_mistake():
    with pytest.raises(LocalProtocolError):
        seal_receipt(
            Receipt(
                net="n" * 900,
                envelope_id=RECEIPT.envelope_id,
                letter_hash=RECEIPT.letter_hash,
                at=1,
            ),
            VENDOR_SEED,
            BOX,
            EPHEMERAL,
        )


def test_another_signer_is_refused():
    raw = seal_receipt(RECEIPT, b"\x09" * 32, BOX, EPHEMERAL)
    assert reason_of(raw) is Reason.BAD_SIGNATURE


def test_a_signature_of_another_domain_is_refused():
    fields = [RECEIPT.net, RECEIPT.envelope_id, RECEIPT.letter_hash, RECEIPT.at]
    assert reason_of(signed_text(fields, tag=signing.Tag.BOX_READ)) is Reason.BAD_SIGNATURE


def test_one_sealed_to_somebody_else_is_refused():
    raw = seal_receipt(RECEIPT, VENDOR_SEED, sealing.box_public_key(b"\x08" * 32), EPHEMERAL)
    assert reason_of(raw) is Reason.BAD_SEAL


def test_an_overlong_one_is_refused_unopened():
    assert reason_of(bytes(limits.receipt_bytes_max + 1)) is Reason.TOO_LARGE


@pytest.mark.parametrize(
    "value",
    [
        None,
        ["test", b"e" * 32, b"l" * 32],
        [1, b"e" * 32, b"l" * 32, 1],
        ["n" * 33, b"e" * 32, b"l" * 32, 1],
        ["test", b"e" * 31, b"l" * 32, 1],
        ["test", b"e" * 32, "l" * 32, 1],
        ["test", b"e" * 32, b"l" * 32, -1],
        ["test", b"e" * 32, b"l" * 32, True],
        ["test", b"e" * 32, b"l" * 32, 2**52 + 1],
    ],
)
def test_a_signed_text_of_another_shape_is_refused(value):
    assert reason_of(signed_text(value)) is Reason.BAD_SHAPE


@pytest.mark.parametrize("value", [None, [], [b"t"], ["t", b"s"], [b"t", b"s", b"x"]])
def test_another_plaintext_is_refused(value):
    assert reason_of(sealed(pad(encode(value), limits.receipt_pad_bytes))) is Reason.BAD_SHAPE


def test_it_must_be_for_this_letter_and_network():
    names: dict[str, Any] = {"net": "test", "envelope_id": b"e" * 32, "letter": b"l" * 32}
    check_receipt(RECEIPT, **names)
    changes: list[tuple[dict[str, Any], Reason]] = [
        ({"net": "other"}, Reason.WRONG_NETWORK),
        ({"envelope_id": b"f" * 32}, Reason.MISMATCH),
        ({"letter": b"m" * 32}, Reason.MISMATCH),
    ]
    for change, reason in changes:
        with pytest.raises(ObjectError) as caught:
            check_receipt(RECEIPT, **(names | change))
        assert caught.value.reason is reason
