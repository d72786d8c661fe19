"""Wishes, marks and ranks over any values: never an exception, and no order that chance decides."""

from __future__ import annotations

import dataclasses
import re
from decimal import Decimal
from typing import get_args

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import ObjectError
from protocol.market.constraints import Fact, Outcome, evaluate
from protocol.market.disclosure import check_opened, commit_fields, open_fields
from protocol.market.fit import Fit, fit_of
from protocol.market.marks import Mark, MarkCode, exceeds, over_words
from protocol.market.offer_check import ConstraintVerdict, OfferVerdict
from protocol.market.ranking import RankInput, Weights, rank
from protocol.market.yardstick import POINTS_MAX, yardstick_of
from protocol.objects.intentcast import AttributeConstraint, Operator, Window
from protocol.objects.offer import Fulfilment
from protocol.values.attributes import AllowedValue, AttributeSpec, AttributeType
from protocol.values.money import Money
from protocol.values.quantity import convert
from tests.parties import cast_body, make_cast, make_offer, make_profile, offer_body

SPECS = [
    None,
    AttributeSpec(key="k", label="Mass", type=AttributeType.NUMBER, unit="GRM", minimum=Decimal(0)),
    AttributeSpec(
        key="k",
        label="Colour",
        type=AttributeType.ENUM,
        values={"red": AllowedValue(label="Red"), "none": AllowedValue(label="None")},
    ),
    AttributeSpec(key="k", label="Insurance", type=AttributeType.FLAG),
    AttributeSpec(key="k", label="Model", type=AttributeType.TEXT),
    AttributeSpec(key="k", label="Extras", type=AttributeType.LIST),
]
OPPOSITES = {"eq": "ne", "in": "nin", "present": "absent"}

numbers = st.decimals(-(10**6), 10**6, places=3).map(lambda n: f"{n:f}")
texts = st.sampled_from(["red", "none", "yes", "no", "blue", "★"]) | numbers | st.text(max_size=20)
units = st.sampled_from([None, "GRM", "KGM", "LBR", "each", "NOSUCH", "CEL"])
facts = st.none() | st.builds(
    Fact, texts | st.booleans() | st.lists(texts, max_size=4) | st.none(), units
)


@st.composite
def constraints(draw):
    op = draw(st.sampled_from(get_args(Operator)))
    value = None
    if op in ("in", "nin"):
        value = draw(st.lists(texts, max_size=4))
    elif op == "between":
        value = sorted(draw(st.lists(numbers, min_size=2, max_size=2)), key=Decimal)
    elif op in ("ge", "le"):
        value = draw(numbers)
    elif op not in ("present", "absent"):
        value = draw(texts | st.booleans())
    level = draw(st.sampled_from(["must", "prefer"]))
    constraint = AttributeConstraint(key="k", op=op, value=value, unit=draw(units), level=level)
    constraint.check()
    return constraint


specs = st.sampled_from(SPECS)


@given(constraints(), facts, specs)
def test_any_wish_and_fact_have_an_answer(constraint, fact, spec):
    status = evaluate(constraint, fact, spec)
    assert status.outcome in Outcome
    assert status.why.isprintable()
    if fact is None or fact.value is None or (spec is None and constraint.level == "must"):
        assert status.outcome is Outcome.UNKNOWN


@given(constraints(), facts, specs)
def test_a_wish_and_its_opposite_never_agree(constraint, fact, spec):
    opposite = OPPOSITES.get(constraint.op)
    if opposite is None:
        return
    one = evaluate(constraint, fact, spec).outcome
    other = evaluate(msgspec.structs.replace(constraint, op=opposite), fact, spec).outcome
    assert (one is Outcome.UNKNOWN) == (other is Outcome.UNKNOWN)
    assert one is Outcome.UNKNOWN or {one, other} == {Outcome.MET, Outcome.UNMET}


@given(numbers, numbers)
def test_numbers_compare_as_their_decimals_do_in_any_unit(wish, said):
    mass = SPECS[1]
    grams = convert(Decimal(said), "KGM", "GRM")
    for unit, value in (("KGM", said), ("GRM", f"{grams:f}")):
        at_least = AttributeConstraint(key="k", op="ge", value=wish, unit="KGM")
        equal = AttributeConstraint(key="k", op="eq", value=wish, unit="KGM")
        for constraint, holds in (
            (at_least, Decimal(said) >= Decimal(wish)),
            (equal, Decimal(said) == Decimal(wish)),
        ):
            outcome = evaluate(constraint, Fact(value, unit), mass).outcome
            if Decimal(said) < 0:
                assert outcome is Outcome.UNKNOWN
            else:
                assert outcome is (Outcome.MET if holds else Outcome.UNMET)


days = st.dates().map(lambda day: day.isoformat())


@st.composite
def windows(draw):
    start, end = sorted([draw(days), draw(days)])
    return Window(start=start, end=end, tz="UTC", flex_days=draw(st.integers(0, 30)))


@given(windows(), windows(), st.sampled_from(["buy", "rent"]))
def test_days_missed_are_counted_for_any_windows(wish, offered, function):
    cast = cast_body(when=[wish], function=function)
    fit = fit_of(
        cast, offer_body(bytes(32), bytes(32), fulfil=Fulfilment(mode="delivery", window=offered))
    )
    assert fit.days_off is not None
    assert fit.days_off >= 0
    inside = offered.start <= wish.start and wish.end <= offered.end
    assert not inside or fit.days_off == 0


CAST = make_cast()
OFFER = make_offer(CAST, make_profile())


@st.composite
def rank_inputs(draw):
    def verdicts(level):
        outcomes = draw(st.lists(st.sampled_from(Outcome), min_size=2, max_size=2))
        weights = draw(st.lists(st.integers(1, 10), min_size=2, max_size=2))
        wishes = [
            AttributeConstraint(key="k", op="present", level=level, weight=w) for w in weights
        ]
        return tuple(
            ConstraintVerdict(
                item=0, attr=0, constraint=wish, answer=None, computed=outcome, why=""
            )
            for wish, outcome in zip(wishes, outcomes, strict=True)
        )

    fit = Fit(
        days_asked=True,
        days_off=draw(st.none() | st.integers(0, 40)),
        travels=draw(st.booleans()),
        in_area=None,
        distance_km=draw(st.none() | st.integers(0, 20_000)),
        radius_km=20,
    )
    marks = draw(st.sampled_from([(), (Mark(code=MarkCode.OVER_BUDGET, sentence=""),)]))
    verdict = OfferVerdict(
        valid=draw(st.booleans()),
        problems=(),
        musts=verdicts("must"),
        prefers=verdicts("prefer"),
        marks=marks,
        fit=fit,
    )
    body = msgspec.structs.replace(
        OFFER.body, total=draw(st.integers(0, 10**13)), cur=draw(st.sampled_from(["USD", "EUR"]))
    )
    offer = msgspec.structs.replace(OFFER, id=draw(st.binary(min_size=32, max_size=32)), body=body)
    return RankInput(offer=offer, verdict=verdict, first_contact=draw(st.booleans()))


inputs = st.lists(rank_inputs(), max_size=6, unique_by=lambda one: one.offer.id)
weights = st.builds(Weights, **{n: st.integers(0, 100) for n in Weights.__slots__})
budgets = st.none() | st.builds(Money, cur=st.just("USD"), minor=st.integers(0, 10**13))


@given(inputs, weights, budgets, st.randoms())
def test_the_order_is_whole_and_no_matter_of_arrival(offers, chosen, budget, chance):
    offers = [dataclasses.replace(one, local_budget=budget) for one in offers]
    ranked = rank(offers, chosen)
    assert [r.position for r in ranked] == list(range(1, len(offers) + 1))
    assert {r.offer_id for r in ranked} == {one.offer.id for one in offers}
    shuffled = list(offers)
    chance.shuffle(shuffled)
    assert rank(shuffled, chosen) == ranked


@given(inputs, weights)
def test_steps_come_before_scores_and_scores_can_be_redone(offers, chosen):
    ranked = rank(offers, chosen)
    steps = [(not r.valid, -r.musts_met) for r in ranked]
    assert steps == sorted(steps)
    for one in ranked:
        assert all(0 <= term.points <= POINTS_MAX for term in one.terms)
        total_weight = sum(term.weight for term in one.terms)
        redone = sum(term.points * term.weight for term in one.terms) // max(1, total_weight)
        assert one.score == redone


@given(inputs, weights, st.integers(1, 10**12))
def test_a_dearer_offer_never_rises(offers, chosen, more):
    if not offers:
        return
    first = offers[0]
    body = first.offer.body
    dearer = msgspec.structs.replace(body, total=min(10**13, body.total + more))
    changed = dataclasses.replace(first, offer=msgspec.structs.replace(first.offer, body=dearer))
    same_money = [one for one in offers if one.offer.body.cur == body.cur]
    before = {r.offer_id: r.position for r in rank(same_money, chosen)}
    after = {r.offer_id: r.position for r in rank([changed, *same_money[1:]], chosen)}
    assert after[first.offer.id] >= before[first.offer.id]


amounts = st.integers(0, 10**13)


@given(amounts, amounts, amounts)
def test_no_way_of_splitting_an_amount_hides_that_it_is_over_the_budget(total, due_now, most):
    body = msgspec.structs.replace(OFFER.body, total=total, due_now=due_now)
    limit = Money(cur=body.cur, minor=most)
    is_over = exceeds(limit, body)
    assert is_over == (total > most or due_now > most)
    assert exceeds(limit, body, total + 1) or not is_over
    assert over_words(limit, body, "it").startswith("over " if total > most else "asks more now")
    assert not exceeds(Money(cur="EUR", minor=0), body)
    assert not exceeds(None, body)
    assert not over_words(None, body, "it")


@given(st.lists(amounts, min_size=2, max_size=9), amounts)
def test_one_offer_more_cannot_take_the_price_out_of_the_order(honest, bait):
    """Whatever one offer asks, the cheaper half of three or more others keep half their points."""
    alone, baited = yardstick_of(honest), yardstick_of([*honest, bait])
    middle = sorted(honest)[(len(honest) - 1) // 2]
    if honest.count(0) == 0:
        assert baited.points(middle) >= POINTS_MAX // 4
    if len(honest) > 2:
        low = sorted(honest)[(len(honest) - 2) // 2]
        assert baited.points(low) >= POINTS_MAX // 2
    for one in (alone, baited):
        points = [one.points(total) for total in sorted(honest)]
        assert points == sorted(points, reverse=True)
        assert all(0 <= each <= POINTS_MAX for each in points)


@given(st.lists(amounts, max_size=9), amounts, st.integers(0, 10**13))
def test_who_asks_more_earns_no_more_and_takes_no_points_from_others(others, total, more):
    before, after = yardstick_of([*others, total]), yardstick_of([*others, total + more])
    assert after.points(total + more) <= before.points(total)
    assert all(after.points(other) >= before.points(other) for other in others)


@given(st.lists(amounts, min_size=1, max_size=9))
def test_what_is_said_of_the_points_of_a_price_can_be_redone(totals):
    scale = yardstick_of(totals)
    for total in totals:
        assert _redone(scale.words(total, "USD")) == scale.points(total)


def _redone(words):
    """Reckon points as a reader would, from the sentence alone."""
    if not words.endswith("x 1000"):
        return POINTS_MAX
    said = [int(each.replace(".", "")) for each in re.findall(r"\d+\.\d\d(?= USD)", words)]
    share = {"h": 2, "a": 4}.get(words[0], 1)
    return POINTS_MAX * sum(said[:-1]) // (share * said[-1])


names = st.from_regex(r"[a-z][a-z0-9_]{0,10}", fullmatch=True)
values = st.dictionaries(
    names, st.text(st.characters(codec="utf-8"), min_size=1, max_size=50), max_size=5
)


@given(values, st.binary(min_size=16, max_size=16))
def test_what_is_committed_opens_and_nothing_else_does(told, salt):
    salts = dict.fromkeys(told, salt)
    fields = commit_fields(CAST.id, told, salts)
    opened = open_fields(told, salts)
    assert check_opened(fields, opened, CAST.id) == told
    for name in told:
        for bad in (
            opened | {name: [salt, told[name] + "x"]},
            {n: v for n, v in opened.items() if n != name},
        ):
            try:
                check_opened(fields, bad, CAST.id)
            except ObjectError:
                continue
            raise AssertionError(name)
