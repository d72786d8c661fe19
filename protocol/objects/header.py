"""The fields every signed object shares, and the rules that need no body.

Enters: the decoded array of a signed text. Leaves: a `Header`, or an ObjectError. Knows which kinds
are public and which are sealed; knows nothing of what a body means.
Source: docs/protocol/03-envelope.md.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec

from protocol import limits
from protocol.errors import ObjectError, Reason
from protocol.now import MINUTE_MS

VERSION = 1
_KEY_BYTES = 32
_TARGET_BITS_MAX = 64


class Kind(StrEnum):
    """The kinds this version reads; the name is part of the signature's domain."""

    INTENTCAST = "intentcast"
    OFFER = "offer"
    ACCEPTANCE = "acceptance"
    EVENT = "event"
    REVOKE = "revoke"
    PROFILE = "profile"
    ROTATION = "rotation"
    REVOCATION = "revocation"


STATEMENT_KINDS = frozenset({Kind.ROTATION, Kind.REVOCATION})
"""Statements about a key; they cannot be taken back."""
IDENTITY_KINDS = STATEMENT_KINDS | {Kind.PROFILE}
"""Kinds of a long-lived key; they stand in no thread."""
ROOT_KINDS = IDENTITY_KINDS | {Kind.INTENTCAST}
"""Kinds that may stand without a thread."""
ALWAYS_PUBLIC = ROOT_KINDS
"""Kinds that travel by gossip only (a sealed profile and a named cast come later)."""
ALWAYS_SEALED = frozenset({Kind.OFFER, Kind.ACCEPTANCE, Kind.EVENT})
"""Kinds that travel in letters only; a revoke travels as its target did."""


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """The signed fields around a body."""

    net: str
    """Network id, at most 32 characters."""
    kind: Kind
    """Selects the body and the signature's domain."""
    key: bytes
    """Ed25519 public key of the signer, 32 bytes."""
    at: int
    """Unix ms of signing; whole minutes in public objects."""
    exp: int
    """Unix ms of expiry."""
    to: bytes | None
    """Recipient's Ed25519 key in sealed objects, None in public ones."""
    thread: bytes | None
    """Id of the root cast, None in roots."""
    prev: bytes | None
    """The author's previous object of the same thread and recipient."""
    target: int
    """Committed work, bits; 0 in sealed objects."""

    @property
    def public(self) -> bool:
        """Whether the object travels by gossip."""
        return self.to is None

    def fields(self, body: Any) -> list[Any]:
        """Give the array whose canonical bytes are signed."""
        return [
            VERSION,
            self.net,
            self.kind.value,
            self.key,
            self.at,
            self.exp,
            self.to,
            self.thread,
            self.prev,
            None,
            self.target,
            body,
        ]


_FIELD_COUNT = 12


def _key_or_none(value: Any, field: str) -> bytes | None:
    if value is not None and not (type(value) is bytes and len(value) == _KEY_BYTES):
        raise ObjectError(Reason.BAD_SHAPE, "32 bytes or nil", field=field)
    return value if value is None else bytes(value)


def _whole(value: Any, field: str) -> int:
    if type(value) is not int or not 0 <= value <= 2**52:
        raise ObjectError(Reason.BAD_SHAPE, "an integer in range", field=field)
    return value


def _kind(value: Any) -> Kind:
    try:
        return Kind(value)
    except ValueError as error:
        raise ObjectError(Reason.UNKNOWN_KIND, str(value)[:40], field="kind") from error


def read_header(fields: Any, *, net: str) -> tuple[Header, dict[str, Any]]:
    """Read the decoded array of a signed text.

    Args:
        fields: the value of canonical bytes.
        net: the network this node is on.

    Returns:
        The header and the untyped body.

    Raises:
        ObjectError: BAD_SHAPE, WRONG_VERSION, WRONG_NETWORK, UNKNOWN_KIND or OUT_OF_RANGE.
    """
    if type(fields) is not list or len(fields) != _FIELD_COUNT:
        raise ObjectError(Reason.BAD_SHAPE, f"a signed text has {_FIELD_COUNT} fields")
    version, its_net, kind, key, at, exp, to, thread, prev, by, target, body = fields
    if version != VERSION or type(version) is not int:
        raise ObjectError(Reason.WRONG_VERSION, f"version {str(version)[:20]}", field="v")
    if type(its_net) is not str or not 0 < len(its_net) <= limits.net_chars_max:
        raise ObjectError(Reason.BAD_SHAPE, "a network id", field="net")
    if its_net != net:
        raise ObjectError(Reason.WRONG_NETWORK, f"of network {its_net!r}", field="net")
    if type(key) is not bytes or len(key) != _KEY_BYTES:
        raise ObjectError(Reason.BAD_SHAPE, "32 bytes", field="key")
    if by is not None:
        raise ObjectError(Reason.MUST_UNDERSTAND, "delegation is not read here", field="by")
    if type(body) is not dict:
        raise ObjectError(Reason.BAD_SHAPE, "a map", field="body")
    header = Header(
        net=its_net,
        kind=_kind(kind),
        key=key,
        at=_whole(at, "at"),
        exp=_whole(exp, "exp"),
        to=_key_or_none(to, "to"),
        thread=_key_or_none(thread, "thread"),
        prev=_key_or_none(prev, "prev"),
        target=_whole(target, "target"),
    )
    check_header(header)
    return header, body


def life_ms_max(kind: Kind, *, public: bool) -> int:
    """Longest life of a kind, ms."""
    if kind is Kind.INTENTCAST or (kind is Kind.REVOKE and public):
        return limits.cast_ttl_ms_max
    if kind in STATEMENT_KINDS:
        return limits.statement_ttl_ms_max
    return limits.long_ttl_ms_max


def check_header(header: Header) -> None:
    """Apply the rules that need no body and no clock.

    Raises:
        ObjectError: OUT_OF_RANGE or BAD_SHAPE, naming the field.
    """
    if not 0 < header.exp - header.at <= life_ms_max(header.kind, public=header.public):
        raise ObjectError(Reason.OUT_OF_RANGE, "life is not within the kind's bounds", field="exp")
    if header.public and header.kind in ALWAYS_SEALED:
        raise ObjectError(Reason.BAD_SHAPE, "this kind names its recipient", field="to")
    if not header.public and header.kind in ALWAYS_PUBLIC:
        raise ObjectError(Reason.BAD_SHAPE, "this kind is public", field="to")
    if header.thread is None and header.kind not in ROOT_KINDS:
        raise ObjectError(Reason.BAD_SHAPE, "this kind belongs to a thread", field="thread")
    if header.kind in IDENTITY_KINDS and header.thread is not None:
        raise ObjectError(Reason.BAD_SHAPE, "this kind has no thread", field="thread")
    if header.target > _TARGET_BITS_MAX or (not header.public and header.target):
        raise ObjectError(Reason.OUT_OF_RANGE, "work bits", field="target")
    if header.public and header.at % MINUTE_MS:
        # Clock skew below a minute would link two casts of one buyer.
        raise ObjectError(Reason.OUT_OF_RANGE, "whole minutes in public objects", field="at")
