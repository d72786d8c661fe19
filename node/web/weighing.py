"""How the owner weighs: the weights of a page's address.

Enters: the parameters of an address. Leaves: a weight for each term of the ranking.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from node.numerals import whole_number
from node.web.texts import _, marked

WEIGHT_MAX: Final = 10
TERMS: Final = {
    "preferences": marked("Preferences"),
    "total": marked("Price"),
    "date": marked("Date"),
    "distance": marked("Distance"),
    "trust": marked("Dealt with before"),
}
"""Term of the ranking -> what the slider is called."""
_DEFAULT: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Weight:
    """One slider."""

    name: str
    label: str
    value: int


def read_weights(parameters: Mapping[str, str]) -> list[Weight]:
    """Read the weights; what is not a number from 0 to 10 is left at 1."""
    return [
        Weight(name=name, label=_(label), value=_value(parameters.get(f"w_{name}", "")))
        for name, label in TERMS.items()
    ]


def _value(text: str) -> int:
    found = whole_number(text, WEIGHT_MAX)
    return _DEFAULT if found is None else found


def as_numbers(weights: list[Weight]) -> dict[str, int] | None:
    """Give what the node ranks by; None where nothing was said."""
    found = {each.name: each.value for each in weights}
    return None if set(found.values()) == {_DEFAULT} else found
