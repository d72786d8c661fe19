"""Whole documents of a handle, as a page gets them."""

from __future__ import annotations

from datetime import date
from typing import Any

from node.clock import ManualClock
from tests.unit.node.api import fake_citizen

TODAY = date(2027, 2, 15)
CLOCK = ManualClock(wall_ms=1_802_692_800_000)
"""Noon of that day, before everything these papers offer."""


def line(name: str, kind: str, total: int) -> dict[str, Any]:
    return {
        "name": name,
        "kind": kind,
        "qty": "1 each",
        "unit_text": f"{total / 100:.2f} EUR",
        "total": total,
        "total_text": f"{total / 100:.2f} EUR",
        "basis": "",
        "sku": None,
    }


def wish(status: str = "met", fact: str | None = "230 V", **changes: Any) -> dict[str, Any]:
    return fake_citizen.MUST | {"status": status, "fact": fact} | changes


def term(name: str, points: int, *, best: bool = False) -> dict[str, Any]:
    return {
        "name": name,
        "value": "x",
        "weight": 1,
        "points": points,
        "words": "so many",
        "best": best,
    }


def offer(number: int, **changes: Any) -> dict[str, Any]:
    position = changes.get("position", number)
    total = changes.pop("total", 20_000 + number * 1_000)
    found: dict[str, Any] = {
        "id": f"offer-{position:04d}",
        "handle": f"offer-AAAA-{position:04d}",
        "position": position,
        "vendor": {
            "name": f"vendor_{position}",
            "key": f"key-{position}",
            "handle": f"key-{position:04d}",
            "domain": None,
            "domain_checked": False,
            "trust": "first contact",
        },
        "cur": "EUR",
        "total": total,
        "total_text": f"{total / 100:.2f} EUR",
        "due_now_text": None,
        "lines": [line("Machine", "item", total - 2_000), line("Parcel", "delivery", 2_000)],
        "options": [],
        "slots": [],
        "valid_until": "2027-02-20T12:00:00Z",
        "firm": True,
        "state": "offered",
        "valid": True,
        "problems": [],
        "musts": [wish()],
        "prefers": [],
        "musts_met": 1,
        "musts_total": 1,
        "over_budget": False,
        "marks": [],
        "score": 900 - position,
        "explain": [term("total", 900, best=position == 1)],
        "fulfil": {
            "mode": "delivery",
            "window": {"start": f"2027-03-{number:02d}", "end": f"2027-03-{number:02d}"},
        },
        "pay": {"methods": ["card"], "when": "after"},
        "cancel": [{"until": "2027-02-01T00:00:00Z", "fee_text": "0.00 EUR"}],
        "terms": "PDC-INTENT",
        "terms_accepted": True,
        "warranty_months": 12,
        "note": "",
    }
    return found | changes


def deal(state: str = "agreed", **changes: Any) -> dict[str, Any]:
    found = {
        "id": "deal-0000",
        "handle": "deal-9ABC-DEFG",
        "role": "buyer",
        "state": state,
        "cast_title": "Espresso machine",
        "counterparty": "vendor_1",
        "offer": "offer-0001",
        "total": 21_000,
        "total_text": "210.00 EUR",
        "lines": [line("Machine", "item", 19_000), line("Grinder", "optional", 2_000)],
        "due_now_text": None,
        "fulfil": {
            "mode": "delivery",
            "window": {"start": "2027-03-01", "end": "2027-03-04"},
        },
        "pay": {"methods": ["card"], "when": "after"},
        "cancel": [],
        "confirm_by": "2027-02-20T12:15:00Z",
        "acknowledged": state == "agreed",
        "agreement_id": "agreement-1" if state == "agreed" else None,
        "disclosed": ["name"] if state == "agreed" else [],
        "received": {},
        "history": [{"at": "2027-02-20T12:00:00Z", "what": "deal.accept_sent"}],
        "next": "Both sides have signed; keep the agreement in a file.",
    }
    return found | changes


STATUS: dict[str, Any] = {
    "schema": "intentcast.status/1",
    "version": "0",
    "net": "test",
    "node": "node-1",
    "home": "/home",
    "pid": 1,
    "uptime_s": 1,
    "peers": 3,
    "relay": False,
    "listen": None,
    "mailbox": False,
    "vendor": None,
    "casts": {},
    "reach": None,
    "deals": {},
    "locked": False,
    "outbox": {},
    "private": {},
    "clock_offset_ms": None,
    "notices": ["Write down <b>your</b> words"],
}

CAST: dict[str, Any] = fake_citizen.CAST | {
    "created": "2027-02-01T00:00:00Z",
    "note": "Signed and seen at 2 of your 3 peers; offers come in until the date.",
}
EVIL = "<script>alert(1)</script>\u202egpj.exe"
"""What a stranger might write anywhere."""
EVIL_SHOWN = "&lt;script&gt;alert(1)&lt;/script&gt;[202E]gpj.exe"
