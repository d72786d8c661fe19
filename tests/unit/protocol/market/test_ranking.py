"""The order of offers, and the arithmetic behind it that a buyer can redo."""

from __future__ import annotations

import dataclasses
import itertools

import msgspec
import pytest

from protocol.ids import ObjectId
from protocol.market.constraints import Outcome
from protocol.market.fit import Fit
from protocol.market.marks import Mark, MarkCode
from protocol.market.offer_check import ConstraintVerdict, OfferVerdict
from protocol.market.ranking import RankInput, Weights, rank
from protocol.objects.intentcast import AttributeConstraint
from protocol.objects.offer import Offer
from protocol.values.money import Money
from tests.parties import make_cast, make_offer, make_profile

CAST, PROFILE = make_cast(), make_profile()
OFFER = make_offer(CAST, PROFILE)
MET, UNMET, UNKNOWN = Outcome.MET, Outcome.UNMET, Outcome.UNKNOWN
FIT = Fit(days_asked=True, days_off=0, travels=True, in_area=True, distance_km=0, radius_km=20)


def answer(computed, level="must", weight=1):
    constraint = AttributeConstraint(key="key", op="present", level=level, weight=weight)
    return ConstraintVerdict(
        item=0, attr=0, constraint=constraint, answer=None, computed=computed, why=""
    )


def one(
    number,
    total=10_000,
    *,
    valid=True,
    musts=(MET, MET),
    prefers=((MET, 1),),
    cur="USD",
    marks=(),
    fit=None,
    due_now=0,
    **known,
):
    body = msgspec.structs.replace(OFFER.body, total=total, cur=cur, due_now=due_now)
    assert isinstance(body, Offer)
    verdict = OfferVerdict(
        valid=valid,
        problems=(),
        musts=tuple(answer(computed) for computed in musts),
        prefers=tuple(answer(computed, "prefer", weight) for computed, weight in prefers),
        marks=tuple(Mark(code=code, sentence="") for code in marks),
        fit=dataclasses.replace(FIT, **(fit or {})),
    )
    offer = msgspec.structs.replace(OFFER, id=ObjectId(bytes([number]) * 32), body=body)
    return RankInput(offer=offer, verdict=verdict, **known)


def order(*offers, weights=None):
    return [ranked.offer_id[0] for ranked in rank(offers, weights)]


def terms(offer, *others, weights=None):
    ranked = next(r for r in rank([offer, *others], weights) if r.offer_id == offer.offer.id)
    return {term.name: term for term in ranked.terms}


def test_nothing_to_rank_is_no_trouble():
    assert rank([]) == []


def test_valid_comes_before_everything():
    assert order(one(1, 1, valid=False), one(2, 99_999, musts=(UNMET, UNMET))) == [2, 1]


def test_more_musts_met_come_before_any_price():
    worse = one(1, 1, musts=(MET, UNMET))
    unsure = one(2, 2, musts=(MET, UNKNOWN))
    whole = one(3, 99_999)
    assert order(worse, unsure, whole) == [3, 2, 1]


def test_within_budget_comes_before_over_it_with_equal_musts_only():
    budget = Money(cur="USD", minor=10_000)
    over = one(1, 10_001, local_budget=budget)
    within = one(2, 10_000, prefers=((UNMET, 1),), fit={"days_off": 9}, local_budget=budget)
    failing = one(3, 1, musts=(MET, UNMET), local_budget=budget)
    assert order(over, within, failing) == [2, 1, 3]
    ranked = {r.offer_id[0]: r for r in rank([over, within, failing])}
    assert [ranked[n].over_budget for n in (1, 2, 3)] == [True, False, False]
    assert MarkCode.OVER_OWN_BUDGET in {mark.code for mark in ranked[1].marks}
    assert MarkCode.OVER_OWN_BUDGET not in {mark.code for mark in ranked[2].marks}


def test_a_deposit_is_held_against_the_budget_as_a_total_is():
    budget = Money(cur="USD", minor=60_000)
    deposit = one(1, 1, due_now=99_999, local_budget=budget)
    assert order(deposit, one(2, 59_000, local_budget=budget)) == [2, 1]
    found = rank([deposit, one(2, 59_000, local_budget=budget)])[1]
    assert found.over_budget
    sentences = {mark.code: mark.sentence for mark in found.marks}
    said = "asks more now than your own budget of 600.00 USD"
    assert sentences[MarkCode.OVER_OWN_BUDGET] == said
    assert not rank([one(1, 1, due_now=60_000, local_budget=budget)])[0].over_budget


def test_the_public_budget_counts_as_the_local_one_does():
    over = one(1, 1, marks=(MarkCode.OVER_BUDGET,))
    assert order(over, one(2, 99_999)) == [2, 1]
    assert rank([over])[0].over_budget


def test_an_amount_that_cannot_be_compared_is_not_within_budget_and_not_free():
    budget = Money(cur="USD", minor=10_000)
    foreign = one(1, 1, cur="EUR", local_budget=budget)
    assert order(foreign, one(2, 9_999, local_budget=budget)) == [2, 1]
    assert terms(foreign, one(2, local_budget=budget))["total"].points == 0
    ranked = rank([foreign, one(2, local_budget=budget)])[1]
    assert not ranked.over_budget
    assert MarkCode.OTHER_CURRENCY in {mark.code for mark in ranked.marks}


def test_without_a_budget_the_commonest_currency_is_compared():
    offers = [
        one(1, 5, cur="EUR"),
        one(2, cur="USD"),
        one(3, cur="USD"),
        one(4, 1, cur="EUR", valid=False),
    ]
    by_id = {r.offer_id[0]: r for r in rank(offers)}
    assert {n: t.points for n, r in by_id.items() for t in r.terms if t.name == "total"} == {
        1: 0,
        2: 1000,
        3: 1000,
        4: 0,
    }
    assert order(one(1, cur="USD"), one(2, cur="EUR"))[0] == 2  # a tie is settled by the code


def test_every_line_of_the_sum_is_shown():
    offer = one(
        1,
        12_500,
        prefers=((MET, 3), (UNKNOWN, 1), (UNMET, 1)),
        fit={"days_off": 2, "distance_km": 20},
    )
    found = terms(offer, one(2, 10_000))
    shown = {name: (term.value, term.points, term.words) for name, term in found.items()}
    assert shown == {
        "preferences": ("1 of 3", 600, "preferences met weigh 3 of 5, 1 unknown"),
        "total": ("125.00 USD", 800, "100.00 USD / 125.00 USD x 1000"),
        "date": ("2 days off", 800, "1000 - 100 x 2 days"),
        "distance": ("20 km", 500, "20 / (20 + 20 km) x 1000"),
        "trust": ("first contact", 300, "first contact 300"),
    }
    ranked = {r.offer_id[0]: r for r in rank([offer, one(2, 10_000)])}
    assert ranked[1].score == (600 + 800 + 800 + 500 + 300) // 5
    assert ranked[1].musts_met == ranked[1].musts_total == 2


def test_the_score_is_the_weighted_mean():
    weights = Weights(preferences=0, total=3, date=1, distance=0, trust=0)
    offer = one(1, 20_000, fit={"days_off": 10})
    ranked = {r.offer_id[0]: r for r in rank([offer, one(2, 10_000)], weights)}
    assert ranked[1].score == (500 * 3 + 0 * 1) // 4
    assert ranked[2].score == 1000


def test_without_any_weight_the_lower_total_comes_first():
    nothing = Weights(preferences=0, total=0, date=0, distance=0, trust=0)
    assert order(one(1, 20_000), one(2, 10_000), weights=nothing) == [2, 1]
    assert {r.score for r in rank([one(1), one(2)], nothing)} == {0}


def test_equal_offers_keep_the_order_of_their_ids():
    offers = [one(n) for n in (3, 1, 2)]
    for shuffled in itertools.permutations(offers):
        assert order(*shuffled) == [1, 2, 3]


def test_weights_change_the_order():
    cheap, near = one(1, 9_000, fit={"distance_km": 200}), one(2, 10_000)
    assert order(cheap, near, weights=Weights(total=100)) == [1, 2]
    assert order(cheap, near, weights=Weights(distance=100)) == [2, 1]


def test_free_of_charge_is_a_total_of_zero():
    found = terms(one(1, 5), one(2, 0))
    assert found["total"].points == 250
    assert terms(one(2, 0), one(1, 5))["total"].points == 1000
    assert {r.terms[1].points for r in rank([one(1, 0), one(2, 0), one(3, 0)])} == {1000}


@pytest.mark.parametrize("bait", [0, 1, 100])
def test_a_bait_does_not_take_the_price_out_of_the_order_of_the_others(bait):
    near = one(1, 24_000, fit={"distance_km": 0})
    cheap = one(2, 10_000, fit={"distance_km": 10})
    other = one(3, 20_000, fit={"distance_km": 30})
    baited = [r.offer_id[0] for r in rank([near, cheap, other, one(9, bait)])]
    assert [each for each in baited if each != 9] == order(near, cheap, other)
    assert [each for each in baited if each != 9] == [2, 1, 3]
    points = {r.offer_id[0]: r.terms[1].points for r in rank([near, cheap, other, one(9, bait)])}
    assert points == {9: 1000, 2: 750, 3: 375, 1: 312}


def test_a_bait_within_the_budget_leaves_the_prices_over_it_comparable():
    budget = Money(cur="USD", minor=1_000)
    offers = [one(n, n * 10_000, local_budget=budget) for n in (1, 2, 3)]
    ranked = rank([*offers, one(9, 1, local_budget=budget)])
    assert [(r.offer_id[0], r.terms[1].points) for r in ranked] == [
        (9, 1000),
        (1, 750),
        (2, 375),
        (3, 250),
    ]


def test_what_is_far_below_the_others_is_said_to_be():
    def far(*totals):
        offers = [one(n, total) for n, total in enumerate(totals)]
        codes = {r.offer_id[0]: {mark.code for mark in r.marks} for r in rank(offers)}
        return {totals[n] for n, found in codes.items() if MarkCode.FAR_BELOW in found}

    assert far(1, 10_000) == {1}
    assert far(3_333, 10_000) == {3_333}
    assert far(3_334, 10_000) == set()
    assert far(4_999, 10_000, 12_000) == {4_999}
    assert far(5_000, 10_000, 12_000) == set()
    assert far(1, 2, 10_000, 10_000, 10_000) == {1, 2}
    assert far(1) == far(7, 7, 7) == far() == far(0, 0, 0) == set()


def test_far_below_is_said_of_what_can_be_compared_alone():
    bad, foreign = one(8, 1, valid=False), one(9, 1, cur="EUR")
    ranked = rank([one(1), one(2), one(3), bad, foreign])
    assert not any(mark.code is MarkCode.FAR_BELOW for r in ranked for mark in r.marks)


def test_only_the_cheapest_is_called_so():
    offers = [one(n, total) for n, total in enumerate((1, 2, 10_000, 10_000, 10_000))]
    best = {r.offer_id[0] for r in rank(offers) for t in r.terms if t.name == "total" and t.best}
    assert best == {0}
    failing = [one(1, 1, musts=(MET, UNMET)), one(2, 9_000), one(3, 10_000)]
    best = {r.offer_id[0] for r in rank(failing) for t in r.terms if t.name == "total" and t.best}
    assert best == {2}


def test_a_token_price_on_a_failing_offer_presses_nobody():
    token = one(1, 1, musts=(MET, UNMET))
    assert terms(one(2, 10_000), token, one(3, 20_000))["total"].points == 1000
    assert terms(one(3, 20_000), token, one(2, 10_000))["total"].points == 500
    assert terms(token, one(2, 10_000))["total"].points == 1000


def test_terms_nobody_asked_for_are_left_out():
    offer = one(1, prefers=(), fit={"days_asked": False, "days_off": None})
    assert list(terms(offer)) == ["total", "distance", "trust"]
    assert rank([offer])[0].score == (1000 + 1000 + 300) // 3


@pytest.mark.parametrize(
    ("fit", "known", "value", "points"),
    [
        ({"distance_km": 0}, {}, "0 km", 1000),
        ({"distance_km": 36, "radius_km": 0}, {}, "36 km", 217),
        ({"distance_km": 36}, {"distance_km": 5}, "5 km", 800),
        ({"distance_km": None}, {}, "not said", 0),
        ({"travels": False, "distance_km": None}, {}, "comes to you", 1000),
    ],
)
def test_distance(fit, known, value, points):
    term = terms(one(1, fit=fit, **known))["distance"]
    assert (term.value, term.points) == (value, points)


@pytest.mark.parametrize(
    ("days", "value", "points"),
    [(0, "fits", 1000), (1, "1 days off", 900), (11, "11 days off", 0), (None, "not said", 0)],
)
def test_days(days, value, points):
    term = terms(one(1, fit={"days_off": days}))["date"]
    assert (term.value, term.points) == (value, points)


@pytest.mark.parametrize(
    ("first", "domain", "points", "marked"),
    [
        (True, False, 300, True),
        (True, True, 600, True),
        (False, False, 700, False),
        (False, True, 1000, False),
    ],
)
def test_trust_is_what_this_buyer_knows(first, domain, points, marked):
    offer = one(1, first_contact=first, domain_checked=domain)
    assert terms(offer)["trust"].points == points
    marks = {mark.code for mark in rank([offer])[0].marks}
    assert (MarkCode.FIRST_CONTACT in marks) is marked


def test_best_is_said_of_a_cell_only_where_there_is_a_difference():
    near, cheap = one(1, 20_000), one(2, 10_000, fit={"distance_km": 20})
    bad = one(3, 1, valid=False)
    assert [name for name, term in terms(near, cheap, bad).items() if term.best] == ["distance"]
    assert [name for name, term in terms(cheap, near, bad).items() if term.best] == ["total"]
    assert not any(term.best for term in terms(bad, near, cheap).values())
    assert not any(term.best for term in terms(near).values())


def test_positions_count_from_one_and_marks_of_the_verdict_stay():
    ranked = rank([one(1, marks=(MarkCode.DEPOSIT,)), one(2)])
    assert [r.position for r in ranked] == [1, 2]
    assert MarkCode.DEPOSIT in {mark.code for mark in ranked[0].marks}
