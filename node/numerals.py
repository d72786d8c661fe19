"""Numbers with their nouns, as people say them.

Enters: a number and what is counted. Leaves: `1 deal`, `2 deals`, `4,711 objects`. For every room
that speaks to a person.
"""

from __future__ import annotations


def plural(count: int, one: str, many: str = "") -> str:
    """Say a number with its noun.

    Args:
        count: how many; thousands are parted.
        one: the noun for one.
        many: for any other number, where it is not `one` with an s.
    """
    return f"{count:,} {one if count == 1 else many or one + 's'}"
