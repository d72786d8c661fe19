"""How much of a name it takes to bind somebody by it.

Enters: a short or full id as typed. Leaves: nothing, or a refusal. One letter may find a request
to look at; an acceptance, a withdrawal, an answer to a deal wants a name nobody types by accident.
"""

from __future__ import annotations

from typing import Final

from protocol.errors import LocalProtocolError
from protocol.ids import normalise

CHARS_MIN: Final = 8
"""Of an id: as many as the short names that are shown have, 40 bits."""


def check_binding(prefix: str, handle: str) -> None:
    """Refuse to act on a few characters that only happen to fit one thing.

    Args:
        prefix: what kind of thing it names.
        handle: as typed: `offer-7K2Q-9FJX`, or more of the id.

    Raises:
        LocalProtocolError: E-HANDLE-SHORT; E-ID when it is no part of an id.
    """
    if len(normalise(prefix, handle)) < CHARS_MIN:
        raise LocalProtocolError(
            f"'{handle[:60]}' is too short a name for something that binds",
            code="E-HANDLE-SHORT",
            fix=f"Copy at least {CHARS_MIN} characters of its id from the list",
        )
