"""Invites: what one says, and the sentence for each way to spoil it."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from protocol import limits, signing
from protocol.encoding import encode
from protocol.errors import LocalProtocolError
from protocol.ids import NodeId, blake2b_256, to_text
from protocol.network.invites import Invite, check_invite, read_invite, sign_invite
from protocol.now import DAY_MS, MINUTE_MS

NOW_MS = 1_795_305_600_000
KEY = NodeId(blake2b_256(b"inviter"))
OTHER = NodeId(blake2b_256(b"joiner"))
SEED = blake2b_256(b"inviter record")
TOKEN = b"t" * limits.invite_token_bytes
PLACE = "relay.example:9401"


def made(**changes: Any) -> Invite:
    given: dict[str, Any] = {
        "net": "main",
        "key": KEY,
        "address": PLACE,
        "until": NOW_MS + DAY_MS,
        "token": TOKEN,
        "seed": SEED,
    }
    return sign_invite(**given | changes)


LINK = made().link


def link_of(fields: Any, place: str = PLACE, key: str = "") -> str:
    """A link around any proof."""
    raw = fields if isinstance(fields, bytes) else encode(fields)
    proof = base64.b32encode(raw).decode().rstrip("=").lower()
    return f"intentcast://{key or to_text('node', KEY)}@{place}?invite={proof}"


def fields_of(invite: Invite) -> list[Any]:
    return [1, invite.net, invite.sign_key, invite.until, invite.token, invite.signature]


def refusal(text: str) -> LocalProtocolError:
    with pytest.raises(LocalProtocolError) as caught:
        read_invite(text)
    return caught.value


@pytest.mark.parametrize("token", [None, TOKEN])
@pytest.mark.parametrize("place", [PLACE, "[2001:db8::7]:1", "192.0.2.7:65535"])
def test_an_invite_comes_back(token: bytes | None, place: str):
    invite = made(token=token, address=place)
    assert read_invite(invite.link) == invite
    assert len(invite.link) < 450
    assert (invite.token, invite.address) == (token, place)


def test_case_spaces_around_it_and_a_slash_change_nothing():
    invite = made()
    for text in (LINK.upper(), LINK.swapcase(), f"  {LINK}\n", LINK.replace("?", "/?")):
        assert read_invite(text) == invite


def test_an_address_is_written_in_lower_case():
    assert made(address="Relay.EXAMPLE:9401") == made()


@pytest.mark.parametrize("length", range(len(LINK)))
def test_every_beginning_is_refused_by_name(length: int):
    found = refusal(LINK[:length])
    assert found.code == "E-INVITE"
    assert found.fix


@pytest.mark.parametrize("more", ["a", "aaaaaaaa", "&x=1", "#x", "?", "=", "/", "1"])
def test_something_behind_its_end(more: str):
    assert refusal(LINK + more).code == "E-INVITE"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("   ", "is empty"),
        ("javascript:alert(1)", "begins with 'javascript:'"),
        ("https://relay.example/join", "begins with 'https:'"),
        ("relay.example:9401", "begins with 'relay.example:'"),
        ("9401", "begins with '9401'"),
        ("intent", "cut short"),
        ("intentcast://", "names no node"),
        (f"intentcast://{PLACE}?invite=aa", "names no node"),
        (f"intentcast://node-AAAA@{PLACE}?invite=aa", "key is not whole or mistyped"),
        (f"intentcast://@{PLACE}?invite=aa", "key is not whole or mistyped"),
        (LINK.replace("node-", "cast-"), "key is not whole or mistyped"),
        (LINK.replace(PLACE, "relay.example"), "not host:port"),
        (LINK.replace(PLACE, "relay.example:0"), "not host:port"),
        (LINK.replace(PLACE, "relay.example:65536"), "not host:port"),
        (LINK.replace(PLACE, "fe80::1%eth0:1"), "not host:port"),
        (LINK.partition("?")[0], "only an address"),
        (LINK.replace("invite=", "invite"), "where its proof should stand"),
        (LINK.replace("invite=", "token="), "where its proof should stand"),
        (LINK.partition("invite=")[0] + "invite=", "cut short"),
        (LINK.partition("invite=")[0] + "inv", "cut short"),
        (LINK.partition("invite=")[0] + "invite=a", "cut short"),
        (LINK.partition("invite=")[0] + "invite=ab", "cut short"),
        (LINK[:40] + " " + LINK[40:], "a space, a line break"),
        (LINK[:40] + "\n" + LINK[40:], "a space, a line break"),
        (LINK[:40] + "\u200b" + LINK[40:], "invisible character"),
        (LINK[:40] + "\u202e" + LINK[40:], "invisible character"),
        (LINK[:40] + "\0" + LINK[40:], "a control character"),
        (LINK.replace("relay", "r\u0435lay"), "U+0435"),
        (LINK.replace("invite=", "invite=\u00e9"), "U+00E9"),
        ("x" * (limits.invite_chars_max + 1), "characters; no invite has over"),
        ("intentcast://" + "a" * 10_000_000, "characters; no invite has over"),
    ],
)
def test_what_is_wrong_is_said(text: str, said: str):
    found = refusal(text)
    assert (found.code, said in found.sentence) == ("E-INVITE", True), found.sentence


@pytest.mark.parametrize(
    "fields",
    [
        b"",
        b"\xc1",
        [],
        "text",
        {"a": 1},
        [None],
        [1],
        [True, "main", KEY, 1, None, bytes(64)],
        [1, "main", KEY, 1, None],
        [1, "Main", KEY, 1, None, bytes(64)],
        [1, "", KEY, 1, None, bytes(64)],
        [1, b"main", KEY, 1, None, bytes(64)],
        [1, "main", KEY[1:], 1, None, bytes(64)],
        [1, "main", "key", 1, None, bytes(64)],
        [1, "main", KEY, -1, None, bytes(64)],
        [1, "main", KEY, 2**53, None, bytes(64)],
        [1, "main", KEY, True, None, bytes(64)],
        [1, "main", KEY, 1, b"short", bytes(64)],
        [1, "main", KEY, 1, "t" * 16, bytes(64)],
        [1, "main", KEY, 1, None, bytes(63)],
        [1, "main", KEY, 1, None, None],
    ],
)
def test_no_value_out_of_its_range_is_read(fields: Any):
    assert refusal(link_of(fields)).code == "E-INVITE"


def test_a_later_version_says_so():
    assert "version 2" in refusal(link_of([2, "anything"])).sentence


@pytest.mark.parametrize("changed", [1, 2, 3, 4, 5])
def test_nothing_signed_can_be_altered(changed: int):
    other = made(net="other", until=NOW_MS, token=None, seed=bytes(32))
    fields = fields_of(made())
    fields[changed] = fields_of(other)[changed]
    assert refusal(link_of(fields)).code == "E-INVITE-SIGNATURE"


@pytest.mark.parametrize(
    "text",
    [
        link_of(fields_of(made()), place="relay.example:9402"),
        link_of(fields_of(made()), place="evil.example:9401"),
        link_of(fields_of(made()), key=to_text("node", OTHER)),
    ],
)
def test_nothing_in_front_of_the_proof_can_be_altered(text: str):
    assert refusal(text).code == "E-INVITE-SIGNATURE"


def test_no_other_signature_of_the_same_key_will_do():
    invite = made()
    text = encode([1, "main", KEY, invite.sign_key, PLACE, invite.until, TOKEN])
    for tag in set(signing.Tag) - {signing.Tag.INVITE}:
        fields = fields_of(invite)
        fields[5] = signing.sign(tag, text, SEED)
        assert refusal(link_of(fields)).code == "E-INVITE-SIGNATURE"


@pytest.mark.parametrize("bad", [{"net": "Main"}, {"address": "nowhere"}, {"until": -1}])
def test_none_is_signed_that_would_be_refused(bad: dict[str, Any]):
    with pytest.raises(LocalProtocolError):
        made(**bad)


# --- whether it may be followed ------------------------------------------------------------------


def judged(invite: Invite, **changes: Any) -> str:
    given: dict[str, Any] = {"net": "main", "own": OTHER, "wall_ms": NOW_MS}
    try:
        check_invite(invite, **given | changes)
    except LocalProtocolError as error:
        return error.code if error.fix else "no next step"
    return "good"


def test_a_good_one():
    assert judged(made()) == "good"
    assert judged(made(until=NOW_MS + limits.invite_ttl_ms_max)) == "good"


def test_another_network():
    assert judged(made(net="testnet")) == "E-INVITE-NET"


def test_its_own():
    assert judged(made(), own=KEY) == "E-PEER-SELF"


@pytest.mark.parametrize(
    ("age_ms", "code"),
    [(0, "good"), (limits.expiry_tolerance_ms, "good"), (2 * MINUTE_MS + 1, "E-INVITE-EXPIRED")],
)
def test_its_time(age_ms: int, code: str):
    assert judged(made(until=NOW_MS - age_ms)) == code


def test_one_that_would_hold_too_long():
    late = NOW_MS + limits.invite_ttl_ms_max + limits.skew_ms_max
    assert judged(made(until=late)) == "good"
    assert judged(made(until=late + 1)) == "E-INVITE"


@pytest.mark.parametrize("place", ["192.168.1.4:1", "127.0.0.1:1", "[::1]:1", "router.local:1"])
def test_a_private_place(place: str):
    assert judged(made(address=place)) == "E-INVITE-PRIVATE"
    assert judged(made(address=place), may_be_private=True) == "good"
    assert judged(made(address=place, net="testnet"), net="testnet") == "good"
