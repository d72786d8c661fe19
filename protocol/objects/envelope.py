"""The envelope: the only gate through which signed bytes become verified objects.

Enters: raw envelope bytes, canonical msgpack `[signed, signature, pow]`, from gossip, a letter or
our own pen. Leaves: `Candidate` (split and named, nothing believed), `Header` (shape believed), or
`Verified[T]` (signature and kind hold). Never: a re-encoding of what was received, a `Verified`
made anywhere else. Source: docs/protocol/03-envelope.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import Annotated, Any, Final, Generic, TypeVar

import msgspec

from protocol import limits, signing, work
from protocol.encoding import decode, encode
from protocol.errors import (
    LocalProtocolError,
    ObjectError,
    Reason,
    RemoteProtocolError,
    SignatureError,
)
from protocol.ids import NodeId, ObjectId, blake2b_256
from protocol.objects.header import Header, check_header
from protocol.objects.text import Body, Text, body_of, read_text

T_co = TypeVar("T_co", bound=Body, covariant=True)

_PARTS = 3
_SIGNATURE_BYTES = 64
_DIGEST_BYTES = 16
_Signature = Annotated[
    bytes, msgspec.Meta(min_length=_SIGNATURE_BYTES, max_length=_SIGNATURE_BYTES)
]
_Work = Annotated[bytes, msgspec.Meta(min_length=limits.pow_bytes, max_length=limits.pow_bytes)]


class _Parts(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The array an envelope is."""

    signed: bytes
    signature: _Signature
    pow: _Work | None


_READER: Final = msgspec.msgpack.Decoder(_Parts)
_WRITER: Final = msgspec.msgpack.Encoder()


class Candidate(msgspec.Struct, kw_only=True):
    """Envelope bytes that have a name and nothing else."""

    # A record of msgspec's: one is made of every copy that comes, and quickly.

    id: ObjectId
    """BLAKE2b-256(signed || signature)."""
    raw: bytes
    """As received."""
    signed: bytes
    """As received."""
    signature: bytes
    """64 bytes."""
    pow: bytes | None
    """8 bytes, or None in sealed objects."""
    peer: NodeId | None
    """Who gave it; None for our own."""
    text: Text | None = None
    """What was read of `signed`, once somebody has: see `text_of`."""
    digest: bytes = b""
    """`text_digest` of `signed`, once somebody has asked: see `digest_of`."""


class Verified(msgspec.Struct, Generic[T_co], frozen=True, kw_only=True):
    """An object whose signature, header and body hold. Made by `open_envelope` alone."""

    id: ObjectId
    """BLAKE2b-256(signed || signature)."""
    raw: bytes
    """The envelope, as received."""
    signed: bytes
    """The signed text, as received."""
    signature: bytes
    """64 bytes."""
    header: Header
    """The signed fields."""
    body: T_co
    """The typed body."""
    digest: bytes
    """`text_digest` of the signed text: twins have the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedText:
    """An object of our own, signed, whose work may still be due."""

    id: ObjectId
    """Its id; final, since work is part of no id."""
    signed: bytes
    """Canonical signed text."""
    signature: bytes
    """64 bytes."""
    target: int
    """Bits of work due; 0 when none."""

    def envelope(self, pow_nonce: bytes | None) -> bytes:
        """Assemble the wire form, with the solved nonce where work is due."""
        return encode([self.signed, self.signature, pow_nonce])


def read_candidate(raw: bytes, *, peer: NodeId | None, bytes_max: int) -> Candidate:
    """Split an envelope and name it; believes nothing.

    Args:
        raw: bytes from anywhere.
        peer: who gave them.
        bytes_max: `limits.public_bytes_max` for gossip, `limits.sealed_bytes_max` for letters.

    Raises:
        ObjectError: TOO_LARGE, BAD_ENCODING, NOT_CANONICAL or BAD_SHAPE.
    """
    if len(raw) > bytes_max:
        raise ObjectError(Reason.TOO_LARGE, f"{len(raw)} bytes, at most {bytes_max}")
    try:
        parts = _READER.decode(raw)
    except ValueError as error:
        raise _refusal(raw, bytes_max) from error
    if _WRITER.encode(parts) != raw:
        raise _refusal(raw, bytes_max)
    return Candidate(
        id=ObjectId(blake2b_256(parts.signed, parts.signature)),
        raw=raw,
        signed=parts.signed,
        signature=parts.signature,
        pow=parts.pow,
        peer=peer,
    )


def _refusal(raw: bytes, bytes_max: int) -> ObjectError:
    """Find the reason for bytes that are no envelope; slow, but their sender is leaving."""
    try:
        parts = decode(raw, bytes_max=bytes_max)
    except ObjectError as error:
        return error
    if type(parts) is not list or len(parts) != _PARTS:
        return ObjectError(Reason.BAD_SHAPE, "an envelope has three parts")
    signed, signature, _nonce = parts
    if type(signed) is not bytes or type(signature) is not bytes:
        return ObjectError(Reason.BAD_SHAPE, "signed and signature are bytes")
    if len(signature) != _SIGNATURE_BYTES:
        return ObjectError(Reason.BAD_SHAPE, "64 bytes", field="signature")
    return ObjectError(Reason.BAD_SHAPE, "8 bytes or nil", field="pow")


def text_of(candidate: Candidate, *, net: str) -> Text:
    """Read the signed text of a candidate, signature unchecked; only the first asker waits for it.

    Raises:
        ObjectError: any fault of its encoding or header.
    """
    text = candidate.text
    if text is None or text.header.net != net:
        text = candidate.text = read_text(candidate.signed, net=net)
    return text


def text_digest(signed: bytes) -> bytes:
    """Name a signed text whatever its signature: 16 bytes, equal for twins."""
    return blake2b(signed, digest_size=_DIGEST_BYTES).digest()


def digest_of(candidate: Candidate) -> bytes:
    """Name the signed text of a candidate; only the first asker waits for it."""
    digest = candidate.digest
    if not digest:
        digest = candidate.digest = text_digest(candidate.signed)
    return digest


def read_header_of(candidate: Candidate, *, net: str) -> Header:
    """Read the signed fields of a candidate, signature unchecked.

    Raises:
        ObjectError: any fault of its encoding or header.
    """
    return text_of(candidate, net=net).header


def check_work(candidate: Candidate, header: Header) -> None:
    """Require the work a public object owes; a bad nonce never condemns the id.

    Raises:
        ObjectError: BAD_WORK.
    """
    if not header.public:
        if candidate.pow is not None:
            raise ObjectError(Reason.BAD_WORK, "sealed objects carry no work", field="pow")
        return
    due = work.required_bits(header.net, len(candidate.signed), header.exp - header.at)
    if header.target < due:
        raise ObjectError(Reason.BAD_WORK, f"{header.target} bits, {due} are due", field="target")
    if candidate.pow is None or work.bits_of(candidate.id, candidate.pow) < header.target:
        raise ObjectError(Reason.BAD_WORK, "the nonce does not reach the target", field="pow")


def check_time(header: Header, wall_ms: int) -> None:
    """Require that a public object is of now: not from the future, not expired.

    Raises:
        ObjectError: NOT_YET or EXPIRED; neither is a fault of the sender.
    """
    if header.at > wall_ms + limits.skew_ms_max:
        raise ObjectError(Reason.NOT_YET, "signed in the future", field="at")
    if header.exp <= wall_ms:
        raise ObjectError(Reason.EXPIRED, field="exp")


def open_envelope(
    candidate: Candidate, *, net: str, is_signed: bool | None = None
) -> Verified[Any]:
    """Check the signature, then the body, and let the object through.

    Time and work are asked where an object is admitted; an agreement is checked long after both.

    Args:
        candidate: split and named.
        net: network id.
        is_signed: what another process of this very node found about the signature; None checks it
            here.

    Raises:
        RemoteProtocolError: SignatureError or ObjectError with the reason.
    """
    text = text_of(candidate, net=net)
    header = text.header
    if is_signed is None:
        signing.verify(*signature_of(candidate, net=net))
    elif not is_signed:
        raise SignatureError(Reason.BAD_SIGNATURE)
    return Verified(
        id=candidate.id,
        raw=candidate.raw,
        signed=candidate.signed,
        signature=candidate.signature,
        header=header,
        body=body_of(text),
        digest=digest_of(candidate),
    )


def signature_of(candidate: Candidate, *, net: str) -> tuple[signing.Tag, bytes, bytes, bytes]:
    """Give what has to be checked of a candidate: domain, signed text, signature, key.

    Raises:
        ObjectError: any fault of its encoding or header.
    """
    header = text_of(candidate, net=net).header
    return signing.Tag(header.kind.value), candidate.signed, candidate.signature, header.key


def open_stored(raw: bytes, *, net: str) -> Verified[Any]:
    """Open an envelope this node kept: same gate, larger of the two size bounds."""
    return open_envelope(read_candidate(raw, peer=None, bytes_max=limits.sealed_bytes_max), net=net)


def sign_envelope(header: Header, body: Body, seed: bytes) -> SignedText:
    """Sign an object of our own, after every rule it will be held to elsewhere.

    Args:
        header: its `target` is ignored: public objects commit to the work they owe.
        body: typed.
        seed: Ed25519 seed whose public key is `header.key`.

    Raises:
        LocalProtocolError: E-OBJECT, naming the field that breaks a rule.
    """
    tree = msgspec.to_builtins(body, builtin_types=(bytes,))
    try:
        target = 0
        if header.public:
            size = len(encode(_with_target(header, 1).fields(tree)))
            target = work.required_bits(header.net, size, header.exp - header.at)
        final = _with_target(header, target)
        signed = encode(final.fields(tree))
        check_header(final)
        body_of(read_text(signed, net=header.net))
        _check_size(signed, public=header.public)
        if signing.public_key(seed) != header.key:
            raise ObjectError(Reason.NOT_PARTY, "the seed is not the signer's", field="key")
    except RemoteProtocolError as error:
        raise LocalProtocolError(
            f"this {header.kind.value} cannot be signed: {error.sentence}",
            code="E-OBJECT",
            field=error.field,
        ) from error
    signature = signing.sign(signing.Tag(header.kind.value), signed, seed)
    return SignedText(
        id=ObjectId(blake2b_256(signed, signature)),
        signed=signed,
        signature=signature,
        target=target,
    )


def _check_size(signed: bytes, *, public: bool) -> None:
    overhead = 96
    most = limits.public_bytes_max if public else limits.sealed_bytes_max
    if len(signed) + overhead > most:
        raise ObjectError(Reason.TOO_LARGE, f"{len(signed)} bytes signed, at most {most}")


def _with_target(header: Header, target: int) -> Header:
    return msgspec.structs.replace(header, target=target)
