"""What an announcement may say: everything else is ignored, by name."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest

from node.network.announcement import (
    Ignored,
    Sighting,
    instance_name,
    is_near,
    read_announcement,
    read_txt,
    txt_fields,
)
from protocol import limits
from protocol.ids import NodeId, blake2b_256, to_text

OWN = NodeId(blake2b_256(b"own"))
KEY = NodeId(blake2b_256(b"near"))
HERE = ipaddress.IPv4Network("10.77.0.0/24")


def txt(*parts: str | bytes, **fields: str) -> bytes:
    """A TXT record of strings and of name=value pairs."""
    strings = [part.encode() if isinstance(part, str) else part for part in parts]
    strings += [f"{name}={value}".encode() for name, value in fields.items()]
    return b"".join(bytes([len(part)]) + part for part in strings)


GOOD = txt(**txt_fields(net="main", key=KEY))


def read(
    text: bytes = GOOD, addresses: list[str] | None = None, port: Any = 9401
) -> Sighting | Ignored:
    return read_announcement(
        text,
        ["10.77.0.2"] if addresses is None else addresses,
        port,
        net="main",
        own=OWN,
        networks=[HERE],
    )


def test_a_good_one():
    assert read() == Sighting(key=KEY, addresses=("10.77.0.2:9401",))


def test_it_says_version_network_and_key_and_nothing_else():
    wanted = {"v": "1", "net": "main", "node": to_text("node", KEY)}
    assert txt_fields(net="main", key=KEY) == wanted
    assert len(GOOD) <= limits.nearby_txt_bytes_max


def test_its_name_is_the_beginning_of_the_key():
    name = instance_name(KEY)
    assert to_text("node", KEY).startswith(name)
    assert len(name) == 24


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"", Ignored.OTHER_VERSION),
        (txt(v="2", net="main", node=to_text("node", KEY)), Ignored.OTHER_VERSION),
        (txt(net="main", node=to_text("node", KEY)), Ignored.OTHER_VERSION),
        (txt(v="1", net="main"), Ignored.NO_KEY),
        (txt(v="1", net="main", node=""), Ignored.NO_KEY),
        (txt(v="1", net="main", node="node-AAAA"), Ignored.NO_KEY),
        (txt(v="1", net="main", node=to_text("cast", KEY)), Ignored.NO_KEY),
        (txt(v="1", net="main", node=to_text("node", OWN)), Ignored.OWN_KEY),
        (txt(v="1", net="test", node=to_text("node", KEY)), Ignored.OTHER_NET),
        (txt(v="1", node=to_text("node", KEY)), Ignored.OTHER_NET),
        (GOOD[:-1], Ignored.BAD_TXT),
        (GOOD + b"\xff", Ignored.BAD_TXT),
        (GOOD + txt(b"name=\xff\xfe"), Ignored.BAD_TXT),
        (GOOD + txt("owner=buyer ana"), Ignored.BAD_TXT),
        (GOOD + txt(b"x=\x1b[31m"), Ignored.BAD_TXT),
        (GOOD + b"\0" * limits.nearby_txt_bytes_max, Ignored.BAD_TXT),
        (b"\0" * 65_536, Ignored.BAD_TXT),
    ],
)
def test_a_bad_text(text: bytes, why: Ignored):
    assert read(text) is why


def test_unknown_names_are_left_alone_and_the_first_of_two_counts():
    text = txt(V="1", net="main", node=to_text("node", KEY), later="yes") + txt(net="test") + b"\0"
    assert isinstance(read(text), Sighting)
    assert read_txt(txt("alone", a="b=c")) == {"a": "b=c"}


@pytest.mark.parametrize("port", [None, 0, -1, 65_536])
def test_a_bad_port(port: int | None):
    assert read(port=port) is Ignored.BAD_ADDRESS


@pytest.mark.parametrize(
    "host",
    [
        "",
        "relay.example",
        "8.8.8.8",
        "127.0.0.1",
        "0.0.0.0",  # noqa: S104 - read, not bound to
        "224.0.0.251",
        "10.77.1.2",
        "10.77.0.0",
        "10.77.0.255",
        "fe80::1",
        "fe80::1%eth0",
        "fd00::1",
        "::1",
        "10.77.0.2 ",
        "0x0a4d0002",
    ],
)
def test_an_address_that_is_not_around_here(host: str):
    assert read(addresses=[host]) is Ignored.BAD_ADDRESS
    assert not is_near(host, [HERE])


def test_addresses_are_few_and_different():
    many = ["fe80::1", "10.77.0.9", "10.77.0.9", *(f"10.77.0.{n}" for n in range(1, 99))]
    found = read(addresses=many)
    assert isinstance(found, Sighting)
    wanted = ("10.77.0.9:9401", "10.77.0.1:9401", "10.77.0.2:9401", "10.77.0.3:9401")
    assert found.addresses == wanted
    assert read(addresses=[*["::1"] * 10_000, "10.77.0.2"]) is Ignored.BAD_ADDRESS


def test_a_public_network_is_no_neighbourhood():
    assert not is_near("8.8.8.8", [ipaddress.IPv4Network("8.8.8.0/24")])
