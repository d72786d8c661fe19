"""What every test may count on: hypothesis profiles and the public data beside the checkout.

Profiles, by `HYPOTHESIS_PROFILE`: `dev` (small, the default), `ci` (fixed examples, so that a red
run is red again), `night` (large). No profile has a deadline: the machines differ too much.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parent.parent

settings.register_profile(
    "dev", max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile(
    "ci",
    max_examples=100,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile(
    "night", max_examples=5_000, deadline=None, suppress_health_check=list(HealthCheck)
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))


LONGEST = ("test_crash_points.py", "test_power_loss.py", "test_kill_loop.py", "test_corruption.py")
"""Files of few and long tests. Begun first, none is left over for one worker at the end."""


def _turn(item: pytest.Item) -> int:
    """Rank a test: 0 goes first.

    A rig makes and ends networks of this machine, upon which a browser drops what it asked for:
    what browsers do comes early, rigs come last, and there is much between them.
    """
    if item.path.name in LONGEST:
        return 0
    folder = item.path.relative_to(ROOT / "tests").parts[0]
    return {"e2e": 1, "rig": 3}.get(folder, 2)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files before all others; among equals the order stays as drawn."""
    items.sort(key=_turn)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of public data and vectors beside the checkout; skips where there is none.

    `INTENTCAST_SHARED` names another place for it.
    """
    folder = Path(os.environ.get("INTENTCAST_SHARED", ROOT.parent / "shared"))
    if not folder.is_dir():
        pytest.skip(f"no public data at {folder}: set INTENTCAST_SHARED to its folder")
    return folder
