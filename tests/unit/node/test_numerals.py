"""One thing, two things."""

from __future__ import annotations

import pytest

from node.numerals import plural


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
