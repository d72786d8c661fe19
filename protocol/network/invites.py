"""Invites: one link that says which node to join, where it is, and until when.

Enters: what a node wants to hand out, or any text somebody was handed. Leaves: an `Invite`, or one
LocalProtocolError whose sentence says what is wrong with the text. A signature shows that the
link's signer wrote it and that nobody altered it; that the signer is the node in the link is proved
by a handshake with that node and by nothing else. Never here: dialling, tokens that were used.
Source: docs/protocol/09-invites.md.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from typing import Any, Final

from protocol import limits, signing
from protocol.encoding import decode, encode
from protocol.errors import LocalProtocolError, ObjectError, SignatureError
from protocol.ids import NodeId, SigningKey, from_text, to_text
from protocol.network.addresses import is_address, is_public

SCHEME: Final = "intentcast://"
"""What every invite and every node's address begins with."""
NODE_PREFIX: Final = "node"
"""Prefix of a node's key in text."""
INVITE_VERSION: Final = 1
_NAME: Final = "invite="
_FIELDS: Final = 6
_KEY_BYTES: Final = 32
_WHOLE_MAX: Final = 2**52
_NET = re.compile(r"[a-z0-9][a-z0-9-]{0,31}\Z")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,31}:")
_PROOF = re.compile(r"[a-z2-7]+\Z")
_COPY_AGAIN: Final = "Copy the whole link again, from its beginning to its end"
_ASK_AGAIN: Final = "Ask whoever sent it for a new one"


@dataclass(frozen=True, slots=True, kw_only=True)
class Invite:
    """What an invite says, as its signer signed it. Made by `read_invite` and `sign_invite`."""

    net: str
    """Network id."""
    key: NodeId
    """Transport key of the node to join, X25519, 32 bytes."""
    sign_key: SigningKey
    """Ed25519 key that signed this; the node's record must be signed by the same."""
    address: str
    """`host:port`, in lower case."""
    until: int
    """Unix ms after which it is worth nothing."""
    token: bytes | None
    """16 bytes, good for one node; None when any number may join."""
    signature: bytes
    """64 bytes."""

    @property
    def link(self) -> str:
        """Write it as people hand it on; upper and lower case say the same."""
        fields = [
            INVITE_VERSION, self.net, self.sign_key, self.until, self.token, self.signature,
        ]  # fmt: skip
        proof = base64.b32encode(encode(fields)).decode().rstrip("=").lower()
        return f"{SCHEME}{to_text(NODE_PREFIX, self.key)}@{self.address}?{_NAME}{proof}"


def _signed_text(invite: Invite) -> bytes:
    return encode(
        [
            INVITE_VERSION, invite.net, invite.key, invite.sign_key, invite.address, invite.until,
            invite.token,
        ]
    )  # fmt: skip


def sign_invite(
    *, net: str, key: NodeId, address: str, until: int, token: bytes | None, seed: bytes
) -> Invite:
    """Sign an invite to this node.

    Args:
        net: network id.
        key: our transport key.
        address: `host:port` others can dial.
        until: Unix ms.
        token: 16 random bytes for an invite for one.
        seed: Ed25519 seed that signs this node's records.

    Raises:
        LocalProtocolError: E-INVITE, a reader would refuse the link.
    """
    draft = Invite(
        net=net,
        key=key,
        sign_key=signing.public_key(seed),
        address=address.lower(),
        until=until,
        token=token,
        signature=bytes(signing.SIGNATURE_BYTES),
    )
    signature = signing.sign(signing.Tag.INVITE, _signed_text(draft), seed)
    return read_invite(_with(draft, signature).link)


def _with(draft: Invite, signature: bytes) -> Invite:
    return Invite(
        net=draft.net,
        key=draft.key,
        sign_key=draft.sign_key,
        address=draft.address,
        until=draft.until,
        token=draft.token,
        signature=signature,
    )


# --- reading -----------------------------------------------------------------------------------


def read_invite(text: str) -> Invite:
    """Read an invite link and check its signature; whether it may be used now is asked apart.

    Args:
        text: anything a person may have pasted.

    Raises:
        LocalProtocolError: E-INVITE, saying what is wrong; E-INVITE-SIGNATURE, it was altered.
    """
    text = text.strip()
    _check_characters(text)
    if not text.casefold().startswith(SCHEME):
        raise _not_ours(text)
    place, question, query = text[len(SCHEME) :].partition("?")
    key_text, at, address = place.rstrip("/").rpartition("@")
    if not at:
        raise _bad("is cut short: it names no node and no address", _COPY_AGAIN)
    key = _read_key(key_text)
    address = address.lower()
    if not is_address(address):
        raise _bad(f"leads to '{address[:60]}', which is not host:port", _COPY_AGAIN)
    if not question:
        raise _bad(
            "is only an address, without the part that proves who invites",
            f"Ask for a whole link, or link to the address: intentcast peers add {text[:120]}",
        )
    net, sign_key, until, token, signature = _read_proof(query)
    invite = Invite(
        net=net,
        key=key,
        sign_key=sign_key,
        address=address,
        until=until,
        token=token,
        signature=signature,
    )
    try:
        signing.verify(signing.Tag.INVITE, _signed_text(invite), signature, sign_key)
    except SignatureError as error:
        raise LocalProtocolError(
            "this invite is not as its node signed it: somebody altered the key, the address or"
            " the time",
            code="E-INVITE-SIGNATURE",
            fix=_ASK_AGAIN,
            field="link",
        ) from error
    return invite


def _bad(what: str, fix: str) -> LocalProtocolError:
    return LocalProtocolError(f"this invite {what}", code="E-INVITE", fix=fix, field="link")


def _check_characters(text: str) -> None:
    if not text:
        raise _bad("is empty", "Paste the link:  intentcast join intentcast://node-...")
    if len(text) > limits.invite_chars_max:
        most = limits.invite_chars_max
        raise _bad(f"has {len(text):,} characters; no invite has over {most:,}", _COPY_AGAIN)
    for character in text:
        if character.isspace() or not (character.isprintable() or character.isascii()):
            raise _bad("holds a space, a line break or an invisible character", _COPY_AGAIN)
        if not character.isprintable():
            raise _bad("holds a control character", _COPY_AGAIN)
        if not character.isascii():
            raise _bad(
                f"holds '{character}' (U+{ord(character):04X}), which only looks like a letter of"
                " an address",
                "Do not use it; ask whoever sent it in another way",
            )


def _not_ours(text: str) -> LocalProtocolError:
    if SCHEME.startswith(text.casefold()):
        return _bad("is cut short", _COPY_AGAIN)
    found = _SCHEME.match(text)
    begins = f"begins with '{found[0]}'" if found else f"begins with '{text[:20]}'"
    return _bad(f"{begins}, not with {SCHEME}", "Paste the link of an invite, and nothing else")


def _read_key(text: str) -> NodeId:
    try:
        return NodeId(from_text(NODE_PREFIX, text))
    except LocalProtocolError as error:
        raise _bad("names a node whose key is not whole or mistyped", _COPY_AGAIN) from error


def _read_proof(query: str) -> tuple[str, SigningKey, int, bytes | None, bytes]:
    query = query.lower()
    if not query.startswith(_NAME):
        if _NAME.startswith(query):
            raise _bad("is cut short", _COPY_AGAIN)
        raise _bad(f"has '{query[:20]}' where its proof should stand", _COPY_AGAIN)
    proof = query.removeprefix(_NAME)
    if not proof:
        raise _bad("is cut short", _COPY_AGAIN)
    if not _PROOF.match(proof):
        raise _bad(
            "has something behind its end, or a character that is none of its own", _COPY_AGAIN
        )
    raw = _from_base32(proof)
    try:
        fields = decode(raw, bytes_max=limits.invite_chars_max)
    except ObjectError as error:
        raise _bad("is cut short, or has something behind its end", _COPY_AGAIN) from error
    return _checked(fields)


def _from_base32(proof: str) -> bytes:
    try:
        raw = base64.b32decode(proof.upper() + "=" * (-len(proof) % 8))
    except binascii.Error as error:
        raise _bad("is cut short, or has something behind its end", _COPY_AGAIN) from error
    if base64.b32encode(raw).decode().rstrip("=").lower() != proof:
        raise _bad("is cut short, or has something behind its end", _COPY_AGAIN)
    return raw


def _checked(fields: Any) -> tuple[str, SigningKey, int, bytes | None, bytes]:
    if type(fields) is not list or not fields or type(fields[0]) is not int:
        raise _bad("is not the link of an invite", _ASK_AGAIN)
    if fields[0] != INVITE_VERSION:
        raise _bad(
            f"is of version {fields[0]}; this program reads version {INVITE_VERSION}",
            "Get the newest intentcast, or ask for an invite of the older form",
        )
    if len(fields) != _FIELDS:
        raise _bad("is not the link of an invite", _ASK_AGAIN)
    _, net, sign_key, until, token, signature = fields
    fits = (
        type(net) is str
        and _NET.match(net)
        and type(until) is int
        and 0 <= until <= _WHOLE_MAX
        and _is_bytes(sign_key, _KEY_BYTES)
        and (token is None or _is_bytes(token, limits.invite_token_bytes))
        and _is_bytes(signature, signing.SIGNATURE_BYTES)
    )
    if not fits:
        raise _bad("holds a value no invite may hold", _ASK_AGAIN)
    return net, SigningKey(sign_key), until, token, signature


def _is_bytes(value: Any, length: int) -> bool:
    return type(value) is bytes and len(value) == length


# --- judging -----------------------------------------------------------------------------------


def check_invite(
    invite: Invite, *, net: str, own: NodeId, wall_ms: int, may_be_private: bool = False
) -> None:
    """Tell whether this node may follow an invite now.

    Args:
        invite: read, its signature checked.
        net: the network this node runs on.
        own: its transport key.
        wall_ms: the moment.
        may_be_private: on `main`, whether the owner said that an address inside a private network
            is meant.

    Raises:
        LocalProtocolError: E-INVITE-NET, E-PEER-SELF, E-INVITE-EXPIRED, E-INVITE (it claims to
            hold longer than invites may), E-INVITE-PRIVATE.
    """
    if invite.net != net:
        raise LocalProtocolError(
            f"this invite is for the network '{invite.net}'; this node runs on '{net}'",
            code="E-INVITE-NET",
            fix=f"Start a node for it:  intentcast up --net {invite.net}",
            field="link",
        )
    if invite.key == own:
        raise LocalProtocolError(
            "this invite leads to this node itself",
            code="E-PEER-SELF",
            fix="Give it to somebody else",
            field="link",
        )
    _check_time(invite, wall_ms)
    if net == "main" and not may_be_private and not is_public(invite.address):
        raise LocalProtocolError(
            f"this invite leads into a private network ({invite.address})",
            code="E-INVITE-PRIVATE",
            fix="If that is your own network, add --private; else do not use it",
            field="link",
        )


def _check_time(invite: Invite, wall_ms: int) -> None:
    if wall_ms - limits.expiry_tolerance_ms > invite.until:
        raise LocalProtocolError(
            "this invite is over: its time has passed",
            code="E-INVITE-EXPIRED",
            fix=_ASK_AGAIN,
            field="link",
        )
    if invite.until - wall_ms > limits.invite_ttl_ms_max + limits.skew_ms_max:
        raise _bad("claims to hold longer than the seven days invites may hold", _ASK_AGAIN)
