"""Receipts: the recipient's signed word that a letter is on record; the only thing a sender trusts.

Enters: what was recorded, the recipient's signing seed and the author's box; or sealed bytes a
mailbox handed over. Leaves: sealed bytes of one size, or a `Receipt` whose signature holds. Never:
a receipt before the letter's object is committed; a receipt believed on a mailbox's word.
Source: docs/protocol/08-post.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from protocol import limits, sealing, signing
from protocol.encoding import decode, encode
from protocol.errors import LocalProtocolError, ObjectError, Reason
from protocol.ids import LetterHash, ObjectId
from protocol.post.letters import pad, unpad

_HASH_BYTES: Final = 32
_TIME_MAX: Final = 2**52
_TEXT_FIELDS: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """That one letter is on record with its recipient."""

    net: str
    """Network id."""
    envelope_id: ObjectId
    """The object the letter carried; it names both parties."""
    letter_hash: LetterHash
    """The letter."""
    at: int
    """Unix ms of recording."""

    def text(self) -> bytes:
        """Give the bytes that are signed: canonical [net, envelope id, letter hash, at]."""
        return encode([self.net, self.envelope_id, self.letter_hash, self.at])


def seal_receipt(
    receipt: Receipt, signer_seed: bytes, author_box: bytes, ephemeral_seed: bytes
) -> bytes:
    """Sign, pad and seal a receipt to the author of the letter.

    Args:
        receipt: what was recorded.
        signer_seed: Ed25519 seed of the key named in the object's `to`.
        author_box: X25519 key of the author's newest `reply`, 32 bytes.
        ephemeral_seed: 32 fresh random bytes.

    Raises:
        LocalProtocolError: E-KEY when the author's box key is not usable.
    """
    text = receipt.text()
    signature = signing.sign(signing.Tag.RECEIPT, text, signer_seed)
    plaintext = pad(encode([text, signature]), limits.receipt_pad_bytes)
    if len(plaintext) + sealing.SEAL_OVERHEAD_BYTES > limits.receipt_bytes_max:
        raise LocalProtocolError("this network's name is too long for a receipt", field="net")
    return sealing.seal(plaintext, author_box, ephemeral_seed)


def open_receipt(sealed: bytes, box_seed: bytes, *, signer: bytes) -> Receipt:
    """Open a receipt and check its signature; the caller compares what it names.

    Args:
        sealed: bytes from a mailbox.
        box_seed: X25519 secret of the author's box.
        signer: the key the author's object named in `to`.

    Raises:
        RemoteProtocolError: BAD_SEAL, BAD_SIGNATURE, or any fault of its shape.
    """
    if len(sealed) > limits.receipt_bytes_max:
        raise ObjectError(Reason.TOO_LARGE, f"{len(sealed)} bytes", field="receipt")
    text = unpad(sealing.open_sealed(sealed, box_seed), limits.receipt_pad_bytes)
    parts = decode(text, bytes_max=limits.receipt_bytes_max)
    if type(parts) is not list or [type(part) for part in parts] != [bytes, bytes]:
        raise ObjectError(Reason.BAD_SHAPE, "a text and a signature", field="receipt")
    signed, signature = parts
    signing.verify(signing.Tag.RECEIPT, signed, signature, signer)
    return _read_text(decode(signed, bytes_max=limits.receipt_bytes_max))


def _read_text(fields: Any) -> Receipt:
    if type(fields) is not list or len(fields) != _TEXT_FIELDS:
        raise ObjectError(Reason.BAD_SHAPE, f"a receipt has {_TEXT_FIELDS} fields")
    net, envelope_id, letter, at = fields
    if type(net) is not str or len(net) > limits.net_chars_max:
        raise ObjectError(Reason.BAD_SHAPE, "a network id", field="net")
    for value, field in ((envelope_id, "envelope_id"), (letter, "letter_hash")):
        if type(value) is not bytes or len(value) != _HASH_BYTES:
            raise ObjectError(Reason.BAD_SHAPE, f"{_HASH_BYTES} bytes", field=field)
    if type(at) is not int or not 0 <= at <= _TIME_MAX:
        raise ObjectError(Reason.BAD_SHAPE, "unix ms", field="at")
    return Receipt(
        net=net, envelope_id=ObjectId(envelope_id), letter_hash=LetterHash(letter), at=at
    )


def check_receipt(receipt: Receipt, *, net: str, envelope_id: bytes, letter: bytes) -> None:
    """Hold a receipt against the letter it should end.

    Raises:
        ObjectError: WRONG_NETWORK or MISMATCH.
    """
    if receipt.net != net:
        raise ObjectError(Reason.WRONG_NETWORK, f"of network {receipt.net!r}", field="net")
    if receipt.envelope_id != envelope_id or receipt.letter_hash != letter:
        raise ObjectError(Reason.MISMATCH, "receipts another letter", field="letter_hash")
