"""Ranking: offers in order, by arithmetic a buyer can redo on paper.

Enters: checked offers to one cast, what this buyer knows of each vendor, and the buyer's weights.
Leaves: an order, and for each offer every term of its score. First comes what is not for weighing:
valid before invalid, more musts met before fewer, within budget before over it. Inside one such
step the score decides: per term 0..1000 points times its weight, summed and divided by the sum of
weights, in whole numbers. What is not known earns no points, so an unknown cost never counts as
zero. No single offer sets the scale of prices, see `yardstick`. Nothing a vendor pays enters here:
there is no field for it.
Source: docs/protocol/12-offer.md, "Ranking".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from protocol.ids import OfferId
from protocol.market.constraints import Outcome
from protocol.market.marks import Mark, MarkCode, exceeds, over_words
from protocol.market.offer_check import OfferVerdict
from protocol.market.yardstick import POINTS_MAX, Yardstick, yardstick_of
from protocol.objects.envelope import Verified
from protocol.objects.offer import Offer
from protocol.values.money import Money, format_money

DAY_POINTS: Final = 100
"""Points lost for each day missed; ten days off earn nothing. A guess."""
HALF_KM_MIN: Final = 10
"""Distance at which half the points are left, where the wish's own radius is smaller. A guess."""
MET_BEFORE_POINTS: Final = 700
"""Trust points for a vendor this buyer has dealt with."""
STRANGER_POINTS: Final = 300
"""Trust points for a first contact; a name proves nothing."""
DOMAIN_POINTS: Final = 300
"""Trust points for a domain that was checked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """How much each term counts for this buyer, 0..100; equal unless the buyer says otherwise."""

    preferences: int = 1
    """Weighted preferences met."""
    total: int = 1
    """What is to be paid, all in, against what the others ask."""
    date: int = 1
    """Days off the days asked for."""
    distance: int = 1
    """How far the buyer has to go."""
    trust: int = 1
    """What this buyer knows of the vendor."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RankInput:
    """One offer and what this buyer's node knows beside it."""

    offer: Verified[Offer]
    """The offer."""
    verdict: OfferVerdict
    """Its check against the cast; all inputs of one ranking are of one cast."""
    distance_km: int | None = None
    """Way to the place in km, where known better than by the offer; None takes the verdict's."""
    first_contact: bool = True
    """No deal with this vendor yet."""
    domain_checked: bool = False
    """The profile's domain was asked and holds its key."""
    local_budget: Money | None = None
    """Most the buyer will pay, kept on this node."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """One line of the sum."""

    name: str
    """A field of `Weights`."""
    value: str
    """The measured thing, as people read it."""
    weight: int
    """The buyer's weight."""
    points: int
    """0..1000."""
    words: str
    """How the points came about."""
    best: bool = False
    """No other valid offer does better in this term, and another does worse.

    For the total: none that misses as few musts as the first costs less, and another costs more.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """One offer in its place."""

    offer_id: OfferId
    """The offer."""
    position: int
    """From 1."""
    score: int
    """0..1000: sum of points x weight, divided by the sum of weights."""
    terms: tuple[Term, ...]
    """Every line of the sum, in the order of `Weights`."""
    valid: bool
    """As its verdict says; an invalid offer is shown last and cannot be accepted."""
    over_budget: bool
    """The total, or what is due now, is over the public or the local budget."""
    musts_met: int
    """Musts met; unknown ones are not."""
    musts_total: int
    """Musts asked."""
    marks: tuple[Mark, ...]
    """The verdict's marks, and those only ranking can give."""


def rank(offers: Sequence[RankInput], weights: Weights | None = None) -> list[Ranked]:
    """Put the offers to one cast in order, best first.

    Args:
        offers: any number, in any order; the answer does not depend on it.
        weights: the buyer's; None means equal ones.

    Returns:
        All of them, each with its place and its arithmetic.
    """
    chosen = weights or Weights()
    prices = _prices(offers)
    rows = [_row(one, chosen, prices) for one in offers]
    rows.sort(key=lambda row: row.key)
    spans = _spans(rows)
    return [_placed(row, position, spans, prices) for position, row in enumerate(rows, 1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    one: RankInput
    key: tuple[tuple[int, int, int, int], int, int, int, bytes]
    score: int
    terms: tuple[Term, ...]
    marks: tuple[Mark, ...]


def _row(one: RankInput, weights: Weights, prices: _Prices) -> _Row:
    terms = tuple(
        term
        for term in (
            _preferences(one, weights.preferences),
            _total(one, weights.total, prices),
            _date(one, weights.date),
            _distance(one, weights.distance),
            _trust(one, weights.trust),
        )
        if term is not None
    )
    weight_sum = sum(term.weight for term in terms)
    score = sum(term.points * term.weight for term in terms) // max(1, weight_sum)
    comparable = one.offer.body.cur == prices.currency
    # Equal scores: the lower total first, then the smaller id, so that chance decides nothing.
    key = (_step(one), -score, int(not comparable), one.offer.body.total, one.offer.id)
    return _Row(one=one, key=key, score=score, terms=terms, marks=_marks(one, prices))


def _spans(rows: list[_Row]) -> dict[str, tuple[int, int]]:
    """Give the fewest and the most points each term has among the valid offers."""
    points: dict[str, list[int]] = {}
    for row in rows:
        for term in row.terms if row.one.verdict.valid else ():
            points.setdefault(term.name, []).append(term.points)
    return {name: (min(found), max(found)) for name, found in points.items()}


def _placed(row: _Row, position: int, spans: dict[str, tuple[int, int]], prices: _Prices) -> Ranked:
    verdict = row.one.verdict
    terms = row.terms
    if verdict.valid:
        terms = tuple(
            replace(
                t,
                best=_is_cheapest(row.one, prices)
                if t.name == "total"
                else spans[t.name][0] < t.points == spans[t.name][1],
            )
            for t in terms
        )
    return Ranked(
        offer_id=OfferId(row.one.offer.id),
        position=position,
        score=row.score,
        terms=terms,
        valid=verdict.valid,
        over_budget=_over_budget(row.one),
        musts_met=verdict.musts_met,
        musts_total=len(verdict.musts),
        marks=row.marks,
    )


# --- steps: what is not for weighing -----------------------------------------------------------


def _step(one: RankInput) -> tuple[int, int, int, int]:
    verdict = one.verdict
    unmet = sum(must.computed is Outcome.UNMET for must in verdict.musts)
    affordable = not _over_budget(one) and _comparable_with_budget(one)
    return (int(not verdict.valid), -verdict.musts_met, unmet, int(not affordable))


def _over_budget(one: RankInput) -> bool:
    public = any(mark.code is MarkCode.OVER_BUDGET for mark in one.verdict.marks)
    return public or _over_local_budget(one)


def _over_local_budget(one: RankInput) -> bool:
    return exceeds(one.local_budget, one.offer.body)


def _comparable_with_budget(one: RankInput) -> bool:
    """An amount in another currency may be any amount: it is not taken to be within the budget."""
    return one.local_budget is None or one.local_budget.cur == one.offer.body.cur


def _currency(offers: Sequence[RankInput]) -> str:
    """Choose the currency totals are compared in: the buyer's own, or the commonest offered."""
    own = sorted(one.local_budget.cur for one in offers if one.local_budget is not None)
    if own:
        return own[0]
    counts = Counter(one.offer.body.cur for one in offers if one.verdict.valid)
    return min(counts, key=lambda cur: (-counts[cur], cur), default="")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Prices:
    """What the valid offers of one currency ask."""

    currency: str
    best_musts: tuple[int, ...] | None
    """The best step there is, its last number, the budget, left out."""
    lowest_leading: int
    """Lowest total of the offers that meet the musts so."""
    highest: int
    """Highest total of all."""
    by_step: dict[tuple[int, int, int, int], Yardstick]
    """Step -> what its totals are held against: those of this step and of the steps before it.

    An offer that fails a must cannot press the price points of those before it by a token price.
    """
    all: Yardstick
    """What all totals together are held against."""


def _prices(offers: Sequence[RankInput]) -> _Prices:
    currency = _currency(offers)
    rivals = [
        (_step(one), one.offer.body.total)
        for one in offers
        if one.verdict.valid and one.offer.body.cur == currency
    ]
    best = min((step[:-1] for step, _ in rivals), default=None)
    return _Prices(
        currency=currency,
        best_musts=best,
        lowest_leading=min((total for step, total in rivals if step[:-1] == best), default=0),
        highest=max((total for _, total in rivals), default=0),
        by_step={
            step: yardstick_of(total for other, total in rivals if other <= step)
            for step in {_step(one) for one in offers}
        },
        all=yardstick_of(total for _, total in rivals),
    )


def _is_cheapest(one: RankInput, prices: _Prices) -> bool:
    total = one.offer.body.total
    leads = one.offer.body.cur == prices.currency and _step(one)[:-1] == prices.best_musts
    return leads and total == prices.lowest_leading < prices.highest


# --- terms of the sum --------------------------------------------------------------------------


def _preferences(one: RankInput, weight: int) -> Term | None:
    prefers = one.verdict.prefers
    if not prefers:
        return None
    met = [prefer for prefer in prefers if prefer.computed is Outcome.MET]
    unknown = sum(prefer.computed is Outcome.UNKNOWN for prefer in prefers)
    have = sum(prefer.constraint.weight for prefer in met)
    asked = sum(prefer.constraint.weight for prefer in prefers)
    tail = f", {unknown} unknown" if unknown else ""
    return Term(
        name="preferences",
        value=f"{len(met)} of {len(prefers)}",
        weight=weight,
        points=POINTS_MAX * have // asked,
        words=f"preferences met weigh {have} of {asked}{tail}",
    )


def _total(one: RankInput, weight: int, prices: _Prices) -> Term:
    offer = one.offer.body
    yardstick = prices.by_step[_step(one)]
    points, words = yardstick.points(offer.total), yardstick.words(offer.total, offer.cur)
    if offer.cur != prices.currency:
        points, words = 0, f"in {offer.cur}: cannot be compared with {prices.currency}"
    shown = format_money(offer.total, offer.cur)
    return Term(name="total", value=shown, weight=weight, points=points, words=words)


def _date(one: RankInput, weight: int) -> Term | None:
    fit = one.verdict.fit
    if not fit.days_asked:
        return None
    if fit.days_off is None:
        return Term(name="date", value="not said", weight=weight, points=0, words="days not said")
    return Term(
        name="date",
        value="fits" if fit.days_off == 0 else f"{fit.days_off} days off",
        weight=weight,
        points=max(0, POINTS_MAX - DAY_POINTS * fit.days_off),
        words=f"1000 - {DAY_POINTS} x {fit.days_off} days",
    )


def _distance(one: RankInput, weight: int) -> Term:
    fit = one.verdict.fit
    if not fit.travels:
        words = "comes to you"
        return Term(name="distance", value=words, weight=weight, points=POINTS_MAX, words=words)
    km = one.distance_km if one.distance_km is not None else fit.distance_km
    if km is None:
        words = "place not said"
        return Term(name="distance", value="not said", weight=weight, points=0, words=words)
    half = max(HALF_KM_MIN, fit.radius_km)
    return Term(
        name="distance",
        value=f"{km} km",
        weight=weight,
        points=POINTS_MAX * half // (half + km),
        words=f"{half} / ({half} + {km} km) x 1000",
    )


def _trust(one: RankInput, weight: int) -> Term:
    met, met_points = "dealt with before", MET_BEFORE_POINTS
    if one.first_contact:
        met, met_points = "first contact", STRANGER_POINTS
    domain = " + domain checked" if one.domain_checked else ""
    more = f" + {DOMAIN_POINTS}" if one.domain_checked else ""
    return Term(
        name="trust",
        value=f"{met}{domain}",
        weight=weight,
        points=met_points + (DOMAIN_POINTS if one.domain_checked else 0),
        words=f"{met} {met_points}{more}",
    )


# --- marks only ranking can give ---------------------------------------------------------------


def _marks(one: RankInput, prices: _Prices) -> tuple[Mark, ...]:
    offer, currency = one.offer.body, prices.currency
    over = over_words(one.local_budget, offer, "your own budget")
    own = [
        (_over_local_budget(one), MarkCode.OVER_OWN_BUDGET, over),
        (
            offer.cur != currency,
            MarkCode.OTHER_CURRENCY,
            f"in {offer.cur}: cannot be compared with {currency}",
        ),
        (
            one.verdict.valid
            and offer.cur == currency
            and prices.all.leaves_far_below(offer.total),
            MarkCode.FAR_BELOW,
            "far below the others: less than half of the middle total",
        ),
        (one.first_contact, MarkCode.FIRST_CONTACT, "you have not dealt with this vendor"),
    ]
    return one.verdict.marks + tuple(
        Mark(code=code, sentence=sentence) for holds, code, sentence in own if holds
    )
