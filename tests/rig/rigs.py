"""The rigs by name, and how each is run, small or whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, Protocol

from tests.rig import dialonly, forty, parted


class Found(Protocol):
    """What a rig came to."""

    def rows(self) -> list[str]:
        """Tell it, a line each."""
        ...

    def faults(self) -> list[str]:
        """Name the bounds that were broken."""
        ...

    def document(self) -> dict[str, Any]:
        """Write it for JSON."""
        ...


RIGS: Final[dict[str, Any]] = {"forty": forty, "parted": parted, "dialonly": dialonly}
"""Modules with `SHORT`, `LONG` and `run`."""


async def run(name: str, folder: Path, *, is_long: bool, seed: int) -> Found:
    """Run one rig."""
    rig = RIGS[name]
    found: Found = await rig.run(rig.LONG if is_long else rig.SHORT, folder, seed)
    return found
