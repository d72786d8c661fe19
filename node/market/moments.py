"""Moments as people write them: a date, or so much from now.

Enters: `2027-03-01`, `+90d`, `+12h` and the present. Leaves: Unix ms or local dates. A moment in
the past is refused with today's date beside it.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

from protocol.errors import LocalProtocolError
from protocol.now import DAY_MS, HOUR_MS, MINUTE_MS

_RELATIVE = re.compile(r"^\+(\d{1,4})\s*([mhd])$")
_UNIT_MS = {"m": MINUTE_MS, "h": HOUR_MS, "d": DAY_MS}
_MS = 1000


def _day(text: str, field: str) -> date:
    try:
        # Strict: fromisoformat alone also reads week dates and dates without dashes.
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).date()
    except ValueError as error:
        raise LocalProtocolError(
            f"{field} '{text[:40]}' is not a date",
            code="E-DATE",
            fix="Write it as 2027-03-01, or +14d for two weeks from now",
            field=field,
        ) from error


def today_of(wall_ms: int) -> date:
    """Give the calendar day of a moment, in UTC."""
    return datetime.fromtimestamp(wall_ms / _MS, tz=UTC).date()


def local_date(text: str, field: str, wall_ms: int) -> str:
    """Read a calendar day that is not over everywhere on Earth.

    Raises:
        LocalProtocolError: E-DATE when it is no date or in the past.
    """
    found = _RELATIVE.match(text.strip())
    if found and found[2] == "d":
        return (today_of(wall_ms) + timedelta(days=int(found[1]))).isoformat()
    day = _day(text.strip(), field)
    if day < today_of(wall_ms) - timedelta(days=1):
        raise _past(text, field, wall_ms)
    return day.isoformat()


def moment_ms(text: str, field: str, wall_ms: int) -> int:
    """Read a moment: the end of a day (UTC), or so much from now.

    Raises:
        LocalProtocolError: E-DATE when it is no date or in the past.
    """
    found = _RELATIVE.match(text.strip())
    if found:
        moment = wall_ms + int(found[1]) * _UNIT_MS[found[2]]
    else:
        day = _day(text.strip(), field)
        start = datetime(day.year, day.month, day.day, tzinfo=UTC)
        moment = int(start.timestamp()) * _MS + DAY_MS - 1
    if moment <= wall_ms:
        raise _past(text, field, wall_ms)
    return moment


def _past(text: str, field: str, wall_ms: int) -> LocalProtocolError:
    return LocalProtocolError(
        f"{field} {text[:40]} is in the past; today is {today_of(wall_ms)}",
        code="E-DATE",
        fix="Give a later date, or +14d for two weeks from now",
        field=field,
    )
