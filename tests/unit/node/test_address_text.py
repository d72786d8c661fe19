"""What is wrong with an address: one cause for each, and how to write it right."""

from __future__ import annotations

import pytest

from node.address_text import bare, fault_of, fault_of_peer, fault_of_told, is_number
from protocol.ids import NodeId, to_text

KEY = to_text("node", NodeId(b"\x05" * 32))


@pytest.mark.parametrize(
    "text",
    [
        "a.example:1",
        " a.example:65535 ",
        "192.0.2.7:7440",
        "[2001:db8::7]:7440",
        "[::1]:9401",
        "localhost:80",
        f"{KEY}@a.example:1",
        f"intentcast://{KEY}@a.example:1/",
        f" {KEY} @ a.example:1 ",
    ],
)
def test_a_peer(text: str):
    assert fault_of_peer(text) is None


@pytest.mark.parametrize(
    ("text", "cause", "fix"),
    [
        ("", "it is empty", "host:port"),
        ("foo", "the port is missing", "foo:PORT, for instance foo:9401"),
        ("foo:", "the port is missing", "foo:9401"),
        ("[::1]", "the port is missing", "[::1]:PORT"),
        ("foo:0", "a port is 1 to 65535", "host:port"),
        ("foo:65536", "a port is 1 to 65535", "host:port"),
        ("foo:x", "a port is 1 to 65535", "host:port"),
        ("foo:9401/peer", "a port is 1 to 65535", "host:port"),
        (":9401", "the host is missing", "host:port"),
        ("::1", "square brackets", "[::1]:9401"),
        ("2001:db8::7:7440", "square brackets", "[2001:db8::7]:7440"),
        ("a:b:1", "more than one colon", "host:port"),
        ("http://foo:9401/", "'http://' does not belong", "Leave http:// away: foo:9401"),
        ("ws://foo:9401", "'ws://' does not belong", "foo:9401"),
        ("0x7f000001:19401", "no IPv4 address", "four numbers"),
        ("127.1:19401", "no IPv4 address", "four numbers"),
        ("2130706433:19401", "no IPv4 address", "four numbers"),
        ("0.0.0.0:9401", "nobody can dial 0.0.0.0", "relay.example.org:9401"),
        ("[::]:9401", "nobody can dial ::", "relay.example.org:9401"),
        ("224.0.0.1:9401", "the address of many", "one node"),
        ("[ff02::1]:9401", "the address of many", "one node"),
        ("255.255.255.255:9401", "the address of many", "one node"),
        ("[foo]:9401", "no IPv6 address", "[::1]:9401"),
        ("[fe80::1%eth0]:9401", "no IPv6 address", "[::1]:9401"),
        ("-foo:9401", "neither a name nor an address", "host:port"),
        ("f oo:9401", "neither a name nor an address", "host:port"),
        ("x" * 300, "longer than 260", "host:port"),
    ],
)
def test_each_fault_has_its_cause(text: str, cause: str, fix: str):
    for find in (fault_of, fault_of_peer, fault_of_told):
        fault = find(text)
        assert fault is not None
        assert cause in fault.cause
        assert fix in fault.fix


def test_a_key_that_is_none():
    fault = fault_of_peer("node-XXXX@a.example:1")
    assert fault is not None
    assert "whole key" in fault.fix
    assert fault_of_peer("@a.example:1") is not None


def test_whoever_writes_a_peer_is_shown_the_form_of_a_link():
    fault = fault_of_peer("foo:0")
    assert fault is not None
    assert "intentcast://KEY@host:port" in fault.fix
    fault = fault_of_peer(f"intentcast://{KEY}@a.example:1?until=5")
    assert fault is not None
    assert "intentcast join LINK" in fault.fix


def test_others_take_plain_names_alone():
    assert fault_of_told("a.example:1") is None
    assert fault_of_told(" a.example:1") is not None
    for text in ("my_box:1", "a.example.:1"):
        fault = fault_of_told(text)
        assert fault is not None
        assert "others take no name" in fault.cause
        assert fault_of(text) is None


def test_numbers_that_a_resolver_would_take_for_an_address():
    assert is_number("0X7F.1")
    assert is_number("a.1.")
    assert not is_number("a1.example")


def test_an_address_is_taken_as_it_is_printed():
    assert bare(" intentcast://node-A@a:1/ ") == "node-A@a:1"
