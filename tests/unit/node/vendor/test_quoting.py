"""A request becomes a draft that any buyer's node finds valid, or a reason for silence."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from node.storage import catalogue
from node.storage.catalogue import Item
from node.storage.database import Storage
from node.vendor.matching import Shop, Skip, SkipReason
from node.vendor.quoting import QuoteDraft, QuotePace, begin, pieces_of, quote, to_offer
from node.vendor.rules import Cancel, Delivery, Fee
from protocol.market.offer_check import check_offer
from protocol.now import HOUR_MS
from protocol.objects.envelope import Verified
from protocol.objects.intentcast import Budget, Intentcast, Window
from protocol.objects.offer import Offer, TermsReply
from protocol.values.attributes import AttributeVocabulary
from protocol.values.money import Money
from protocol.values.place import Where
from tests.parties import NOW_MS, make_offer, make_profile, vendor_bo
from tests.unit.node.vendor.requests import (
    CARS,
    PARK_CITY,
    SHOP,
    camera,
    car,
    facts,
    members,
    must,
    prefer,
    purchase,
    rental,
    rules,
    wish,
)


def answer(
    cast: Verified[Intentcast],
    vocabulary: AttributeVocabulary,
    *items: Item,
    shop: Shop = SHOP,
    **by: Any,
) -> QuoteDraft | Skip:
    quoting = begin(cast, shop=shop, rules=rules(**by), vocabulary=vocabulary, now_ms=NOW_MS)
    if isinstance(quoting, Skip):
        return quoting
    quoting.consider(items)
    return quoting.result()


def draft(*args: Any, **named: Any) -> QuoteDraft:
    found = answer(*args, **named)
    assert isinstance(found, QuoteDraft), found
    return found


def skipped(*args: Any, **named: Any) -> SkipReason:
    found = answer(*args, **named)
    assert isinstance(found, Skip), found
    assert found.words
    return found.reason


def verdict(cast: Verified[Intentcast], found: QuoteDraft, vocabulary: AttributeVocabulary) -> Any:
    """Sign the draft as vendor_bo would, and ask what the buyer's node thinks of it."""
    profile = make_profile()
    body = to_offer(
        found, cast_id=cast.id, profile_id=profile.id, reply=vendor_bo.reply(), now_ms=NOW_MS
    )
    fields = {name: getattr(body, name) for name in body.__struct_fields__[1:]}
    del fields["profile"]
    offer = make_offer(cast, profile, **fields)
    assert offer.body == msgspec.convert(
        msgspec.to_builtins(body, builtin_types=(bytes,)), type(body), strict=True
    )
    return check_offer(cast, offer, profile, vocabulary, NOW_MS)


def test_a_draft_is_a_valid_offer(vocabulary: AttributeVocabulary):
    cast = rental(
        must("drive", "in", ["4wd", "awd"]),
        must("insurance-required", "absent"),
        must("seats", "ge", "5", "each"),
        prefer("ski-rack", weight=3),
        memberships=members("Avis Wizard"),
    )
    article = car(facts=facts(drive="awd", seats=("5", "each"), ski_rack=True))
    found = draft(
        cast, vocabulary, article, facts={CARS: facts(insurance_required=False)}, stock_hold=True
    )
    seen = verdict(cast, found, vocabulary)
    assert seen.valid, seen.problems
    assert seen.problems == ()
    assert seen.musts_met == 3
    assert [a.status for a in found.answers] == ["met"] * 4
    assert (found.answers[0].value, found.answers[1].value) == ("awd", False)
    assert (found.answers[2].value, found.answers[2].unit) == ("5", "each")
    assert found.fulfil.mode == "pickup"
    assert found.fulfil.window == cast.body.when[0]
    assert found.fulfil.place == Where(cell=PARK_CITY)
    assert found.terms_reply == TermsReply(accept="SD-BASE")
    assert found.pieces == {"CAR": 1}


def test_a_must_that_is_not_met_is_said_and_still_valid(vocabulary: AttributeVocabulary):
    cast = rental(must("insurance-required", "absent"))
    article = car(facts=facts(insurance_required=True))
    waiver = Fee(name="Waiver", amount=2_750, per="each-day", optional=False)
    assert skipped(cast, vocabulary, article) is SkipReason.MUSTS
    found = draft(cast, vocabulary, article, quote_unmet=True, fees=(waiver,))
    seen = verdict(cast, found, vocabulary)
    assert seen.valid
    assert seen.musts_met == 0
    assert found.answers[0].status == "unmet"
    assert found.total == 25_000 + 13_750


def test_what_is_not_known_is_said(vocabulary: AttributeVocabulary):
    cast = purchase(must("raw"), prefer("kit-lens"))
    found = draft(cast, vocabulary, camera())
    assert [(a.status, a.value) for a in found.answers] == [("unknown", None)] * 2
    assert verdict(cast, found, vocabulary).valid
    assert skipped(cast, vocabulary, camera(), quote_unknown=False) is SkipReason.UNKNOWN


def test_long_facts_are_cut_to_what_an_answer_holds(vocabulary: AttributeVocabulary):
    cast = purchase(prefer("colour", "match", "red"), prefer("memory-card", "present"))
    article = camera(facts=facts(colour="red " * 45, memory_card=["x" * 90] * 30))
    found = draft(cast, vocabulary, article)
    assert len(str(found.answers[0].value)) == 120
    assert isinstance(found.answers[1].value, list)
    assert len(found.answers[1].value) == 20
    assert verdict(cast, found, vocabulary).valid


def test_two_wishes_answer_every_constraint(vocabulary: AttributeVocabulary):
    cast = purchase(items=[wish("camera", attrs=[must("raw")]), wish("bag", "2")])
    found = draft(cast, vocabulary, camera("C", facts=facts(raw=True)), camera("B", title="bag"))
    assert [(a.item, a.attr) for a in found.answers] == [(0, 0)]
    assert found.pieces == {"C": 1, "B": 2}
    assert verdict(cast, found, vocabulary).valid


@pytest.mark.parametrize(
    ("terms", "by", "expected"),
    [
        (["SD-BASE"], {}, TermsReply(accept="SD-BASE")),
        (["PDC-INTENT", "SD-BASE"], {}, TermsReply(accept="SD-BASE")),
        (["PDC-INTENT"], {}, None),
        (["PDC-INTENT"], {"terms_accept": ("PDC-INTENT",)}, TermsReply(accept="PDC-INTENT")),
        (["SD-BASE"], {"terms_accept": ()}, None),
        (["PDC-INTENT"], {"terms_alternative": "SD-BASE-A"}, TermsReply(alternative="SD-BASE-A")),
        (["SD-BASE-A"], {"terms_alternative": "SD-BASE-A"}, None),
        (["PDC-INTENT"], {"terms_needed": True}, SkipReason.TERMS),
    ],
)
def test_terms(
    vocabulary: AttributeVocabulary, terms: list[str], by: dict[str, Any], expected: object
):
    found = answer(rental(terms=terms), vocabulary, car(), **by)
    assert (found.reason if isinstance(found, Skip) else found.terms_reply) == expected


@pytest.mark.parametrize(
    ("change", "by", "expected"),
    [
        ({"when": []}, {}, SkipReason.DATES),
        ({"where": Where(remote=True)}, {}, SkipReason.PLACE),
        ({"category": "food"}, {}, SkipReason.CATEGORY),
        ({}, {"days_min": 9}, SkipReason.DATES),
        (
            {"budget": Budget(max=Money(cur="USD", minor=24_999))},
            {"over_budget": "skip"},
            SkipReason.BUDGET,
        ),
        ({"items": [wish(qty="90000000")]}, {}, SkipReason.SIZE),
    ],
)
def test_silence(
    vocabulary: AttributeVocabulary,
    change: dict[str, Any],
    by: dict[str, Any],
    expected: SkipReason,
):
    shop = replace(SHOP, categories=("travel",))
    cast = rental(**change)
    article = car(price_minor=5_000 if expected is not SkipReason.SIZE else 900_000)
    assert skipped(cast, vocabulary, article, shop=shop, **by) is expected


def test_a_budget_that_is_kept_or_not_minded(vocabulary: AttributeVocabulary):
    cast = rental(budget=Budget(max=Money(cur="USD", minor=25_000)))
    assert draft(cast, vocabulary, car(), over_budget="skip").total == 25_000
    small = rental(budget=Budget(max=Money(cur="USD", minor=1)))
    assert draft(small, vocabulary, car()).total == 25_000


def test_more_lines_than_an_offer_holds(vocabulary: AttributeVocabulary):
    fees = tuple(Fee(name=f"F{i}", amount=1, per="once", optional=False) for i in range(50))
    assert skipped(rental(), vocabulary, car(), fees=fees) is SkipReason.SIZE


def test_time_can_be_asked_for_by_the_hour(vocabulary: AttributeVocabulary):
    cast = rental(items=[wish(qty="3", unit="HUR")], when=[])
    found = draft(cast, vocabulary, car(price_unit="HUR", price_minor=4_000))
    assert found.total == 12_000
    assert found.fulfil.window is None


def test_leaving_costs_what_the_rules_say(vocabulary: AttributeVocabulary):
    cancels = (
        Cancel(hours_before=0, fee=6_000),
        Cancel(hours_before=48, fee=0),
        Cancel(hours_before=8_000, fee=0),
    )
    found = draft(rental(), vocabulary, car(), cancels=cancels)
    # 20 December begins at 07:00 UTC in Denver.
    start = NOW_MS + (28 * 24 + 7) * HOUR_MS
    assert [(t.until, t.fee) for t in found.cancel_terms] == [
        (start - 48 * HOUR_MS, 0),
        (start, 6_000),
    ]
    odd = rental(when=[Window(start="2026-12-20", end="2026-12-25", tz="No/Where")])
    assert (
        draft(odd, vocabulary, car(), cancels=cancels).cancel_terms[1].until == start - 7 * HOUR_MS
    )
    assert draft(purchase(), vocabulary, camera(), cancels=cancels).cancel_terms == ()


def test_an_offer_takes_its_times_from_the_rules(vocabulary: AttributeVocabulary):
    found = draft(
        rental(),
        vocabulary,
        car(),
        validity_ms=3 * HOUR_MS,
        confirm_within_ms=HOUR_MS,
        stock_hold=True,
        substitute="similar",
        warranty_months=6,
        note="hello",
        firm=False,
        pay_methods=("cash",),
        pay_when="after",
        pay_link="https://pay.example/",
    )
    offer = to_offer(
        found,
        cast_id=bytes(32),
        profile_id=bytes(32),
        reply=vendor_bo.reply(),
        now_ms=NOW_MS,
        supersedes=b"1" * 32,
        round_number=2,
    )
    offer.check()
    assert offer.valid_until == offer.stock_hold == NOW_MS + 3 * HOUR_MS
    assert (offer.confirm_within, offer.firm, offer.round) == (HOUR_MS, False, 2)
    assert (offer.substitute, offer.warranty_months, offer.note) == ("similar", 6, "hello")
    assert (offer.pay.methods, offer.pay.when) == (["cash"], "after")


async def test_the_catalogue_is_asked(storage: Storage, vocabulary: AttributeVocabulary):
    items = [car(f"S{i:04}", 9_000 - i) for i in range(1_203)] + [camera("other")]
    await storage.write(lambda conn: catalogue.put(conn, items, NOW_MS))
    named: dict[str, Any] = {"shop": SHOP, "rules": rules(), "vocabulary": vocabulary}
    found = await quote(storage, rental(), now_ms=NOW_MS, **named)
    assert isinstance(found, QuoteDraft)
    assert found.pieces == {"S1202": 1}
    late = await quote(storage, rental(), now_ms=NOW_MS + 400 * 24 * HOUR_MS, **named)
    assert isinstance(late, Skip)
    stocked = [replace(items[0], stock=1, price_minor=1)]
    await storage.write(lambda conn: catalogue.put(conn, stocked, NOW_MS))
    held = await quote(storage, rental(), now_ms=NOW_MS, committed={"S0000": 1}, **named)
    assert isinstance(held, QuoteDraft)
    assert held.pieces == {"S1202": 1}


def test_a_storm_of_requests_is_not_all_answered():
    pace = QuotePace()
    allowed = [pace.allow(3, now_ms=i * 1_000) for i in range(5)]
    assert allowed == [True, True, True, False, False]
    assert pace.allow(3, now_ms=HOUR_MS)
    assert not pace.allow(3, now_ms=HOUR_MS)


def test_delivery_has_no_place(vocabulary: AttributeVocabulary):
    by = {"mode": "delivery", "delivery": Delivery(radius_km=99, price=500, free_over=None)}
    found = draft(purchase(where=Where(remote=True)), vocabulary, camera(), **by)
    assert (found.fulfil.mode, found.fulfil.place) == ("delivery", None)
    assert found.total == 28_400
    assert found.lines[0].qty.n == str(Decimal(1))


@pytest.mark.parametrize(
    ("unit", "qty", "count", "pieces"),
    [
        ("DAY", "1", "nights", 1),
        ("DAY", "3", "nights", 3),
        ("DAY", "3", "days", 3),
        ("WEE", "2", "nights", 2),
        ("MON", "4", "days", 4),
    ],
)
def test_an_offer_tells_how_many_pieces_it_takes(
    vocabulary: AttributeVocabulary, unit: str, qty: str, count: str, pieces: int
):
    cast = rental(items=[wish(qty=qty)])
    found = draft(cast, vocabulary, car(price_unit=unit), rent_count=count)
    assert found.pieces == {"CAR": pieces}
    assert pieces_of(offer_of(found)) == found.pieces


@pytest.mark.parametrize(
    ("unit", "qty", "qty_unit", "pieces"),
    [("each", "3", "each", 3), ("DZN", "24", "each", 24), ("KGM", "2500", "GRM", 3)],
)
def test_a_sale_tells_how_many_pieces_it_takes(
    vocabulary: AttributeVocabulary, unit: str, qty: str, qty_unit: str, pieces: int
):
    cast = purchase(items=[wish(qty=qty, unit=qty_unit)])
    found = draft(cast, vocabulary, camera(price_unit=unit))
    assert pieces_of(offer_of(found)) == found.pieces == {"CAM": pieces}


def test_hours_take_one_piece_and_a_doubt_takes_more(vocabulary: AttributeVocabulary):
    hours = rental(items=[wish(qty="3", unit="HUR")], when=[])
    found = draft(hours, vocabulary, car(price_unit="HUR"))
    assert pieces_of(offer_of(found)) == {"CAR": 1}
    # Thirty days over five nights are six cars by nights and five by days.
    found = draft(rental(items=[wish(qty="5")]), vocabulary, car(), rent_count="days")
    assert pieces_of(offer_of(found)) == {"CAR": 6}


def offer_of(found: QuoteDraft) -> Offer:
    reply = vendor_bo.reply()
    return to_offer(found, cast_id=bytes(32), profile_id=bytes(32), reply=reply, now_ms=NOW_MS)
