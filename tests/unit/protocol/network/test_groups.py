"""Which addresses count as one."""

from __future__ import annotations

import pytest

from protocol.network.groups import group_of, public_group_of


@pytest.mark.parametrize(
    ("host", "group"),
    [
        ("8.8.4.4", "8.8.0.0/16"),
        ("8.8.200.1", "8.8.0.0/16"),
        ("8.8.200.1:7440", "8.8.0.0/16"),
        ("2a01:4f8:1::7", "2a01:4f8::/32"),
        ("[2a01:4f8:2::7]", "2a01:4f8::/32"),
        ("[2a01:4f8:2::7]:7440", "2a01:4f8::/32"),
        ("::ffff:8.8.4.4", "8.8.0.0/16"),
        ("127.0.0.1", None),
        ("10.1.2.3", None),
        ("192.168.1.4", None),
        ("fe80::1%eth0", None),
        ("::1", None),
        ("relay.example", None),
        ("", None),
    ],
)
def test_group_of_a_public_ip(host: str, group: str | None):
    assert public_group_of(host) == group


@pytest.mark.parametrize(
    ("address", "on_main", "elsewhere"),
    [
        ("8.8.4.4:7440", "8.8.0.0/16", "8.8.0.0/16"),
        ("[2a01:4f8:1::7]:1", "2a01:4f8::/32", "2a01:4f8::/32"),
        ("Relay.Example.org:7440", "relay.example.org", "relay.example.org"),
        ("127.0.0.1:7001", "127.0.0.0/16", "127.0.0.1:7001"),
        ("10.1.2.3:7001", "10.1.0.0/16", "10.1.2.3:7001"),
        ("[::1]:7001", "::/32", "[::1]:7001"),
        ("localhost:7001", "localhost", "localhost:7001"),
        ("Printer.local:7001", "printer.local", "printer.local:7001"),
        ("8.8.4.4", "8.8.0.0/16", "8.8.0.0/16"),
    ],
)
def test_a_private_address_outside_main_is_a_group_of_its_own(
    address: str, on_main: str, elsewhere: str
):
    assert group_of(address, "main") == on_main
    assert group_of(address, "test") == elsewhere
