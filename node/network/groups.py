"""Address groups: which addresses probably belong to one owner.

Enters: the text of an address. Leaves: the name of its group. Addresses of one provider's block are
cheap to have by the thousand, so limits and choices count groups, not addresses.
Source: docs/protocol/06-gossip.md; Bitcoin Core's address manager groups alike.
"""

from __future__ import annotations

import ipaddress
from typing import Final

_V4_BITS: Final = 16
_V6_BITS: Final = 32


def group_of(host: str) -> str | None:
    """Name the group of an IP address; None for one that is no public address, or a name.

    Loopback and private addresses say nothing about who is behind them: a proxy in front of the
    node, a home network, a testnet.
    """
    try:
        address = ipaddress.ip_address(host.partition("%")[0].strip("[]"))
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if not address.is_global:
        return None
    bits = _V4_BITS if address.version == 4 else _V6_BITS  # noqa: PLR2004 - the version's name
    return str(ipaddress.ip_network((address, bits), strict=False))


def is_one_group(hosts: list[str]) -> bool:
    """Tell whether at least two public addresses all belong to one group."""
    groups = [group_of(host) for host in hosts]
    return len(groups) > 1 and None not in groups and len(set(groups)) == 1
