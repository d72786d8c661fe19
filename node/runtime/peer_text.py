"""Peers as their operator writes them: an address, with the key that must be there or without.

Enters: a line of settings or of a command. Leaves: address and key. Never here: dialling.
"""

from __future__ import annotations

from node.address_text import bare, fault_of_peer
from node.errors import ConfigError
from node.network.dialer import Address, parse_address
from protocol.ids import NodeId, from_text
from protocol.network.invites import NODE_PREFIX


def parse_peer(text: str) -> tuple[Address, NodeId | None]:
    """Read `host:port` or `key@host:port`, as the operator writes peers.

    Raises:
        ConfigError: E-PEER, the key or the address is not one.
    """
    if fault := fault_of_peer(text):
        raise ConfigError(
            f"'{text[:120]}' is not a peer: {fault.cause}",
            code="E-PEER",
            fix=fault.fix,
            field="peers",
        )
    key_text, at, address = bare(text).rpartition("@")
    return parse_address(address), NodeId(from_text(NODE_PREFIX, key_text)) if at else None
