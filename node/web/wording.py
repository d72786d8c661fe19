"""How single values read on a page: moments, states, and what strangers wrote.

Enters: values of documents. Leaves: text in the reader's language. What strangers wrote is kept
whole, by the rule of `node.lettering`: what would turn its surroundings, or not be seen, is shown
as its code.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from node.lettering import shown
from node.web.texts import _, marked, ngettext
from protocol.values.quantity import unit_label

_MOMENT: Final = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z")
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_SHOWN_MAX: Final = 40_000
_COUNT_DIGITS: Final = 9
_LENGTHS: Final[Mapping[str, Callable[[int], str]]] = {
    "MIN": lambda count: ngettext("%(num)s minute", "%(num)s minutes", count),
    "HUR": lambda count: ngettext("%(num)s hour", "%(num)s hours", count),
    "DAY": lambda count: ngettext("%(num)s day", "%(num)s days", count),
    "WEE": lambda count: ngettext("%(num)s week", "%(num)s weeks", count),
    "MON": lambda count: ngettext("%(num)s month", "%(num)s months", count),
}
"""Units of time -> so many of them in words."""
_STATES: Final = {
    "draft": marked("waits for a mailbox"),
    "open": marked("open for offers"),
    "deciding": marked("time to choose"),
    "awarded": marked("accepted an offer"),
    "expired": marked("ended"),
    "revoked": marked("taken back"),
    "offered": marked("offered"),
    "accept_sent": marked("waits for the vendor"),
    "confirmed": marked("confirmed"),
    "agreed": marked("agreed"),
    "declined": marked("declined"),
    "voided": marked("not confirmed in time"),
    "cancelled": marked("cancelled"),
    "withdrawn": marked("withdrawn"),
    "replaced": marked("replaced by a later offer"),
    "waiting": marked("accepted: waits for your answer"),
}
_CODES: Final = {
    "must": marked("must"),
    "prefer": marked("prefer"),
    "buyer": marked("buyer"),
    "vendor": marked("vendor"),
    "name": marked("name"),
    "phone": marked("phone"),
    "email": marked("e-mail"),
    "address": marked("address"),
    "pickup": marked("pickup"),
    "delivery": marked("delivery"),
    "onsite": marked("at your place"),
    "remote": marked("from afar"),
    "before": marked("before delivery"),
    "at": marked("at delivery"),
    "after": marked("after delivery"),
    "methods": marked("ways"),
    "when": marked("when"),
    "each": marked("each"),
    "preferences": marked("preferences"),
    "total": marked("total"),
    "date": marked("date"),
    "distance": marked("distance"),
    "trust": marked("dealt with before"),
    "first contact": marked("first contact"),
    "verified": marked("verified"),
    "unacknowledged": marked("not acknowledged"),
    "intentcast": marked("request"),
    "profile": marked("profile"),
    "offer": marked("offer"),
    "acceptance": marked("acceptance"),
    "event": marked("answer"),
    "relay": marked("relay"),
    "mailbox": marked("mailbox"),
}
"""Words of documents that come from a closed list -> what they are called."""
_EVENTS: Final = {
    "offer": marked("an offer came"),
    "offer.withdrawn": marked("an offer was withdrawn"),
    "offer.sent": marked("offer sent"),
    "letter_put": marked("a letter was left in a mailbox"),
    "cast.open": marked("a request went out"),
    "deal.accept_sent": marked("acceptance signed"),
    "deal.offered": marked("acceptance received"),
    "deal.refused": marked("something came that changes nothing"),
    "deal.asked": marked("the other side was asked"),
    "deal.recalled": marked("recovered from the other side"),
    "letter_refused": marked("a letter was refused"),
}
"""What happened -> what it is called."""
_MONTHS: Final = (
    marked("Jan"),
    marked("Feb"),
    marked("Mar"),
    marked("Apr"),
    marked("May"),
    marked("Jun"),
    marked("Jul"),
    marked("Aug"),
    marked("Sep"),
    marked("Oct"),
    marked("Nov"),
    marked("Dec"),
)


def amount(quantity: str) -> str:
    """Say how much: `5 DAY` becomes `5 days`, `2.5 KGM` becomes `2.5 kg`, `1 each` becomes `1`."""
    number, _blank, unit = quantity.partition(" ")
    if unit in _LENGTHS and number.isascii() and number.isdigit() and len(number) <= _COUNT_DIGITS:
        return _LENGTHS[unit](int(number))
    return f"{number} {unit_label(unit)}".rstrip()


def line_words(line: Mapping[str, Any]) -> str:
    """Say one line of an offer, `SUV, 5 days: 390.00 USD`; a single piece needs no number."""
    much = amount(line["qty"])
    name = line["name"] + ("" if much == "1" else f", {much}")
    return f"{name}: {line['total_text']}"


def state_words(state: str) -> str:
    """Say a state in words a person uses."""
    return _(_STATES.get(state, state.replace("_", " ")))


def code_words(code: object) -> str:
    """Say a word of a closed list; what is not in it stays as it is."""
    text = str(code)
    return _(_CODES[text]) if text in _CODES else text


def event_words(what: str) -> str:
    """Say what happened."""
    if what in _EVENTS:
        return _(_EVENTS[what])
    return state_words(what.removeprefix("deal.").replace(".", " "))


def minute(moment: str | None) -> str:
    """Write a moment to the minute, UTC: `20 Mar 2027, 14:05 UTC`."""
    found = _read(moment)
    if found is None:
        return ""
    return _("%(day)s, %(clock)s UTC") % {"day": _day(found), "clock": f"{found:%H:%M}"}


def day(moment: str | None) -> str:
    """Write the day of a moment, UTC: `20 Mar 2027`."""
    found = _read(moment)
    return _day(found) if found else ""


def date_words(date: str) -> str:
    """Write a calendar day of no zone, `2027-03-20`: `20 Mar 2027`; anything else as it is."""
    if _DATE.fullmatch(date):
        with contextlib.suppress(ValueError):
            return _day(datetime.fromisoformat(date))
    return date


def _day(moment: datetime) -> str:
    parts = {"day": moment.day, "month": _(_MONTHS[moment.month - 1]), "year": moment.year}
    return _("%(day)s %(month)s %(year)s") % parts


def _read(moment: str | None) -> datetime | None:
    if not moment or not _MOMENT.fullmatch(moment):
        return None
    return datetime.fromisoformat(moment)


def pretty(document: object) -> str:
    """Write a document as text, whole and word for word, what would hide or turn it as its code."""
    return shown(json.dumps(document, indent=2, ensure_ascii=False), breaks=True)


def bidi_safe(text: object) -> str:
    """Keep a stranger's text, and show what would hide or turn it as its code.

    What is far longer than anything a stranger may sign is cut, and says so.
    """
    found = str(text)
    left = len(found) - _SHOWN_MAX
    cut = ngettext("%(num)s more sign", "%(num)s more signs", left) if left > 0 else ""
    return shown(found[:_SHOWN_MAX], breaks=True) + (f" […: {cut}]" if cut else "")
