"""The envelope: the only gate through which signed bytes become verified objects.

Enters: raw envelope bytes, canonical msgpack `[signed, signature, pow]`, from gossip, a letter or
our own pen. Leaves: `Candidate` (split and named, nothing believed), `Header` (shape believed), or
`Verified[T]` (signature and kind hold). Never: a re-encoding of what was received, a `Verified`
made anywhere else. Source: docs/protocol/03-envelope.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

import msgspec

from protocol import limits, signing, work
from protocol.encoding import decode, encode
from protocol.errors import LocalProtocolError, ObjectError, Reason, RemoteProtocolError
from protocol.ids import NodeId, ObjectId, blake2b_256
from protocol.objects.acceptance import Acceptance
from protocol.objects.event import Event, Moved, OtherEvent, event_shape
from protocol.objects.header import Header, Kind, check_header, read_header
from protocol.objects.intentcast import Intentcast
from protocol.objects.offer import Offer
from protocol.objects.profile import Profile
from protocol.objects.revoke import Revoke
from protocol.objects.succession import Revocation, Rotation

Body: TypeAlias = (
    Intentcast | Offer | Acceptance | Event | OtherEvent | Revoke | Profile | Rotation | Revocation
)
T_co = TypeVar("T_co", bound=Body, covariant=True)

_BODY_TYPE: dict[Kind, Any] = {
    Kind.INTENTCAST: Intentcast,
    Kind.OFFER: Offer,
    Kind.ACCEPTANCE: Acceptance,
    Kind.REVOKE: Revoke,
    Kind.PROFILE: Profile,
    Kind.ROTATION: Rotation,
    Kind.REVOCATION: Revocation,
}
# msgspec (seen with 0.22.0) works out a type's fields at its first use, and two threads that do so
# at once crash the process. Bodies are read by the loop and by writers' threads: it is done here,
# once, by whoever imports this module first.
_READY = [msgspec.msgpack.Decoder(shape) for shape in (*_BODY_TYPE.values(), Event, OtherEvent)]
_PARTS = 3
_SIGNATURE_BYTES = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """Envelope bytes that have a name and nothing else."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified(Generic[T_co]):
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
    parts = decode(raw, bytes_max=bytes_max)
    if type(parts) is not list or len(parts) != _PARTS:
        raise ObjectError(Reason.BAD_SHAPE, "an envelope has three parts")
    signed, signature, nonce = parts
    if type(signed) is not bytes or type(signature) is not bytes:
        raise ObjectError(Reason.BAD_SHAPE, "signed and signature are bytes")
    if len(signature) != _SIGNATURE_BYTES:
        raise ObjectError(Reason.BAD_SHAPE, "64 bytes", field="signature")
    if nonce is not None and not (type(nonce) is bytes and len(nonce) == limits.pow_bytes):
        raise ObjectError(Reason.BAD_SHAPE, "8 bytes or nil", field="pow")
    return Candidate(
        id=ObjectId(blake2b_256(signed, signature)),
        raw=raw,
        signed=signed,
        signature=signature,
        pow=nonce,
        peer=peer,
    )


def read_header_of(candidate: Candidate, *, net: str) -> Header:
    """Read the signed fields of a candidate, body untouched, signature unchecked.

    Raises:
        ObjectError: any fault of its encoding or header.
    """
    return read_header(decode(candidate.signed, bytes_max=limits.sealed_bytes_max), net=net)[0]


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


def _must_understand(value: Any) -> None:
    stack = [value]
    while stack:
        node = stack.pop()
        if type(node) is dict:
            for key in node:
                if key.startswith("!"):
                    raise ObjectError(Reason.MUST_UNDERSTAND, "unknown", field=key[:40])
            stack.extend(node.values())
        elif type(node) is list:
            stack.extend(node)


def _typed_body(header: Header, tree: dict[str, Any]) -> Body:
    _must_understand(tree)
    try:
        # Naming bytes as native keeps text from being taken for base64.
        shape = event_shape(tree) if header.kind is Kind.EVENT else _BODY_TYPE[header.kind]
        body: Body = msgspec.convert(tree, shape, strict=True, builtin_types=(bytes,))
    except msgspec.ValidationError as error:
        raise ObjectError(Reason.BAD_SHAPE, str(error)[:200], field="body") from error
    if isinstance(body, Intentcast | Offer | Acceptance | Profile):
        body.check()
    elif isinstance(body, Moved):
        body.reply.check()
    _check_body_against_header(header, body)
    return body


def _check_body_against_header(header: Header, body: Body) -> None:
    if isinstance(body, Intentcast):
        if (body.supersedes is None) != (header.thread is None):
            raise ObjectError(Reason.BAD_SHAPE, "an amendment names its root", field="thread")
        if not header.at < body.decide_by <= header.exp:
            raise ObjectError(Reason.OUT_OF_RANGE, "between at and exp", field="decide_by")
    elif isinstance(body, Offer):
        if header.thread is None or not header.at < body.valid_until <= header.exp:
            raise ObjectError(Reason.OUT_OF_RANGE, "between at and exp", field="valid_until")
    elif isinstance(body, Revoke) and header.target == 0 and header.public:
        raise ObjectError(Reason.BAD_WORK, "a public revoke pays", field="target")
    elif isinstance(body, Rotation):
        body.check(header)


def open_envelope(candidate: Candidate, *, net: str) -> Verified[Any]:
    """Check the signature, then the body, and let the object through.

    Time and work are asked where an object is admitted; an agreement is checked long after both.

    Raises:
        RemoteProtocolError: SignatureError or ObjectError with the reason.
    """
    tree = decode(candidate.signed, bytes_max=limits.sealed_bytes_max)
    header, body = read_header(tree, net=net)
    signing.verify(
        signing.Tag(header.kind.value), candidate.signed, candidate.signature, header.key
    )
    return Verified(
        id=candidate.id,
        raw=candidate.raw,
        signed=candidate.signed,
        signature=candidate.signature,
        header=header,
        body=_typed_body(header, body),
    )


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
        read_header(decode(signed, bytes_max=limits.sealed_bytes_max), net=header.net)
        _typed_body(final, tree)
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
    return Header(
        net=header.net,
        kind=header.kind,
        key=header.key,
        at=header.at,
        exp=header.exp,
        to=header.to,
        thread=header.thread,
        prev=header.prev,
        target=target,
    )
