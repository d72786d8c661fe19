"""Messages of the post: boxes, letters and receipts, asked of a mailbox.

Enters: nothing. Leaves: message types; `messages` reads and writes them.
Source: docs/protocol/08-post.md.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from protocol import limits
from protocol.channel.fields import (
    Fields,
    Hash,
    Key,
    Letter,
    Ms,
    RequestId,
    SealedReceipt,
    Signature,
    Work,
)


class BoxOpen(Fields, frozen=True, kw_only=True, tag=48):
    """Asks a mailbox to open a box."""

    request: RequestId = 0
    """Chosen by the asker."""
    open: Annotated[bytes, Meta(min_length=1, max_length=limits.box_open_bytes_max)]
    """Signed record: reader, mailbox key, until."""
    work: Work
    """Proof of work over that record."""


class BoxOpened(Fields, frozen=True, kw_only=True, tag=49):
    """The box is open."""

    request: RequestId = 0
    """The question's number."""
    until: Ms
    """Until when, Unix ms."""


class BoxChallenge(Fields, frozen=True, kw_only=True, tag=50):
    """Asks for a challenge, to prove being a box's reader on this link."""

    request: RequestId = 0
    """Chosen by the asker."""
    reader: Key
    """The box's reader key."""


class BoxNonce(Fields, frozen=True, kw_only=True, tag=51):
    """The challenge to sign."""

    request: RequestId = 0
    """The question's number."""
    challenge: Hash
    """Fresh random bytes, good once."""


class BoxRead(Fields, frozen=True, kw_only=True, tag=52):
    """Asks for the letters of a box: at once when some wait, else when one comes."""

    request: RequestId = 0
    """Chosen by the asker."""
    reader: Key
    """The box's reader key."""
    signature: Signature
    """By the reader, over network, mailbox key, reader, channel hash and challenge."""
    wait_ms: Annotated[int, Meta(ge=0, le=limits.read_wait_ms_max)] = 0
    """How long to wait for a letter before an empty answer."""


class Letters(Fields, frozen=True, kw_only=True, tag=53):
    """Letters waiting in a box; they stay until receipted."""

    request: RequestId = 0
    """The question's number."""
    letters: Annotated[list[Letter], Meta(max_length=limits.letters_per_message_max)]
    """Sealed letters, oldest first."""
    more: bool = False
    """Whether more wait."""
    other_read_ms: Ms = 0
    """When another node than the asker's last proved to be this reader, Unix ms; 0 for never."""


class Put(Fields, frozen=True, kw_only=True, tag=54):
    """Leaves a letter in an open box."""

    request: RequestId = 0
    """Chosen by the asker."""
    reader: Key
    """The box's reader key."""
    letter: Letter
    """The sealed letter."""
    work: Work
    """Proof of work over mailbox key, reader and letter hash."""


class PutDone(Fields, frozen=True, kw_only=True, tag=55):
    """The letter is kept on disk until its receipt."""

    request: RequestId = 0
    """The question's number."""
    letter_hash: Hash
    """BLAKE2b-256 of the sealed letter."""


class Receipt(Fields, frozen=True, kw_only=True, tag=56):
    """The reader hands in the receipt of a letter; the letter is dropped."""

    request: RequestId = 0
    """Chosen by the asker."""
    reader: Key
    """The box's reader key, proved on this link."""
    letter_hash: Hash
    """The letter it is for."""
    receipt: Annotated[bytes, Meta(max_length=limits.receipt_bytes_max)]
    """Sealed to the letter's author; empty to let the letter go without a receipt."""


class ReceiptStored(Fields, frozen=True, kw_only=True, tag=57):
    """The receipt is kept until the box closes."""

    request: RequestId = 0
    """The question's number."""


class ReceiptQuery(Fields, frozen=True, kw_only=True, tag=58):
    """Asks which of these letters have a receipt; anybody who knows box and hash may ask."""

    request: RequestId = 0
    """Chosen by the asker."""
    reader: Key
    """The box they were put into: receipts left in other boxes are no answer."""
    letter_hashes: Annotated[
        list[Hash], Meta(min_length=1, max_length=limits.receipts_per_message_max)
    ]
    """Letters put earlier."""


class ReceiptAnswer(Fields, frozen=True, kw_only=True, tag=59):
    """The receipts there are."""

    request: RequestId = 0
    """The question's number."""
    receipts: Annotated[
        list[tuple[Hash, SealedReceipt]], Meta(max_length=limits.receipts_per_message_max)
    ]
    """Letter hash and sealed receipt."""
