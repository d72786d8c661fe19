"""Who can be dialled where: the signed records in which nodes say it of themselves.

Enters: record bytes from a `Hello` or from a peer's answer. Leaves: `NodeRecord` values. A record
proves that its signing key wrote it; that it speaks for the transport key is proved by a handshake
with that key and by nothing else: the book (`book`) keeps the two apart.
Source: docs/protocol/06-gossip.md.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any

from protocol import limits, signing
from protocol.encoding import decode, encode
from protocol.errors import LocalProtocolError, ObjectError, Reason, RemoteProtocolError
from protocol.ids import NodeId, SigningKey

RECORD_VERSION = 1
_PARTS = 2
_FIELDS = 8
_KEY_BYTES = 32
_REMEMBERED = 4_096
"""Records read lately: every peer hands on the same ones, and a signature costs; guess."""
_WHOLE_MAX = 2**52
_PORT_MAX = 65_535
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?\Z")
_HOST_V6 = re.compile(r"\[[0-9a-fA-F:.]{2,45}\]\Z")
_LOCAL_NAMES = (".localhost", ".local", ".internal", ".home.arpa", ".lan")
_NUMBER = re.compile(r"(?:0x[0-9a-f]*|[0-9]*)\Z")
"""What a machine's resolver may read as part of an IPv4 address: 127.1, 0x7f.1, 0177.1."""
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
_EMBEDDING = (
    ipaddress.IPv6Network("::/96"),
    ipaddress.IPv6Network("::ffff:0:0/96"),
    ipaddress.IPv6Network("64:ff9b::/96"),
)
"""IPv6 that ends in the IPv4 address it leads to: compatible, mapped, NAT64."""
_V4_MASK = 0xFFFF_FFFF
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
    """Tell whether `host:port` names a place in the open Internet, as far as its text tells.

    Where a name leads is asked when it is dialled.
    """
    host = address.rpartition(":")[0].strip("[]").lower().rstrip(".")
    try:
        ip = ipaddress.ip_address(host)
    except ValueError:
        is_number = _NUMBER.match(host.rpartition(".")[2])
        return "." in host and not host.endswith(_LOCAL_NAMES) and not is_number
    return _is_public_v4(ip) if isinstance(ip, ipaddress.IPv4Address) else _is_public_v6(ip)


def _is_public_v4(ip: ipaddress.IPv4Address) -> bool:
    return ip.is_global and not ip.is_multicast


def _is_public_v6(ip: ipaddress.IPv6Address) -> bool:
    """Judge an address that leads to an IPv4 address by where it leads."""
    if any(ip in network for network in _EMBEDDING):
        return _is_public_v4(ipaddress.IPv4Address(int(ip) & _V4_MASK))
    if ip.sixtofour is not None:
        return _is_public_v4(ip.sixtofour)
    return ip in _GLOBAL_UNICAST and ip.is_global and ip.teredo is None


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


@lru_cache(maxsize=_REMEMBERED)
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
