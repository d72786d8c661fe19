"""Scenarios of the simulated network, at 200 nodes, one seed; and that the checkers can fail.

What a scenario must hold stands in its file. The core is lived through in every run, a third of the
others each day; `INTENTCAST_LONG=1` takes all of them, at 1,000 nodes.
"""

from __future__ import annotations

import os
import re

import pytest

from protocol import limits
from protocol.channel.messages import Interest
from tests.simulation import junk, letters
from tests.simulation.net import drawing, figures, hearsay, interests, tables
from tests.simulation.net.scenario import CHECKERS, SCENARIOS, Run, load, names
from tests.today import DAY

IS_LONG = os.environ.get("INTENTCAST_LONG") == "1"
NODES = 1_000 if IS_LONG else None
BRIEF: dict[str, dict[str, int]] = {
    "burst": {"warm_up": 50, "objects": 50},
    "spies": {"objects": 40},
    "intersection": {"warm_up": 10, "objects": 120},
}
"""Scenarios that are shorter here than their figure asks for."""


CORE = ("honest", "mute", "teasers", "flash", "partition", "death-80", "sybil", "spies")
TODAY = DAY % 3
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
    assert run.story("honest").endswith("scripts/simulate run honest --seed 7 --nodes 40")
    assert "commit" in run.story("honest")
    short = Run(load("honest", nodes=40, seed=7, objects=4, real=True))
    assert short.story("honest").endswith("--nodes 40 --warm-up 20 --objects 4 --real")


def test_every_cap_on_the_page_can_be_read():
    caps = tables.caps_of()
    assert len(caps) > 20
    assert all(cap is None or cap > 0 for cap in caps.values())
    buckets = limits.buckets_new + limits.buckets_tried
    assert caps["book.py:Book._nodes"] == buckets * limits.bucket_places + limits.nodes_apart_max
    assert caps["book.py:Book._new_of"] == limits.buckets_new * limits.bucket_places


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


def test_every_attack_of_the_page_is_a_scenario_and_the_other_way_round():
    page = (SCENARIOS.parents[3] / "docs/internals/attacks.md").read_text("utf-8")
    told = set(re.findall(r"`([a-z0-9-]+)`", page))
    assert set(names()) <= told
    held = {check.check for name in names() for check in load(name).checks}
    assert held <= set(CHECKERS)
    assert {name.replace("_", " ") for name in re.findall(r"`([a-z ]+)`:", page)} <= held | {""}


def test_marks_follow_the_bounds():
    most = figures.Bound(name="copies", key="copies", must=3.0, stretch=2.6)
    least = figures.Bound(name="delivered", key="delivered", must=1.0, least=True)
    assert [figures.mark_of(most, value) for value in (2.5, 2.8, 3.1, None)] == [
        *("stretch", "must", "MISSED by 0.10", "MISSED"),
    ]
    assert [figures.mark_of(least, value) for value in (1.0, 0.99)] == ["must", "MISSED by 0.01"]


def test_results_make_a_page():
    rows = {row.name: row for row in figures.ROWS}
    values = {"rounds": 1.0, "bytes": 500.0, "equal": 1.0}
    row = rows["nothing missing of 100,000"]
    results = [
        figures.Result(row=row, seed=1, nodes=2, values=values, failures=[], took_s=2.0),
        figures.measure(rows["flood of bad signatures"], nodes=200, seed=1),
    ]
    page = figures.page_of(figures.document_of(results))
    assert "| nothing missing of 100,000 | round trips | 1 |  | 1 | met | 2 |" in page
    assert "|  | bytes | 400 |  | 500 | not met, by 100 |  |" in page
    assert "| flood of bad signatures | one process: python -m tests.siege forge |" in page


def test_authors_choose_mailboxes_and_carriers_and_spies_compare_notes():
    run = Run(load("spies", nodes=60, part=0.5, warm_up=0, objects=20)).live()
    assert run.boxes is not None
    assert run.boxes.asked
    assert run.boxes.known
    for story in run.tally.measured:
        at = story.verified.body.reply.at
        places = [run.world.by_key[each] for each in at]
        assert len(set(at)) == 3
        assert all(each.is_relay and each.number != story.author for each in places)
    for detours in run.boxes._detours.values():
        for ctx in {ctx for _, ctx in detours._detours}:
            carriers = {each.carrier for (_, of), each in detours._detours.items() if of == ctx}
            assert len(carriers) <= 2
    assert run.notes["origin_joined"] > 0.3
    assert run.notes["boxes_direct"] == 0


def test_every_letter_is_receipted_and_none_shown_twice():
    found = letters.measure(1, letters.ROUND)
    assert found["receipted"] == found["shown"] == 1.0
    assert found["shown_twice"] == 0
    assert found["lies"] > 0


@pytest.mark.timeout(600 if IS_LONG else 120)
def test_junk_keeps_no_letter_from_its_reader_and_costs_little():
    found = junk.measure(1, junk.JUNK if IS_LONG else 1_000)
    assert not junk.failures(found), found
    assert found["junk_taken"] > limits.box_letters_max
    assert found["held_letters"] == limits.box_letters_max


def test_what_a_flood_breaks_is_told():
    whole = {"receipted": 1.0, "shown": 1.0, "shown_twice": 0, "held_letters": 256}
    whole |= {"held_bytes": limits.box_bytes_max, "fetched_bytes": junk.FETCHED_MAX}
    ways = ("dropped", "held_back", "shown_again", "said_there_is_more", "receipts_made_up")
    whole |= dict.fromkeys(ways, 1)
    assert junk.failures(whole) == []
    for changed in ({"shown": 0.5}, {"shown_twice": 1}, {"held_letters": 257}, {"dropped": 0}):
        assert len(junk.failures(whole | changed)) == 1
    assert "fetched" in junk.failures(whole | {"fetched_bytes": junk.FETCHED_MAX + 1})[0]


def test_an_engine_that_is_told_of_nodes_without_end_keeps_its_caps_and_its_links():
    found = hearsay.flood(1, told=4_096)
    assert found["told"] == 4_096
    assert 0 < found["known"] <= 8 * 16 + 40, "what was asked for, and those it knew"
    assert found["known_poured"] > 2_000
    assert (found["overfull"], found["honest_sent_away"]) == (0, 0)
    assert found["honest_links"] == found["honest_before"] == 10


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
