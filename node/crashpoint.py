"""Named places where a test may stop the process dead, to prove what survives.

`INTENTCAST_CRASH=name` ends the process at the first arrival, `name:3` at the third, without any
clean-up, as a power cut would. With the variable unset a crash point costs one look-up.
"""

from __future__ import annotations

import os

EXIT_CODE = 137
_NAME, _, _COUNT = os.environ.get("INTENTCAST_CRASH", "").partition(":")
_left = int(_COUNT) if _COUNT.isdigit() else 1


def crashpoint(name: str) -> None:
    """Stop here when this is the chosen point."""
    global _left  # noqa: PLW0603 - one process, one death
    if name == _NAME:
        _left -= 1
        if _left <= 0:
            os._exit(EXIT_CODE)
