"""Documents about who may ask: tokens, sessions, and the way in."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

import msgspec

from node.api.documents.parts import Handle, Moment
from node.runtime.visitors import Scope

Day: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")]


class LoginDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A browser was let in; its cookie came with this answer."""

    schema: Literal["intentcast.login/1"]
    """Tag of this document."""
    next: str
    """Where to go on: a path of this server."""


class LogoutDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A browser's session ended."""

    schema: Literal["intentcast.logout/1"]
    """Tag of this document."""
    left: bool
    """Whether there was one; a token ends by being revoked."""


class LoginLinkDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A link and a code that let one browser in, once. Both are secrets."""

    schema: Literal["intentcast.login-link/1"]
    """Tag of this document."""
    link: str
    """To be opened in the browser; the code stands in its fragment, which is never sent."""
    code: str
    """To be typed where there is no script."""
    expires: Moment
    """When neither is good any more."""


class TokenView(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A program's token or a browser's session, without its secret."""

    handle: Handle
    """What it is revoked by."""
    kind: Literal["token", "session"]
    """Whose it is: a program's or a browser's."""
    name: str
    """As its owner called it."""
    scopes: list[Scope]
    """What it may do."""
    created: Moment
    """When it was made."""
    expires: Moment
    """When it ends."""
    used: Day | None
    """Day it was last used; null when it never was."""
    current: bool
    """Whether it is the one that asks."""


class TokensDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Who may ask, the owner's own token apart."""

    schema: Literal["intentcast.tokens/1"]
    """Tag of this document."""
    tokens: list[TokenView]
    """Newest first."""


class TokenDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A token that was made."""

    schema: Literal["intentcast.token/1"]
    """Tag of this document."""
    secret: str
    """What the program sends; told once, here."""
    token: TokenView
    """The rest of it."""


class TokenRevokedDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A token or a session that ended."""

    schema: Literal["intentcast.token-revoked/1"]
    """Tag of this document."""
    handle: Handle
    """What it was revoked by."""
