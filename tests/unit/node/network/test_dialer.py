"""Addresses: what may be dialled, and how it is written."""

from __future__ import annotations

import pytest

from node.errors import TransportError
from node.network.dialer import Address, parse_address


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("192.0.2.7:7440", Address("192.0.2.7", 7440)),
        (" 192.0.2.7:1 ", Address("192.0.2.7", 1)),
        ("Node.Example:65535", Address("node.example", 65535)),
        ("localhost:80", Address("localhost", 80)),
        ("my_box-1.local.:80", Address("my_box-1.local.", 80)),
        ("[2001:DB8::7]:7440", Address("2001:db8::7", 7440)),
        ("[::1]:7440", Address("::1", 7440)),
        ("[::ffff:192.0.2.7]:7440", Address("::ffff:192.0.2.7", 7440)),
    ],
)
def test_addresses(text: str, address: Address):
    assert parse_address(text) == address
    assert parse_address(str(address)) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":",
        "host",
        "host:",
        ":7440",
        "host:0",
        "host:65536",
        "host:99999999999999999999",
        "host:-1",
        "host:+1",
        "host:7440x",
        "host:\u0667\u0664\u0664\u0660",
        "ho st:7440",
        "host/path:7440",
        "user@host:7440",
        "http://host:7440",
        "-host:7440",
        "host..name:7440",
        "2001:db8::7:7440",
        "[2001:db8::7]",
        "[2001:db8::7:7440",
        "[192.0.2.7]:7440",
        "[fe80::1%eth0]:7440",
        "[host]:7440",
        "127.1:7440",
        "2130706433:7440",
        "0x7f000001:7440",
        "192.0.2.256:7440",
        "192.0.02.7:7440",
        "x" * 64 + ":7440",
        "a." * 200 + "a:7440",
        "\u0131ntentcast.example:7440",
    ],
)
def test_what_is_not_an_address(text: str):
    with pytest.raises(TransportError) as caught:
        parse_address(text)
    assert caught.value.code == "E-ADDRESS"
    assert "192.0.2.7:7440" in caught.value.fix
    assert len(caught.value.sentence) < 120
