"""Any text is an invite or one refusal; any record of the local network a sighting or a word."""

from __future__ import annotations

import ipaddress
import struct

from hypothesis import example, given
from hypothesis import strategies as st

from node.network.announcement import Ignored, Sighting, read_announcement, read_txt, txt_fields
from node.network.vicinity import Vicinity
from protocol import limits
from protocol.errors import LocalProtocolError
from protocol.ids import NodeId
from protocol.network.addresses import is_address
from protocol.network.invites import Invite, read_invite, sign_invite

keys = st.binary(min_size=32, max_size=32).map(NodeId)
nets = st.from_regex(r"[a-z0-9][a-z0-9-]{0,31}", fullmatch=True)
places = st.one_of(
    st.builds(
        lambda host, port: f"{host}:{port}",
        st.ip_addresses(v=4).map(str)
        | st.from_regex(r"[a-z0-9]{1,20}(\.[a-z]{2,8}){0,3}", fullmatch=True),
        st.integers(1, 65_535),
    ),
    st.builds(lambda host, port: f"[{host}]:{port}", st.ip_addresses(v=6), st.integers(1, 65_535)),
).filter(is_address)
invites = st.builds(
    sign_invite,
    net=nets,
    key=keys,
    address=places,
    until=st.integers(0, 2**52),
    token=st.none() | st.binary(min_size=16, max_size=16),
    seed=st.binary(min_size=32, max_size=32),
)
LINK = sign_invite(
    net="main",
    key=NodeId(bytes(32)),
    address="relay.example:9401",
    until=1,
    token=None,
    seed=bytes(32),
).link


def outcome(text: str) -> Invite | LocalProtocolError:
    try:
        return read_invite(text)
    except LocalProtocolError as error:
        refusal = error
    assert refusal.code in {"E-INVITE", "E-INVITE-SIGNATURE"}
    assert refusal.fix
    assert len(refusal.sentence) < 300
    assert refusal.sentence.isprintable()
    return refusal


@given(invites)
def test_an_invite_comes_back(invite: Invite):
    assert read_invite(invite.link) == invite
    assert read_invite(invite.link.upper()) == invite
    assert len(invite.link) <= limits.invite_chars_max


@given(st.text())
@example("intentcast://")
@example("javascript:alert(1)")
def test_any_text(text: str):
    outcome(text)


@given(st.text().map(lambda text: "intentcast://" + text))
def test_any_text_behind_the_scheme(text: str):
    assert isinstance(outcome(text), LocalProtocolError)


@given(st.binary(max_size=300), places)
def test_any_proof(proof: bytes, place: str):
    text = LINK.partition("@")[0] + "@" + place + "?invite=" + proof.hex()
    assert isinstance(outcome(text), LocalProtocolError)


@given(st.integers(0, len(LINK) - 1), st.characters())
def test_a_character_changed(at: int, character: str):
    text = LINK[:at] + character + LINK[at + 1 :]
    found = outcome(text)
    if isinstance(found, Invite):
        # Look-alikes of base 32, case, and dashes between the groups of a key say the same.
        assert found == read_invite(LINK)


@given(st.integers(0, len(LINK) - 1), st.integers(1, len(LINK)), st.text(max_size=20))
def test_a_piece_replaced(start: int, length: int, text: str):
    found = outcome(LINK[:start] + text + LINK[start + length :])
    if isinstance(found, Invite):
        assert found == read_invite(LINK)


# --- the local network ---------------------------------------------------------------------------

OWN = NodeId(b"\1" * 32)
NETWORKS = [ipaddress.IPv4Network("10.0.0.0/8"), ipaddress.IPv4Network("192.168.4.0/24")]
hosts = st.one_of(
    st.ip_addresses(v=4).map(str),
    st.ip_addresses(v=6).map(str),
    st.integers(0, 2**24 - 1).map(lambda n: str(ipaddress.IPv4Address((10 << 24) + n))),
    st.text(max_size=20),
)
ports = st.none() | st.integers(-1, 70_000)
strings = st.lists(st.binary(max_size=90), max_size=6).map(
    lambda parts: b"".join(bytes([len(part)]) + part for part in parts)
)
honest = st.builds(
    lambda net, key: b"".join(
        struct.pack("B", len(pair)) + pair
        for pair in (
            f"{name}={value}".encode() for name, value in txt_fields(net=net, key=key).items()
        )
    ),
    st.sampled_from(["main", "other"]),
    keys,
)
texts = st.one_of(
    st.binary(max_size=400), strings, honest, st.builds(bytes.__add__, honest, strings)
)


@given(st.binary(max_size=400) | strings)
def test_any_txt_record(text: bytes):
    found = read_txt(text)
    if found is not None:
        assert len(text) <= limits.nearby_txt_bytes_max
        assert all((name + value).isascii() for name, value in found.items())


@given(texts, st.lists(hosts, max_size=20), ports)
def test_any_announcement(text: bytes, addresses: list[str], port: int | None):
    found = read_announcement(text, addresses, port, net="main", own=OWN, networks=NETWORKS)
    if isinstance(found, Ignored):
        return
    assert 0 < len(found.addresses) <= limits.nearby_names_max
    assert found.key != OWN
    for address in found.addresses:
        host, _, number = address.rpartition(":")
        assert any(ipaddress.IPv4Address(host) in network for network in NETWORKS)
        assert 0 < int(number) < 65_536


sightings = st.builds(
    lambda key, numbers: Sighting(key=key, addresses=tuple(f"10.0.0.{n}:1" for n in numbers)),
    st.integers(0, 200).map(lambda n: NodeId(n.to_bytes(32, "big"))),
    st.lists(st.integers(1, 40), min_size=1, max_size=4, unique=True),
)


@given(
    st.lists(st.tuples(st.integers(0, 400), st.none() | sightings), min_size=1, max_size=150),
    st.sets(st.integers(0, 20)),
)
def test_the_vicinity_never_outgrows_its_bounds(
    news: list[tuple[int, Sighting | None]], wanted: set[int]
):
    kept = {NodeId(n.to_bytes(32, "big")) for n in wanted}
    vicinity = Vicinity(is_wanted=kept.__contains__, is_hidden=lambda _key: False)
    for moment, (name, sighting) in enumerate(news):
        if sighting is None:
            vicinity.lose(str(name))
        else:
            vicinity.see(str(name), sighting, moment)
        nodes = vicinity.nodes(moment)
        strangers = [each for each in nodes if each.key not in kept]
        assert len(strangers) <= limits.nearby_nodes_max
        assert len(vicinity) <= (limits.nearby_nodes_max + len(kept)) * limits.nearby_names_max
        hosts_of: dict[str, set[NodeId]] = {}
        for each in strangers:
            assert len(each.addresses) <= limits.nearby_names_max
            for address in each.addresses:
                hosts_of.setdefault(address, set()).add(each.key)
        assert all(len(keys) <= limits.nearby_per_host_max for keys in hosts_of.values())
