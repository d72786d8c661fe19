"""Numbers and moments as people say them.

Enters: seconds, bytes, ISO 8601 texts from the node. Leaves: short texts; what is not understood
is shown as it came.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime

from node.numerals import plural as plural  # noqa: PLC0414 - said here with the rest

_STEPS = ((86_400, "d"), (3_600, "h"), (60, "min"))
_KIB = 1024
_LONG_ID = re.compile(r"([a-z]+)((?:-[0-9A-Z]{4}){2})(?:-[0-9A-Z]{4}){12}")


def duration(seconds: float) -> str:
    """Say a length of time by its two largest units: `1 h 2 min`."""
    left = int(seconds)
    parts = []
    for size, name in _STEPS:
        if left >= size:
            parts.append(f"{left // size} {name}")
            left %= size
    if not parts or (left and len(parts) == 1):
        parts.append(f"{left} s")
    return " ".join(parts[:2])


def size(count: int) -> str:
    """Say a number of bytes."""
    if count < _KIB:
        return f"{count} B"
    if count < _KIB**2:
        return f"{count / _KIB:.1f} KiB"
    if count < _KIB**3:
        return f"{count / _KIB**2:.1f} MiB"
    return f"{count / _KIB**3:.1f} GiB"


def moment(text: object) -> str:
    """Say an ISO moment in this machine's zone, to the minute."""
    try:
        when = datetime.fromisoformat(str(text))
    except ValueError:
        return str(text) if text is not None else "-"
    return when.astimezone().strftime("%Y-%m-%d %H:%M")


def counted(states: Mapping[str, int]) -> str:
    """Say how many of what: `2 open, 1 awarded`."""
    return ", ".join(f"{count} {state}" for state, count in states.items() if count) or "none"


def short(text: object) -> object:
    """Cut a full id to the handle people use; everything else stays."""
    found = _LONG_ID.fullmatch(text) if isinstance(text, str) else None
    return found[1] + found[2] if found else text
