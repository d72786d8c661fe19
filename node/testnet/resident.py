"""A node in a process of its own: what a testnet with `--processes` starts.

Enters: a home whose `config.toml` says everything. Leaves: a running node, until SIGTERM or until
whoever started it is gone, however it went: our standard input ends then. Nothing is printed but
the reason why it could not start.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from node.config import load_settings
from node.daemon import Ready, run_daemon
from protocol.errors import IntentcastError

_CHUNK_BYTES = 1_024


def _stop_when_alone(_ready: Ready) -> None:
    """Treat the end of standard input as the order to stop."""
    loop = asyncio.get_running_loop()
    source = sys.stdin.fileno()

    def look() -> None:
        if not os.read(source, _CHUNK_BYTES):
            loop.remove_reader(source)
            os.kill(os.getpid(), signal.SIGTERM)

    loop.add_reader(source, look)


def main(argv: Sequence[str]) -> int:
    """Run the node of a home.

    Args:
        argv: the home, alone.

    Returns:
        0 after an orderly end, 1 when it could not start.
    """
    home = Path(argv[0])
    try:
        # The environment speaks to the nodes a person runs, not to these.
        settings = load_settings(home, environ={})
        asyncio.run(run_daemon(home, settings, on_ready=_stop_when_alone))
    except IntentcastError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
