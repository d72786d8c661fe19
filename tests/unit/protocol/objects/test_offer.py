"""An offer sums up, or it is none."""

from __future__ import annotations

import msgspec
import pytest

from protocol.errors import ObjectError, Reason
from protocol.objects.intentcast import Window
from protocol.objects.offer import Answer, Fulfilment, Line, Offer
from protocol.values.place import Where
from protocol.values.quantity import Quantity
from tests.parties import offer_body, tree_of, vendor_bo

ONE = Quantity(n="1", unit="each")
BODY = offer_body(bytes(32), bytes(32))


def line(total, unit=None, *, kind="item", n="1"):
    unit = total if unit is None else unit
    return Line(name="x", kind=kind, qty=Quantity(n=n, unit="each"), unit=unit, total=total)


def offer(*lines, total=None, **changes):
    counted = sum(one.total for one in lines if one.kind != "optional")
    facts = {"lines": list(lines), "total": counted if total is None else total, **changes}
    return msgspec.structs.replace(BODY, **facts)


def refused(body):
    with pytest.raises(ObjectError) as caught:
        body.check()
    return caught.value.reason, caught.value.field


def test_a_whole_offer_reads_as_written():
    BODY.check()
    assert msgspec.convert(tree_of(BODY), Offer, builtin_types=(bytes,)) == BODY


def test_lines_of_every_kind_add_up():
    lines = [line(100, kind=kind) for kind in ("item", "tax", "fee", "delivery", "optional")]
    body = offer(*lines, line(-50, kind="discount"))
    body.check()
    assert body.total == 350
    assert body.option_indexes() == [4]
    assert body.total_with([4]) == 450
    assert body.total_with([]) == 350


@pytest.mark.parametrize("total", [99, 101])
def test_the_total_is_the_sum_to_the_last_cent(total):
    assert refused(offer(line(100), total=total)) == (Reason.OUT_OF_RANGE, "total")


@pytest.mark.parametrize(
    ("n", "unit", "total", "holds"),
    [
        ("3", 33, 99, True),
        ("3", 33, 100, True),
        ("3", 33, 98, True),
        ("3", 33, 101, False),
        ("3", 33, 97, False),
        ("0.333", 100, 33, True),
        ("2.5", 100, 250, True),
        ("0", 0, 0, False),
        ("-1", 0, 0, False),
        ("1.000000000000001", 10_000_000_000_000, 10_000_000_000_000, True),
        ("1.0000000000001", 10_000_000_000_000, 10_000_000_000_000, True),
        ("1.000000000000101", 10_000_000_000_000, 10_000_000_000_000, False),
    ],
)
def test_a_line_is_quantity_times_price_within_one_minor_unit(n, unit, total, holds):
    one = line(total, unit, n=n)
    if holds:
        one.check()
    else:
        with pytest.raises(ObjectError) as caught:
            one.check()
        assert caught.value.field == "lines.total"


@pytest.mark.parametrize(
    ("kind", "unit", "total"),
    [
        ("discount", 5, 5),
        ("discount", 1, 1),
        ("item", -5, -5),
        ("tax", -1, 0),
        ("optional", -1, -1),
    ],
)
def test_only_a_discount_is_below_zero(kind, unit, total):
    assert refused(offer(line(100), line(total, unit, kind=kind), total=100)) == (
        Reason.OUT_OF_RANGE,
        "lines.total",
    )


def test_a_discount_of_nothing_is_no_harm():
    offer(line(100), line(0, kind="discount")).check()


def test_something_is_offered():
    assert refused(offer(line(5, kind="fee"))) == (Reason.BAD_SHAPE, "lines")


@pytest.mark.parametrize(
    ("changes", "reason", "field"),
    [
        ({"cur": "ABC"}, Reason.OUT_OF_RANGE, "cur"),
        ({"round": 1}, Reason.BAD_SHAPE, "round"),
        ({"supersedes": bytes(32)}, Reason.BAD_SHAPE, "round"),
        (
            {
                "answers": [
                    Answer(item=0, attr=0, status="met"),
                    Answer(item=0, attr=0, status="unmet"),
                ]
            },
            Reason.BAD_SHAPE,
            "answers",
        ),
        (
            {"reply": msgspec.structs.replace(vendor_bo.reply(), at=[bytes(32)] * 2)},
            Reason.OUT_OF_RANGE,
            "reply.at",
        ),
        (
            {
                "fulfil": Fulfilment(
                    mode="delivery", window=Window(start="2026-02-30", end="2026-03-01", tz="UTC")
                )
            },
            Reason.OUT_OF_RANGE,
            "fulfil",
        ),
        (
            {
                "fulfil": Fulfilment(
                    mode="delivery", slots=[Window(start="2026-03-02", end="2026-03-01", tz="UTC")]
                )
            },
            Reason.OUT_OF_RANGE,
            "fulfil",
        ),
        ({"fulfil": Fulfilment(mode="pickup", place=Where())}, Reason.OUT_OF_RANGE, "fulfil"),
        (
            {"fulfil": Fulfilment(mode="pickup", place=Where(cell="0" * 15))},
            Reason.OUT_OF_RANGE,
            "cell",
        ),
    ],
)
def test_rules_between_fields(changes, reason, field):
    assert refused(msgspec.structs.replace(BODY, **changes)) == (reason, field)


def test_a_sealed_place_may_be_exact():
    fine = Where(cell="8a26960d1a17fff")
    msgspec.structs.replace(BODY, fulfil=Fulfilment(mode="pickup", place=fine)).check()
    msgspec.structs.replace(
        BODY, fulfil=Fulfilment(mode="remote", place=Where(remote=True))
    ).check()


def test_an_offer_may_leave_time_and_place_open():
    msgspec.structs.replace(BODY, fulfil=Fulfilment(mode="delivery")).check()


def test_a_revision_names_what_it_replaces():
    msgspec.structs.replace(BODY, round=1, supersedes=bytes(32)).check()


@pytest.mark.parametrize(
    "changes",
    [
        {"cur": "usd"},
        {"cur": "USD\n"},
        {"total": -1},
        {"total": 10**13 + 1},
        {"confirm_within": 59_999},
        {"confirm_within": 86_400_001},
        {"round": 11},
        {"lines": []},
        {"warranty_months": 601},
        {"note": "x" * 1001},
        {"pay": {"methods": [], "when": "at"}},
        {"pay": {"methods": ["card"], "when": "at", "link": "http://pay.example"}},
        {"pay": {"methods": ["card"], "when": "at", "link": "https://"}},
        {"pay": {"methods": ["card"], "when": "at", "link": "https://pay.example/\x1b[0m"}},
        {"pay": {"methods": ["card"], "when": "at", "link": "https://" + "x" * 193}},
        {"answers": [{"item": 20, "attr": 0, "status": "met"}]},
        {"answers": [{"item": 0, "attr": 0, "status": "perhaps"}]},
        {"cast": "A" * 44},
        {"lines": [{**tree_of(BODY)["lines"][0], "gtin": "123456789"}]},
        {"lines": [{**tree_of(BODY)["lines"][0], "gtin": "1234567٨"}]},
    ],
)
def test_shapes(changes):
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({**tree_of(BODY), **changes}, Offer, builtin_types=(bytes,))


@pytest.mark.parametrize("gtin", ["12345678", "123456789012", "1234567890123", "12345678901234"])
def test_gs1_numbers_have_four_lengths(gtin):
    tree = {**tree_of(BODY), "lines": [{**tree_of(BODY)["lines"][0], "gtin": gtin}]}
    assert msgspec.convert(tree, Offer, builtin_types=(bytes,)).lines[0].gtin == gtin
