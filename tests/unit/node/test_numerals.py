"""One thing, two things."""

from __future__ import annotations

import pytest

from node.numerals import plural, span


@pytest.mark.parametrize(
    ("count", "one", "many", "said"),
    [
        (0, "deal", "", "0 deals"),
        (1, "deal", "", "1 deal"),
        (2, "deal", "", "2 deals"),
        (1, "mailbox", "mailboxes", "1 mailbox"),
        (3, "mailbox", "mailboxes", "3 mailboxes"),
        (4_711, "object", "", "4,711 objects"),
    ],
)
def test_a_number_and_its_noun(count: int, one: str, many: str, said: str):
    assert plural(count, one, many) == said


@pytest.mark.parametrize(
    ("minutes", "said"),
    [
        (0, "0 minutes"),
        (1, "1 minute"),
        (119, "119 minutes"),
        (120, "2 hours"),
        (47 * 60 + 59, "47 hours"),
        (48 * 60, "2 days"),
        (8 * 1_440 + 5, "8 days"),
    ],
)
def test_a_length_of_time(minutes: int, said: str):
    assert span(minutes * 60_000 + 59_999) == said
