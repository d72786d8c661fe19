"""Numbers and moments as people say them.

Enters: seconds, bytes, ISO 8601 texts from the node. Leaves: short texts; what is not understood
is shown as it came.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

_STEPS = ((86_400, "d"), (3_600, "h"), (60, "min"))
_KIB = 1024


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
    amount = float(count)
    for unit in ("KiB", "MiB", "GiB"):
        amount /= _KIB
        if amount < _KIB:
            break
    return f"{amount:.1f} {unit}"


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


def plural(count: int, one: str, many: str = "") -> str:
    """Say a number with its noun."""
    return f"{count} {one if count == 1 else many or one + 's'}"
