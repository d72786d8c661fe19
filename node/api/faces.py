"""What shows the node to people in a browser, as the API's server takes it in.

Enters: nothing. Leaves: the shape of a face: pages behind the same door as the API, refusals a
person can read, and headers of its own. Never: a page that is not in its list of routes.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias

from aiohttp import web

from node.runtime.visitors import Scope
from protocol.errors import IntentcastError

PageHandler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRoute:
    """One method on one path of a face."""

    method: str
    path: str
    scope: Scope | None
    """What the visitor must have; None where nobody has to log in."""
    handler: PageHandler
    """Answers; `visitors.visitor_of` tells who asks."""


class Face(Protocol):
    """Pages for people."""

    @property
    def headers(self) -> Mapping[str, str]:
        """Stand on its answers in place of the API's, unless an answer has its own.

        Pages with forms need `Referrer-Policy: same-origin`: under `no-referrer` a browser sends
        `Origin: null` with a form, and the gate refuses that.
        Source: Fetch, 3.2 "append a request Origin header".
        """
        ...

    def prepare(self) -> None:
        """Read every file its pages are made of; may block, so it is called in a thread."""
        ...

    def routes(self) -> Sequence[PageRoute]:
        """List its pages."""
        ...

    def refusal(self, request: web.Request, error: IntentcastError, status: int) -> web.Response:
        """Say no to a person: the sentence, the code, the next step."""
        ...


FACE: Final = web.RequestKey("face", Face)
"""Where the gate notes in a request whose headers its answer carries."""
