"""Requests, articles and rules for the tests of matching, pricing and quoting."""

from __future__ import annotations

from typing import Any

from node.storage.catalogue import Item, StatedFact
from node.vendor.matching import Charge, Fit, Shop, Shortlist, span_of
from node.vendor.rules import Rules
from protocol.objects.envelope import Verified
from protocol.objects.intentcast import AttributeConstraint, Intentcast, Membership, Window
from protocol.objects.intentcast import Item as Wish
from protocol.values.attributes import AttributeVocabulary
from protocol.values.quantity import Quantity
from tests.parties import NOW_MS, WANTED, make_cast

CARS = "travel/car-rental"
CAMERAS = "electronics/cameras/digital-cameras"
PARK_CITY = "872696a5affffff"
SALT_LAKE_CITY = "872696ab6ffffff"
DATES = Window(start="2026-12-20", end="2026-12-25", tz="America/Denver")
SHOP = Shop(cell=PARK_CITY, terms=("SD-BASE",))


def must(key: str, op: str = "present", value: Any = None, unit: str | None = None) -> Any:
    return AttributeConstraint(key=key, op=op, value=value, unit=unit)  # type: ignore[arg-type]


def prefer(key: str, op: str = "present", value: Any = None, weight: int = 1) -> Any:
    return AttributeConstraint(
        key=key,
        op=op,  # type: ignore[arg-type]
        value=value,
        level="prefer",
        weight=weight,
    )


def wish(name: str = "car", qty: str = "1", unit: str = "each", attrs: Any = ()) -> Wish:
    return Wish(name=name, qty=Quantity(n=qty, unit=unit), attrs=list(attrs))


def rental(*attrs: Any, **changes: Any) -> Verified[Intentcast]:
    """A request for one car over five nights."""
    base: dict[str, Any] = {
        "category": CARS,
        "function": "rent",
        "items": [wish(attrs=attrs)],
        "when": [DATES],
        "where": WANTED,
        "budget": None,
        "vendor_req": None,
    }
    return make_cast(**{**base, **changes})


def purchase(*attrs: Any, **changes: Any) -> Verified[Intentcast]:
    """A request to buy one camera."""
    base: dict[str, Any] = {
        "category": CAMERAS,
        "function": "buy",
        "items": [wish("camera", attrs=attrs)],
        "when": [],
        "where": WANTED,
        "budget": None,
        "vendor_req": None,
    }
    return make_cast(**{**base, **changes})


def members(*programmes: str) -> list[Membership]:
    return [Membership(programme=programme) for programme in programmes]


def car(sku: str = "CAR", price_minor: int = 5_000, **changes: Any) -> Item:
    base: dict[str, Any] = {
        "sku": sku,
        "source": "feed",
        "title": "A car",
        "category": CARS,
        "cur": "USD",
        "price_minor": price_minor,
        "price_unit": "DAY",
    }
    return Item(**{**base, **changes})


def camera(sku: str = "CAM", price_minor: int = 27_900, **changes: Any) -> Item:
    base: dict[str, Any] = {"title": "A camera", "category": CAMERAS, "price_unit": "each"}
    return car(sku, price_minor, **{**base, **changes})


def facts(**stated: Any) -> dict[str, StatedFact]:
    """Facts by key, `_` for `-`; a pair is (value, unit)."""
    return {
        key.replace("_", "-"): StatedFact(value=v[0], unit=v[1])
        if isinstance(v, tuple)
        else StatedFact(value=v)
        for key, v in stated.items()
    }


def rules(**changes: Any) -> Rules:
    return Rules(**{"currency": "USD", **changes})


def shortlist(
    cast: Verified[Intentcast], vocabulary: AttributeVocabulary, *items: Item, **changes: Any
) -> Shortlist:
    by = rules(**changes)
    span = span_of(cast.body, by, now_ms=NOW_MS)
    assert span is None or hasattr(span, "days")
    found = Shortlist(cast=cast.body, rules=by, vocabulary=vocabulary, span=span)  # type: ignore[arg-type]
    found.consider(items)
    return found


def fit(article: Item, charge: Charge) -> Fit:
    return Fit(article=article, charge=charge, findings=(), words_shared=0)
