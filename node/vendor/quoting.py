"""From a request to a quote: match, price, answer every constraint, or say why not.

Enters: a verified intentcast, the shop, its rules, its catalogue, the moment. Leaves: a
`QuoteDraft` with everything of an offer but the names that only the caller knows, or a `Skip`.
Nothing here signs, sends or keeps anything.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from node.storage.catalogue import Item
from node.storage.database import Storage
from node.vendor.catalogue import offered_items
from node.vendor.matching import (
    DAYS_PER,
    Finding,
    Fit,
    Shop,
    Shortlist,
    Skip,
    SkipReason,
    Span,
    addressed,
    span_of,
    way_of,
)
from node.vendor.pricing import Priced, Pricing
from node.vendor.rules import Rules
from protocol import limits
from protocol.market.constraints import Fact
from protocol.now import HOUR_MS
from protocol.objects.envelope import Verified
from protocol.objects.intentcast import Intentcast, Window
from protocol.objects.offer import (
    Answer,
    CancelTerm,
    Fulfilment,
    Line,
    Offer,
    Payment,
    TermsReply,
)
from protocol.objects.reply import Reply
from protocol.values.attributes import AttributeVocabulary
from protocol.values.place import Where
from protocol.values.quantity import convert, decimal_of

_MS: Final = 1000
_LINES_MAX: Final = 50
_ANSWER_CHARS_MAX: Final = 120
_ANSWER_ITEM_CHARS_MAX: Final = 80
_ANSWER_ITEMS_MAX: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class QuoteDraft:
    """An offer before it has a name, a way back and a moment."""

    cur: str
    """The one currency."""
    lines: tuple[Line, ...]
    """What the total is made of."""
    total: int
    """Minor units; the sum of all but the optional lines."""
    due_now: int
    """Deposits, outside the total."""
    answers: tuple[Answer, ...]
    """One per constraint of the cast, in signed order."""
    fulfil: Fulfilment
    """How and when."""
    pay: Payment
    """How to pay."""
    cancel_terms: tuple[CancelTerm, ...]
    """What leaving costs."""
    terms_reply: TermsReply | None
    """Answer to the buyer's terms."""
    firm: bool
    """Whether the node confirms by itself."""
    validity_ms: int
    """How long it holds."""
    confirm_within_ms: int
    """How soon an acceptance is answered."""
    stock_hold: bool
    """Whether the articles are held while it is valid."""
    substitute: str
    """exact or similar."""
    warranty_months: int | None
    """Promised months."""
    note: str
    """Free words."""
    pieces: dict[str, int]
    """Article number -> pieces, for the caller's stock keeping."""
    explain: tuple[str, ...]
    """Why it is so, for the shop owner; never sent."""


@dataclass(slots=True, kw_only=True)
class Quoting:
    """One request being answered; articles are handed in page by page."""

    cast: Intentcast
    """The request."""
    shop: Shop
    """Who answers."""
    rules: Rules
    """By which rules."""
    way: str
    """How the buyer gets it."""
    span: Span | None
    """Days, when it is about days."""
    shortlist: Shortlist
    """Best articles so far."""
    now_ms: int
    """Unix ms."""

    def consider(self, articles: Iterable[Item]) -> None:
        """Look at a page of articles."""
        self.shortlist.consider(articles)

    def result(self) -> QuoteDraft | Skip:
        """Give the quote once every page was looked at."""
        fits = self.shortlist.choice()
        if isinstance(fits, Skip):
            return fits
        terms = _terms_reply(self.cast, self.shop, self.rules)
        if isinstance(terms, Skip):
            return terms
        priced = Pricing(
            cast=self.cast,
            fits=fits,
            rules=self.rules,
            way=self.way,
            span=self.span,
            today=datetime.fromtimestamp(self.now_ms / _MS, tz=UTC).strftime("%m-%d"),
        ).priced()
        if isinstance(priced, Skip):
            return priced
        return self._unfit(priced) or self._draft(fits, priced, terms)

    def _unfit(self, priced: Priced) -> Skip | None:
        largest = max(abs(line.total) for line in priced.lines)
        most = limits.money_minor_max
        if len(priced.lines) > _LINES_MAX or max(largest, priced.total, priced.due_now) > most:
            return Skip(reason=SkipReason.SIZE, words="more lines or money than an offer may hold")
        budget = self.cast.budget.max if self.cast.budget else None
        if self.rules.over_budget == "skip" and budget is not None and priced.total > budget.minor:
            return Skip(reason=SkipReason.BUDGET, words="over the budget the buyer made public")
        return None

    def _draft(self, fits: list[Fit], priced: Priced, terms: TermsReply | None) -> QuoteDraft:
        rules = self.rules
        pieces: dict[str, int] = {}
        for fit in fits:
            sku = fit.article.sku
            pieces[sku] = pieces.get(sku, 0) + fit.charge.pieces
        cell = rules.cell or self.shop.cell
        return QuoteDraft(
            cur=rules.currency,
            lines=priced.lines,
            total=priced.total,
            due_now=priced.due_now,
            answers=tuple(_answer(found) for fit in fits for found in fit.findings),
            fulfil=Fulfilment(
                mode=self.way,  # type: ignore[arg-type]  # the rules hold it against the four modes
                window=self.span.window if self.span else None,
                place=Where(cell=cell) if self.way == "pickup" and cell else None,
            ),
            pay=Payment(
                methods=list(rules.pay_methods),
                when=rules.pay_when,  # type: ignore[arg-type]  # held against the three words
                link=rules.pay_link,
            ),
            cancel_terms=self._cancel_terms(),
            terms_reply=terms,
            firm=rules.firm,
            validity_ms=rules.validity_ms,
            confirm_within_ms=rules.confirm_within_ms,
            stock_hold=rules.stock_hold,
            substitute=rules.substitute,
            warranty_months=rules.warranty_months,
            note=rules.note,
            pieces=pieces,
            explain=priced.explain,
        )

    def _cancel_terms(self) -> tuple[CancelTerm, ...]:
        if self.span is None:
            return ()
        start = _start_ms(self.span)
        terms = [
            CancelTerm(until=start - rule.hours_before * HOUR_MS, fee=rule.fee)
            for rule in self.rules.cancels
        ]
        return tuple(sorted((t for t in terms if t.until > self.now_ms), key=lambda t: t.until))


def begin(
    cast: Verified[Intentcast],
    *,
    shop: Shop,
    rules: Rules,
    vocabulary: AttributeVocabulary,
    now_ms: int,
    committed: Mapping[str, int] | None = None,
) -> Quoting | Skip:
    """Ask what needs no article: is it for us, can we get it there, are the days possible.

    Args:
        cast: verified.
        shop: who answers.
        rules: in force.
        vocabulary: shipped attributes.
        now_ms: Unix ms.
        committed: article number -> pieces promised elsewhere.
    """
    body = cast.body
    refusal = addressed(body, shop, rules, now_ms=now_ms)
    if refusal is not None:
        return refusal
    way = way_of(body.where, shop, rules)
    if isinstance(way, Skip):
        return way
    span = span_of(body, rules, now_ms=now_ms)
    if isinstance(span, Skip):
        return span
    if body.function == "rent" and span is None and not _asks_for_time(body):
        return Skip(reason=SkipReason.DATES, words="the buyer named no days")
    shortlist = Shortlist(
        cast=body,
        rules=rules,
        vocabulary=vocabulary,
        span=span,
        committed=committed or {},
    )
    return Quoting(
        cast=body, shop=shop, rules=rules, way=way, span=span, shortlist=shortlist, now_ms=now_ms
    )


async def quote(
    storage: Storage,
    cast: Verified[Intentcast],
    *,
    shop: Shop,
    rules: Rules,
    vocabulary: AttributeVocabulary,
    now_ms: int,
    committed: Mapping[str, int] | None = None,
) -> QuoteDraft | Skip:
    """Answer a request from the catalogue.

    Raises:
        StorageError: the catalogue could not be read.
    """
    quoting = begin(
        cast,
        shop=shop,
        rules=rules,
        vocabulary=vocabulary,
        now_ms=now_ms,
        committed=committed,
    )
    if isinstance(quoting, Skip):
        return quoting
    async for page in offered_items(storage, cast.body.category):
        quoting.consider(page)
    return quoting.result()


def to_offer(
    draft: QuoteDraft,
    *,
    cast_id: bytes,
    profile_id: bytes,
    reply: Reply,
    now_ms: int,
    supersedes: bytes | None = None,
    round_number: int = 0,
) -> Offer:
    """Make the body of an offer.

    Args:
        draft: what was quoted.
        cast_id: id of the cast it answers.
        profile_id: id of the vendor's profile.
        reply: where the acceptance goes.
        now_ms: Unix ms; the offer is valid from then for the draft's validity.
        supersedes: the offer it revises.
        round_number: 0, or the revision's count.
    """
    valid_until = now_ms + draft.validity_ms
    return Offer(
        cast=cast_id,
        supersedes=supersedes,
        round=round_number,
        firm=draft.firm,
        valid_until=valid_until,
        confirm_within=draft.confirm_within_ms,
        profile=profile_id,
        cur=draft.cur,
        lines=list(draft.lines),
        total=draft.total,
        due_now=draft.due_now,
        answers=list(draft.answers),
        fulfil=draft.fulfil,
        cancel_terms=list(draft.cancel_terms),
        pay=draft.pay,
        terms_reply=draft.terms_reply,
        stock_hold=valid_until if draft.stock_hold else None,
        substitute="similar" if draft.substitute == "similar" else "exact",
        warranty_months=draft.warranty_months,
        note=draft.note,
        reply=reply,
    )


def pieces_of(offer: Offer) -> Counter[str]:
    """Count the pieces an offer of ours takes from stock, by article number.

    A line over time holds days times pieces; where its window leaves two readings the larger one
    counts, since promising an article twice is the worse mistake.
    """
    taken: Counter[str] = Counter()
    for line in offer.lines:
        if line.kind == "item" and line.sku:
            taken[line.sku] += _pieces(decimal_of(line.qty.n), line.qty.unit, offer.fulfil.window)
    return taken


def _pieces(n: Decimal, unit: str, window: Window | None) -> int:
    if unit in DAYS_PER and window is not None:
        nights = (date.fromisoformat(window.end) - date.fromisoformat(window.start)).days
        spans = {-(-days // DAYS_PER[unit]) for days in (max(1, nights), nights + 1)}
        return max((int(n / span) for span in spans if n % span == 0), default=1)
    if unit == "HUR":
        return 1
    count = convert(n, unit, "each")
    return math.ceil(n if count is None else count)


@dataclass(slots=True)
class QuotePace:
    """Counts quotes, so that a storm of requests cannot make the shop answer them all."""

    _sent: deque[int] = field(default_factory=deque)

    def allow(self, quotes_per_hour_max: int, *, now_ms: int) -> bool:
        """Tell whether one more may be sent now, and count it when it may."""
        while self._sent and self._sent[0] <= now_ms - HOUR_MS:
            self._sent.popleft()
        if len(self._sent) >= quotes_per_hour_max:
            return False
        self._sent.append(now_ms)
        return True


def _asks_for_time(cast: Intentcast) -> bool:
    return any(wish.qty.unit in ("HUR", "DAY", "WEE", "MON", "ANN") for wish in cast.items)


def _terms_reply(cast: Intentcast, shop: Shop, rules: Rules) -> TermsReply | Skip | None:
    """Accept the first of the buyer's terms the shop accepts, or name the alternative."""
    accepted = shop.terms if rules.terms_accept is None else rules.terms_accept
    for code in cast.terms:
        if code in accepted:
            return TermsReply(accept=code)
    if rules.terms_alternative is not None and rules.terms_alternative not in cast.terms:
        return TermsReply(alternative=rules.terms_alternative)
    if rules.terms_needed:
        words = f"none of the buyer's terms is accepted: {', '.join(cast.terms)}"
        return Skip(reason=SkipReason.TERMS, words=words)
    return None


def _answer(found: Finding) -> Answer:
    value = _answer_value(found.fact)
    unit = found.fact.unit if found.fact is not None and isinstance(value, str) else None
    return Answer(
        item=found.item,
        attr=found.attr,
        status=found.status.outcome.value,
        value=value,
        unit=unit,
    )


def _answer_value(fact: Fact | None) -> str | bool | list[str] | None:
    """Cut a fact to what an answer may hold."""
    if fact is None or isinstance(fact.value, bool) or fact.value is None:
        return None if fact is None else fact.value
    if isinstance(fact.value, list):
        return [text[:_ANSWER_ITEM_CHARS_MAX] for text in fact.value[:_ANSWER_ITEMS_MAX]]
    return fact.value[:_ANSWER_CHARS_MAX]


def _start_ms(span: Span) -> int:
    """Give the first moment of a span's first day, where the buyer is."""
    midnight = datetime(span.first.year, span.first.month, span.first.day, tzinfo=UTC)
    try:
        offset = midnight.replace(tzinfo=ZoneInfo(span.window.tz)).utcoffset() or timedelta()
    except (ZoneInfoNotFoundError, ValueError, OSError):
        offset = timedelta()
    return int((midnight - offset).timestamp() * _MS)
