"""Who holds a port, so that the sentence about a taken one can name the program.

Enters: a port. Leaves: `python3, pid 4711`, or nothing where the system does not tell: other
systems than Linux, other users' programs. Reads `/proc` and changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

_PROC: Final = Path("/proc")
_LISTENING: Final = "0A"
_STATE, _INODE = 3, 9
"""Columns of /proc/net/tcp; the second one is the local address."""


def holder_of(port: int, proc: Path = _PROC) -> str:
    """Name the program that listens on a TCP port; empty when it cannot be known."""
    try:
        sockets = set(_listening(port, proc))
        for process in proc.iterdir():
            if process.name.isdigit() and _holds(process, sockets):
                name = (process / "comm").read_text("utf-8", "replace").strip()
                return f"{name}, pid {process.name}"
    except OSError:
        return ""
    return ""


def _listening(port: int, proc: Path) -> Iterator[str]:
    for table in ("tcp", "tcp6"):
        path = proc / "net" / table
        rows = path.read_text("ascii").splitlines()[1:] if path.exists() else []
        for row in rows:
            cells = row.split()
            if cells[_STATE] == _LISTENING and int(cells[1].rpartition(":")[2], 16) == port:
                yield f"socket:[{cells[_INODE]}]"


def _holds(process: Path, sockets: set[str]) -> bool:
    try:
        return any(str(each.readlink()) in sockets for each in (process / "fd").iterdir())
    except OSError:
        return False  # it ended meanwhile, or belongs to somebody else
