"""How many files and sockets this process may hold, and how many it holds.

Leaves: numbers. Every connection is a descriptor, and a process without a free one can open
neither its database nor a log; so whoever listens asks here how many strangers there is room for.
Nothing is changed here but by `lift`, which raises this process's own limit as far as it may.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

if sys.platform != "win32":
    import resource

RESERVE: Final = 96
"""Kept back from strangers: about 20 for database, log and locks, 10 links dialled, 16 dials in
flight, 32 links made on demand, 16 questions to the local API."""
GUESTS_MIN: Final = 8
"""Strangers let in however few descriptors there are: a node nobody can reach is of no use."""
WANTED: Final = 1_024
"""What `lift` asks for; what most systems grant without asking."""
_LISTS: Final = (Path("/proc/self/fd"), Path("/dev/fd"))


def limit() -> int | None:
    """Give the most descriptors this process may hold; None where there is no limit."""
    if sys.platform == "win32":
        return None
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if soft == resource.RLIM_INFINITY else soft


def lift(wanted: int = WANTED) -> None:
    """Raise this process's own limit to `wanted`, or as far as the system lets it."""
    if sys.platform == "win32":
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def in_use(lists: tuple[Path, ...] = _LISTS) -> int | None:
    """Count the descriptors held now; None where the system does not tell."""
    for folder in lists:
        try:
            # Listing them takes one more, which is gone when this returns.
            return sum(1 for _ in folder.iterdir()) - 1
        except OSError:
            continue
    return None


def room_for_guests(most: int, *, found: int | None) -> int:
    """Say how many strangers' connections may be open at a time.

    Args:
        most: what the caller would take with descriptors without end.
        found: this process's limit.
    """
    if found is None:
        return most
    return min(most, max(GUESTS_MIN, found - RESERVE))
