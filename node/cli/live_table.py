"""A table that stays where it is on the terminal while its rows change.

Enters: lines and a line of state. Leaves: the same place of the terminal, written anew in one go:
each line is overwritten and its rest erased, so nothing flickers. Only for a terminal; whatever is
no terminal gets plain lines elsewhere.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from node.cli.console import Console
from node.cli.table import cut
from node.clock import Clock, SystemClock

_UP: Final = "\x1b[{}A"
_REST_OF_LINE: Final = "\x1b[K"
_REST_OF_SCREEN: Final = "\x1b[J"
_ROWS_LEFT: Final = 2
"""For the line of state, and the one the cursor stands on."""


class LiveTable:
    """One table on one terminal."""

    def __init__(self, console: Console, clock: Clock | None = None) -> None:
        """Begin below what stands there."""
        self._console = console
        self._clock = clock or SystemClock()
        self._drawn = 0
        self._columns = 0

    def draw(self, lines: Sequence[str], state: str) -> None:
        """Write the table anew, over what was drawn before.

        Args:
            lines: no wider than the terminal; those it has no room for are counted.
            state: stands below them.
        """
        columns, rows = shutil.get_terminal_size()
        shown = list(lines)
        room = max(1, rows - _ROWS_LEFT)
        if len(shown) > room:
            hidden = len(shown) - room + 1
            shown = [*shown[: room - 1], f"... and {hidden} more"]
        shown.append(cut(state, columns))
        # A terminal that was made narrower has broken the lines: they cannot be counted back.
        back = _UP.format(self._drawn) if self._drawn and columns == self._columns else ""
        text = "".join(f"{line}{_REST_OF_LINE}\n" for line in shown)
        self._console.paint(f"{back}\r{text}{_REST_OF_SCREEN}")
        self._drawn, self._columns = len(shown), columns

    def hour(self) -> str:
        """Give the time of day, as people here read it."""
        now = datetime.fromtimestamp(self._clock.now().wall_ms / 1_000, tz=UTC)
        return now.astimezone().strftime("%H:%M:%S")
