"""Address groups: which addresses probably belong to one owner.

Enters: the text of an address. Leaves: the name of its group. Addresses of one provider's block are
cheap to have by the thousand, so limits and choices count groups, not addresses.
Source: docs/protocol/06-gossip.md; Bitcoin Core's address manager groups alike.
"""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from typing import Final

from protocol.network.addresses import is_public

_V4_BITS: Final = 16
_V6_BITS: Final = 32
_REMEMBERED: Final = 16_384


@lru_cache(maxsize=_REMEMBERED)
def group_of(address: str, net: str) -> str:
    """Name the group of an address: /16, /32 of IPv6, or the name of the host.

    Outside `main` a private address is a group of its own, port and all: there it is a machine in a
    testnet or a home, and says nothing about its owner.

    Args:
        address: `host:port`, or a host alone.
        net: network id.
    """
    host = _host(address)
    if net != "main" and not is_public(f"{host}:1"):
        return address.lower()
    ip = _ip(host)
    if ip is None:
        return host.lower().rstrip(".")
    return _block(ip)


@lru_cache(maxsize=_REMEMBERED)
def public_group_of(host: str) -> str | None:
    """Name the group of an IP address; None for one that is no public address, or a name.

    Loopback and private addresses say nothing about who is behind them: a proxy in front of the
    node, a home network, a testnet.
    """
    ip = _ip(_host(host))
    return _block(ip) if ip is not None and ip.is_global else None


def _host(address: str) -> str:
    if address.startswith("["):
        return address[1:].partition("]")[0]
    host, colon, _ = address.rpartition(":")
    # An IPv6 address without brackets has no port behind it.
    return host if colon and ":" not in host else address


def _ip(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        ip = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
    mapped = ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None
    return ip if mapped is None else mapped


def _block(ip: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    bits = _V4_BITS if ip.version == 4 else _V6_BITS  # noqa: PLR2004 - the version's name
    return str(ipaddress.ip_network((ip, bits), strict=False))
