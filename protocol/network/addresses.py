"""Who can be dialled where: signed node records and the book of those that are known.

Enters: record bytes from a `Hello` (first hand, over a channel that proved the transport key) or
from a peer's answer (a hint), and the moment. Leaves: `NodeRecord` values, fresh ones only. A
record proves that its signing key wrote it; that it speaks for the transport key is proved by a
handshake with that key and by nothing else. So a hint never displaces a proven record, and hints of
different signing keys for one transport key stand side by side until a dial settles it.
Source: docs/protocol/06-gossip.md.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from protocol import limits, signing
from protocol.encoding import decode, encode
from protocol.errors import LocalProtocolError, ObjectError, Reason, RemoteProtocolError
from protocol.ids import NodeId, SigningKey
from protocol.network.chance import Chance

RECORD_VERSION = 1
_PARTS = 2
_FIELDS = 8
_KEY_BYTES = 32
_WHOLE_MAX = 2**52
_PORT_MAX = 65_535
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?\Z")
_HOST_V6 = re.compile(r"\[[0-9a-fA-F:.]{2,45}\]\Z")
_LOCAL_NAMES = (".localhost", ".local", ".internal", ".home.arpa", ".lan")
_NUMBERS_ONLY = re.compile(r"[0-9.]*\Z")
_PORT = re.compile(r"[1-9][0-9]{0,4}\Z")


class Role(StrEnum):
    """What a node offers to others."""

    RELAY = "relay"
    """Can be dialled, and carries every public object."""
    MAILBOX = "mailbox"
    """Keeps letters for others."""
    BOOTSTRAP = "bootstrap"
    """Is willing to be anybody's first peer."""


def is_address(text: str) -> bool:
    """Tell whether `text` has the form `host:port`, an IPv6 host in square brackets."""
    host, colon, port = text.rpartition(":")
    named = bool(_HOST.match(host)) or bool(_HOST_V6.match(host))
    return bool(colon) and named and bool(_PORT.match(port)) and int(port) <= _PORT_MAX


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeRecord:
    """What a node says of itself, as it signed it. Made by `read_record` and `sign_record`."""

    net: str
    """Network id."""
    key: NodeId
    """Transport key, X25519, 32 bytes."""
    sign_key: SigningKey
    """Ed25519 key that signed this, 32 bytes."""
    addresses: tuple[str, ...]
    """`host:port`, at most four, different; none for a node that only dials."""
    roles: tuple[Role, ...]
    """Sorted, different."""
    seq: int
    """Grows with every new record of this node."""
    at: int
    """Unix ms of signing."""
    raw: bytes
    """The signed record, as received."""

    def is_fresh(self, wall_ms: int) -> bool:
        """Tell whether it may be believed and passed on at this moment."""
        return -limits.skew_ms_max <= wall_ms - self.at <= limits.node_record_age_ms_max

    @property
    def age_rank(self) -> tuple[int, int]:
        """Order of two records by one signing key: the greater one is newer."""
        return self.seq, self.at


def dialable(record: NodeRecord) -> tuple[str, ...]:
    """Give the addresses a stranger's record may make us dial.

    On `main` these lie in the open Internet: nobody's record may point this node at its
    own machine or into the network around it.
    """
    if record.net != "main":
        return record.addresses
    return tuple(address for address in record.addresses if is_public(address))


def is_public(address: str) -> bool:
    """Tell whether `host:port` names a place in the open Internet, as far as its text tells."""
    host = address.rpartition(":")[0].strip("[]").lower().rstrip(".")
    try:
        return ipaddress.ip_address(host).is_global
    except ValueError:
        return "." in host and not host.endswith(_LOCAL_NAMES) and not _NUMBERS_ONLY.match(host)


def sign_record(
    *,
    net: str,
    key: NodeId,
    addresses: Iterable[str],
    roles: Iterable[Role],
    seq: int,
    at: int,
    seed: bytes,
) -> NodeRecord:
    """Sign what this node says of itself.

    Args:
        net: network id.
        key: our transport key.
        addresses: `host:port`, at most four.
        roles: what we offer.
        seq: larger than that of any earlier record.
        at: Unix ms.
        seed: Ed25519 seed, used for nothing else.

    Raises:
        LocalProtocolError: E-ADDRESS when a peer would refuse the record.
    """
    names = sorted({role.value for role in roles})
    fields = [
        RECORD_VERSION, net, key, signing.public_key(seed), list(addresses), names, seq, at,
    ]  # fmt: skip
    text = encode(fields)
    raw = encode([text, signing.sign(signing.Tag.NODE_RECORD, text, seed)])
    try:
        return read_record(raw, net=net)
    except RemoteProtocolError as error:
        raise LocalProtocolError(
            f"this node's record is not valid: {error.sentence}",
            code="E-ADDRESS",
            fix="Give at most four addresses as host:port",
            field="advertise",
        ) from error


def read_record(raw: bytes, *, net: str) -> NodeRecord:
    """Read a node record and check its signature; whether it is fresh is asked apart.

    Raises:
        RemoteProtocolError: any fault of its encoding, shape or signature; WRONG_NETWORK.
    """
    parts = decode(raw, bytes_max=limits.node_record_bytes_max)
    if type(parts) is not list or len(parts) != _PARTS or any(type(p) is not bytes for p in parts):
        raise ObjectError(Reason.BAD_SHAPE, "a node record has two parts")
    text, signature = parts
    fields = decode(text, bytes_max=limits.node_record_bytes_max)
    if type(fields) is not list or len(fields) != _FIELDS:
        raise ObjectError(Reason.BAD_SHAPE, f"a node record has {_FIELDS} fields")
    version, its_net, key, sign_key, addresses, roles, seq, at = fields
    if type(version) is not int or version != RECORD_VERSION:
        raise ObjectError(Reason.WRONG_VERSION, "of a node record")
    if its_net != net:
        raise ObjectError(Reason.WRONG_NETWORK, "a node record of another network")
    record = NodeRecord(
        net=net,
        key=NodeId(_key(key, "key")),
        sign_key=SigningKey(_key(sign_key, "sign_key")),
        addresses=_addresses(addresses),
        roles=_roles(roles),
        seq=_whole(seq, "seq"),
        at=_whole(at, "at"),
        raw=raw,
    )
    signing.verify(signing.Tag.NODE_RECORD, text, signature, record.sign_key)
    return record


def _key(value: Any, field: str) -> bytes:
    if type(value) is not bytes or len(value) != _KEY_BYTES:
        raise ObjectError(Reason.BAD_SHAPE, "32 bytes", field=field)
    return value


def _whole(value: Any, field: str) -> int:
    if type(value) is not int or not 0 <= value <= _WHOLE_MAX:
        raise ObjectError(Reason.BAD_SHAPE, "an integer in range", field=field)
    return value


def _addresses(value: Any) -> tuple[str, ...]:
    if type(value) is not list or len(value) > limits.addresses_per_node_max:
        raise ObjectError(Reason.BAD_SHAPE, "at most four", field="addresses")
    for address in value:
        if type(address) is not str or not is_address(address):
            raise ObjectError(Reason.BAD_SHAPE, "host:port", field="addresses")
    if len(set(value)) != len(value):
        raise ObjectError(Reason.BAD_SHAPE, "one stands twice", field="addresses")
    return tuple(value)


def _roles(value: Any) -> tuple[Role, ...]:
    known = {role.value for role in Role}
    if type(value) is not list or any(type(r) is not str or r not in known for r in value):
        raise ObjectError(Reason.BAD_SHAPE, "known roles", field="roles")
    if value != sorted(set(value)):
        raise ObjectError(Reason.BAD_SHAPE, "sorted, none twice", field="roles")
    return tuple(Role(role) for role in value)


class Standing(StrEnum):
    """What stands behind a record in the book."""

    PROVEN = "proven"
    """A handshake proved the transport key, and this record came over it."""
    HINT = "hint"
    """A third party handed it on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One record in the book."""

    record: NodeRecord
    """The newest by this signing key."""
    standing: Standing
    """How it came."""


class Book:
    """Records of other nodes: fresh, bounded, proven before hinted, newest first."""

    def __init__(self, *, own: NodeId, nodes_max: int = limits.known_nodes_max) -> None:
        """Start empty.

        Args:
            own: our transport key, which never stands in the book.
            nodes_max: keys kept; the one whose newest record is oldest makes room.
        """
        self._own = own
        self._nodes_max = nodes_max
        self._entries: dict[NodeId, list[Entry]] = {}

    def __len__(self) -> int:
        """Count the known nodes."""
        return len(self._entries)

    def add(self, record: NodeRecord, *, proven: bool, wall_ms: int) -> bool:
        """Take a record; tells whether the book changed.

        Args:
            record: read and signature-checked.
            proven: it came over a channel whose static key is `record.key`.
            wall_ms: for freshness.
        """
        if record.key == self._own or not record.is_fresh(wall_ms):
            return False
        entries = self._entries.get(record.key, [])
        kept = self._merge(entries, record, proven=proven)
        if kept == entries:
            return False
        if record.key not in self._entries and len(self._entries) >= self._nodes_max:
            self._make_room()
        self._entries[record.key] = kept
        return True

    def _merge(self, entries: list[Entry], record: NodeRecord, *, proven: bool) -> list[Entry]:
        same = next((e for e in entries if e.record.sign_key == record.sign_key), None)
        if same and record.age_rank < same.record.age_rank:
            record = same.record
        if same and same.standing is Standing.PROVEN:
            proven = True
        standing = Standing.PROVEN if proven else Standing.HINT
        entry = Entry(record=record, standing=standing)
        if proven:
            # The handshake settled whose key it is: what other signers say of it is false.
            return [entry]
        if entries and entries[0].standing is Standing.PROVEN:
            return entries
        others = [e for e in entries if e is not same]
        if same and entry == same:
            return entries
        return [entry, *others][: limits.hints_per_node_max]

    def _make_room(self) -> None:
        oldest = min(self._entries, key=lambda key: (self._entries[key][0].record.at, key))
        del self._entries[oldest]

    def forget_hints(self, key: NodeId) -> None:
        """Drop what third parties said of a key, after a dial found another key there."""
        entries = self._entries.get(key)
        if entries and entries[0].standing is Standing.HINT:
            del self._entries[key]

    def sweep(self, wall_ms: int) -> None:
        """Drop what has grown too old to be believed."""
        for key, entries in list(self._entries.items()):
            fresh = [entry for entry in entries if entry.record.is_fresh(wall_ms)]
            if fresh:
                self._entries[key] = fresh
            else:
                del self._entries[key]

    def find(self, key: NodeId, wall_ms: int) -> NodeRecord | None:
        """Give the best fresh record of a key."""
        found = self.records_of(key, wall_ms)
        return found[0] if found else None

    def records_of(self, key: NodeId, wall_ms: int) -> list[NodeRecord]:
        """Give every fresh record of a key, the best first; a dialler tries them in turn."""
        entries = self._entries.get(key, [])
        return [entry.record for entry in entries if entry.record.is_fresh(wall_ms)]

    def with_role(self, role: Role, wall_ms: int) -> list[NodeRecord]:
        """List the best fresh record of every node that offers a role, in the order of keys."""
        found = [self.find(key, wall_ms) for key in sorted(self._entries)]
        return [record for record in found if record and role in record.roles]

    def sample(
        self, count: int, *, chance: Chance, wall_ms: int, without: NodeId | None = None
    ) -> list[NodeRecord]:
        """Choose fresh records of nodes that can be dialled.

        Args:
            count: at most this many.
            chance: the choice; an answer that followed an order would favour its first.
            wall_ms: for freshness.
            without: the one who asks need not hear of itself.
        """
        found = [self.find(key, wall_ms) for key in sorted(self._entries) if key != without]
        dialable = [record for record in found if record and record.addresses]
        return chance.sample(dialable, count)
