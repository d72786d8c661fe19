"""What everybody will read, in lines."""

from __future__ import annotations

from node.runtime.views import public_view
from node.web.publicity import publicity
from tests.parties import make_cast


def told(**changes: object) -> dict[str, tuple[str, ...]]:
    found = public_view(make_cast().body) | changes
    return {fact.label: fact.lines for fact in publicity(found)}


def test_every_wish_is_said_in_words():
    wishes = [
        {"key": "resolution", "op": "between", "value": ["12", "20"], "unit": "MPX"},
        {"key": "raw", "op": "present", "level": "prefer"},
        {"key": "colour", "op": "in", "value": ["red", "black"], "level": "prefer"},
        {"key": "own-one", "op": "match", "value": "soft case"},
    ]
    items = [{"name": "camera", "qty": {"n": "2", "unit": "each"}, "attrs": wishes}]
    found = told(category="electronics/cameras/digital-cameras", items=items)
    assert found["Things and wishes"] == (
        "camera, 2",
        "must: Resolution from 12 to 20 MP",
        "prefer: RAW files: yes",
        "prefer: Colour one of red, black",
        "must: own-one with the words soft case",
    )


def test_dates_sums_and_terms_read_as_people_write_them():
    found = told()
    assert found["When"] == ("1 Dec 2026 to 5 Dec 2026, ± 1 day",)
    assert found["Budget"] == ("at most 300.00 USD",)
    assert found["Terms"] == ("PDC-INTENT", "SD-BASE")
    assert found["Choose by"] == ("29 Nov 2026, 00:00 UTC",)
    assert found["Where"][0].startswith("an area, and 80 km around it")


def test_what_is_not_public_is_not_there():
    found = told(budget=None, where=None, when=[], terms=[], memberships=["Avis Wizard"])
    assert "Budget" not in found
    assert "When" not in found
    assert found["Where"] == ("anywhere",)
    assert found["Terms"] == ("none",)
    assert found["Programmes"] == ("Avis Wizard",)


def test_an_unknown_category_is_named_as_it_is():
    found = told(category="no/such")
    assert found["Category"] == ("no/such",)
    assert found["Things and wishes"][1] == "must: resolution at least 12 MP"
