"""`--until`: names, comparisons, and nothing else."""

from __future__ import annotations

import pytest

from node.testnet.goal import Counts, parse_goal
from protocol.errors import LocalProtocolError

SEEN = Counts(casts=2, offers=10, deals=1, agreements=0)


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("offers>=10", True),
        (" offers > 10 ", False),
        ("offers<11", True),
        ("casts<=1", False),
        ("deals==1", True),
        ("agreements!=0", False),
    ],
)
def test_a_goal_is_compared_with_what_was_seen(text: str, holds: bool):
    assert parse_goal(text).reached(SEEN) is holds


def test_a_goal_is_written_as_it_may_be_typed():
    assert str(parse_goal(" offers  >=  10")) == "offers>=10"
    assert parse_goal(str(parse_goal("casts<3"))) == parse_goal("casts<3")


@pytest.mark.parametrize(
    "text",
    [
        *("", "offers", "offer>=1", "offers=>1", "offers>=x", "offers>=-1", "offers>=1000001"),
        *("offers>=1 or 1", "__class__>=1", "offers>=1\n;import os", "offers>=\u0663"),
    ],
)
def test_anything_else_is_refused_with_an_example(text: str):
    with pytest.raises(LocalProtocolError) as caught:
        parse_goal(text)
    assert caught.value.code == "E-UNTIL"
    assert "offers>=10" in caught.value.fix


def test_counts_add_up_name_by_name():
    assert Counts(casts=1, offers=2) + Counts(offers=3, deals=4) == Counts(
        casts=1, offers=5, deals=4
    )
    assert SEEN.document() == {"casts": 2, "offers": 10, "deals": 1, "agreements": 0}
