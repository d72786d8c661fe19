"""What the fuzzer found interesting is read again: every input ends as it did when it was kept."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator

import pytest

from tests.fuzz import bending, feed, keep, run, seeds, wire

CASES = json.loads(keep.KEPT.read_text("utf-8"))


@pytest.fixture(autouse=True)
def cleaned_up() -> Iterator[None]:
    yield
    feed.clean_up()


@pytest.mark.parametrize("name", sorted(keep.ENDS))
def test_kept_inputs_end_as_they_did(name: str):
    assert len(CASES[name]) > 15
    for end, text in CASES[name].items():
        assert keep.ENDS[name](base64.b64decode(text)) == end


@pytest.mark.parametrize("name", sorted(run.TARGETS))
def test_the_fuzzers_own_bends_break_nothing(name: str):
    """A few hundred of its steps in every run of the tests, where there is no fuzzer."""
    target = wire.one_input if name == "wire" else feed.one_input
    made = seeds.of_the_wire() if name == "wire" else seeds.of_feeds()
    dice = bending.Dice(7)
    for number in range(600):
        data = run.bent(name, bending.one_of(made, dice), number)
        target(data[: run.BYTES_MAX[name]] or b"\0")


def test_seeds_reach_every_gate_and_pass_it():
    """A fuzzer that starts outside every gate would mostly stay there."""
    ends = {keep.end_of_wire(data) for data in seeds.of_the_wire()}
    assert {f"{gate.__name__}: read" for gate in wire.GATES} <= ends
