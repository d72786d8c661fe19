"""Bodies and parameters are typed; what is not known is refused by name."""

from __future__ import annotations

import pytest

from node.api.bodies import AcceptBody, EventsQuery, NoQuery, RevokeBody, converted
from protocol.errors import LocalProtocolError


def test_defaults_of_an_acceptance():
    assert converted({}, AcceptBody) == AcceptBody(
        options=[], slot=None, disclose=None, anyway=False
    )


@pytest.mark.parametrize(
    ("value", "kind", "field", "hint"),
    [
        ({"disclosed": {}}, AcceptBody, "disclosed", "Did you mean disclose?"),
        ({"xyzzy": 1}, AcceptBody, "xyzzy", "Known: options"),
        ({"x": 1}, NoQuery, "x", "Known: none"),
        ({"options": ["1"]}, AcceptBody, "options[0]", "Correct"),
        ({"options": [50]}, AcceptBody, "options[0]", "Correct"),
        ({"slot": True}, AcceptBody, "slot", "Correct slot"),
        ({"disclose": {"name": ""}}, AcceptBody, "disclose[...]", "Correct"),
        ({}, RevokeBody, "", "Known: handle"),
        ([], RevokeBody, "", "Known: handle"),
    ],
)
def test_refused_by_name(value, kind, field: str, hint: str):
    with pytest.raises(LocalProtocolError) as caught:
        converted(value, kind)
    assert (caught.value.code, caught.value.field) == ("E-FIELD", field)
    assert hint in caught.value.fix


def test_parameters_are_texts():
    asked = converted({"after": "7", "wait": "2.5"}, EventsQuery, strict=False)
    assert (asked.after, asked.wait) == (7, 2.5)
    with pytest.raises(LocalProtocolError):
        converted({"wait": "61"}, EventsQuery, strict=False)
    with pytest.raises(LocalProtocolError):
        converted({"wait": "nan"}, EventsQuery, strict=False)
