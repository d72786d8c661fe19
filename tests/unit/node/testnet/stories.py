"""Offers and requests as documents, as a node would give them, for the tellers' tests."""

from __future__ import annotations

from typing import Any

Document = dict[str, Any]


def must(status: str = "met", key: str = "insurance-required") -> Document:
    return {
        "key": key,
        "label": "Vendor's insurance required",
        "wanted": "none",
        "status": status,
        "fact": "yes" if status == "unmet" else "no",
        "why": "",
    }


def line(name: str, total: int, kind: str = "item") -> Document:
    return {
        "name": name,
        "kind": kind,
        "qty": "5 DAY",
        "unit_text": f"{total / 500:.2f} USD",
        "total": total,
        "total_text": f"{total / 100:.2f} USD",
        "basis": None,
    }


def offer(number: int, **changes: Any) -> Document:
    found: Document = {
        "id": f"offer-{number}",
        "handle": f"offer-{number}",
        "position": number,
        "vendor": {"name": f"vendor_{number}", "key": f"key-{number}"},
        "total": 11_000,
        "total_text": "110.00 USD",
        "lines": [line("car", 10_000), line("tax", 1_000, "tax")],
        "musts": [must()],
        "musts_met": 1,
        "musts_total": 1,
        "over_budget": False,
        "valid": True,
        "state": "offered",
        "firm": True,
    }
    return found | changes


def forcing(number: int) -> Document:
    return offer(number, musts=[must("unmet")], musts_met=0)
