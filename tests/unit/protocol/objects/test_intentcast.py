"""The rules of a request that need nothing but itself."""

from __future__ import annotations

from datetime import date

import msgspec
import pytest

from protocol.errors import ObjectError, Reason
from protocol.objects.intentcast import (
    AttributeConstraint,
    Budget,
    Intentcast,
    Item,
    Membership,
    Window,
)
from protocol.values.money import Money
from protocol.values.place import Where
from protocol.values.quantity import Quantity
from tests.parties import buyer_ana, cast_body, tree_of

ONE = Quantity(n="1", unit="each")


def read(tree):
    return msgspec.convert(tree, Intentcast, builtin_types=(bytes,))


def refused(**changes):
    with pytest.raises(ObjectError) as caught:
        cast_body(**changes).check()
    return caught.value.reason, caught.value.field


def test_a_whole_request_reads_as_written():
    body = cast_body(
        memberships=[Membership(programme="Wizard", tier="gold")],
        budget=Budget(max=Money(cur="USD", minor=2), target=Money(cur="USD", minor=1)),
    )
    body.check()
    assert read(tree_of(body)) == body


@pytest.mark.parametrize(
    ("changes", "reason", "field"),
    [
        ({"category": "Not A Path"}, Reason.BAD_SHAPE, "category"),
        ({"where": Where()}, Reason.OUT_OF_RANGE, "where"),
        (
            {"items": [Item(name="x", qty=Quantity(n="0", unit="each"))]},
            Reason.OUT_OF_RANGE,
            "items.qty",
        ),
        (
            {"items": [Item(name="x", qty=Quantity(n="-1", unit="each"))]},
            Reason.OUT_OF_RANGE,
            "items.qty",
        ),
        (
            {"budget": Budget(max=Money(cur="USD", minor=1), target=Money(cur="USD", minor=2))},
            Reason.OUT_OF_RANGE,
            "budget",
        ),
        (
            {"budget": Budget(max=Money(cur="USD", minor=2), target=Money(cur="EUR", minor=1))},
            Reason.OUT_OF_RANGE,
            "budget",
        ),
        (
            {"when": [Window(start="2026-03-02", end="2026-03-01", tz="UTC")]},
            Reason.OUT_OF_RANGE,
            "when",
        ),
        (
            {"when": [Window(start="2026-02-29", end="2026-03-01", tz="UTC")]},
            Reason.OUT_OF_RANGE,
            "when",
        ),
        (
            {"when": [Window(start="0000-01-01", end="2026-03-01", tz="UTC")]},
            Reason.OUT_OF_RANGE,
            "when",
        ),
        (
            {"reply": msgspec.structs.replace(buyer_ana.reply(), at=[b"\x01" * 32] * 2)},
            Reason.OUT_OF_RANGE,
            "reply.at",
        ),
    ],
)
def test_rules_between_fields(changes, reason, field):
    assert refused(**changes) == (reason, field)


@pytest.mark.parametrize(
    "changes",
    [
        {"title": ""},
        {"title": "x" * 121},
        {"text": "x" * 2001},
        {"lang": "english"},
        {"lang": "en\n"},
        {"function": "steal"},
        {"items": []},
        {"items": [{"name": "x", "qty": {"n": "1", "unit": "each"}}] * 21},
        {"nonce": bytes(15)},
        {"nonce": "AAAAAAAAAAAAAAAAAAAAAA=="},
        {"terms": []},
        {"terms": ["pdc-intent"]},
        {"terms": ["PDC-INTENT\n"]},
        {"max_offers": 0},
        {"max_offers": 257},
        {"award": "all"},
        {"decide_by": 2**53},
        {"when": [{"start": "2026-3-1", "end": "2026-03-02", "tz": "UTC"}]},
        {"when": [{"start": "2026-03-01\n", "end": "2026-03-02", "tz": "UTC"}]},
        {"when": [{"start": "٢٠٢٦-03-01", "end": "2026-03-02", "tz": "UTC"}]},
        {"when": [{"start": "2026-03-01", "end": "2026-03-02", "tz": "U T C"}]},
        {"when": [{"start": "2026-03-01", "end": "2026-03-02", "tz": "UTC", "flex_days": 31}]},
    ],
)
def test_shapes(changes):
    with pytest.raises(msgspec.ValidationError):
        read({**tree_of(cast_body()), **changes})


@pytest.mark.parametrize(
    ("op", "value", "reason"),
    [
        ("eq", None, Reason.BAD_SHAPE),
        ("eq", ["a"], Reason.BAD_SHAPE),
        ("in", "a", Reason.BAD_SHAPE),
        ("in", None, Reason.BAD_SHAPE),
        ("nin", True, Reason.BAD_SHAPE),
        ("between", "1", Reason.BAD_SHAPE),
        ("between", ["1"], Reason.OUT_OF_RANGE),
        ("between", ["1", "2", "3"], Reason.OUT_OF_RANGE),
        ("between", ["2", "1"], Reason.OUT_OF_RANGE),
        ("between", ["a", "b"], Reason.OUT_OF_RANGE),
        ("ge", "1e5", Reason.OUT_OF_RANGE),
        ("le", True, Reason.OUT_OF_RANGE),
        ("present", "x", Reason.BAD_SHAPE),
        ("absent", False, Reason.BAD_SHAPE),
    ],
)
def test_a_wish_has_a_value_that_suits_it(op, value, reason):
    constraint = AttributeConstraint(key="size", op=op, value=value)
    item = Item(name="x", qty=ONE, attrs=[constraint])
    assert refused(items=[item])[0] is reason


@pytest.mark.parametrize(
    ("op", "value"),
    [
        ("eq", "red"),
        ("eq", True),
        ("in", ["a", "b"]),
        ("between", ["1", "1"]),
        ("ge", "-1.5"),
        ("present", None),
        ("match", "ski"),
    ],
)
def test_a_wish_that_suits_passes(op, value):
    AttributeConstraint(key="size", op=op, value=value).check()


def test_a_key_is_a_slug():
    with pytest.raises(ObjectError):
        AttributeConstraint(key="Not A Slug", op="present").check()


def test_constraints_are_listed_in_signed_order():
    first = AttributeConstraint(key="a", op="present")
    second = AttributeConstraint(key="b", op="present")
    body = cast_body(
        items=[
            Item(name="x", qty=ONE, attrs=[first, second]),
            Item(name="y", qty=ONE),
            Item(name="z", qty=ONE, attrs=[second]),
        ]
    )
    assert body.constraints() == [(0, 0, first), (0, 1, second), (2, 0, second)]


def test_a_window_gives_its_days():
    window = Window(start="2028-02-29", end="2028-03-01", tz="UTC")
    assert window.days() == (date(2028, 2, 29), date(2028, 3, 1))
