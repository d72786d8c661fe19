"""A person's request: what becomes public, what stays at home, and what is refused with a fix."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import node.data
from node.market.drafts import Request, read_category, read_request
from protocol import limits
from protocol.encoding import encode
from protocol.errors import LocalProtocolError
from protocol.market.roster import DEFAULT_TERMS
from protocol.now import DAY_MS, HOUR_MS, MINUTE_MS
from protocol.objects.intentcast import Window
from protocol.values.money import Money
from protocol.values.place import resolution_of
from tests.parties import NOW_MS, buyer_ana, tree_of
from tests.unit.node.market.booth import DRAFT

NOON_MS = NOW_MS + 12 * HOUR_MS + 7
EXAMPLES = sorted((Path(node.data.__file__).parent / "examples").glob("*.json"))


def read(**changes: Any) -> Request:
    draft = {key: value for key, value in {**DRAFT, **changes}.items() if value is not ...}
    return read_request(draft, NOON_MS)


def refused(**changes: Any) -> LocalProtocolError:
    with pytest.raises(LocalProtocolError) as caught:
        read(**changes)
    assert caught.value.fix
    return caught.value


def attrs(*constraints: Any, category: str = "electronics/cameras/digital-cameras") -> Any:
    items = [{"name": "camera", "attrs": list(constraints)}]
    return read(items=items, category=category).fields["items"][0].attrs


# --- the whole ------------------------------------------------------------------------------


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_examples_can_be_cast(path: Path):
    request = read_request(json.loads(path.read_text()), NOON_MS)
    body = request.body(bytes(16), buyer_ana.reply())
    body.check()
    assert body.budget is None
    assert request.budget.max is not None


def test_the_least_is_a_title_a_category_and_an_item():
    request = read_request(
        {"title": "Camera", "category": "electronics/cameras", "items": ["camera"]}, NOON_MS
    )
    body = request.body(bytes(16), buyer_ana.reply())
    assert body.where.remote
    assert body.terms == list(DEFAULT_TERMS)
    assert (body.lang, body.function, body.max_offers) == ("en", "buy", 64)
    assert (body.items[0].qty.n, body.items[0].substitute) == ("1", "similar")
    assert request.disclose == {}
    assert body.decide_by == NOON_MS + 14 * DAY_MS - 7


def test_what_stays_at_home_is_not_in_the_public_body():
    request = read()
    public = encode(tree_of(request.body(bytes(16), buyer_ana.reply())))
    assert request.disclose == {"name": "Ana"}
    assert request.budget.max == Money(cur="USD", minor=30_000)
    assert b"Ana" not in public
    assert b"USD" not in public


def test_published_times_are_whole_minutes():
    request = read(decide_by="+3h")
    assert request.fields["decide_by"] % MINUTE_MS == 0
    assert request.expires % MINUTE_MS == 0
    assert request.fields["decide_by"] == NOON_MS - 7 + 3 * HOUR_MS
    assert request.expires == request.fields["decide_by"] + 7 * DAY_MS


def test_a_cast_never_lives_longer_than_it_may():
    most = read(decide_by="+59d")
    assert most.expires == NOON_MS - NOON_MS % MINUTE_MS + limits.cast_ttl_ms_max
    error = refused(decide_by="+61d")
    assert (error.code, error.field) == ("E-DATE", "decide_by")


@pytest.mark.parametrize("draft", [None, [], "title", 7])
def test_a_cast_is_an_object(draft: Any):
    with pytest.raises(LocalProtocolError, match="a cast is a JSON object"):
        read_request(draft, NOON_MS)


@pytest.mark.parametrize("value", ["\ud800", {"a": ["\udfff"]}, {1, 2}])
def test_what_cannot_be_written_down_is_refused(value: Any):
    for key in ("title", "disclose", "codes"):
        assert "no text" in str(refused(**{key: value}))


def test_a_field_nobody_knows_gets_the_nearest_one():
    assert refused(buget="300 USD").fix == "Did you mean budget?"
    assert refused(zzz=1).fix.startswith("Known: audience, ")
    assert refused(**{"x" * 60: 1}).field == "x" * 40


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("detail", {}),
        ("files", []),
        ("counter", 1),
        ("message", "x"),
        ("review", {}),
        ("audience", "named"),
        ("award", "split"),
        ("standing", True),
        ("budget", {"max": "1 USD", "visibility": "sealed"}),
    ],
)
def test_what_comes_later_is_refused_by_its_name(key: str, value: Any):
    error = refused(**{key: value})
    assert error.code == "E-LATER"
    assert "later version" in str(error)


@pytest.mark.parametrize("key", ["title", "category", "text", "lang"])
@pytest.mark.parametrize("value", [7, None, ["x"]])
def test_texts_are_texts(key: str, value: Any):
    assert refused(**{key: value}).field == key


def test_what_is_absent_is_called_missing():
    error = refused(items=...)
    assert (error.field, "items is missing" in str(error)) == ("items", True)
    assert '"items": [' in error.fix
    assert "not a list of at most 20" in str(refused(items="camera"))


def test_texts_have_an_end():
    assert "121 characters, at most 120" in str(refused(title="x" * 121))
    assert refused(title="  ").field == "title"
    assert refused(title=...).field == "title"
    assert read(text="x" * 2000).fields["text"] == "x" * 2000
    assert "2001" in str(refused(text="x" * 2001))


def test_what_cannot_travel_is_refused_before_it_is_kept():
    wish = {"key": "engraving", "op": "match", "value": "x" * 110, "level": "prefer"}
    items = [{"name": "camera", "attrs": [wish] * 40}] * 2
    error = refused(items=items)
    assert error.code == "E-CAST"
    assert f"at most {limits.public_bytes_max}" in str(error)


@pytest.mark.parametrize(
    "changes",
    [
        {"function": "steal"},
        {"readiness": "now"},
        {"max_offers": 0},
        {"max_offers": 257},
        {"max_offers": "many"},
        {"codes": [{"scheme": "ours", "code": "1"}]},
        {"lang": "English"},
        {"items": [{"name": "camera", "qty": "0"}]},
        {"items": [{"name": "camera", "substitute": "any"}]},
        {"budget": {"max": "1 USD", "target": "2 USD", "visibility": "public"}},
    ],
)
def test_what_breaks_a_rule_of_the_kind_cannot_be_signed(changes: Any):
    error = refused(**changes)
    assert error.code == "E-CAST"
    assert "cannot be signed" in str(error)


@pytest.mark.parametrize(
    ("changes", "field", "fix"),
    [
        ({"items": [{"name": "camera", "atrs": []}]}, "items.atrs", "Did you mean attrs?"),
        ({"items": [{"name": "x", "attrs": [{"key": "raw", "lvl": 1}]}]}, "attrs.lvl", "level"),
        ({"when": [{"start": "+1d", "end": "+2d", "flex": 1}]}, "when.flex", "flex_days"),
        ({"where": {"remote": True, "radius": 5}}, "where.radius", "radius_km"),
        ({"where": {"remote": "yes"}}, "where.remote", "remote"),
        ({"budget": {"most": "1 USD"}}, "budget.most", "Known: max, target, visibility"),
        ({"codes": [{"scheme": "gs1", "code": "1", "x": 1}]}, "codes.x", "Known: code, scheme"),
        ({"codes": ["1"]}, "codes", "scheme"),
        ({"codes": "x"}, "codes", "[ ]"),
        ({"memberships": [{"programme": "x", "number": "7"}]}, "memberships.number", "programme"),
        ({"memberships": [7]}, "memberships", "programme"),
        ({"vendor_req": {"domains": True}}, "vendor_req.domains", "Did you mean domain?"),
        ({"vendor_req": []}, "vendor_req", "domain"),
        ({"terms": [7]}, "terms", "Known"),
    ],
)
def test_nothing_misspelt_within_is_ignored(changes: Any, field: str, fix: str):
    error = refused(**changes)
    assert error.field == field
    assert fix in error.fix


@pytest.mark.parametrize("standing", [True, 0, None, "", "no"])
def test_standing_is_false_or_refused(standing: Any):
    assert refused(standing=standing).code == "E-LATER"


# --- category, place, dates ---------------------------------------------------------------------


def test_words_that_mean_no_one_category_get_the_nearest():
    assert read_category("electronics/cameras") == "electronics/cameras"
    with pytest.raises(LocalProtocolError) as close:
        read_category("camera")
    assert close.value.code == "E-CATEGORY"
    assert "electronics/cameras" in close.value.fix
    with pytest.raises(LocalProtocolError) as nothing:
        read_category("qqqqqqqq")
    assert nothing.value.fix


def test_a_place_is_public_only_coarsely():
    where = read(where={"near": "Park City, UT", "radius_km": 10}).fields["where"]
    assert where.radius_km == 10
    fine = read(where={"near": "40.6461,-111.4980", "radius_km": 0}).fields["where"]
    assert (
        fine.cell == read(where={"near": "40.6463,-111.4981", "radius_km": 0}).fields["where"].cell
    )
    assert read(where=None).fields["where"].remote
    assert read(where={"near": "Park City, UT"}).fields["where"].radius_km == 25


@pytest.mark.parametrize(("area", "resolution"), [(5, 7), (36, 6), (250, 5), (1_800, 4)])
def test_a_place_is_public_as_coarsely_as_its_owner_likes(area: int, resolution: int):
    where = read(where={"near": "40.6461,-111.4980", "area_km2": area}).fields["where"]
    assert resolution_of(where.cell) == resolution


@pytest.mark.parametrize("area", [0, 6, True, "5", None, 5.0, [5]])
def test_the_area_is_one_of_a_few(area: object):
    with pytest.raises(LocalProtocolError) as caught:
        read(where={"near": "Park City, UT", "area_km2": area})
    assert caught.value.field == "where.area_km2"


@pytest.mark.parametrize(
    "where",
    [
        "Park City",
        {"remote": False},
        {"near": "Park City, UT", "far": 1},
        {"near": "Park City, UT", "radius_km": -1},
        {"near": "Park City, UT", "radius_km": 20_001},
        {"near": "Park City, UT", "radius_km": "10"},
        {"near": "Park City, UT", "radius_km": 1.5},
        {"near": "no such place at all"},
        {"near": 7},
    ],
)
def test_a_place_that_is_none_is_refused(where: Any):
    assert refused(where=where).code in {"E-CAST", "E-PLACE"}


def test_windows_take_the_zone_of_the_place():
    when = [{"start": "+10d", "end": "2027-03-25"}]
    found = read(where={"near": "Park City, UT"}, when=when).fields["when"]
    assert found == [Window(start="2026-12-02", end="2027-03-25", tz="America/Denver")]
    assert read(when=when).fields["when"][0].tz == "UTC"
    own = read(when=[{**when[0], "tz": "Europe/Paris", "flex_days": 2}]).fields["when"][0]
    assert (own.tz, own.flex_days) == ("Europe/Paris", 2)


@pytest.mark.parametrize(
    "when",
    [
        "soon",
        [7],
        [{"start": "2027-03-20"}],
        [{"start": "2027-03-25", "end": "2027-03-20"}],
        [{"start": "2027-03-20", "end": "2027-03-25", "tz": "Mars/Olympus"}],
        [{"start": "2027-03-20", "end": "2027-03-25", "tz": "../etc/passwd"}],
        [{"start": "2027-03-20", "end": "2027-03-25", "tz": ""}],
        [{"start": "2027-03-20", "end": "2027-03-25", "flex_days": -1}],
        [{"start": "2027-03-20", "end": "2027-03-25", "flex_days": "two"}],
        [{"start": "2020-03-20", "end": "2027-03-25"}],
        [{"start": "2027-03-20", "end": "2027-03-25"}] * 6,
    ],
)
def test_windows_that_are_none_are_refused(when: Any):
    assert refused(when=when).code in {"E-CAST", "E-DATE"}


# --- budget, terms, programmes, disclosure --------------------------------------------------------


def test_a_budget_is_local_unless_it_is_said_to_be_public():
    short = read(budget="300 USD")
    assert (short.fields["budget"], short.budget.target) == (None, None)
    public = read(budget={"max": "300 USD", "visibility": "public"})
    assert public.fields["budget"].max == Money(cur="USD", minor=30_000)
    assert read(budget=None).budget.max is None
    assert read(budget={"visibility": "public"}).fields["budget"] is None


@pytest.mark.parametrize(
    "budget",
    [7, [], {"most": "1 USD"}, {"max": "much"}, {"max": None}, {"max": "1 USD", "visibility": "?"}],
)
def test_a_budget_that_is_none_is_refused(budget: Any):
    assert refused(budget=budget).code in {"E-CAST", "E-MONEY"}


@pytest.mark.parametrize("budget", ["0 USD", {"max": "0.00 EUR"}, {"target": "JPY 0"}])
def test_a_budget_of_nothing_is_refused(budget: Any):
    error = refused(budget=budget)
    assert error.sentence == "a budget of 0 buys nothing"
    assert "leave the budget out" in error.fix


def test_terms_come_from_the_roster():
    assert read(terms=["SD-BASE"]).fields["terms"] == ["SD-BASE"]
    error = refused(terms=["OURS"])
    assert error.code == "E-TERMS"
    assert "SD-BASE" in error.fix
    assert refused(terms="SD-BASE").field == "terms"
    assert (refused(terms=[]).code, refused(terms=[]).field) == ("E-TERMS", "terms")


def test_programmes_are_names_or_name_and_tier():
    found = read(memberships=["Avis Wizard", {"programme": "Hertz", "tier": "gold"}])
    assert [(m.programme, m.tier) for m in found.fields["memberships"]] == [
        ("Avis Wizard", None),
        ("Hertz", "gold"),
    ]
    assert refused(memberships=[{"tier": "gold"}]).field == "memberships"
    assert refused(memberships=[7]).field == "memberships"
    assert refused(memberships=[None]).code == "E-CAST"


def test_requirements_of_the_vendor_are_read():
    found = read(vendor_req={"domain": True, "parties": ["vendor"]}).fields["vendor_req"]
    assert (found.domain, found.parties) == (True, ["vendor"])
    assert refused(vendor_req={"domain": "yes"}).field == "vendor_req"


@pytest.mark.parametrize(
    "disclose",
    [
        "Ana",
        ["name"],
        {"name": 7},
        {"name": ""},
        {"name": "x" * 401},
        {"Name": "Ana"},
        {"1st": "Ana"},
        {"": "Ana"},
        {"näme": "Ana"},
        {"n" * 41: "Ana"},
        {f"field_{n}": "x" for n in range(17)},
    ],
)
def test_fields_that_could_not_be_committed_to_are_refused(disclose: Any):
    assert refused(disclose=disclose).code == "E-CAST"


# --- items and wishes -----------------------------------------------------------------------


def test_an_item_may_be_a_bare_name():
    items = read(items=["camera", {"name": "bag", "qty": "2.5", "substitute": "exact"}])
    assert [(item.name, item.qty.n) for item in items.fields["items"]] == [
        ("camera", "1"),
        ("bag", "2.5"),
    ]


@pytest.mark.parametrize(
    "items",
    [
        [],
        ...,
        "camera",
        [7],
        [{"qty": "1"}],
        [{"name": "camera", "qty": "one"}],
        [{"name": "camera", "attrs": {}}],
        [{"name": "camera", "attrs": [7]}],
        [{"name": "camera", "attrs": [{"op": "eq"}]}],
        ["camera"] * 21,
    ],
)
def test_items_that_are_none_are_refused(items: Any):
    assert refused(items=items).code in {"E-CAST", "E-QUANTITY"}


def test_a_wish_is_read_with_the_words_of_the_vocabulary():
    (found,) = attrs({"key": "Megapixels", "op": "ge", "value": "12", "unit": "megapixels"})
    assert (found.key, found.op, found.value, found.unit) == ("resolution", "ge", "12", "MPX")
    (weight,) = attrs({"key": "weight", "op": "le", "value": "400", "unit": "g"})
    assert (weight.value, weight.unit) == ("0.4", "KGM")


def test_one_of_several_and_a_range_are_lists():
    (several,) = attrs(
        {"key": "drive", "op": "in", "value": ["4wd", "AWD"]}, category="travel/car-rental"
    )
    assert several.value == ["4wd", "awd"]
    (between,) = attrs({"key": "weight", "op": "between", "value": ["200", "400"], "unit": "g"})
    assert between.value == ["0.2", "0.4"]


def test_yes_and_no_are_understood():
    (yes,) = attrs({"key": "raw", "op": "eq", "value": True})
    (no,) = attrs({"key": "raw", "op": "eq", "value": "no"})
    assert (yes.value, no.value) == (True, False)
    (present,) = attrs({"key": "raw", "op": "present", "level": "prefer", "weight": 5})
    assert (present.value, present.unit, present.weight) == (None, None, 5)


def test_a_match_stays_text():
    (found,) = attrs({"key": "raw", "op": "match", "value": "dng"})
    assert found.value == "dng"


@pytest.mark.parametrize("value", [{"a": 1}, [None], [["x"]], [{}]])
@pytest.mark.parametrize(
    "wish", [{"key": "colour", "op": "match"}, {"key": "zap", "level": "prefer"}]
)
def test_a_value_is_a_text_a_number_or_a_flag(wish: Any, value: Any):
    error = refused(items=[{"name": "camera", "attrs": [{"op": "in", **wish, "value": value}]}])
    assert "is not understood" in str(error) or "one value" in str(error)


def test_a_number_wished_of_a_free_key_is_its_text():
    wish = {"key": "zap", "level": "prefer", "op": "ge", "value": 3}
    assert attrs(wish)[0].value == "3"
    assert attrs(wish | {"op": "in", "value": [3, "x", True]})[0].value == ["3", "x", "yes"]


def test_a_unit_left_empty_is_the_attributes_own():
    wish = {"key": "resolution", "op": "ge", "value": 12, "unit": None}
    assert attrs(wish)[0] == attrs({**wish, "unit": ""})[0]
    assert "unit is not a text" in str(
        refused(items=[{"name": "x", "attrs": [wish | {"unit": 7}]}])
    )


def test_a_free_key_may_only_be_a_wish():
    (free,) = attrs({"key": "Lens Cap", "op": "match", "value": "black", "level": "prefer"})
    assert (free.key, free.level) == ("lens-cap", "prefer")
    with pytest.raises(LocalProtocolError) as refused_must:
        attrs({"key": "Lens Cap", "op": "present"})
    assert refused_must.value.code == "E-ATTRIBUTE"
    assert "may be a prefer" in refused_must.value.fix


@pytest.mark.parametrize(
    "wish",
    [
        {"key": "raw", "op": "eq"},
        {"key": "raw", "op": "eq", "value": []},
        {"key": "raw", "op": "eq", "value": ["yes", "no"]},
        {"key": "raw", "op": "sounds", "value": "nice"},
        {"key": "raw", "op": "present", "level": "perhaps"},
        {"key": "raw", "op": "present", "weight": "heavy"},
        {"key": "weight", "op": "le", "value": "heavy"},
        {"key": "weight", "op": "between", "value": []},
        {"key": 7},
    ],
)
def test_wishes_that_are_none_are_refused(wish: Any):
    with pytest.raises(LocalProtocolError) as caught:
        attrs(wish)
    assert caught.value.code.startswith("E-")
