"""Free ports of this machine, for programs that are told theirs on the command line."""

from __future__ import annotations

import socket


def free_ports(count: int) -> list[str]:
    """Ask the system for ports nobody uses now; all are asked for before any is let go."""
    held = []
    for _ in range(count):
        taken = socket.socket()
        taken.bind(("127.0.0.1", 0))
        held.append(taken)
    ports = [str(taken.getsockname()[1]) for taken in held]
    for taken in held:
        taken.close()
    return ports
