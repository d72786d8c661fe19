"""The shops and requests that ship with the program, for the demo, the testnet and the guides.

Leaves: paths of shops' files, requests as read. They are ordinary files of the ordinary formats:
whatever reads a shop's own feed reads these, and nothing treats them differently.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from protocol.errors import LocalProtocolError

_SHOPS: Final = Path(__file__).resolve().parent / "examples"
_CASTS: Final = Path(__file__).resolve().parent.parent / "data" / "examples"

RENTALS: Final = ("alpine-wheels", "valley-drive", "club-cars", "pine-motors")
"""The four car rentals of the Park City story; the last one forces its insurance on the buyer."""
CAMERA_SHOPS: Final = ("camera-corner", "photo-depot", "beach-box")
"""Camera shops with nothing in common but the vocabulary."""


def shop_names() -> list[str]:
    """List the example shops."""
    return sorted(path.name.split(".")[0] for path in _SHOPS.glob("*.vendor.toml"))


def shop_files(name: str) -> dict[str, Path]:
    """Give a shop's files by the name they have in a home: `vendor.toml`, `rules.toml`, feeds.

    Raises:
        LocalProtocolError: E-EXAMPLE when no such shop ships.
    """
    if name not in shop_names():
        raise LocalProtocolError(
            f"'{name[:40]}' is not an example shop",
            code="E-EXAMPLE",
            fix=f"Choose one of: {', '.join(shop_names())}",
        )
    found = {"vendor.toml": _SHOPS / f"{name}.vendor.toml"}
    found["rules.toml"] = _SHOPS / f"{name}.rules.toml"
    return found | {path.name: path for path in sorted(_SHOPS.glob(f"{name}.feed.*"))}


def cast_names() -> list[str]:
    """List the example requests."""
    return sorted(path.stem for path in _CASTS.glob("*.json"))


def example_cast(name: str) -> dict[str, Any]:
    """Read one example request, as a person would write it.

    Raises:
        LocalProtocolError: E-EXAMPLE when no such request ships.
    """
    if name not in cast_names():
        raise LocalProtocolError(
            f"'{name[:40]}' is not an example request",
            code="E-EXAMPLE",
            fix=f"Choose one of: {', '.join(cast_names())}",
        )
    found: dict[str, Any] = json.loads((_CASTS / f"{name}.json").read_text(encoding="utf-8"))
    return found
