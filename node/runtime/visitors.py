"""Who may come to a node's door, and what each may do there.

Leaves: plain records that the doorkeeper gives and the faces read. Never here: a secret; whoever
holds a visitor cannot become one.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from protocol.now import DAY_MS


class Scope(StrEnum):
    """What a token may do; one may have several."""

    READ = "read"
    """See what this node knows."""
    DRAFT = "draft"
    """Prepare: preview a request, and nothing that leaves the node."""
    BROADCAST = "broadcast"
    """Send requests out and take them back."""
    ACCEPT = "accept"
    """Bind the owner: accept offers, decide deals."""
    ADMIN = "admin"
    """All else: keys, peers, the shop, tokens. Whoever has it has every other."""


SESSION_MS: Final = 30 * DAY_MS
"""How long a browser stays logged in."""
EVERY_SCOPE: Final = frozenset(Scope)


class VisitorKind(StrEnum):
    """How somebody showed who they are."""

    OWNER = "owner"
    """By the file in the home, which only its owner can read."""
    TOKEN = "token"  # noqa: S105 - a word, not a secret
    """By a token that was made for a program."""
    SESSION = "session"
    """By the cookie of a browser that logged in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """Somebody who was let in."""

    id: str
    """Its handle in the list of tokens; `owner` for the file's token."""
    name: str
    """As its owner called it."""
    kind: VisitorKind
    """How it came."""
    scopes: frozenset[Scope]
    """What it may do."""

    def may(self, scope: Scope) -> bool:
        """Tell whether it may do what asks for a scope."""
        return scope in self.scopes or Scope.ADMIN in self.scopes


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """A way in for a browser: good once, for some minutes."""

    link_path: str
    """`/login#SECRET`: behind the `#` it is neither sent nor logged."""
    code: str
    """For people to type: `ACDE-FGHJ`; one of the two is good, once."""
    expires_ms: int
    """When it ends, Unix ms."""
