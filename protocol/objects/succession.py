"""Statements about a long-lived key: who succeeds it, and that it counts no more.

A rotation is signed by both keys: the old one signs the envelope, the new one its consent inside.
A revocation is signed by the key it ends, at any time before it is needed, and kept apart. Enters:
typed bodies with their headers. Leaves: nothing but refusals; which statement is followed is asked
in `protocol/market/lineage`. Source: docs/protocol/16-succession.md.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from protocol import signing
from protocol.encoding import encode
from protocol.errors import ObjectError, Reason
from protocol.objects.event import ReasonText
from protocol.objects.header import Header
from protocol.objects.reply import Key32

Signature64 = Annotated[bytes, msgspec.Meta(min_length=64, max_length=64)]
Generation = Annotated[int, msgspec.Meta(ge=1, le=2**32 - 1)]


class Rotation(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Body of kind `rotation`: the signer's identity goes on under another key."""

    new: Key32
    """Ed25519 key of the next generation."""
    generation: Generation
    """Its number; the first key of an identity is generation 0."""
    after: Key32 | None = None
    """Id of the rotation that brought the signer's key; nil when that is generation 0."""
    consent: Signature64
    """The new key's signature over `consent_text`, under tag `rotation-consent`."""

    def check(self, header: Header) -> None:
        """Hold the statement against its signer.

        Raises:
            ObjectError: OUT_OF_RANGE (it names itself) or BAD_SHAPE (chained wrongly).
            SignatureError: BAD_KEY, or BAD_SIGNATURE: the new key did not consent.
        """
        if self.new == header.key:
            raise ObjectError(Reason.OUT_OF_RANGE, "a key does not succeed itself", field="new")
        if (self.after is None) != (self.generation == 1):
            raise ObjectError(Reason.BAD_SHAPE, "is nil for generation 1 alone", field="after")
        signing.check_key(self.new)
        signing.verify(
            signing.Tag.ROTATION_CONSENT, consent_text(header, self), self.consent, self.new
        )


class Revocation(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Body of kind `revocation`: nothing of the signer's key counts that is recorded after it."""

    reason: ReasonText = "unspecified"
    """`lost`, `stolen`, `retired`, ...; for people."""


def consent_text(header: Header, body: Rotation) -> bytes:
    """Give what the new key signs: canonical [net, old, new, generation, after, at, exp]."""
    return encode(
        [header.net, header.key, body.new, body.generation, body.after, header.at, header.exp]
    )


def consented(header: Header, body: Rotation, new_seed: bytes) -> Rotation:
    """Give the statement with the new key's consent.

    Args:
        header: of the envelope about to be signed by the old key.
        body: its `consent` is ignored.
        new_seed: Ed25519 seed of `body.new`, 32 bytes.
    """
    consent = signing.sign(signing.Tag.ROTATION_CONSENT, consent_text(header, body), new_seed)
    return msgspec.structs.replace(body, consent=consent)
