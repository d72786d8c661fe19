"""Cases of invites: links that are read, links that are not, and links that may not be followed.

Enters: two keys from fixed seeds. Leaves: cases for `generate_vectors.py`. A link is read as
docs/protocol/09-invites.md says, then judged by a node of `net` with the key `own` at `wall_ms`.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

from protocol import limits, signing
from protocol.encoding import encode
from protocol.ids import NodeId, blake2b_256, to_text
from protocol.network.invites import Invite, sign_invite
from protocol.now import DAY_MS, MINUTE_MS
from scripts.vector_cases import Case, invalid, valid
from tests.parties import NOW_MS

NOTES = {
    "Case": "Upper and lower case say different things, or white space around a link counts.",
    "Cut": "A link that lost its end, or has more behind it, is followed.",
    "Look": "A link that only looks like one is followed.",
    "Signed": "A link that was altered, or signed for something else, is followed.",
    "Time": "A link is followed after its end, or one that would hold for ever.",
    "Place": "A link makes a node dial into the network around it, or itself.",
}
_SEED = blake2b_256(b"vectors: the record key of the inviter")
_KEY = NodeId(blake2b_256(b"vectors: the transport key of the inviter"))
_OWN = NodeId(blake2b_256(b"vectors: the transport key of the guest"))
_PLACE = "relay.example.org:9401"
_TOKEN = bytes(range(limits.invite_token_bytes))


def _made(**changes: Any) -> Invite:
    given: dict[str, Any] = {
        "net": "main",
        "key": _KEY,
        "address": _PLACE,
        "until": NOW_MS + DAY_MS,
        "token": None,
        "seed": _SEED,
    }
    return sign_invite(**given | changes)


def _given(link: str) -> Case:
    return {"link": link, "net": "main", "own": _OWN.hex(), "wall_ms": NOW_MS}


def _facts(invite: Invite) -> Case:
    return {
        "key": invite.key.hex(),
        "sign_key": invite.sign_key.hex(),
        "address": invite.address,
        "until": invite.until,
        "token": invite.token.hex() if invite.token is not None else None,
        "signature": invite.signature.hex(),
    }


def invites() -> Iterator[Case]:
    """Cases of reading a link and of following it."""
    yield from _good()
    yield from _unread()
    yield from _altered()
    yield from _not_followed()


def _good() -> Iterator[Case]:
    for comment, invite in (
        ("for everybody", _made()),
        ("for one", _made(token=_TOKEN)),
        ("at an IPv6 address", _made(address="[2a01:4f8::7]:9401")),
        ("as long as one may hold", _made(until=NOW_MS + limits.invite_ttl_ms_max)),
        ("over for two minutes", _made(until=NOW_MS - 2 * MINUTE_MS)),
    ):
        yield valid(comment, _given(invite.link), _facts(invite))
    invite = _made(token=_TOKEN)
    for comment, link in (
        ("in capitals", invite.link.upper()),
        ("white space around it", f" {invite.link}\n"),
        ("a slash before the question mark", invite.link.replace("?", "/?")),
    ):
        yield valid(comment, _given(link), _facts(invite), "Case")


def _unread() -> Iterator[Case]:
    link = _made(token=_TOKEN).link
    for comment, text, flag in (
        ("nothing", "", "Cut"),
        ("the last character is missing", link[:-1], "Cut"),
        ("the proof is missing", link.partition("?")[0], "Cut"),
        ("half of it", link[: len(link) // 2], "Cut"),
        ("a fragment behind it", f"{link}#x", "Cut"),
        ("a parameter behind it", f"{link}&x=1", "Cut"),
        ("a line break in it", f"{link[:60]}\n{link[60:]}", "Cut"),
        ("padding", f"{link}=", "Cut"),
        ("another scheme", "javascript:alert(1)", "Look"),
        ("a web address", "https://relay.example.org/join", "Look"),
        ("a Cyrillic letter in the host", link.replace("relay", "r\u0435lay"), "Look"),
        ("an invisible character", f"{link[:60]}\u200b{link[60:]}", "Look"),
        ("2,049 characters", link + "a" * (2_049 - len(link)), "Look"),
        ("a mistyped key", link.replace(to_text("node", _KEY)[-4:], "0000", 1), "Look"),
        ("port 0", link.replace(":9401", ":0"), "Look"),
        ("no port", link.replace(":9401", ""), "Look"),
    ):
        yield invalid(comment, _given(text), "E-INVITE", flag)


def _link_of(fields: list[Any]) -> str:
    proof = base64.b32encode(encode(fields)).decode().rstrip("=").lower()
    return f"intentcast://{to_text('node', _KEY)}@{_PLACE}?invite={proof}"


def _altered() -> Iterator[Case]:
    invite = _made(token=_TOKEN)
    fields = [1, invite.net, invite.sign_key, invite.until, invite.token, invite.signature]
    yield invalid("version 2", _given(_link_of([2, *fields[1:]])), "E-INVITE", "Look")
    yield invalid("a field more", _given(_link_of([*fields, None])), "E-INVITE", "Look")
    other = {1: "mainnet", 2: signing.public_key(bytes(32)), 3: invite.until + 1, 4: None}
    names = {1: "the network", 2: "the signer", 3: "the end", 4: "the token"}
    for place, value in other.items():
        changed = [*fields[:place], value, *fields[place + 1 :]]
        yield invalid(
            f"{names[place]} was altered",
            _given(_link_of(changed)),
            "E-INVITE-SIGNATURE",
            "Signed",
        )
    for comment, link in (
        ("the port was altered", invite.link.replace(":9401", ":9402")),
        ("the host was altered", invite.link.replace("relay", "delay")),
        ("the key was altered", invite.link.replace(to_text("node", _KEY), to_text("node", _OWN))),
    ):
        yield invalid(comment, _given(link), "E-INVITE-SIGNATURE", "Signed")
    text = encode([1, "main", _KEY, invite.sign_key, _PLACE, invite.until, _TOKEN])
    record = signing.sign(signing.Tag.NODE_RECORD, text, _SEED)
    yield invalid(
        "signed under the tag of node records",
        _given(_link_of([*fields[:5], record])),
        "E-INVITE-SIGNATURE",
        "Signed",
    )


def _not_followed() -> Iterator[Case]:
    too_far = NOW_MS + limits.invite_ttl_ms_max + limits.skew_ms_max + 1
    for comment, invite, reason, flag in (
        ("of another network", _made(net="test"), "E-INVITE-NET", "Place"),
        ("to the guest itself", _made(key=_OWN), "E-PEER-SELF", "Place"),
        ("over", _made(until=NOW_MS - 2 * MINUTE_MS - 1), "E-INVITE-EXPIRED", "Time"),
        ("for more than seven days", _made(until=too_far), "E-INVITE", "Time"),
        ("into a home network", _made(address="192.168.1.7:9401"), "E-INVITE-PRIVATE", "Place"),
        ("to the guest's machine", _made(address="[::1]:9401"), "E-INVITE-PRIVATE", "Place"),
        ("to a name without a dot", _made(address="printer:9401"), "E-INVITE-PRIVATE", "Place"),
    ):
        yield invalid(comment, _given(invite.link), reason, flag)
