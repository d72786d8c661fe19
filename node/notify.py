"""Word to the service manager that started this process: ready, alive, stopping.

Enters: the variables systemd sets, and short states. Leaves: one datagram each. Where nobody asked
for word, or nobody takes it, nothing happens: no node fails for want of a manager.
Source: sd_notify(3), sd_watchdog_enabled(3).
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Mapping
from typing import Final

_US: Final = 1_000_000
_WATCHDOG_MIN_S: Final = 0.1


class Notifier:
    """The way to the manager of one process."""

    def __init__(self, address: str = "", watchdog_s: float | None = None) -> None:
        """Keep the way.

        Args:
            address: of a Unix datagram socket; `@` begins an abstract one; empty for none.
            watchdog_s: within so many seconds the manager wants to hear `WATCHDOG=1`.
        """
        self._address = address.replace("@", "\0", 1) if address.startswith("@") else address
        self.watchdog_s = watchdog_s

    @classmethod
    def of_environment(cls, environ: Mapping[str, str]) -> Notifier:
        """Read what the manager set; a watchdog that is meant for another process is not ours."""
        address = environ.get("NOTIFY_SOCKET", "")
        is_path = address.startswith(("/", "@"))
        is_ours = environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        micros = environ.get("WATCHDOG_USEC", "")
        wanted = int(micros) / _US if micros.isascii() and micros.isdigit() and is_ours else 0.0
        return cls(
            address if is_path else "",
            max(wanted, _WATCHDOG_MIN_S) if is_path and wanted else None,
        )

    def tell(self, *states: str) -> bool:
        """Send states such as `READY=1`; gives whether they were taken."""
        if not self._address or not hasattr(socket, "AF_UNIX"):
            return False
        with contextlib.suppress(OSError):
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as way:
                way.setblocking(False)  # noqa: FBT003 - the name of the call says it
                way.sendto("\n".join(states).encode(), self._address)
            return True
        return False
