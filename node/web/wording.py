"""How single values read on a page: moments, states, and what strangers wrote.

Enters: values of documents. Leaves: text. What strangers wrote is kept whole, but what would turn
the reading direction of its surroundings, or make it invisible, is shown as what it is.
"""

from __future__ import annotations

import json
import re
import unicodedata
from datetime import datetime
from typing import Final

_MOMENT: Final = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z")
_TURNING: Final = frozenset(
    "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c"
)
_SHOWN_MAX: Final = 40_000
_STATES: Final = {
    "draft": "waits for a mailbox",
    "open": "open for offers",
    "deciding": "time to choose",
    "awarded": "accepted an offer",
    "expired": "ended",
    "revoked": "taken back",
    "offered": "offered",
    "accept_sent": "waits for the vendor",
    "confirmed": "confirmed",
    "agreed": "agreed",
    "declined": "declined",
    "voided": "not confirmed in time",
    "cancelled": "cancelled",
    "withdrawn": "withdrawn",
    "replaced": "replaced by a later offer",
    "waiting": "accepted: waits for your answer",
}


def state_words(state: str) -> str:
    """Say a state in words a person uses."""
    return _STATES.get(state, state.replace("_", " "))


def minute(moment: str | None) -> str:
    """Write a moment to the minute, UTC: `20 Mar 2027, 14:05 UTC`."""
    found = _read(moment)
    return f"{found.day} {found:%b %Y, %H:%M} UTC" if found else ""


def day(moment: str | None) -> str:
    """Write the day of a moment, UTC: `20 Mar 2027`."""
    found = _read(moment)
    return f"{found.day} {found:%b %Y}" if found else ""


def _read(moment: str | None) -> datetime | None:
    if not moment or not _MOMENT.fullmatch(moment):
        return None
    return datetime.fromisoformat(moment)


def pretty(document: object) -> str:
    """Write a document as text, word for word, what would hide or turn it as its code."""
    return bidi_safe(json.dumps(document, indent=2, ensure_ascii=False))


def bidi_safe(text: object) -> str:
    """Keep a stranger's text, and show what would hide or turn it as its code."""
    return "".join(_shown(char) for char in str(text)[:_SHOWN_MAX])


def _shown(char: str) -> str:
    if char in "\n\t":
        return char
    is_hidden = char in _TURNING or unicodedata.category(char) in {"Cc", "Cs", "Co", "Cn"}
    return f"[{ord(char):04X}]" if is_hidden else char
