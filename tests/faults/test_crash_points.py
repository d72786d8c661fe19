"""Every crash point, on every side that passes it: nothing acknowledged is lost, nothing half done.

The points are read from the source, so that a new one cannot be forgotten. A usual run strikes each
point once, on another side every day. `INTENTCAST_LONG=1` strikes all sides with three seeds: a
later arrival at the point, restarts that die as well, another party struck at the same time.
`INTENTCAST_POINTS=PATTERN,...` strikes all sides of some points, with `INTENTCAST_SEEDS=1,2`.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from node.crashpoint import EXIT_CODE
from tests.faults import homes, lives, matrix, points, stories

IS_LONG = os.environ.get("INTENTCAST_LONG") == "1"
SEEDS = tuple(int(seed) for seed in os.environ.get("INTENTCAST_SEEDS", "1").split(","))
DAY_S = 86_400
LANES = int(os.environ.get("INTENTCAST_LANES", "2"))


def test_every_point_has_a_story_that_reaches_it():
    known = {*stories.STORIES, *homes.SCENARIOS, *lives.SCENARIOS}
    for point in points.points():
        way = points.way_of(point)
        assert way.story in known, f"{point}: no story is called {way.story}"
        assert way.sides


def test_no_story_is_kept_for_a_point_that_is_gone():
    names = points.points()
    words = {name.partition(".")[0] for name in names}
    assert {way for way in points.WAYS if way not in words and way not in names} == set()


def test_a_new_kind_of_point_is_told_what_it_lacks():
    with pytest.raises(LookupError, match=r"novel\.after_commit: add its first word to WAYS"):
        points.way_of("novel.after_commit")


def chosen_cells() -> list[points.Cell]:
    if pattern := os.environ.get("INTENTCAST_POINTS"):
        return points.cells(SEEDS, pattern)
    if IS_LONG:
        return points.cells((1, 2, 3))
    return points.one_of_each(points.cells(SEEDS), turn=int(time.time() // DAY_S))


def test_in_time_every_run_has_its_turn():
    every = points.cells((1,))
    turns = [points.one_of_each(every, turn) for turn in range(12)]
    assert all({cell.point for cell in turn} == set(points.points()) for turn in turns)
    assert {cell for turn in turns for cell in turn} == set(every)


@pytest.mark.slow
@pytest.mark.timeout(6 * 3600 if IS_LONG else 900)
async def test_a_death_at_any_point_loses_nothing(tmp_path: Path):
    began = time.monotonic()
    chosen = chosen_cells()
    outcomes = await matrix.worked_through(tmp_path, chosen, lanes=LANES, tell=tell)
    reached = {outcome.cell.point for outcome in outcomes if outcome.deaths}
    deaths = sum(outcome.deaths for outcome in outcomes)
    again = sum(outcome.recovery_deaths for outcome in outcomes)
    bad = [outcome for outcome in outcomes if outcome.faults]
    tell(
        f"{len(points.points())} points, {len(outcomes)} runs, {deaths} deaths by exit "
        f"{EXIT_CODE}, {again} of them during start-up, {len(bad)} runs with faults, "
        f"{time.monotonic() - began:.0f} s"
    )
    assert not bad, "\n".join(outcome.line() for outcome in bad)
    assert {cell.point for cell in chosen} == reached


def tell(line: str) -> None:
    """Show progress of a long run at once, beside what pytest captures."""
    print(line, file=sys.__stderr__ if IS_LONG else sys.stdout, flush=True)
