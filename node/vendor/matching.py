"""Which article answers which wish of a request, and whether this shop can serve it at all.

Enters: a verified intentcast, the shop's place and rules, articles page by page. Leaves: the best
article for every item asked for, with the finding on each constraint, or a reason to stay silent.
Only the best few stay in memory. Prices are looked at last and only to break ties.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from node.numerals import plural
from node.storage.catalogue import Item
from node.vendor.rules import Rules
from protocol.market.constraints import Fact, Outcome, Status, evaluate
from protocol.market.offer_check import spec_of
from protocol.objects.intentcast import AttributeConstraint, Intentcast, Window
from protocol.objects.intentcast import Item as Wish
from protocol.values.attributes import AttributeVocabulary
from protocol.values.place import Where, within
from protocol.values.quantity import convert, decimal_of
from protocol.values.spelling import fold_words
from protocol.values.units import UNITS

_MS: Final = 1000
DAYS_PER: Final = {"DAY": 1, "WEE": 7, "MON": 30, "ANN": 365}
"""Days a rental is charged by; a part counts as a whole one."""


class SkipReason(StrEnum):
    """Why a shop stays silent."""

    TOO_LATE = "too_late"
    NOT_ADDRESSED = "not_addressed"
    CATEGORY = "category"
    PLACE = "place"
    DATES = "dates"
    NO_ARTICLE = "no_article"
    MUSTS = "musts"
    UNKNOWN = "unknown"
    CURRENCY = "currency"
    BUDGET = "budget"
    FLOOR = "floor"
    TERMS = "terms"
    SIZE = "size"


@dataclass(frozen=True, slots=True, kw_only=True)
class Skip:
    """No quote, and why."""

    reason: SkipReason
    """For counting."""
    words: str
    """For the shop owner."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """What matching needs to know of the shop."""

    party: str = "vendor"
    """Kind of party, as in its profile."""
    domain: str = ""
    """Domain its profile names; empty when none."""
    cell: str = ""
    """Where it stands; empty when it has no place."""
    radius_km: int = 0
    """How far it serves."""
    categories: tuple[str, ...] = ()
    """What it answers to; empty means everything it has on offer."""
    terms: tuple[str, ...] = ()
    """Buyer's terms its profile accepts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Days of a rental or job."""

    window: Window
    """As the buyer asked."""
    first: date
    """First day."""
    days: int
    """Days to pay for, 1 or more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """What an article's price is multiplied with."""

    n: Decimal
    """Units of the article's price, more than zero."""
    unit: str
    """Unit code of the price."""
    pieces: int
    """Pieces the buyer gets."""
    days: int
    """Days, 0 when it is no rental."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """How an article stands to one constraint."""

    item: int
    """Index of the wish in the cast."""
    attr: int
    """Index of the constraint in the wish."""
    constraint: AttributeConstraint
    """What was asked."""
    fact: Fact | None
    """What is known."""
    status: Status
    """What follows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """An article held against a wish."""

    article: Item
    """From the catalogue."""
    charge: Charge
    """How much of it."""
    findings: tuple[Finding, ...]
    """One per constraint, in signed order."""
    words_shared: int
    """Words of the wish's name that its title has."""

    def musts(self, outcome: Outcome) -> list[Finding]:
        """List the musts that came out so."""
        return [
            found
            for found in self.findings
            if found.constraint.level == "must" and found.status.outcome is outcome
        ]

    def rank(self) -> tuple[int, int, int, int, Decimal, str]:
        """Order fits, best first: musts, words, preferences, price, number."""
        points = sum(
            found.constraint.weight
            for found in self.findings
            if found.constraint.level == "prefer" and found.status.outcome is Outcome.MET
        )
        return (
            len(self.musts(Outcome.UNMET)),
            len(self.musts(Outcome.UNKNOWN)),
            -self.words_shared,
            -points,
            self.charge.n * self.article.price_minor,
            self.article.sku,
        )


# --- can the shop serve it at all --------------------------------------------------------------


def addressed(cast: Intentcast, shop: Shop, rules: Rules, *, now_ms: int) -> Skip | None:
    """Tell why a request is not for this shop; None when it is."""
    refusal = _not_addressed(cast, shop)
    if refusal is not None:
        return refusal
    if cast.decide_by <= now_ms:
        return Skip(reason=SkipReason.TOO_LATE, words="the buyer has decided by now")
    amounts = [] if cast.budget is None else [cast.budget.max, cast.budget.target]
    if any(money is not None and money.cur != rules.currency for money in amounts):
        words = f"the buyer wants to pay in another currency than {rules.currency}"
        return Skip(reason=SkipReason.CURRENCY, words=words)
    return None


def _not_addressed(cast: Intentcast, shop: Shop) -> Skip | None:
    needed = cast.vendor_req
    if needed is not None and needed.parties and shop.party not in needed.parties:
        words = f"only {', '.join(needed.parties)} may answer"
        return Skip(reason=SkipReason.NOT_ADDRESSED, words=words)
    if needed is not None and needed.domain and not shop.domain:
        words = "the buyer wants a vendor whose profile names a domain"
        return Skip(reason=SkipReason.NOT_ADDRESSED, words=words)
    served = [
        path
        for path in shop.categories
        if f"{cast.category}/".startswith(f"{path}/") or f"{path}/".startswith(f"{cast.category}/")
    ]
    if shop.categories and not served:
        return Skip(reason=SkipReason.CATEGORY, words=f"{cast.category} is not served")
    return None


def way_of(where: Where, shop: Shop, rules: Rules) -> str | Skip:
    """Choose how the buyer gets it: pickup, delivery, onsite or remote."""
    if where.cell is None:
        return _way_from_afar(rules)
    cell = rules.cell or shop.cell
    if not cell:
        return _way_without_place(rules)
    reach = shop.radius_km if rules.radius_km is None else rules.radius_km
    # A buyer who fetches it says how far they go; a shop that comes says how far it drives.
    extra = 0 if rules.mode == "pickup" else reach
    if rules.mode == "remote" or within(where, cell, extra_km=extra):
        return rules.mode
    if rules.delivery is not None and within(where, cell, extra_km=rules.delivery.radius_km):
        return "delivery"
    return Skip(reason=SkipReason.PLACE, words="too far away")


def _way_without_place(rules: Rules) -> str | Skip:
    if rules.mode in ("remote", "delivery"):
        return rules.mode
    if rules.delivery is not None:
        return "delivery"
    return Skip(reason=SkipReason.PLACE, words="the shop's place is not set")


def _way_from_afar(rules: Rules) -> str | Skip:
    if rules.mode in ("remote", "delivery"):
        return rules.mode
    if rules.delivery is not None:
        return "delivery"
    return Skip(reason=SkipReason.PLACE, words="the buyer wants it sent, the shop does not deliver")


def span_of(cast: Intentcast, rules: Rules, *, now_ms: int) -> Span | Skip | None:
    """Choose the first window the shop can keep; None when no day was named."""
    why = ""
    for window in cast.when:
        span = _span(window, rules)
        if span is None:
            why = "the days do not exist"
            continue
        notice = (span.first - _today(window.tz, now_ms)).days + window.flex_days
        if notice < rules.lead_days:
            why = f"notice of {plural(max(notice, 0), 'day')}, {rules.lead_days:,} needed"
        elif not rules.days_min <= span.days <= rules.days_max:
            why = (
                f"{plural(span.days, 'day')}, from {rules.days_min} to {rules.days_max} are rented"
            )
        else:
            return span
    return Skip(reason=SkipReason.DATES, words=why) if why else None


def _span(window: Window, rules: Rules) -> Span | None:
    try:
        first, last = date.fromisoformat(window.start), date.fromisoformat(window.end)
    except ValueError:
        return None
    nights = (last - first).days
    days = nights + 1 if rules.rent_count == "days" else max(1, nights)
    return Span(window=window, first=first, days=days)


def _today(zone: str, now_ms: int) -> date:
    try:
        place = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        # A zone this machine does not know costs at most a day.
        return datetime.fromtimestamp(now_ms / _MS, tz=UTC).date()
    return datetime.fromtimestamp(now_ms / _MS, tz=place).date()


# --- which article -----------------------------------------------------------------------------


def charge_for(article: Item, wish: Wish, function: str, span: Span | None) -> Charge | None:
    """Tell how many units of an article's price a wish comes to; None when it does not fit."""
    unit = article.price_unit
    wanted = decimal_of(wish.qty.n)
    timed = unit in DAYS_PER or unit == "HUR"
    if (function == "rent" and not timed) or (function == "buy" and timed):
        return None
    pieces = convert(wanted, wish.qty.unit, "each")
    if timed:
        return _timed_charge(unit, wanted, wish.qty.unit, pieces, span)
    n = convert(wanted, wish.qty.unit, unit)
    if n is None or n <= 0:
        return None
    if _is_count(unit):
        if n != n.to_integral_value():
            return None
        return Charge(n=n, unit=unit, pieces=math.ceil(pieces or n), days=0)
    # Weighed goods: stock is counted in the unit they are sold by.
    return Charge(n=n, unit=unit, pieces=math.ceil(n), days=0)


def _is_count(unit: str) -> bool:
    return unit in UNITS and UNITS[unit].dimension == "count"


def _timed_charge(
    unit: str, wanted: Decimal, wanted_unit: str, pieces: Decimal | None, span: Span | None
) -> Charge | None:
    if pieces is None:
        spans = convert(wanted, wanted_unit, unit)
        count = 1
    else:
        if span is None or unit not in DAYS_PER or pieces != pieces.to_integral_value():
            return None
        spans = Decimal(-(-span.days // DAYS_PER[unit]))
        count = int(pieces)
    if spans is None or spans <= 0 or count < 1:
        return None
    days = span.days if span is not None else 0
    return Charge(n=spans * count, unit=unit, pieces=count, days=days)


@dataclass(slots=True, kw_only=True)
class Shortlist:
    """The best article so far for every wish of one request."""

    cast: Intentcast
    """The request."""
    rules: Rules
    """Of the shop."""
    vocabulary: AttributeVocabulary
    """Shipped attributes."""
    span: Span | None
    """Days, when it is about days."""
    committed: Mapping[str, int] = field(default_factory=dict)
    """Article number -> pieces promised elsewhere."""
    best: dict[int, Fit] = field(default_factory=dict)
    """Index of the wish -> best fit so far."""
    considered: int = 0
    """Articles looked at."""
    foreign: int = 0
    """Articles priced in another currency than the rules'."""
    _facts: dict[str, dict[str, Fact]] = field(default_factory=dict)

    def consider(self, articles: Iterable[Item]) -> None:
        """Hold articles against every wish."""
        for article in articles:
            self.considered += 1
            if article.cur != self.rules.currency:
                self.foreign += 1
                continue
            if not article.available:
                continue
            for index, wish in enumerate(self.cast.items):
                fit = self._fit(index, wish, article)
                if fit is not None and (
                    index not in self.best or fit.rank() < self.best[index].rank()
                ):
                    self.best[index] = fit

    def _fit(self, index: int, wish: Wish, article: Item) -> Fit | None:
        charge = charge_for(article, wish, self.cast.function, self.span)
        if charge is None:
            return None
        free = None if article.stock is None else article.stock - self.committed.get(article.sku, 0)
        if free is not None and free < charge.pieces:
            return None
        words = set(fold_words(wish.name).split())
        return Fit(
            article=article,
            charge=charge,
            findings=tuple(self._findings(index, wish, article)),
            words_shared=len(words & set(fold_words(article.title).split())),
        )

    def _findings(self, index: int, wish: Wish, article: Item) -> Iterable[Finding]:
        for attr, constraint in enumerate(wish.attrs):
            # Found the way the buyer's node finds it, so that both judge by the same spec.
            spec = spec_of(self.vocabulary, self.cast.category, constraint.key)
            fact = self._fact(article, spec.key if spec else constraint.key)
            yield Finding(
                item=index,
                attr=attr,
                constraint=constraint,
                fact=fact,
                status=evaluate(constraint, fact, spec),
            )

    def _fact(self, article: Item, key: str) -> Fact | None:
        """Give what the feed says of the article, else what the rules say of all of its kind."""
        stated = article.facts.get(key)
        if stated is not None:
            return Fact(stated.value, stated.unit)
        if article.category not in self._facts:
            self._facts[article.category] = {
                name: Fact(fact.value, fact.unit)
                for name, fact in self.rules.facts_for(article.category).items()
            }
        return self._facts[article.category].get(key)

    def choice(self) -> list[Fit] | Skip:
        """Give one fit per wish, or say why the shop stays silent."""
        missing = [wish.name for i, wish in enumerate(self.cast.items) if i not in self.best]
        if missing and self.foreign and not self.best:
            words = f"the catalogue is not priced in {self.rules.currency}"
            return Skip(reason=SkipReason.CURRENCY, words=words)
        if missing:
            words = f"nothing on offer for: {', '.join(missing)}"
            return Skip(reason=SkipReason.NO_ARTICLE, words=words)
        chosen = [self.best[i] for i in range(len(self.cast.items))]
        for outcome, reason, allowed in (
            (Outcome.UNMET, SkipReason.MUSTS, self.rules.quote_unmet),
            (Outcome.UNKNOWN, SkipReason.UNKNOWN, self.rules.quote_unknown),
        ):
            found = [must for fit in chosen for must in fit.musts(outcome)]
            if found and not allowed:
                words = "; ".join(f"{must.constraint.key}: {must.status.why}" for must in found)
                return Skip(reason=reason, words=words)
        return chosen
