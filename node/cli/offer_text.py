"""Offers as text: one row each to compare, or every line, wish and term of the sum.

Enters: the documents of a node. Leaves: lines. Texts of vendors are shown, never obeyed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from node.cli.console import clean
from node.cli.spoken import moment, plural, short
from node.cli.table import cut, pad, table, width_of

Offer = dict[str, Any]
HEADINGS = ("#", "offer", "vendor", "total", "of which", "when", "musts", "trust", "marks")
_NAMED_KINDS = {"tax", "fee", "delivery", "discount"}
_INDENT = "   "
_UNSAID = "not said"
_PAID = {"before": "before delivery", "at": "at delivery", "after": "after delivery"}


def overview(offers: Sequence[Offer], columns: int) -> list[str]:
    """Lay out offers as rows, the best first."""
    head, rows = overview_rows(offers, columns)
    return [head, *(line for row in rows for line in row)]


def overview_rows(offers: Sequence[Offer], columns: int) -> tuple[str, list[list[str]]]:
    """Lay out offers as rows, the best first.

    Returns:
        The headings, and the lines of each offer; where marks have no column, they stand beneath.
    """
    cells = [
        (
            offer["position"],
            offer["handle"],
            offer["vendor"]["name"],
            offer["total_text"],
            _sum_of(offer),
            when(offer),
            f"{offer['musts_met']}/{offer['musts_total']}",
            offer["vendor"]["trust"],
            ", ".join(marks(offer)),
        )
        for offer in offers
    ]
    head, *rows = table(
        HEADINGS,
        cells,
        columns=columns,
        right=("#", "total"),
        whole=("#", "offer", "total"),
        spare=("of which", "trust", "marks", "when"),
    )
    if HEADINGS[-1] in head.split():
        return head, [[row] for row in rows]
    beneath = [cut(_INDENT + clean(", ".join(marks(offer))), columns).rstrip() for offer in offers]
    return head, [[row, line] if line else [row] for row, line in zip(rows, beneath, strict=True)]


def _sum_of(offer: Offer) -> str:
    """Write the sum without currency: `229.00 + 20.00 delivery`."""
    parts = []
    for line in offer["lines"]:
        amount = line["total_text"].rpartition(" ")[0] or line["total_text"]
        name = f" {line['kind']}" if line["kind"] in _NAMED_KINDS else ""
        parts.append(f"{amount}{name}")
    return " + ".join(parts).replace("+ -", "- ")


def when(offer: Offer) -> str:
    """Say how and when the buyer gets it."""
    fulfil = offer["fulfil"]
    window = fulfil.get("window")
    if not window:
        return str(fulfil["mode"])
    start, end = window["start"], window["end"]
    return f"{fulfil['mode']} {start}" + (f" to {end}" if end != start else "")


def marks(offer: Offer) -> list[str]:
    """List what a buyer should see beside the total."""
    found = [] if offer["state"] == "offered" else [offer["state"]]
    if not offer["valid"]:
        found.append("not valid")
    if offer["over_budget"]:
        found.append("over budget")
    for mark in offer["marks"]:
        code = mark["code"] if isinstance(mark, dict) else mark
        # Whose budget it is over, the stated one or the one kept at home, is the same to its owner.
        found.append(str(code).replace("_own_", "_").replace("_", " "))
    trust = offer["vendor"]["trust"]  # stands in a column of its own
    return [words for words in dict.fromkeys(found) if words != trust]


def vendor_line(offer: Offer) -> str:
    """Say who offers: its own word, the key its name stands on, and what is known of it here."""
    vendor = offer["vendor"]
    return f"{vendor['name']} {short(vendor['key'])}, {vendor['trust']}"


def conditions(offer: Offer) -> list[tuple[str, str]]:
    """Say what is agreed to beside the total: name and words of each; what is not said, too."""
    pay, months = offer["pay"], offer["warranty_months"]
    whose = "yours, accepted" if offer["terms_accepted"] else "theirs, instead of yours"
    when_paid = _PAID.get(str(pay.get("when", "")), "")
    leaving = (f"{each['fee_text']} until {moment(each['until'])}" for each in offer["cancel"])
    return [
        ("Payment", ", ".join([*pay["methods"], *([when_paid] if when_paid else [])]) or _UNSAID),
        ("Payment link", str(pay.get("link") or "")),
        ("Leaving costs", ", ".join(leaving) or _UNSAID),
        ("Warranty", _UNSAID if months is None else plural(months, "month")),
        ("Terms", f"{offer['terms']} ({whose})" if offer["terms"] else _UNSAID),
    ]


def explained(offer: Offer) -> list[str]:
    """Write everything about one offer: lines, choices, wishes and why it stands where it does."""
    vendor = offer["vendor"]
    head = f"{offer['position']}  {vendor['name']}  {offer['total_text']}  {offer['handle']}"
    firm = "firm" if offer["firm"] else "not firm"
    until = f"valid until {moment(offer['valid_until'])}"
    facts = [f"{short(vendor['key'])}, {vendor['trust']}; {firm}, {until}; {when(offer)}"]
    facts += [f"due now: {offer['due_now_text']}"] if offer.get("due_now_text") else []
    facts += [f"{name.lower()}: {words}" for name, words in conditions(offer) if words]
    facts += [f"marks: {', '.join(marks(offer))}"] if marks(offer) else []
    facts += [f"note: {offer['note']}"] if offer["note"] else []
    found = [clean(head), *(_INDENT + clean(fact) for fact in facts)]
    found += _section("lines", [_line(line) for line in offer["lines"]])
    found += _section("options (--option N)", [_option(each) for each in offer["options"]])
    found += _section("times (--slot N)", [_slot(i, each) for i, each in enumerate(offer["slots"])])
    found += _section("musts", [_wish(wish) for wish in offer["musts"]])
    found += _section("preferences", [_wish(wish) for wish in offer["prefers"]])
    found += _section("problems", [(problem["sentence"],) for problem in offer["problems"]])
    found += _section(f"score {offer['score']}", [_term(term) for term in offer["explain"]])
    return found


def _section(title: str, rows: Sequence[Sequence[object]]) -> list[str]:
    if not rows:
        return []
    cells = [["" if cell is None else clean(cell) for cell in row] for row in rows]
    widths = [max(width_of(text) for text in column) for column in zip(*cells, strict=True)]
    lines = [
        "  ".join(pad(text, width, right=False) for text, width in zip(row, widths, strict=True))
        for row in cells
    ]
    return [f"{_INDENT}{title}", *(f"{_INDENT * 2}{line}".rstrip() for line in lines)]


def _line(line: dict[str, Any]) -> tuple[object, ...]:
    return line["name"], line["kind"], line["qty"], line["total_text"], line.get("basis")


def _option(option: dict[str, Any]) -> tuple[object, ...]:
    return option["index"], option["name"], option["total_text"]


def _slot(index: int, slot: dict[str, Any]) -> tuple[object, ...]:
    return slot.get("index", index), slot["start"], slot["end"], slot["tz"]


def _wish(wish: dict[str, Any]) -> tuple[object, ...]:
    return (
        wish.get("label") or wish["key"],
        wish["wanted"],
        wish["status"],
        wish["fact"],
        wish["why"],
    )


def _term(term: dict[str, Any]) -> tuple[object, ...]:
    return term["name"], plural(term["points"], "point"), f"x {term['weight']}", term["words"]
