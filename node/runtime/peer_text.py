"""Peers as their operator writes them: an address, with the key that must be there or without.

Enters: a line of settings or of a command. Leaves: address and key. Never here: dialling.
"""

from __future__ import annotations

from node.errors import ConfigError, TransportError
from node.network.dialer import Address, parse_address
from protocol.errors import LocalProtocolError
from protocol.ids import NodeId, from_text
from protocol.network.invites import NODE_PREFIX


def parse_peer(text: str) -> tuple[Address, NodeId | None]:
    """Read `host:port` or `key@host:port`, as the operator writes peers.

    Raises:
        ConfigError: E-PEER, the key or the address is not one.
    """
    key_text, at, address = text.rpartition("@")
    try:
        key = NodeId(from_text(NODE_PREFIX, key_text)) if at else None
        return parse_address(address), key
    except (LocalProtocolError, TransportError) as error:
        raise ConfigError(
            f"'{text[:120]}' is not a peer: {error.sentence}",
            code="E-PEER",
            fix="Write host:port, or the node's key, then @host:port",
            field="peers",
        ) from error
