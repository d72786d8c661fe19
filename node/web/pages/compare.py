"""The heart: the offers for a request side by side, the arithmetic of their order in the open.

Enters: the handle of a request, and how its owner weighs. Leaves: a table with offers as columns,
and the data of the same for the script that keeps it live. Nothing is hidden by default.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from urllib.parse import urlencode

from aiohttp import web

from node.api.faces import PageRoute
from node.api.operations import answer, handle_of
from node.api.visitors import Scope
from node.numerals import whole_number
from node.web.comparison import Row, comparison, has_twin
from node.web.scatter import scatter
from node.web.shell import Shell
from node.web.texts import _, ngettext
from node.web.weighing import Weight, as_numbers, read_weights
from node.web.wording import bidi_safe, code_words

COLUMNS: Final = 12
"""Offers side by side on one page: more than a person compares, few enough to be drawn at once."""


def _first(text: str, count: int) -> int:
    """Read where the columns begin; a page that is not there is the first one."""
    found = whole_number(text, count - 1) if count else None
    return 0 if found is None else found - found % COLUMNS


def _address(weights: list[Weight], *, only_different: bool) -> str:
    """Write the parameters a link keeps, but the page's number and what is shown."""
    found = {f"w_{each.name}": str(each.value) for each in weights if each.value != 1}
    return urlencode(found | ({"show": "differences"} if only_different else {}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """Offers side by side, as an address asks for them."""

    cast: dict[str, Any]
    offers: Sequence[dict[str, Any]]
    shown: Sequence[dict[str, Any]]
    first: int
    weights: list[Weight]
    only_different: bool

    @property
    def table(self) -> list[Row]:
        """Give the rows of what is shown."""
        return comparison(self.shown, only_different=self.only_different)

    @property
    def caption(self) -> str:
        """Say how many there are, and how they are ordered."""
        return ngettext(
            "%(num)s offer, the best first by your weights",
            "%(num)s offers, the best first by your weights",
            len(self.offers),
        )

    @property
    def address(self) -> str:
        """Write the parameters a link keeps, but the page's number."""
        return _address(self.weights, only_different=self.only_different)


async def _side(shell: Shell, request: web.Request) -> Side:
    weights = read_weights(request.query)
    found = await shell.citizen.offers(handle_of(request), weights=as_numbers(weights))
    offers = found["offers"]
    first = _first(request.query.get("from", ""), len(offers))
    return Side(
        cast=found["cast"],
        offers=offers,
        shown=offers[first : first + COLUMNS],
        first=first,
        weights=weights,
        only_different=request.query.get("show") == "differences",
    )


def compare_pages(shell: Shell) -> list[PageRoute]:
    """List the paths."""

    async def compare(request: web.Request) -> web.Response:
        side = await _side(shell, request)
        return await shell.page(
            request,
            "compare.html",
            title=side.cast["title"],
            here="casts",
            cast=side.cast,
            offers=side.offers,
            weights=side.weights,
            only_different=side.only_different,
            shown=side.shown,
            why={each["handle"]: _why(each) for each in side.shown},
            first=side.first,
            columns=COLUMNS,
            address=side.address,
            table=side.table,
            caption=side.caption,
            keeps=bool(side.offers),
            plot=scatter(side.offers, shell.today()),
        )

    async def compared(request: web.Request) -> web.Response:
        return answer(_told(await _side(shell, request), shell.today()))

    path = "/casts/{handle}"
    return [
        PageRoute(method="GET", path=path, scope=Scope.READ, handler=compare),
        PageRoute(method="GET", path=f"{path}/compared", scope=Scope.READ, handler=compared),
    ]


def _told(side: Side, today: date) -> dict[str, Any]:
    """Tell a page's script what the page shows, word for word; it lays out and decides nothing."""
    can_accept = side.cast["state"] in {"open", "deciding"}
    return {
        "schema": "intentcast.compared/1",
        "count": len(side.offers),
        "caption": side.caption,
        "first": side.first,
        "columns": COLUMNS,
        "heads": [
            {
                "handle": each["handle"],
                "position": each["position"],
                "vendor": bidi_safe(each["vendor"]["name"]),
                "key": each["vendor"]["handle"],
                "twin": _("looks like another vendor's name") if has_twin(each) else "",
                "total": each["total_text"],
                "score": each["score"],
                "why": _why(each),
                "can_accept": can_accept and each["valid"] and each["state"] == "offered",
            }
            for each in side.shown
        ],
        "rows": [
            {
                "label": bidi_safe(row.label),
                "group": row.group,
                "differs": row.differs,
                "cells": [
                    {
                        "text": bidi_safe(cell.text),
                        "note": bidi_safe(cell.note),
                        "tone": cell.tone,
                        "parts": [bidi_safe(part) for part in cell.parts],
                    }
                    for cell in row.cells
                ],
            }
            for row in side.table
        ],
        "can_accept": can_accept,
        "plot": _plotted(side, today),
    }


def _plotted(side: Side, today: date) -> dict[str, Any] | None:
    """Tell the picture: every offer has its point, also those on other pages."""
    plot = scatter(side.offers, today)
    if plot is None:
        return None
    return {
        "points": [
            {
                "handle": point.handle,
                "name": bidi_safe(point.name),
                "x": point.x,
                "y": point.y,
                "is_best": point.is_best,
                "is_shown": side.first <= point.place < side.first + COLUMNS,
                "from": point.place - point.place % COLUMNS,
            }
            for point in plot.points
        ],
        "left_out": plot.left_out_words,
        "low": plot.low,
        "high": plot.high,
        "first": plot.first,
        "last": plot.last,
    }


def _why(offer: dict[str, Any]) -> list[str]:
    """Say the arithmetic of a place so that anybody can do it again."""
    terms = offer["explain"]
    together = sum(term["points"] * term["weight"] for term in terms)
    weights = sum(term["weight"] for term in terms)
    last = _("together %(sum)s, divided by the weights %(weights)s: %(score)s") % {
        "sum": together,
        "weights": weights,
        "score": offer["score"],
    }
    return [*map(_term, terms), last]


def _term(term: dict[str, Any]) -> str:
    name, value = code_words(term["name"]), str(term["value"])
    told = name if value in {name, term["name"], term["words"]} else f"{name}: {value}"
    product = term["points"] * term["weight"]
    sum_text = f"{term['points']} \u00d7 {term['weight']} = {product}"
    return bidi_safe(f"{told} \u2192 {sum_text} ({term['words']})")
