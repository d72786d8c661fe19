"""Scenarios of the simulated network, at 200 nodes, one seed; and that the checkers can fail.

What a scenario must hold stands in its file. The core is lived through in every run, a third of the
others each day; `INTENTCAST_LONG=1` takes all of them, at 1,000 nodes.
"""

from __future__ import annotations

import os
import time

import pytest

from protocol.channel.messages import Interest
from tests.simulation.net import drawing, figures, interests, tables
from tests.simulation.net.scenario import Run, load, names

IS_LONG = os.environ.get("INTENTCAST_LONG") == "1"
NODES = 1_000 if IS_LONG else None
BRIEF: dict[str, dict[str, int]] = {
    "burst": {"warm_up": 50, "objects": 50},
    "spies": {"objects": 40},
}
"""Scenarios that are shorter here than their figure asks for."""


CORE = ("honest", "mute", "teasers", "flash", "partition", "death-80", "sybil", "spies")
TODAY = int(time.time() // 86_400) % 3
OTHERS = [name for name in names() if name not in CORE]
CHOSEN = names() if IS_LONG else [*CORE, *OTHERS[TODAY::3]]


def lived(name: str, **changes: object) -> Run:
    return Run(load(name, **changes)).live()


@pytest.mark.timeout(3_600 if IS_LONG else 180)
@pytest.mark.parametrize("name", CHOSEN)
def test_what_must_hold_holds(name: str):
    changes = {} if IS_LONG else BRIEF.get(name, {})
    run = lived(name, nodes=NODES, **changes)
    assert len(run.tally.stories) + len(run.tally.spam_ids) <= 2_000
    assert not run.failures, "\n".join([*run.failures, run.story(name)])


def test_deaf_ears_are_found_by_the_checkers():
    run = Run(load("honest", nodes=40, warm_up=2, objects=4))
    run.world.loss = 1.0
    run.live()
    assert "deliveries" in run.failures[0]


def test_a_failure_says_how_to_see_it_again():
    run = Run(load("honest", nodes=40, seed=7))
    assert "scripts/simulate run honest --seed 7 --nodes 40" in run.story("honest")
    assert "commit" in run.story("honest")


def test_every_cap_on_the_page_can_be_read():
    caps = tables.caps_of()
    assert len(caps) > 20
    assert all(cap is None or cap > 0 for cap in caps.values())


def test_a_table_beyond_its_cap_is_found():
    run = Run(load("honest", nodes=10, warm_up=0, objects=2)).live()
    node = run.world.nodes[0]
    walker = tables.Walker()
    assert not walker.overfull(node.mind, links=node.inbound + node.outbound, node=0)
    assert len(walker.seen) > 20
    walker._caps["live.py:LiveTable._entries"] = 1
    assert "LiveTable._entries holds 2" in walker.overfull(node.mind, links=20, node=0)[0]


def test_every_row_names_a_scenario_or_says_where_else():
    for row in figures.ROWS:
        assert row.elsewhere or row.special or row.scenario in names()
        assert row.elsewhere or row.bounds


def test_marks_follow_the_bounds():
    most = figures.Bound(name="copies", key="copies", must=3.0, stretch=2.6)
    least = figures.Bound(name="delivered", key="delivered", must=1.0, least=True)
    assert [figures.mark_of(most, value) for value in (2.5, 2.8, 3.1, None)] == [
        *("stretch", "must", "MISSED", "MISSED"),
    ]
    assert [figures.mark_of(least, value) for value in (1.0, 0.999)] == ["must", "MISSED"]


def test_boxes_and_tunnels_add_what_both_betray():
    assert figures.with_boxes(0.1, 0.0) == 0.1
    assert figures.with_boxes(0.0, 0.1) == pytest.approx(0.0271)


def test_a_drawing_names_every_curve():
    text = drawing.spread([("one & all", [(0.0, 0.5), (120.0, 1.0)]), ("none", [])], "A title")
    assert text.count("<polyline") == 1
    assert "one &amp; all, 120 ms" in text


def test_who_wants_a_group_wants_what_is_in_it():
    run = Run(load("categories", nodes=60, warm_up=0, objects=1)).live()
    story = run.tally.measured[0]
    category = story.verified.body.category
    group = category.partition("/")[0]
    for wanted, holds in ((category, True), (group, True), (f"{group}/none", False)):
        interest = Interest(categories=[wanted], cells=None)
        assert interests.wants(interest, story.verified.body) is holds
