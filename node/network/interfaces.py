"""Which of this machine's networks are local ones, in which a node may be announced and looked for.

Enters: what the machine says of its adapters. Leaves: IPv4 addresses in private ranges, with the
network around each. Never here: an address of the open Internet, loopback, or a VPN's shared range;
in none of them does a neighbour live.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import ifaddr

INTERFACES_MAX: Final = 8
"""Networks looked at; a machine with more is a router or a host of containers; guess."""
# RFC 1918 and RFC 3927. Python's `is_private` takes in loopback, documentation and test ranges.
LOCAL_NETWORKS: Final = tuple(
    ipaddress.IPv4Network(text)
    for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16")
)
_ONE_HOST: Final = 32


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class Interface:
    """One address of this machine in a local network."""

    name: str
    """As the machine calls the adapter."""
    address: str
    """IPv4."""
    network: ipaddress.IPv4Network
    """Who is around it."""


def is_local(address: ipaddress.IPv4Address) -> bool:
    """Tell whether an address lies in a range that is used inside homes and offices."""
    return any(address in network for network in LOCAL_NETWORKS)


def local_interfaces(
    adapters: Iterable[ifaddr.Adapter], names: Sequence[str] = ()
) -> tuple[Interface, ...]:
    """Choose local networks, in the order of names and addresses.

    Args:
        adapters: what the machine has.
        names: only these adapters; all when empty.
    """
    found = set()
    for adapter in adapters:
        if names and not {adapter.name, adapter.nice_name} & set(names):
            continue
        for each in adapter.ips:
            if interface := _interface(adapter.nice_name, each):
                found.add(interface)
    return tuple(sorted(found)[:INTERFACES_MAX])


def _interface(name: str, ip: ifaddr.IP) -> Interface | None:
    # IPv6 neighbours are left out: their link-local addresses cannot be written as host:port.
    if not isinstance(ip.ip, str) or not 0 < ip.network_prefix < _ONE_HOST:
        return None
    address = ipaddress.IPv4Address(ip.ip)
    if not is_local(address):
        return None
    network = ipaddress.IPv4Network((address, ip.network_prefix), strict=False)
    return Interface(name=name, address=str(address), network=network)


def read_interfaces(names: Sequence[str] = ()) -> tuple[Interface, ...]:
    """Ask the machine; takes about a millisecond."""
    return local_interfaces(ifaddr.get_adapters(), names)
