"""How an operator writes a peer."""

from __future__ import annotations

import pytest

from node.errors import ConfigError
from node.network.dialer import Address
from node.runtime.peer_text import parse_peer
from protocol.ids import NodeId, to_text

KEY = NodeId(b"\x05" * 32)


def test_peers_are_written_with_or_without_key():
    assert parse_peer("a.example:1") == (Address("a.example", 1), None)
    assert parse_peer(f"{to_text('node', KEY)}@[::1]:2") == (Address("::1", 2), KEY)


@pytest.mark.parametrize("text", ["", "a.example", "node-XXXX@a.example:1", "@a.example:1"])
def test_what_is_no_peer_is_refused(text: str):
    with pytest.raises(ConfigError) as caught:
        parse_peer(text)
    assert caught.value.code == "E-PEER"
