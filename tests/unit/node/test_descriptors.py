"""Counting descriptors, and keeping some back."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from node import descriptors
from node.descriptors import GUESTS_MIN, RESERVE, room_for_guests


@pytest.mark.parametrize(
    ("most", "found", "room"),
    [
        (144, None, 144),
        (144, 1_024, 144),
        (144, RESERVE + 100, 100),
        (144, RESERVE, GUESTS_MIN),
        (144, 10, GUESTS_MIN),
        (4, 10, 4),
    ],
)
def test_room(most: int, found: int | None, room: int):
    assert room_for_guests(most, found=found) == room


def test_what_is_open_is_counted(tmp_path: Path):
    before = descriptors.in_use()
    if before is None:
        pytest.skip("this system does not tell")
    with (tmp_path / "one").open("w"), (tmp_path / "two").open("w"):
        assert descriptors.in_use() == before + 2
    assert descriptors.in_use() == before


def test_a_system_that_does_not_tell(tmp_path: Path):
    assert descriptors.in_use((tmp_path / "nothing",)) is None


def test_the_limit_is_lifted_as_far_as_it_may_be():
    script = (
        "import resource\n"
        "from node import descriptors\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (64, 100))\n"
        "descriptors.lift(80); print(descriptors.limit())\n"
        "descriptors.lift(1000); print(descriptors.limit())\n"
        "descriptors.lift(20); print(descriptors.limit())\n"
    )
    root = Path(descriptors.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["80", "100", "100"]
