"""Letters: one signed object, sealed so that only its recipient's box opens it.

Enters: an envelope, the values it discloses (or none), the recipient's box key and a fresh seed; or
sealed bytes from a mailbox. Leaves: sealed bytes whose length tells little, their hash, or
`Contents`. Nothing in here believes the envelope: that is the reader's work, through
`objects/envelope`. Source: docs/protocol/08-post.md.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from protocol import limits, sealing
from protocol.encoding import decode, encode
from protocol.errors import LocalProtocolError, ObjectError, Reason
from protocol.ids import LetterHash, blake2b_256

Opened: TypeAlias = dict[str, tuple[bytes, str]]
"""Disclosed values: field name -> (16-byte salt, text)."""

PLAINTEXT_BYTES_MAX: Final = (
    (limits.letter_bytes_max - sealing.SEAL_OVERHEAD_BYTES)
    // limits.letter_pad_bytes
    * limits.letter_pad_bytes
)
"""The longest padded plaintext whose seal is still a letter."""
_LENGTH_BYTES: Final = 4
_SALT_BYTES: Final = 16
_PAIR: Final = 2
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What a letter carries."""

    envelope: bytes
    """Envelope of one signed object, as its author sent it; not yet believed."""
    opened: Opened | None = None
    """Values of committed fields, or None."""


def pad(text: bytes, step: int) -> bytes:
    """Write `u32be length || text || zeros` as a whole multiple of `step` bytes."""
    size = _LENGTH_BYTES + len(text)
    return len(text).to_bytes(_LENGTH_BYTES, "big") + text + bytes(-size % step)


def unpad(plaintext: bytes, step: int) -> bytes:
    """Read back what `pad` wrote, in that one spelling only.

    Raises:
        ObjectError: BAD_SHAPE.
    """
    length = int.from_bytes(plaintext[:_LENGTH_BYTES], "big")
    text = plaintext[_LENGTH_BYTES : _LENGTH_BYTES + length]
    # One spelling: hidden bytes after the text, or more padding than due, would be a side channel.
    if not plaintext or pad(text, step) != plaintext or len(text) != length:
        raise ObjectError(Reason.BAD_SHAPE, "length and padding do not fit", field="padding")
    return text


def build(contents: Contents) -> bytes:
    """Write the padded plaintext of a letter.

    Raises:
        LocalProtocolError: E-LETTER when the whole is too large or a disclosed field is not one.
    """
    opened = None
    if contents.opened is not None:
        opened = {name: [salt, value] for name, (salt, value) in contents.opened.items()}
    plaintext = pad(encode([contents.envelope, opened]), limits.letter_pad_bytes)
    try:
        read(plaintext)
    except ObjectError as error:
        raise LocalProtocolError(
            f"this letter cannot be written: {error.sentence}",
            code="E-LETTER",
            fix="Shorten the text or the disclosed values",
            field=error.field,
        ) from error
    return plaintext


def read(plaintext: bytes) -> Contents:
    """Read the plaintext of a letter.

    Raises:
        ObjectError: any fault of its padding, encoding or shape.
    """
    if len(plaintext) > PLAINTEXT_BYTES_MAX:
        raise ObjectError(Reason.TOO_LARGE, f"{len(plaintext)} bytes", field="letter")
    text = unpad(plaintext, limits.letter_pad_bytes)
    parts = decode(text, bytes_max=PLAINTEXT_BYTES_MAX)
    if type(parts) is not list or len(parts) != _PAIR:
        raise ObjectError(Reason.BAD_SHAPE, "a letter has two parts")
    envelope, opened = parts
    if type(envelope) is not bytes or not 0 < len(envelope) <= limits.sealed_bytes_max:
        raise ObjectError(Reason.BAD_SHAPE, "an envelope", field="envelope")
    return Contents(envelope=envelope, opened=_read_opened(opened))


def _read_opened(tree: Any) -> Opened | None:
    if tree is None:
        return None
    if not isinstance(tree, Mapping) or not 0 < len(tree) <= limits.opened_fields_max:
        raise ObjectError(
            Reason.BAD_SHAPE, f"nil or 1..{limits.opened_fields_max} fields", field="opened"
        )
    return {_name(name): _value(value) for name, value in tree.items()}


def _name(name: Any) -> str:
    if type(name) is not str or not _NAME.fullmatch(name):
        raise ObjectError(Reason.BAD_SHAPE, "a field's name", field="opened")
    return name


def _value(pair: Any) -> tuple[bytes, str]:
    if type(pair) is not list or len(pair) != _PAIR:
        raise ObjectError(Reason.BAD_SHAPE, "a salt and a value", field="opened")
    salt, value = pair
    if type(salt) is not bytes or len(salt) != _SALT_BYTES:
        raise ObjectError(Reason.BAD_SHAPE, f"a salt of {_SALT_BYTES} bytes", field="opened")
    if type(value) is not str or len(value) > limits.opened_chars_max:
        raise ObjectError(
            Reason.BAD_SHAPE, f"text of at most {limits.opened_chars_max}", field="opened"
        )
    return salt, value


def letter_hash(letter: bytes) -> LetterHash:
    """Name a sealed letter: BLAKE2b-256 of its bytes."""
    return LetterHash(blake2b_256(letter))


def check_size(letter: bytes) -> None:
    """Require the length of some padded, sealed letter; all a mailbox can see of it.

    Raises:
        ObjectError: BAD_SHAPE or TOO_LARGE.
    """
    size = len(letter) - sealing.SEAL_OVERHEAD_BYTES
    if size > PLAINTEXT_BYTES_MAX:
        raise ObjectError(Reason.TOO_LARGE, f"{len(letter)} bytes", field="letter")
    if size <= 0 or size % limits.letter_pad_bytes:
        raise ObjectError(Reason.BAD_SHAPE, "not the length of a letter", field="letter")


def seal_letter(contents: Contents, box: bytes, ephemeral_seed: bytes) -> bytes:
    """Build and seal a letter, once: a retry sends the same bytes.

    Args:
        contents: envelope and disclosed values.
        box: the recipient's X25519 key, 32 bytes.
        ephemeral_seed: 32 fresh random bytes.

    Raises:
        LocalProtocolError: E-LETTER or E-KEY.
    """
    return sealing.seal(build(contents), box, ephemeral_seed)


def open_letter(letter: bytes, box_seed: bytes) -> Contents:
    """Open a letter with the box's X25519 secret.

    Raises:
        RemoteProtocolError: BAD_SEAL, or any fault of its size, padding or shape.
    """
    check_size(letter)
    return read(sealing.open_sealed(letter, box_seed))
