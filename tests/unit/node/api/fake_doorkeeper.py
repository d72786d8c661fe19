"""A doorkeeper who knows a few words by heart, for the faces' tests alone."""

from __future__ import annotations

from typing import Any

from node.errors import NotFoundError, RefusedError
from node.runtime.visitors import EVERY_SCOPE, Login, Scope, Visitor, VisitorKind

CODE = "ACDE-FGHJ"
SECRET = "secret-of-a-session"
COOKIE = f"intentcast_8420={SECRET}"
OWNER = Visitor(id="owner", name="api.token", kind=VisitorKind.OWNER, scopes=EVERY_SCOPE)
BROWSER = Visitor(
    id="session-0000-1111", name="browser", kind=VisitorKind.SESSION, scopes=EVERY_SCOPE
)


def token_for(*scopes: Scope) -> str:
    """The secret of a token with these scopes, as `FakeDoorkeeper` knows it."""
    return "token:" + ",".join(scopes)


class FakeDoorkeeper:
    """Knows the owner's token, a token per set of scopes, and one session while it lasts."""

    def __init__(self, owner_token: str) -> None:
        self.owner_token = owner_token
        self.is_session_open = True
        self.codes = {CODE}
        self.paused = False
        self.calls: list[tuple[Any, ...]] = []

    def visitor(self, token: str | None, cookie: str | None) -> Visitor | None:
        if token is not None:
            if token == self.owner_token:
                return OWNER
            kind, _, words = token.partition(":")
            scopes = frozenset(Scope(each) for each in words.split(",") if each)
            found = Visitor(id="token-1", name="a", kind=VisitorKind.TOKEN, scopes=scopes)
            return found if kind == "token" else None
        return BROWSER if cookie == SECRET and self.is_session_open else None

    def begin_login(self) -> Login:
        self.calls.append(("begin_login",))
        return Login(link_path="/login#ACDEFGHJ", code=CODE, expires_ms=1_800_000_000_000)

    async def enter(self, code: str, name: str = "browser") -> str | None:
        self.calls.append(("enter", code, name))
        if self.paused:
            raise RefusedError("too many", code="E-LOGIN-PAUSE", fix="Wait 20 seconds")
        if code not in self.codes:
            return None
        self.codes.discard(code)
        self.is_session_open = True
        return SECRET

    async def leave(self, visitor: Visitor) -> None:
        self.calls.append(("leave", visitor.id))
        self.is_session_open = False

    def login_document(self, origin: str) -> dict[str, Any]:
        login = self.begin_login()
        return {
            "schema": "intentcast.login-link/1",
            "link": origin + login.link_path,
            "code": login.code,
            "expires": "2027-01-15T08:00:00Z",
        }

    async def tokens(self, current: Visitor | None) -> dict[str, Any]:
        self.calls.append(("tokens", current.id if current else None))
        return {"schema": "intentcast.tokens/1", "tokens": [TOKEN_SHOWN]}

    async def create(self, name, scopes, days) -> dict[str, Any]:
        self.calls.append(("create", name, list(scopes), days))
        return {"schema": "intentcast.token/1", "secret": "ict_secret", "token": TOKEN_SHOWN}

    async def revoke(self, handle: str) -> dict[str, Any]:
        self.calls.append(("revoke", handle))
        if handle != TOKEN_SHOWN["handle"]:
            raise NotFoundError("nothing goes by that name", fix="intentcast token list")
        return {"schema": "intentcast.token-revoked/1", "handle": handle}


TOKEN_SHOWN: dict[str, Any] = {
    "handle": "token-7Q4M-K2XD",
    "kind": "token",
    "name": "shop script",
    "scopes": ["read", "draft"],
    "created": "2027-02-20T12:00:00Z",
    "expires": "2028-02-20T12:00:00Z",
    "used": "2027-02-21",
    "current": False,
}
