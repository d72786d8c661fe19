"""From forms to drafts."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest

from node.market.drafts import AREAS_KM2, read_request
from node.web import drafting
from node.web.forms import Form, form_of
from protocol.errors import LocalProtocolError
from protocol.market.roster import DEFAULT_TERMS
from tests.parties import NOW_MS


def form(**fields: object) -> Form:
    return form_of(urlencode(fields, doseq=True).encode())


def test_the_shortest_draft_is_one_the_node_takes():
    draft = drafting.draft_of(
        form(title="A camera", category="electronics/cameras/digital-cameras")
    )
    assert draft == {
        "title": "A camera",
        "category": "electronics/cameras/digital-cameras",
        "function": "buy",
        "items": [{"name": "A camera"}],
    }
    read_request(draft, NOW_MS)


def test_everything_filled_in_is_taken():
    draft = drafting.draft_of(
        form(
            title="4WD SUV",
            text="more",
            function="rent",
            item="SUV",
            qty="2",
            exact="1",
            category="travel/car-rental",
            near="Park City, UT",
            radius_km="30",
            precision="2",
            start="2027-03-20",
            flex_days="2",
            decide_by="+7d",
            budget_max="600 USD",
            budget_target="500 USD",
            visibility="public",
            memberships="Avis Wizard\n\n Budget FastBreak ",
            terms=["SD-BASE", "TPR", "PDC-INTENT"],
            terms_shown="1",
            **{
                "wish:drive:level": "must",
                "wish:drive:op": "eq",
                "wish:drive:value": "4wd",
                "own:0:key": "roof-box",
                "own:0:level": "prefer",
                "own:0:op": "present",
                "own:0:weight": "3",
                "wish:colour:level": "",
                "wish:resolution:level": "must",
            },
            disclose_name="Ana",
            disclose_phone="",
        )
    )
    assert draft["items"] == [
        {
            "name": "SUV",
            "qty": "2",
            "substitute": "exact",
            "attrs": [
                {"key": "drive", "op": "eq", "level": "must", "value": "4wd"},
                {"key": "roof-box", "op": "present", "level": "prefer", "weight": 3},
            ],
        }
    ]
    assert draft["where"] == {"near": "Park City, UT", "radius_km": 30, "area_km2": 250}
    assert draft["when"] == [{"start": "2027-03-20", "end": "2027-03-20", "flex_days": 2}]
    assert draft["budget"] == {"max": "600 USD", "target": "500 USD", "visibility": "public"}
    assert draft["memberships"] == ["Avis Wizard", "Budget FastBreak"]
    # Best first: those proffered by default in their order, then what was added.
    assert draft["terms"] == [*DEFAULT_TERMS, "TPR"]
    assert draft["disclose"] == {"name": "Ana"}
    read_request(draft, NOW_MS)


def test_nowhere_and_no_time():
    draft = drafting.draft_of(form(title="x", radius_km="9", end="2027-01-01"))
    assert "where" not in draft
    assert "when" not in draft


@pytest.mark.parametrize(("steps", "area"), [("-5", 5), ("0", 5), ("3", 1_800), ("99", 1_800)])
def test_the_slider_stays_on_its_rail(steps: str, area: int):
    found = drafting.draft_of(form(title="x", near="Berlin", precision=steps))
    assert found["where"]["area_km2"] == area


def test_the_slider_knows_every_size():
    assert [size for size, _ in drafting.AREAS] == list(AREAS_KM2)


def test_a_number_that_is_none_is_named():
    with pytest.raises(LocalProtocolError) as caught:
        drafting.draft_of(form(title="x", near="Berlin", radius_km="far"))
    assert caught.value.field == "radius_km"


def test_categories_are_found_by_words():
    found = drafting.categories_for("digital camera")
    assert found[0].path == "electronics/cameras/digital-cameras"
    assert drafting.categories_for("travel/car-rental")[0].path == "travel/car-rental"
    assert len(drafting.categories_for("")) > 3
    assert drafting.categories_for("zzzzqqq") == []


def test_wishes_fit_the_category():
    rows = {row.key: row for row in drafting.wish_rows("electronics/cameras/digital-cameras")}
    assert rows["resolution"].kind == "number"
    assert rows["raw"].kind == "flag"
    assert rows["raw"].ops == (("present", "yes"), ("absent", "no"))
    assert any(row.kind == "enum" and row.values for row in rows.values())
    assert len(rows) + drafting.FREE_WISHES <= drafting.WISHES_MAX
    assert drafting.wish_rows("no/such") == []


def test_a_wish_stays_with_its_attribute_under_another_category():
    wishes = {"wish:resolution:level": "must", "wish:resolution:value": "12"}
    cars = form(title="x", category="travel/car-rental", **wishes)
    assert "attrs" not in drafting.draft_of(cars)["items"][0]
    assert drafting.lost_wishes(cars) == ["resolution"]
    cameras = form(title="x", category="electronics/cameras/digital-cameras", **wishes)
    (wish,) = drafting.draft_of(cameras)["items"][0]["attrs"]
    assert (wish["key"], wish["value"]) == ("resolution", "12")
    assert drafting.lost_wishes(cameras) == []


def test_who_ticks_no_terms_agrees_to_none():
    assert "terms" not in drafting.draft_of(form(title="x"))
    assert drafting.draft_of(form(title="x", terms_shown="1"))["terms"] == []


def test_other_steps_fields_are_carried_along():
    wishes = {"wish:a:level": "must", "own:0:key": "b"}
    found = form(title="x", near="Berlin", **wishes)
    shown = frozenset({"near", "wish:*", "own:*"})
    assert drafting.carried(found, shown) == [("title", "x")]
    assert ("near", "Berlin") in drafting.carried(found, frozenset({"title"}))


def test_a_draft_is_said_in_one_order():
    assert drafting.said({"b": 1, "a": 2}) == drafting.said({"a": 2, "b": 1})
