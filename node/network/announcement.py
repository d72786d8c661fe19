"""One announcement of a node in the local network: what it may say, and how it is read.

Enters: the TXT record, addresses and port of a service, as anybody in the network may have sent
them. Leaves: a `Sighting`, or the word for why it is none. A sighting is a hint: whether the key
lives at that address is proved by a handshake and by nothing else. Never here: names of hosts or
persons; the instance name is neither read nor shown.
Source: docs/protocol/09-invites.md, "Announcements".
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import Final

from node.network.interfaces import is_local
from protocol import limits
from protocol.errors import LocalProtocolError
from protocol.ids import NodeId, from_text, short_text, to_text
from protocol.network.invites import NODE_PREFIX

SERVICE_TYPE: Final = "_intentcast._tcp.local."
"""DNS-SD name of the service."""
TXT_VERSION: Final = "1"
_GROUPS: Final = 4
_PORT_MAX: Final = 65_535
_VISIBLE: Final = range(0x21, 0x7F)
_HOSTS_READ_MAX: Final = 16
"""Addresses of one announcement looked at; the rest is noise."""


class Ignored(StrEnum):
    """Why an announcement leads nowhere; counted, never shown one by one."""

    BAD_TXT = "bad_txt"
    """Its TXT record is too long, cut short, or not the text of this protocol."""
    NO_KEY = "no_key"
    """It names no node, or one whose key is mistyped."""
    OTHER_VERSION = "other_version"
    """It speaks another version of the protocol."""
    OTHER_NET = "other_net"
    """It belongs to another network."""
    OWN_KEY = "own_key"
    """It names this node itself."""
    BAD_ADDRESS = "bad_address"
    """It has no address in a network this machine is in, or no port."""
    FULL = "full"
    """As many nodes are known already as are shown."""
    CROWDED_HOST = "crowded_host"
    """Its address claims to hold as many nodes already as are shown of one."""
    TOO_OFTEN = "too_often"
    """It changes faster than it is looked at."""
    FLOOD = "flood"
    """More announcements came at once than are looked at."""
    SILENT = "silent"
    """It was announced, and its records could not be had."""
    REFUSED = "refused"
    """The owner of this node does not want to see its node."""
    SPOOFED = "spoofed"
    """Another node than the one it named answered at its address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """A node that says it is near."""

    key: NodeId
    """Whose key it claims."""
    addresses: tuple[str, ...]
    """`host:port` in a network this machine is in; at least one, at most four."""


def instance_name(key: NodeId) -> str:
    """Give the name a node is announced by: the beginning of its key, nothing of its owner."""
    return short_text(NODE_PREFIX, key, _GROUPS)


def txt_fields(*, net: str, key: NodeId) -> dict[str, str]:
    """Give all that an announcement says besides address and port."""
    return {"v": TXT_VERSION, "net": net, "node": to_text(NODE_PREFIX, key)}


def read_announcement(
    text: bytes,
    addresses: Iterable[str],
    port: int | None,
    *,
    net: str,
    own: NodeId,
    networks: Sequence[ipaddress.IPv4Network],
) -> Sighting | Ignored:
    """Read what a service says of itself.

    Args:
        text: its TXT record, as it came.
        addresses: IP addresses in text.
        port: TCP port.
        net: the network this node runs on.
        own: this node's key.
        networks: the local networks this machine is in.
    """
    fields = read_txt(text)
    if fields is None:
        return Ignored.BAD_TXT
    if fields.get("v") != TXT_VERSION:
        return Ignored.OTHER_VERSION
    key = _read_key(fields.get("node", ""))
    if key is None or key == own:
        return Ignored.NO_KEY if key is None else Ignored.OWN_KEY
    if fields.get("net") != net:
        return Ignored.OTHER_NET
    places = _places(addresses, port, networks)
    return Sighting(key=key, addresses=places) if places else Ignored.BAD_ADDRESS


def _places(
    addresses: Iterable[str], port: int | None, networks: Sequence[ipaddress.IPv4Network]
) -> tuple[str, ...]:
    if port is None or not 0 < port <= _PORT_MAX:
        return ()
    near = [host for host in islice(addresses, _HOSTS_READ_MAX) if is_near(host, networks)]
    places = [f"{host}:{port}" for host in dict.fromkeys(near)]
    return tuple(places[: limits.nearby_names_max])


def read_txt(text: bytes) -> dict[str, str] | None:
    """Read a TXT record: strings with a length before each; of two with one name the first counts.

    Returns:
        Names in lower case and their values, or None when it is too long, cut short, or holds
        anything but visible ASCII.
    """
    if len(text) > limits.nearby_txt_bytes_max:
        return None
    fields: dict[str, str] = {}
    at = 0
    while at < len(text):
        part = text[at + 1 : at + 1 + text[at]]
        if len(part) < text[at] or not all(byte in _VISIBLE for byte in part):
            return None
        name, equals, value = part.decode("ascii").partition("=")
        if equals:
            fields.setdefault(name.lower(), value)
        at += 1 + len(part)
    return fields


def _read_key(text: str) -> NodeId | None:
    try:
        return NodeId(from_text(NODE_PREFIX, text))
    except LocalProtocolError:
        return None


def is_near(host: str, networks: Sequence[ipaddress.IPv4Network]) -> bool:
    """Tell whether an address lies in a local network this machine is in, and may be somebody's."""
    try:
        address = ipaddress.IPv4Address(host)
    except ValueError:
        return False
    return is_local(address) and any(
        address in network and address not in {network.network_address, network.broadcast_address}
        for network in networks
    )
