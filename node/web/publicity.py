"""What everybody will read of a request, in lines for people; the signed text says the same.

Enters: the public part of a request, as the node shows it. Leaves: labels and lines in the
reader's language. What is left out here are technical fields (keys, mailboxes, numbers drawn):
they stand in the exact text beside it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from node.data.vocabulary import attribute_vocabulary, category_tree
from node.web.texts import _, marked
from node.web.wording import amount, code_words, date_words, minute
from protocol.values.attributes import AttributeSpec
from protocol.values.money import format_money
from protocol.values.quantity import unit_label

_FUNCTIONS: Final = {
    "buy": marked("to buy"),
    "rent": marked("to rent"),
    "hire": marked("to hire somebody"),
    "repair": marked("to have repaired"),
    "subscribe": marked("to subscribe to"),
}
_OPS: Final = {
    "ge": marked("at least"),
    "le": marked("at most"),
    "eq": marked("is"),
    "ne": marked("is not"),
    "in": marked("one of"),
    "nin": marked("none of"),
    "between": marked("from"),
    "match": marked("with the words"),
    "present": marked("yes"),
    "absent": marked("no"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One thing that becomes public."""

    label: str
    lines: tuple[str, ...]


def publicity(public: Mapping[str, Any]) -> list[Fact]:
    """Say what becomes public.

    Args:
        public: as `cast.public` of a preview.
    """
    facts = (
        (_("Title"), [public["title"]]),
        (_("Text"), [public.get("text", "")]),
        (_("Category"), [_category(public["category"])]),
        (_("Wanted"), [_(_FUNCTIONS.get(public.get("function", "buy"), ""))]),
        (_("Things and wishes"), list(_items(public))),
        (_("When"), [_window(each) for each in public.get("when", ())]),
        (_("Where"), [_where(public.get("where") or {})]),
        (_("Budget"), list(_budget(public.get("budget") or {}))),
        (_("Programmes"), [_programme(each) for each in public.get("memberships", ())]),
        (_("Terms"), list(public.get("terms", ())) or [_("none")]),
        (_("Choose by"), [minute(public.get("decide_by"))]),
    )
    found = [(label, tuple(line for line in lines if line)) for label, lines in facts]
    return [Fact(label=label, lines=lines) for label, lines in found if lines]


def _category(path: str) -> str:
    tree = category_tree()
    return f"{tree.label(path)} ({path})" if tree.contains(path) else path


def _items(public: Mapping[str, Any]) -> Iterator[str]:
    specs = _specs(public["category"])
    for item in public.get("items", ()):
        much = amount(f"{item['qty']['n']} {item['qty']['unit']}") if "qty" in item else "1"
        yield item["name"] if much == "1" else f"{item['name']}, {much}"
        for wish in item.get("attrs", ()):
            yield f"{code_words(wish.get('level', 'must'))}: {_wish(wish, specs.get(wish['key']))}"


def _specs(category: str) -> Mapping[str, AttributeSpec]:
    known = category_tree().contains(category)
    return attribute_vocabulary().for_category(category) if known else {}


def _wish(wish: Mapping[str, Any], spec: AttributeSpec | None) -> str:
    label = spec.label if spec else wish["key"]
    op = _(_OPS.get(wish["op"], wish["op"]))
    value = wish.get("value")
    if value is None:
        return f"{label}: {op}"
    each = value if isinstance(value, list) else [value]
    joint = f" {_('to')} " if wish["op"] == "between" else ", "
    words = joint.join(_value(str(one), spec) for one in each)
    return f"{label} {op} {words} {unit_label(wish.get('unit', ''))}".rstrip()


def _value(text: str, spec: AttributeSpec | None) -> str:
    return spec.values[text].label if spec and text in spec.values else text


def _window(when: Mapping[str, Any]) -> str:
    first, last = date_words(when["start"]), date_words(when["end"])
    text = first if first == last else _("%(first)s to %(last)s") % {"first": first, "last": last}
    flex = when.get("flex_days", 0)
    return f"{text}, ± {amount(f'{flex} DAY')}" if flex else text


def _where(where: Mapping[str, Any]) -> str:
    if not where.get("cell"):
        return _("anywhere")
    return _("an area, and %(km)s km around it; the table above says how large it is") % {
        "km": where.get("radius_km", 0)
    }


def _budget(budget: Mapping[str, Any]) -> Iterator[str]:
    for name, words in (("max", _("at most %(sum)s")), ("target", _("hoped for: %(sum)s"))):
        if found := budget.get(name):
            yield words % {"sum": format_money(found["minor"], found["cur"])}


def _programme(each: Any) -> str:
    if isinstance(each, str):
        return each
    return " ".join(str(value) for value in each.values() if value)
