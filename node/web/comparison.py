"""Offers side by side: which rows a table of them has, and what stands in each cell.

Enters: the offers of one request, in order. Leaves: rows of plain texts, each told whether its
cells differ. What a vendor did not say is said as unknown; it is never a zero.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from node.web.texts import _, marked, ngettext
from node.web.wording import code_words, date_words, day, line_words, state_words
from protocol.values.money import format_money

Offer = dict[str, Any]
Wish = dict[str, Any]
_Asked = tuple[str, str, str, int]
"""Item, key, what is wanted, and which of those that are equal in all this."""
UNKNOWN: Final = marked("not stated")
_LINE_KINDS: Final = {
    "item": marked("Goods and services"),
    "delivery": marked("Delivery"),
    "tax": marked("Tax"),
    "fee": marked("Fees"),
    "deposit": marked("Deposit"),
    "discount": marked("Discount"),
}
_BEST: Final = {
    "total": marked("cheapest"),
    "date": marked("soonest"),
    "distance": marked("nearest"),
}
_MARKS: Final = {
    "met": marked("meets it"),
    "unmet": marked("does not"),
    "unknown": marked("unknown"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One offer's answer in one row."""

    text: str
    note: str = ""
    """A word about it: `cheapest`, `no`."""
    tone: str = ""
    """`good`, `bad`, `unknown` or nothing; always beside words, never alone."""
    parts: tuple[str, ...] = ()
    """What it is made of, line by line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One term of all offers."""

    label: str
    group: str
    """`price`, `when`, `must`, `prefer`, `terms` or `vendor`."""
    cells: tuple[Cell, ...]

    @property
    def differs(self) -> bool:
        """Tell whether any two cells say different things."""
        return len({(cell.text, cell.note, cell.parts) for cell in self.cells}) > 1


def comparison(offers: Sequence[Offer], *, only_different: bool = False) -> list[Row]:
    """Lay out offers as columns.

    Args:
        offers: in the order of the columns.
        only_different: leave out rows in which all say the same; the total always stands.
    """
    if not offers:
        return []
    total = _row(_("Total"), "price", offers, _total)
    rows = [
        total,
        *_lines(offers),
        _row(_("Due now"), "price", offers, _due_now),
        _row(_("When"), "when", offers, _when),
        _row(_("How"), "when", offers, lambda one: Cell(text=code_words(one["fulfil"]["mode"]))),
        *_wishes(offers, "musts", "must"),
        *_wishes(offers, "prefers", "prefer"),
        _row(_("Payment"), "terms", offers, _payment),
        _row(_("Cancelling"), "terms", offers, _cancelling),
        _row(_("Warranty"), "terms", offers, _warranty),
        _row(_("Terms"), "terms", offers, _terms),
        _row(_("Valid until"), "terms", offers, lambda one: Cell(text=day(one["valid_until"]))),
        _row(_("Firm"), "terms", offers, _firm),
        _row(_("Known of it"), "vendor", offers, _trust),
        _row(_("Note"), "vendor", offers, lambda one: Cell(text=one["note"] or _(UNKNOWN))),
        _row(_("State"), "vendor", offers, _state),
    ]
    return [row for row in rows if not only_different or row.differs or row is total]


def final_terms(offer: Offer) -> list[Row]:
    """List everything a yes to one offer binds to, beside its lines and its total."""
    one = [offer]
    return [
        *_settled(one),
        _row(_("Warranty"), "terms", one, _warranty),
        _row(_("Terms"), "terms", one, _terms),
        _row(_("Firm"), "terms", one, _firm),
        _row(_("Note"), "vendor", one, lambda one: Cell(text=one["note"] or _(UNKNOWN))),
    ]


def has_twin(offer: Offer) -> bool:
    """Tell whether another vendor of the request goes by a name that looks like this one's."""
    return any(mark["code"] == "same_name" for mark in offer["marks"])


def deal_terms(deal: Offer) -> list[Row]:
    """List what comes next of a deal: when, how, what to pay; nothing where its offer is gone."""
    return [] if deal["fulfil"] is None else _settled([deal])


def _settled(one: Sequence[Offer]) -> list[Row]:
    return [
        _row(_("When"), "when", one, _when_agreed),
        _row(_("How"), "when", one, lambda one: Cell(text=code_words(one["fulfil"]["mode"]))),
        _row(_("Due now"), "price", one, _due_now),
        _row(_("Payment"), "terms", one, _payment),
        _row(_("Cancelling"), "terms", one, _cancelling),
    ]


def _when_agreed(deal: Offer) -> Cell:
    return Cell(text=when_text(deal)) if deal["fulfil"].get("window") else _unknown()


def _row(label: str, group: str, offers: Sequence[Offer], cell: Callable[[Offer], Cell]) -> Row:
    return Row(label=label, group=group, cells=tuple(cell(one) for one in offers))


def best_in(offer: Offer) -> list[str]:
    """Say in which terms no other offer does better: `cheapest`, `soonest`, `nearest`."""
    best = [term["name"] for term in offer["explain"] if term["best"]]
    return [_(_BEST[name]) for name in best if name in _BEST]


def _unknown() -> Cell:
    return Cell(text=_(UNKNOWN), tone="unknown")


def _total(offer: Offer) -> Cell:
    notes = [word for word in best_in(offer) if word == _(_BEST["total"])]
    is_odd = any(mark["code"] == "far_below" for mark in offer["marks"])
    if is_odd:
        notes.append(_("far below the others"))
    if offer["over_budget"]:
        notes.append(_("over budget"))
    tone = "bad" if offer["over_budget"] else "good" if notes and not is_odd else ""
    return Cell(text=offer["total_text"], note=", ".join(notes), tone=tone)


def _due_now(offer: Offer) -> Cell:
    return Cell(text=offer["due_now_text"] or _("nothing"))


def _firm(offer: Offer) -> Cell:
    return Cell(text=_("yes") if offer["firm"] else _("no"))


def _lines(offers: Sequence[Offer]) -> Iterable[Row]:
    """Give a row for each kind of line that any offer has."""
    present = {line["kind"] for offer in offers for line in offer["lines"]}
    for kind in [*_LINE_KINDS, *sorted(present - set(_LINE_KINDS))]:
        if kind in present:
            label = _(_LINE_KINDS.get(kind, kind))
            yield _row(label, "price", offers, lambda one, kind=kind: _line_cell(one, kind))  # type: ignore[misc]
    if any(offer["options"] for offer in offers):
        yield _row(_("Options"), "price", offers, _options)


def _line_cell(offer: Offer, kind: str) -> Cell:
    found = [line for line in offer["lines"] if line["kind"] == kind]
    if not found:
        # Known, not unstated: an offer's lines make its total, and none of them is of this kind.
        return Cell(text=_("none"))
    parts = tuple(line_words(line) for line in found)
    text = format_money(sum(line["total"] for line in found), offer["cur"])
    return Cell(text=text, parts=parts)


def _options(offer: Offer) -> Cell:
    parts = tuple(line_words(line) for line in offer["options"])
    text = ngettext("%(num)s to choose", "%(num)s to choose", len(parts)) if parts else _("none")
    return Cell(text=text, parts=parts)


def when_text(offer: Offer) -> str:
    """Say when the buyer gets it."""
    window = offer["fulfil"].get("window")
    if not window:
        return _(UNKNOWN)
    start, end = date_words(str(window["start"])), date_words(str(window["end"]))
    if start == end:
        return start
    return _("%(first)s to %(last)s") % {"first": start, "last": end}


def _when(offer: Offer) -> Cell:
    if not offer["fulfil"].get("window"):
        return _unknown()
    text = when_text(offer)
    notes = [word for word in best_in(offer) if word == _(_BEST["date"])]
    return Cell(text=text, note=", ".join(notes), tone="good" if notes else "")


def _wishes(offers: Sequence[Offer], name: str, group: str) -> Iterable[Row]:
    """Give a row for each wish; offers to one request answer the same ones in the same order."""
    told = [_told(offer[name]) for offer in offers]
    labels: dict[_Asked, str] = {}
    for answers in told:
        for asked, wish in answers.items():
            labels.setdefault(asked, f"{wish['label']} {wish['wanted']}")
    several = len({wish["item"] for one in offers for wish in [*one["musts"], *one["prefers"]]}) > 1
    for asked, label in labels.items():
        cells = tuple(_answer(answers.get(asked)) for answers in told)
        yield Row(label=f"{asked[0]}: {label}" if several else label, group=group, cells=cells)


def _told(wishes: Sequence[Wish]) -> dict[_Asked, Wish]:
    """Tell wishes apart by item, key and what is wanted; equal ones by their order."""
    found: dict[_Asked, Wish] = {}
    for wish in wishes:
        asked = (wish["item"], wish["key"], wish["wanted"])
        found[*asked, sum(each[:-1] == asked for each in found)] = wish
    return found


def _answer(wish: Wish | None) -> Cell:
    if wish is None:
        return _unknown()
    status = str(wish["status"])
    tone = {"met": "good", "unmet": "bad"}.get(status, "unknown")
    return Cell(text=wish["fact"] or _(UNKNOWN), note=_(_MARKS.get(status, status)), tone=tone)


def _payment(offer: Offer) -> Cell:
    """Say how it is paid; the ways and the link are the vendor's own words, sign for sign."""
    pay = offer["pay"]
    ways = ", ".join(pay.get("methods", ()))
    found = [ways, code_words(pay["when"]) if pay.get("when") else ""]
    text = "; ".join(words for words in found if words)
    # Word for word: money follows it.
    parts = (pay["link"],) if pay.get("link") else ()
    return Cell(text=text, parts=parts) if text or parts else _unknown()


def _cancelling(offer: Offer) -> Cell:
    text = _("until %(day)s: %(fee)s")
    terms = ({"day": day(term["until"]), "fee": term["fee_text"]} for term in offer["cancel"])
    parts = tuple(text % term for term in terms)
    return _unknown() if not parts else Cell(text=parts[0], parts=parts[1:])


def _warranty(offer: Offer) -> Cell:
    months = offer["warranty_months"]
    if months is None:
        return _unknown()
    return Cell(text=ngettext("%(num)s month", "%(num)s months", months))


def _terms(offer: Offer) -> Cell:
    if not offer["terms"]:
        return _unknown()
    is_ours = offer["terms_accepted"]
    note = _("yours, accepted") if is_ours else _("theirs, instead of yours")
    return Cell(text=str(offer["terms"]), note=note, tone="good" if is_ours else "")


def _trust(offer: Offer) -> Cell:
    vendor = offer["vendor"]
    values = {"domain": vendor["domain"]}
    domain = _("says it is %(domain)s (not checked)") % values if vendor["domain"] else ""
    return Cell(text=code_words(vendor["trust"]), note=domain)


def _state(offer: Offer) -> Cell:
    marks = [mark["sentence"] for mark in offer["marks"]]
    problems = [problem["sentence"] for problem in offer["problems"]]
    text = state_words(offer["state"]) if offer["valid"] else _("not valid")
    return Cell(text=text, parts=(*problems, *marks), tone="" if offer["valid"] else "bad")
