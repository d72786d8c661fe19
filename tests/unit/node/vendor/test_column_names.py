"""The table of column names is whole and unambiguous."""

from __future__ import annotations

from node.vendor.column_names import _TABLE, FIELD_OF, PERIOD_OF, Field
from protocol.values.spelling import fold


def test_every_field_has_names():
    assert set(FIELD_OF.values()) == set(Field)


def test_no_name_means_two_fields():
    meanings: dict[str, set[str]] = {}
    for line in _TABLE.strip().splitlines():
        name, _, spellings = line.partition(": ")
        for spelling in spellings.split(", "):
            meanings.setdefault(fold(spelling), set()).add(name)
    assert {name: found for name, found in meanings.items() if len(found) > 1} == {}


def test_spans_of_time_are_units():
    assert set(PERIOD_OF.values()) == {"HUR", "DAY", "WEE", "MON"}
