"""Who is at the door: what the API knows of whoever keeps it.

Enters: a token or a cookie. Leaves: a visitor, or nobody. The real doorkeeper is
`node/runtime/access.py`. It answers from memory, since every request asks it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Protocol

from aiohttp import web

from node.runtime.visitors import Login, Scope, Visitor, VisitorKind

__all__ = ["DOORKEEPER", "VISITOR", "Doorkeeper", "Login", "Porter", "Scope", "Visitor"]
__all__ += ["VisitorKind", "visitor_of"]

VISITOR: Final = web.RequestKey("visitor", Visitor)
"""Where the gate leaves the visitor in a request; on paths that are open to all there may be none.
"""


class Doorkeeper(Protocol):
    """Knows who may come in."""

    def visitor(self, token: str | None, cookie: str | None) -> Visitor | None:
        """Tell whose token or cookie that is; with a token the cookie says nothing."""
        ...

    def begin_login(self) -> Login:
        """Give a code that lets one browser in, once."""
        ...

    async def enter(self, code: str, name: str = "browser") -> str | None:
        """Take a code for a cookie's secret; None when the code is not good.

        Args:
            code: as it was typed.
            name: how its owner tells this browser from others.

        Raises:
            RefusedError: E-LOGIN-PAUSE, too many wrong codes came.
        """
        ...

    async def leave(self, visitor: Visitor) -> None:
        """End a browser's session; other visitors stay as they are."""
        ...


class Porter(Doorkeeper, Protocol):
    """A doorkeeper who also keeps the list: what the API's operations on tokens ask."""

    def login_document(self, origin: str) -> dict[str, Any]:
        """Begin a login; give its link, its code and its end.

        Args:
            origin: how whoever asks reaches this API: `http://127.0.0.1:8420`.
        """
        ...

    async def tokens(self, current: Visitor | None) -> dict[str, Any]:
        """List tokens and sessions."""
        ...

    async def create(self, name: str, scopes: Sequence[Scope], days: int) -> dict[str, Any]:
        """Make a token; the answer alone holds its secret."""
        ...

    async def revoke(self, handle: str) -> dict[str, Any]:
        """End a token or a session."""
        ...


DOORKEEPER: Final = web.AppKey("doorkeeper", Doorkeeper)
"""Where an application holds its doorkeeper."""


def visitor_of(request: web.Request) -> Visitor | None:
    """Give who asks; None for a stranger on a path that is open to all."""
    return request.get(VISITOR)
