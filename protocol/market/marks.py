"""Marks: what a buyer should see beside a valid offer before saying yes.

Enters: the bodies of a cast and an offer, and how far apart they are. Leaves: a list of codes, each
with its sentence. No mark makes an offer invalid and none is hidden; nothing here is an opinion.
Source: docs/protocol/12-offer.md, "Marks".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from protocol.market.fit import Fit
from protocol.objects.intentcast import Intentcast
from protocol.objects.offer import Offer
from protocol.values.money import Money, format_money


class MarkCode(StrEnum):
    """What a buyer should see beside a valid offer; none of these makes it invalid."""

    OVER_BUDGET = "over_budget"
    OVER_OWN_BUDGET = "over_own_budget"
    OTHER_CURRENCY = "other_currency"
    FAR_BELOW = "far_below"
    NO_TERMS = "no_terms"
    OTHER_TERMS = "other_terms"
    DATES_MISSED = "dates_missed"
    DATES_NOT_SAID = "dates_not_said"
    PLACE_MISSED = "place_missed"
    PLACE_NOT_SAID = "place_not_said"
    SUBSTITUTE = "substitute"
    ENDS_EARLY = "ends_early"
    NOT_FIRM = "not_firm"
    DEPOSIT = "deposit"
    MORE_NOW = "more_now"
    PAY_BEFORE = "pay_before"
    LEAVING_COSTS_MORE = "leaving_costs_more"
    LEAVING_NOT_SAID = "leaving_not_said"
    FIRST_CONTACT = "first_contact"
    SAME_NAME = "same_name"
    """Given by who knows the vendors' names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """One thing to see before accepting."""

    code: MarkCode
    """Stable code."""
    sentence: str
    """For people."""


def outlay(offer: Offer, total: int | None = None) -> int:
    """Give the most that an offer asks at one time, minor units: its total or what is due now.

    Args:
        offer: what is asked about.
        total: with the options that were chosen; None means without any.
    """
    return max(offer.total if total is None else total, offer.due_now)


def exceeds(most: Money | None, offer: Offer, total: int | None = None) -> bool:
    """Tell whether an offer asks more than a limit in its own currency; see `outlay`."""
    return most is not None and most.cur == offer.cur and outlay(offer, total) > most.minor


def over_words(most: Money | None, offer: Offer, budget: str, total: int | None = None) -> str:
    """Say how an offer asks more than a limit, for people.

    Args:
        most: the limit; None gives no words.
        offer: what exceeds it.
        budget: whose limit it is, `your own budget`.
        total: with the options that were chosen; None means without any.
    """
    if most is None:
        return ""
    limit = format_money(most.minor, most.cur)
    if (offer.total if total is None else total) > most.minor:
        return f"over {budget} of {limit}"
    return f"asks more now than {budget} of {limit}"


def marks_of(cast: Intentcast, offer: Offer, fit: Fit) -> Iterator[Mark]:
    """Give what an offer leaves to be seen, in a fixed order."""
    found = [
        *_money_marks(cast, offer),
        *_terms_marks(cast, offer),
        *_fit_marks(fit),
        *_promise_marks(cast, offer),
    ]
    for holds, code, sentence in found:
        if holds:
            yield Mark(code=code, sentence=sentence)


def _money_marks(cast: Intentcast, offer: Offer) -> list[tuple[bool, MarkCode, str]]:
    most = None if cast.budget is None else cast.budget.max
    deposit = format_money(offer.due_now, offer.cur)
    more = f"asks more now than it costs: {deposit}"
    fee = max((term.fee for term in offer.cancel_terms), default=0)
    leaving = f"leaving may cost more than the total: {format_money(fee, offer.cur)}"
    return [
        (exceeds(most, offer), MarkCode.OVER_BUDGET, over_words(most, offer, "the stated budget")),
        (offer.due_now > 0, MarkCode.DEPOSIT, f"asks a deposit of {deposit}, beside the total"),
        (offer.due_now > offer.total, MarkCode.MORE_NOW, more),
        (offer.pay.when == "before", MarkCode.PAY_BEFORE, "is paid before it is fulfilled"),
        (fee > offer.total, MarkCode.LEAVING_COSTS_MORE, leaving),
        (not offer.cancel_terms, MarkCode.LEAVING_NOT_SAID, "does not say what leaving costs"),
    ]


def _terms_marks(cast: Intentcast, offer: Offer) -> list[tuple[bool, MarkCode, str]]:
    reply = offer.terms_reply
    accepted = None if reply is None else reply.accept
    other = None if reply is None else reply.alternative
    strange = other is not None and other not in cast.terms
    return [
        (accepted is None and other is None, MarkCode.NO_TERMS, "does not accept your terms"),
        (strange, MarkCode.OTHER_TERMS, f"answers with other terms: {other}"),
    ]


def _fit_marks(fit: Fit) -> list[tuple[bool, MarkCode, str]]:
    days = fit.days_off or 0
    unsaid = fit.days_asked and fit.days_off is None
    nowhere = fit.travels and fit.in_area is None
    where = "outside the place asked for" if fit.distance_km is not None else "has to be fetched"
    return [
        (days > 0, MarkCode.DATES_MISSED, f"misses the days asked for by {days}"),
        (unsaid, MarkCode.DATES_NOT_SAID, "does not say on which days"),
        (fit.in_area is False, MarkCode.PLACE_MISSED, where),
        (nowhere, MarkCode.PLACE_NOT_SAID, "does not say where it is fetched"),
    ]


def _promise_marks(cast: Intentcast, offer: Offer) -> list[tuple[bool, MarkCode, str]]:
    exact = any(item.substitute == "exact" for item in cast.items)
    early = offer.valid_until < cast.decide_by
    return [
        (not offer.firm, MarkCode.NOT_FIRM, "has yet to be confirmed by a person"),
        (
            exact and offer.substitute == "similar",
            MarkCode.SUBSTITUTE,
            "may bring something similar instead",
        ),
        (early, MarkCode.ENDS_EARLY, "ends before you mean to decide"),
    ]
