"""What the columns of a feed mean, whatever their maker called them, in several languages.

Enters: column names. Leaves: a known field of a product, or an attribute of the vocabulary with
the unit its head states; what is neither is listed, so that a shop sees what was not used. Nothing
is guessed from the cells.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from node.vendor.column_names import FIELD_OF, PER_WORDS, PERIOD_OF, Field
from protocol.values.attributes import AttributeSpec, AttributeVocabulary
from protocol.values.money import MINOR_DIGITS
from protocol.values.quantity import unit_code
from protocol.values.spelling import fold, fold_words, folds

_UNMAPPED_MAX: Final = 200
"""Unmapped column names remembered."""
_CACHE_MAX: Final = 10_000
"""Answers remembered; an XML feed may name columns without end."""

_BRACKETED: Final = re.compile(r"^(?P<name>.+?)\s*[(\[](?P<unit>[^)\]]{1,20})[)\]]\s*$")
_TAILED: Final = re.compile(r"^(?P<name>.+?)(?:\s+in\s+|[\s_/-]+|\s*,\s*)(?P<unit>[^\s_/-]{1,12})$")


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldColumn:
    """A column that holds a known field."""

    field: Field
    """Which one."""
    currency: str = ""
    """Currency its head names, for a price."""
    per: str = ""
    """Unit of time its head names, for a price: `DAY` of "Tagespreis"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributeColumn:
    """A column that holds an attribute."""

    spec: AttributeSpec
    """What it means and how its cells are read."""
    unit: str = ""
    """Unit its head names, as written there; empty when it names none."""


@dataclass(slots=True)
class ColumnMap:
    """Answers what columns mean; remembers the answers and what it could not place."""

    vocabulary: AttributeVocabulary
    """The shipped attributes."""
    mapped: dict[str, str] = field(default_factory=dict)
    """Column -> what it was taken for, for the report."""
    _unmapped: dict[str, None] = field(default_factory=dict)
    _fields: dict[str, FieldColumn | None] = field(default_factory=dict)
    _attributes: dict[tuple[str, str], AttributeColumn | None] = field(default_factory=dict)

    @property
    def unmapped(self) -> list[str]:
        """Columns that were neither a field nor an attribute of any row's category."""
        return [column for column in self._unmapped if column not in self.mapped]

    def field_of(self, column: str) -> FieldColumn | None:
        """Tell which known field a column holds."""
        if column not in self._fields:
            if len(self._fields) >= _CACHE_MAX:
                self._fields.clear()
            self._fields[column] = _read_field(column)
        found = self._fields[column]
        if found is not None and len(self.mapped) < _UNMAPPED_MAX:
            self.mapped.setdefault(column, found.field.value)
        return found

    def attribute_of(self, column: str, category: str) -> AttributeColumn | None:
        """Tell which attribute of a category a column holds; note it when none."""
        place = (column, category)
        if place not in self._attributes:
            if len(self._attributes) >= _CACHE_MAX:
                self._attributes.clear()
            self._attributes[place] = self._read_attribute(column, category)
        found = self._attributes[place]
        if len(self.mapped) < _UNMAPPED_MAX and found is not None:
            known = self.mapped.get(column)
            if known is None:
                self.mapped[column] = f"attribute {found.spec.key}"
        elif len(self._unmapped) < _UNMAPPED_MAX and found is None:
            self._unmapped.setdefault(column)
        return found

    def _read_attribute(self, column: str, category: str) -> AttributeColumn | None:
        plain = _plain(column)
        key = self.vocabulary.find_key(category, plain)
        if key is not None:
            return AttributeColumn(spec=self.vocabulary.for_category(category)[key])
        for pattern in (_BRACKETED, _TAILED):
            split = pattern.match(plain)
            unit = unit_code(split["unit"]) if split else None
            if split is None or unit is None:
                continue
            key = self.vocabulary.find_key(category, split["name"])
            if key is not None and self.vocabulary.for_category(category)[key].unit is not None:
                spec = self.vocabulary.for_category(category)[key]
                return AttributeColumn(spec=spec, unit=split["unit"])
        return None


def _plain(column: str) -> str:
    """Drop the prefix of Google's namespace."""
    return column[2:] if column[:2].lower() == "g:" else column


_PRICED: Final = frozenset(
    {
        Field.PRICE,
        Field.SALE_PRICE,
        Field.LIST_PRICE,
        Field.FLOOR,
        Field.DEPOSIT,
        Field.SHIPPING,
    }
)
"""Fields whose heads may name a currency."""


def _read_field(column: str) -> FieldColumn | None:
    plain = _plain(column)
    currency, rest = _without_currency(plain)
    found = _named(rest)
    if found is not None and (found in _PRICED or not currency):
        return FieldColumn(field=found, currency=currency)
    per, rest = _without_period(rest)
    found = _named(rest) if rest else (Field.PRICE if per else None)
    if per and found in _PRICED:
        return FieldColumn(field=found, currency=currency, per=per)
    return _whole(plain)


def _whole(name: str) -> FieldColumn | None:
    found = _named(name)
    return None if found is None else FieldColumn(field=found)


def _named(name: str) -> Field | None:
    return next((FIELD_OF[folded] for folded in folds(name) if folded in FIELD_OF), None)


def _without_currency(name: str) -> tuple[str, str]:
    """Split a currency off a head: `Preis (EUR)` gives EUR and `Preis`."""
    words = re.split(r"[\s_/()\[\],.:-]+", name.replace("€", " EUR "))
    for word in words:
        if word.upper() in MINOR_DIGITS and fold(word) not in FIELD_OF:
            return word.upper(), " ".join(other for other in words if other != word)
    return "", " ".join(words)


def _without_period(name: str) -> tuple[str, str]:
    """Split a unit of time off a head: `price per day` gives DAY and `price`."""
    words = fold_words(name).split()
    for word in words:
        if word in PERIOD_OF:
            rest = [w for w in words if w != word and w not in PER_WORDS]
            return PERIOD_OF[word], " ".join(rest)
    return "", name


def period_unit(text: str) -> str | None:
    """Read what a price is for, from a cell: `per day`, `Tag`, `each`, `kg`; None when unknown."""
    words = [word for word in fold_words(text).split() if word not in PER_WORDS]
    if not words:
        return None
    period = next((PERIOD_OF[word] for word in words if word in PERIOD_OF), None)
    return period or unit_code(" ".join(words)) or unit_code(text)
