"""Dates as people write them, held against the present."""

from __future__ import annotations

from datetime import date

import pytest

from node.market.moments import local_date, moment_ms, today_of
from protocol.errors import LocalProtocolError
from protocol.now import DAY_MS, HOUR_MS, MINUTE_MS
from tests.parties import NOW_MS

NOON_MS = NOW_MS + 12 * HOUR_MS


def test_today_is_told_in_utc():
    assert today_of(NOW_MS) == date(2026, 11, 22)
    assert today_of(NOW_MS - 1) == date(2026, 11, 21)


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("+90m", NOON_MS + 90 * MINUTE_MS),
        (" +2 h ", NOON_MS + 2 * HOUR_MS),
        ("+9999d", NOON_MS + 9999 * DAY_MS),
        ("2026-11-22", NOW_MS + DAY_MS - 1),
        ("2026-12-01", NOW_MS + 10 * DAY_MS - 1),
    ],
)
def test_a_moment_is_so_much_from_now_or_the_end_of_a_day(text: str, ms: int):
    assert moment_ms(text, "decide_by", NOON_MS) == ms


def test_the_last_day_there_is_can_be_read():
    assert moment_ms("9999-12-31", "decide_by", NOON_MS) > NOON_MS
    assert local_date("9999-12-31", "when.end", NOON_MS) == "9999-12-31"


@pytest.mark.parametrize(
    "text",
    ["", "tomorrow", "2026-02-30", "20261201", "2026-W49-1", "+5y", "-3d", "+10000d", "1.12.2026"],
)
def test_what_is_no_date_is_refused_with_an_example(text: str):
    for read in (moment_ms, local_date):
        with pytest.raises(LocalProtocolError) as refused:
            read(text, "decide_by", NOON_MS)
        assert refused.value.code == "E-DATE"
        assert refused.value.field == "decide_by"
        assert "2027-03-01" in refused.value.fix


@pytest.mark.parametrize("text", ["2026-11-21", "+0h", "1999-01-01"])
def test_a_moment_in_the_past_is_refused_with_todays_date(text: str):
    with pytest.raises(LocalProtocolError, match="today is 2026-11-22") as refused:
        moment_ms(text, "decide_by", NOON_MS)
    assert refused.value.code == "E-DATE"


@pytest.mark.parametrize(
    ("text", "day"),
    [("+0d", "2026-11-22"), ("+14d", "2026-12-06"), (" 2027-03-20 ", "2027-03-20")],
)
def test_a_calendar_day_is_given_as_it_is_written(text: str, day: str):
    assert local_date(text, "when.start", NOON_MS) == day


def test_yesterday_may_still_be_today_somewhere():
    assert local_date("2026-11-21", "when.start", NOON_MS) == "2026-11-21"
    with pytest.raises(LocalProtocolError, match="in the past"):
        local_date("2026-11-20", "when.start", NOON_MS)


def test_hours_are_no_calendar_day():
    with pytest.raises(LocalProtocolError, match="is not a date"):
        local_date("+12h", "when.start", NOON_MS)
