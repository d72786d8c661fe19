"""Node records: what is signed is what is read; what is heard is not what is proved."""

from __future__ import annotations

from typing import Any

import pytest

from protocol import signing
from protocol.encoding import decode, encode
from protocol.errors import LocalProtocolError, Reason, RemoteProtocolError
from protocol.ids import NodeId, blake2b_256
from protocol.network.addresses import (
    Role,
    dialable,
    is_address,
    is_public,
    read_record,
    sign_record,
)
from tests.parties import NET
from tests.unit.protocol.network.driver import NOW, peer, record_of

WALL = NOW.wall_ms


def key(name: str) -> NodeId:
    return NodeId(peer(name))


def resigned(name: str, **changes: Any) -> bytes:
    """A record whose fields were changed by its own signer."""
    seed = blake2b_256(b"record", name.encode())
    text, _ = decode(record_of(name).raw, bytes_max=1_024)
    names = ["v", "net", "key", "sign_key", "addresses", "roles", "seq", "at"]
    fields = dict(zip(names, decode(text, bytes_max=1_024), strict=True)) | changes
    text = encode(list(fields.values()))
    return encode([text, signing.sign(signing.Tag.NODE_RECORD, text, seed)])


def test_what_is_signed_is_what_is_read():
    record = sign_record(
        net=NET,
        key=key("one"),
        addresses=["one.example:7440", "[2001:db8::1]:7440", "192.0.2.1:1"],
        roles=[Role.RELAY, Role.MAILBOX, Role.RELAY],
        seq=3,
        at=WALL,
        seed=blake2b_256(b"seed"),
    )
    assert read_record(record.raw, net=NET) == record
    assert record.roles == (Role.MAILBOX, Role.RELAY)
    assert record.sign_key == signing.public_key(blake2b_256(b"seed"))
    assert record.key == key("one")


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("a.example:1", True),
        ("192.0.2.1:65535", True),
        ("[::1]:80", True),
        ("a.example", False),
        ("a.example:0", False),
        ("a.example:65536", False),
        ("a.example:080", False),
        (":80", False),
        ("-a.example:80", False),
        ("::1:80", False),
        ("a b:80", False),
        ("a.example:80\n", False),
        ("user@a.example:80", False),
        ("x" * 254 + ":80", False),
    ],
)
def test_addresses_have_one_form(text: str, fits: bool):
    assert is_address(text) is fits


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"v": 2}, Reason.WRONG_VERSION),
        ({"v": True}, Reason.WRONG_VERSION),
        ({"net": "other"}, Reason.WRONG_NETWORK),
        ({"key": bytes(31)}, Reason.BAD_SHAPE),
        ({"sign_key": "text"}, Reason.BAD_SHAPE),
        ({"addresses": ["nonsense"]}, Reason.BAD_SHAPE),
        ({"addresses": [7]}, Reason.BAD_SHAPE),
        ({"addresses": "a.example:1"}, Reason.BAD_SHAPE),
        ({"addresses": [f"a{n}.example:1" for n in range(5)]}, Reason.BAD_SHAPE),
        ({"addresses": ["a.example:1", "a.example:1"]}, Reason.BAD_SHAPE),
        ({"roles": ["king"]}, Reason.BAD_SHAPE),
        ({"roles": [1]}, Reason.BAD_SHAPE),
        ({"roles": None}, Reason.BAD_SHAPE),
        ({"roles": ["relay", "mailbox"]}, Reason.BAD_SHAPE),
        ({"seq": -1}, Reason.BAD_SHAPE),
        ({"seq": True}, Reason.BAD_SHAPE),
        ({"at": 2**52 + 1}, Reason.BAD_SHAPE),
        ({"at": "now"}, Reason.BAD_SHAPE),
        ({"more": 1}, Reason.BAD_SHAPE),
    ],
)
def test_a_record_that_breaks_a_rule_is_refused(changes: dict[str, Any], reason: Reason):
    with pytest.raises(RemoteProtocolError) as caught:
        read_record(resigned("one", **changes), net=NET)
    assert caught.value.reason is reason


@pytest.mark.parametrize(
    "raw", [b"", b"\x93\x01\x02\x03", encode([b"x", 1]), encode("x"), encode([b"\x90", bytes(64)])]
)
def test_bytes_that_are_no_record_are_refused(raw: bytes):
    with pytest.raises(RemoteProtocolError):
        read_record(raw, net=NET)


def test_a_changed_record_has_a_bad_signature():
    text, signature = decode(record_of("one").raw, bytes_max=1_024)
    forged = encode([text, bytes([signature[0] ^ 1]) + signature[1:]])
    with pytest.raises(RemoteProtocolError) as caught:
        read_record(forged, net=NET)
    assert caught.value.reason is Reason.BAD_SIGNATURE


def test_our_own_record_is_held_to_the_same_rules():
    with pytest.raises(LocalProtocolError) as caught:
        record_of("one", addresses=["nonsense"])
    assert caught.value.code == "E-ADDRESS"


def test_on_main_nobodys_record_points_into_a_private_network():
    places = ["127.0.0.1:1", "relay.example.org:2", "10.0.0.1:3", "[2606:4700::1]:4"]
    assert dialable(record_of("one", addresses=places)) == tuple(places)
    on_main = record_of("one", net="main", addresses=places)
    assert dialable(on_main) == (places[1], places[3])


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8:1", True),
        ("192.168.1.1:1", False),
        ("[::1]:1", False),
        ("localhost:1", False),
        ("printer.local:1", False),
        ("a.localhost.:1", False),
        ("127.1:1", False),
        ("0x7f.1:1", False),
        ("0X7F.0.0.0x1:1", False),
        ("0177.1:1", False),
        ("2130706433:1", False),
        ("relay.example.0x1:1", False),
        ("0xdead.example.org:1", True),
        ("0.0.0.0:1", False),
        ("224.0.0.1:1", False),
        ("100.64.0.1:1", False),
        ("[::]:1", False),
        ("[2606:4700::1]:1", True),
        ("[::ffff:127.0.0.1]:1", False),
        ("[::ffff:8.8.8.8]:1", True),
        ("[::7f00:1]:1", False),
        ("[::8.8.8.8]:1", True),
        ("[64:ff9b::7f00:1]:1", False),
        ("[64:ff9b::8.8.8.8]:1", True),
        ("[64:ff9b:1::8.8.8.8]:1", False),
        ("[2002:7f00:1::1]:1", False),
        ("[2002:808:808::1]:1", True),
        ("[2001:0:808:808::f7f7:f7f7]:1", False),
        ("[ff02::1]:1", False),
        ("[ff0e::1]:1", False),
        ("[fe80::1]:1", False),
        ("[fec0::1]:1", False),
        ("[fd00::1]:1", False),
        ("a.example.org:1", True),
    ],
)
def test_public_places_are_told_from_private_ones(address: str, public: bool):
    assert is_public(address) is public
