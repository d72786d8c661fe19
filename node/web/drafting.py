"""From the fields of the three steps to a draft, and what the steps offer to choose from.

Enters: forms. Leaves: drafts as `POST /v1/casts` takes them. Whether a draft is right is the
handle's to say, in its own words; nothing is checked twice here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from node.data.vocabulary import attribute_vocabulary, category_tree
from node.web.forms import Form
from node.web.texts import _, marked
from protocol.market.roster import DEFAULT_TERMS
from protocol.values.attributes import AttributeType
from protocol.values.quantity import unit_label

WISHES_MAX: Final = 40
FREE_WISHES: Final = 4
"""Rows for wishes of one's own, beside those the category knows."""
TERMS_SHOWN: Final = "terms_shown"
"""Field that says that the terms were there to be ticked."""
DISCLOSED: Final = ("name", "phone", "email", "address")
"""Fields a person is offered to disclose to the vendor of an agreement."""
WISH: Final = "wish:"
_LEVELS: Final = frozenset({"must", "prefer"})
_FOUND_MAX: Final = 12
_NUMBER_OPS: Final = (
    ("ge", marked("at least")),
    ("le", marked("at most")),
    ("eq", marked("exactly")),
)
_TEXT_OPS: Final = (("match", marked("with the words")), ("eq", marked("exactly")))
_ENUM_OPS: Final = (("eq", marked("is")), ("ne", marked("is not")))


_Ops: TypeAlias = tuple[tuple[str, str], ...]
_KINDS: Final[Mapping[AttributeType, tuple[str, _Ops]]] = {
    AttributeType.NUMBER: ("number", _NUMBER_OPS),
    AttributeType.FLAG: ("flag", (("present", marked("yes")), ("absent", marked("no")))),
    AttributeType.TEXT: ("text", _TEXT_OPS),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Category:
    """One to choose."""

    path: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WishRow:
    """One attribute of the category, to be wished for."""

    key: str
    label: str
    kind: str
    """`number`, `enum`, `flag`, `text`."""
    unit: str
    values: tuple[tuple[str, str], ...]
    """Of a closed list: slug and label."""
    ops: tuple[tuple[str, str], ...]


def categories_for(words: str) -> list[Category]:
    """Find categories by words, the nearest first."""
    tree = category_tree()
    if tree.contains(words):
        return [Category(path=words, label=tree.label(words))]
    paths = [match.path for match in tree.search(words)] if words else tree.children("")
    return [Category(path=path, label=tree.label(path)) for path in paths[:_FOUND_MAX]]


def wish_rows(category: str) -> list[WishRow]:
    """List what a category's things can be wished to be."""
    if not category_tree().contains(category):
        return []
    specs = attribute_vocabulary().for_category(category)
    return [_row(spec) for _key, spec in sorted(specs.items(), key=lambda each: each[1].label)][
        : WISHES_MAX - FREE_WISHES
    ]


def _row(spec: Any) -> WishRow:
    values = tuple((slug, value.label) for slug, value in spec.values.items())
    kind, ops = _KINDS.get(spec.type, ("enum", _ENUM_OPS) if values else ("text", _TEXT_OPS))
    return WishRow(
        key=spec.key,
        label=spec.label,
        kind=kind,
        unit=unit_label(spec.unit or ""),
        values=values,
        ops=tuple((op, _(words)) for op, words in ops),
    )


def draft_of(form: Form) -> dict[str, Any]:
    """Put a draft together; what was left empty is left out."""
    draft: dict[str, Any] = {
        "title": form.text("title"),
        "category": form.text("category"),
        "function": form.text("function", "buy"),
        "items": [_item(form)],
    }
    for name in ("text", "decide_by"):
        if found := form.text(name):
            draft[name] = found
    if where := _where(form):
        draft["where"] = where
    if when := _when(form):
        draft["when"] = when
    if budget := _budget(form):
        draft["budget"] = budget
    if memberships := _lines(form.text("memberships")):
        draft["memberships"] = memberships
    if form.has(TERMS_SHOWN):
        # Whoever ticked none agrees to none; only who never saw them gets the usual ones.
        draft["terms"] = sorted(form.texts("terms"), key=_preference)
    disclosed = {name: form.text(f"disclose_{name}") for name in DISCLOSED}
    if chosen := {name: value for name, value in disclosed.items() if value}:
        draft["disclose"] = chosen
    return draft


def _preference(code: str) -> int:
    """Put terms best first: those proffered by default, in their order, then what was added."""
    found = list(DEFAULT_TERMS)
    return found.index(code) if code in found else len(found)


def _item(form: Form) -> dict[str, Any]:
    item: dict[str, Any] = {"name": form.text("item") or form.text("title")}
    if qty := form.text("qty"):
        item["qty"] = qty
    if form.has("exact"):
        item["substitute"] = "exact"
    known = [(row.key, f"{WISH}{row.key}:") for row in wish_rows(form.text("category"))]
    own = [(form.text(f"own:{n}:key"), f"own:{n}:") for n in range(FREE_WISHES)]
    wishes = [wish for key, field in known + own if (wish := _wish(form, key, field))]
    return item | {"attrs": wishes} if wishes else item


def _wish(form: Form, key: str, field: str) -> dict[str, Any] | None:
    """Read one wish.

    Args:
        form: everything that was filled in.
        key: of the attribute; empty for a row of one's own that was left empty.
        field: how the names of its fields begin. They hold the attribute, not a place in a list:
            under another category the same place is another attribute.
    """
    level = form.text(f"{field}level")
    if not key or level not in _LEVELS:
        return None
    op = form.text(f"{field}op", "eq")
    wish: dict[str, Any] = {"key": key, "op": op, "level": level}
    value = form.text(f"{field}value")
    if op not in {"present", "absent"}:
        wish["value"] = value
    if level == "prefer" and (weight := form.number(f"{field}weight", 1)) != 1:
        wish["weight"] = weight
    return wish


def wishes_in(form: Form) -> set[str]:
    """List what is wished for, whether the category knows it or not; an own wish as its name."""
    found = set()
    for name in form.fields:
        field, _colon, part = name.rpartition(":")
        if part == "level" and form.text(name) in _LEVELS:
            key = field.removeprefix(WISH) if field.startswith(WISH) else form.text(f"{field}:key")
            found.add(key)
    return found


def lost_wishes(form: Form) -> list[str]:
    """List wishes of another category, which this one does not know."""
    known = {row.key for row in wish_rows(form.text("category"))}
    own = {form.text(f"own:{n}:key") for n in range(FREE_WISHES)}
    return sorted(wishes_in(form) - known - own)


def _where(form: Form) -> dict[str, Any] | None:
    near = form.text("near")
    if not near:
        return None
    return {
        "near": near,
        "radius_km": form.number("radius_km", 25),
        "area_km2": AREAS[max(0, min(form.number("precision", 0), len(AREAS) - 1))][0],
    }


AREAS: Final = (
    (5, marked("a neighbourhood")),
    (36, marked("a town")),
    (250, marked("a county")),
    (1_800, marked("a region")),
)
"""How coarse the public place may be, km2, the finest first; the slider's steps."""


def _when(form: Form) -> list[dict[str, Any]]:
    start = form.text("start")
    if not start:
        return []
    window: dict[str, Any] = {"start": start, "end": form.text("end") or start}
    if flex := form.number("flex_days", 0):
        window["flex_days"] = flex
    return [window]


def _budget(form: Form) -> dict[str, Any] | None:
    found = {name: amount for name in ("max", "target") if (amount := form.text(f"budget_{name}"))}
    return found | {"visibility": form.text("visibility", "local")} if found else None


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def carried(form: Form, shown: frozenset[str]) -> list[tuple[str, str]]:
    """List the fields of other steps, which a step carries along unseen.

    Args:
        form: everything so far.
        shown: names this step shows; a name that ends in `*` stands for all that begin so.
    """
    begins = tuple(name[:-1] for name in shown if name.endswith("*"))
    return [
        (name, value)
        for name, values in form.fields.items()
        if name not in shown and not name.startswith(begins or ("\0",))
        for value in values
    ]


def said(values: Mapping[str, Any]) -> str:
    """Write a draft in one order, for the key it is sent under."""
    return json.dumps(values, sort_keys=True)
