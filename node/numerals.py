"""Numbers with their nouns, as people say them, and read back as they type them.

Enters: a number and what is counted; or what stands in a field. Leaves: `1 deal`, `2 deals`,
`4,711 objects`; or a number. For every room that speaks to a person.
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


def span(ms: int) -> str:
    """Say a length of time by its largest unit: `12 minutes`, `8 days`."""
    minutes = ms // 60_000
    if minutes < 2 * 60:
        return plural(minutes, "minute")
    return (
        plural(minutes // 60, "hour") if minutes < 2 * 24 * 60 else plural(minutes // 1_440, "day")
    )


def whole_number(text: str, most: int) -> int | None:
    """Read a whole number a stranger may have written; anything else than digits is none.

    Args:
        text: of any length and any script.
        most: highest number there can be; what has more digits is not looked at.

    Returns:
        0..most, or None.
    """
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(most))):
        return None
    found = int(text)
    return found if found <= most else None
