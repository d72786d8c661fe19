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


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files before all others; the order of the others stays as drawn."""
    items.sort(key=lambda item: item.path.name not in LONGEST)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of public data and vectors beside the checkout; skips where there is none.

    `INTENTCAST_SHARED` names another place for it.
    """
    folder = Path(os.environ.get("INTENTCAST_SHARED", ROOT.parent / "shared"))
    if not folder.is_dir():
        pytest.skip(f"no public data at {folder}: set INTENTCAST_SHARED to its folder")
    return folder
