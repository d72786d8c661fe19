"""Attributes: what can be said about a thing of a category, so that two people mean the same.

Enters: the JSON text of `protocol/data/attributes.json`, spellings from people and feeds, and
values as they wrote them. Leaves: keys, specs and exact values. Without this list "12 megapixels"
would match nobody. Relays check only the shape of a key; a key unknown to this version of the list
is answered `unknown`, never guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from types import MappingProxyType
from typing import Final, assert_never

import msgspec

from protocol import limits
from protocol.errors import LocalProtocolError, ObjectError, Reason
from protocol.ids import blake2b_256
from protocol.values.quantity import convert, decimal_text, parse_quantity, unit_code, unit_label
from protocol.values.spelling import fold, folds, nearest
from protocol.values.units import UNITS

_KEY: Final = re.compile(r"[a-z0-9-]{1,40}")
_LIST_MARKS: Final = re.compile(r"[,;|\n]")
_YES: Final = frozenset(
    """yes y true 1 x on with included available
    ja j wahr mit oui o vrai avec si verdadero con""".split()  # noqa: SIM905 - a list of words
)
_NO: Final = frozenset(
    """no n false 0 off without none excluded
    nein falsch ohne non faux sans falso sin""".split()  # noqa: SIM905 - a list of words
)


class AttributeType(StrEnum):
    """What kind of value an attribute holds."""

    NUMBER = "number"
    """A decimal string in the spec's unit."""
    ENUM = "enum"
    """One slug of a closed list."""
    FLAG = "flag"
    """True or false; "no insurance" is `insurance-required` absent, which false meets."""
    TEXT = "text"
    """Free text, compared by folded equality only."""
    LIST = "list"
    """Several slugs of a closed list, or several texts."""


class AllowedValue(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One value of a closed list."""

    label: str
    """What people call it, in English."""
    synonyms: list[str] = []
    """Other spellings and other languages."""


class AttributeValue(msgspec.Struct, frozen=True):
    """A value as constraints compare it."""

    value: str | bool | list[str]
    """A decimal string, a slug, a text, a flag, or several slugs or texts."""
    unit: str | None = None
    """Unit code of a number; None for everything else."""


class AttributeSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One attribute of a category and of everything below it."""

    key: str
    """Slug, unique along a path of categories."""
    label: str
    """What people call it, in English."""
    type: AttributeType
    """Which of the five kinds of value."""
    unit: str | None = None
    """Unit code every value is brought to; numbers only."""
    values: dict[str, AllowedValue] = {}
    """Slug -> allowed value, for enums and closed lists."""
    synonyms: list[str] = []
    """Other names people use."""
    feed_columns: list[str] = []
    """Column names of shop feeds, Google Merchant's first."""
    minimum: Decimal | None = None
    """Smallest number that makes sense, inclusive."""
    maximum: Decimal | None = None
    """Largest number that makes sense, inclusive."""
    note: str = ""
    """What the value means where the label leaves doubt."""

    def spellings(self) -> Iterator[str]:
        """Give every name this attribute goes by."""
        yield self.key
        yield self.label
        yield from self.synonyms
        yield from self.feed_columns

    def parse_value(self, text: str, unit_hint: str = "") -> AttributeValue:
        """Read a value as a person or a feed wrote it.

        Args:
            text: at most 400 characters.
            unit_hint: unit of a bare number, a code or a spelling, as a feed's column head gives
                it; empty means the spec's own unit.

        Raises:
            LocalProtocolError: E-ATTRIBUTE naming what is allowed and what is nearest.
        """
        if len(text) > limits.input_chars_max:
            raise self._refusal(text, f"Use at most {limits.attribute_text_chars_max} characters")
        if not text.strip():
            raise self._refusal(text, "Give a value, or leave the attribute out")
        match self.type:
            case AttributeType.NUMBER:
                return self._number(text, unit_hint)
            case AttributeType.FLAG:
                return self._flag(text)
            case AttributeType.LIST:
                return self._list(text)
            case AttributeType.ENUM:
                return AttributeValue(value=self._allowed(text))
            case AttributeType.TEXT:
                return AttributeValue(value=self._text(text))
            case _:
                assert_never(self.type)

    def _refusal(self, text: str, fix: str) -> LocalProtocolError:
        shown = " ".join(text[:40].split())
        return LocalProtocolError(
            f"'{shown}' is not a value of {self.label.lower()}",
            code="E-ATTRIBUTE",
            fix=fix,
            field=self.key,
        )

    def _number(self, text: str, unit_hint: str) -> AttributeValue:
        goal = self.unit or "each"
        default = unit_code(unit_hint) if unit_hint else goal
        if default is None:
            raise self._refusal(text, f"'{unit_hint[:20]}' is not a unit; use {unit_label(goal)}")
        try:
            written = parse_quantity(self._without_own_name(text), default)
            number = convert(Decimal(written.n), written.unit, goal)
            found = None if number is None else decimal_text(number)
        except LocalProtocolError as error:
            raise self._refusal(text, f"{error.sentence}. {self._range_text(goal)}") from error
        if found is None or not self._in_range(Decimal(found)):
            raise self._refusal(text, self._range_text(goal))
        return AttributeValue(value=found, unit=goal)

    def _without_own_name(self, text: str) -> str:
        """Drop the attribute's own name after a number: `5 seats`, `3 HDMI ports`."""
        number, _, word = text.strip().partition(" ")
        # A word that is a unit stays: `30 mpg` is not thirty litres, whatever the column is called.
        if not word or unit_code(word) is not None:
            return text
        return number if fold(word) in {fold(name) for name in self.spellings()} else text

    def _in_range(self, number: Decimal) -> bool:
        low_enough = self.maximum is None or number <= self.maximum
        return low_enough and (self.minimum is None or number >= self.minimum)

    def _range_text(self, goal: str) -> str:
        unit = unit_label(goal)
        example = f" in {unit}" if unit else ""
        if self.minimum is not None and self.maximum is not None:
            return f"Give a number{example} from {self.minimum:f} to {self.maximum:f}"
        return f"Give a number{example}"

    def _flag(self, text: str) -> AttributeValue:
        word = fold(text)
        if word in _YES or word in {fold(name) for name in self.spellings()}:
            return AttributeValue(value=True)
        if word in _NO:
            return AttributeValue(value=False)
        raise self._refusal(text, "Write yes or no")

    def _allowed(self, text: str) -> str:
        wanted = folds(text)
        for slug, allowed in self.values.items():
            for spelling in (slug, allowed.label, *allowed.synonyms):
                if wanted & folds(spelling):
                    return slug
        known = {
            name: slug for slug, v in self.values.items() for name in (slug, v.label, *v.synonyms)
        }
        close = list(dict.fromkeys(known[name] for name in nearest(text, known, 3)))
        hint = f"Did you mean {', '.join(close)}? " if close else ""
        raise self._refusal(text, f"{hint}Allowed: {', '.join(self.values)}")

    def _text(self, text: str) -> str:
        plain = " ".join(text.split())
        if len(plain) > limits.attribute_text_chars_max or not plain.isprintable():
            raise self._refusal(
                text,
                f"Use at most {limits.attribute_text_chars_max} visible characters",
            )
        return plain

    def _list(self, text: str) -> AttributeValue:
        parts = [part for part in _LIST_MARKS.split(text) if part.strip()]
        if not 1 <= len(parts) <= limits.attribute_items_max:
            raise self._refusal(text, f"Give 1 to {limits.attribute_items_max} items")
        read = self._allowed if self.values else self._text
        return AttributeValue(value=list(dict.fromkeys(read(part) for part in parts)))


@lru_cache(maxsize=4_096)
def check_attribute_key_shape(key: str) -> None:
    """Refuse a key that is not a slug of 1-40 characters `[a-z0-9-]`.

    Raises:
        ObjectError: BAD_SHAPE. Whether the key exists is not asked.
    """
    if not _KEY.fullmatch(key):
        raise ObjectError(Reason.BAD_SHAPE, "not an attribute key", field="key")


class _File(msgspec.Struct, frozen=True):
    shared: list[AttributeSpec]
    """Specs that several categories name by key."""
    categories: dict[str, list[AttributeSpec | str]]
    """Path (empty for all) -> own specs, or keys of shared ones."""


_FILE = msgspec.json.Decoder(_File)
"""Made at import: msgspec prepares a type at its first use, which two threads must not share."""


class AttributeVocabulary:
    """The shipped list, read once and never changed."""

    def __init__(self, own: Mapping[str, Iterable[AttributeSpec]], version: str) -> None:
        """Take each category's own specs; `from_json` is the usual way in.

        Raises:
            LocalProtocolError: E-VOCABULARY when a key or a spec is malformed or stands twice.
        """
        self.version = version
        self._own: dict[str, dict[str, AttributeSpec]] = {}
        for path, specs in own.items():
            keyed: dict[str, AttributeSpec] = {}
            for spec in specs:
                _check_spec(path, spec)
                if spec.key in keyed:
                    raise _broken(f"'{spec.key}' stands twice in '{path}'")
                keyed[spec.key] = spec
            self._own[path] = keyed
        self._merged: dict[str, Mapping[str, AttributeSpec]] = {}
        self._names: dict[str, dict[str, str]] = {}

    @classmethod
    def from_json(cls, data: bytes | str) -> AttributeVocabulary:
        """Read the text of `attributes.json`.

        Raises:
            LocalProtocolError: E-VOCABULARY when it is not such a file.
        """
        raw = data.encode() if isinstance(data, str) else data
        try:
            found = _FILE.decode(raw)
            shared = {spec.key: spec for spec in found.shared}
            own = {
                path: [shared[item] if isinstance(item, str) else item for item in items]
                for path, items in found.categories.items()
            }
        except KeyError as error:
            raise _broken(f"{error} is not among the shared attributes") from error
        except (msgspec.MsgspecError, UnicodeError) as error:
            raise _broken(str(error)) from error
        return cls(own, blake2b_256(raw).hex())

    def categories(self) -> list[str]:
        """List the paths that have attributes of their own; the empty path is every category."""
        return list(self._own)

    def own(self, path: str) -> Mapping[str, AttributeSpec]:
        """Give the specs of exactly this path, without those of its parents."""
        return MappingProxyType(self._own.get(path, {}))

    def for_category(self, path: str) -> Mapping[str, AttributeSpec]:
        """Give the specs of a category by key: its parents' and its own, which win on equal keys.

        An unknown path has the specs of the nearest known one above it.
        """
        known = self._nearest_known(path)
        if known not in self._merged:
            merged: dict[str, AttributeSpec] = {}
            for level in _levels(known):
                merged.update(self._own.get(level, {}))
            self._merged[known] = MappingProxyType(merged)
        return self._merged[known]

    def find_key(self, category: str, spelling: str) -> str | None:
        """Find the key a person or a feed column means; None when no attribute is called that.

        Case, accents, spaces and punctuation do not count. A name given deeper in the tree hides
        the same name given above.
        """
        known = self._nearest_known(category)
        if known not in self._names:
            self._names[known] = _names(self.for_category(known))
        names = self._names[known]
        found = (names.get(name) for name in sorted(folds(spelling[: limits.input_chars_max])))
        return next((key for key in found if key is not None), None)

    def _nearest_known(self, path: str) -> str:
        """Climb to the first path that has specs of its own, so that caches stay as small."""
        while path and path not in self._own:
            path = path.rpartition("/")[0]
        return path

    def suggest(self, category: str, spelling: str, count: int = 3) -> list[str]:
        """List the keys of a category whose names are most like an unknown one."""
        names = {
            name: spec.key
            for spec in self.for_category(category).values()
            for name in spec.spellings()
        }
        return list(dict.fromkeys(names[name] for name in nearest(spelling, names, count)))


def _levels(path: str) -> list[str]:
    """Give the empty path, then each path down to `path`."""
    slugs = path.split("/") if path else []
    return ["/".join(slugs[:depth]) for depth in range(len(slugs) + 1)]


def _names(specs: Mapping[str, AttributeSpec]) -> dict[str, str]:
    """Index folded names; keys come last, since a key is never another attribute's synonym."""
    names = {f: spec.key for spec in specs.values() for n in spec.spellings() for f in folds(n)}
    return names | {fold(key): key for key in specs}


def _check_spec(path: str, spec: AttributeSpec) -> None:
    closed_list = spec.type in (AttributeType.ENUM, AttributeType.LIST)
    wrong = (
        not _KEY.fullmatch(spec.key)
        or (spec.type is AttributeType.NUMBER) != (spec.unit in UNITS)
        or (spec.type is AttributeType.ENUM and not spec.values)
        or (bool(spec.values) and not closed_list)
        or any(not _KEY.fullmatch(slug) for slug in spec.values)
    )
    if wrong:
        raise _broken(f"'{spec.key[:60]}' of '{path[:80]}' is malformed")


def _broken(detail: str) -> LocalProtocolError:
    return LocalProtocolError(
        f"the attribute file cannot be used: {detail}",
        code="E-VOCABULARY",
        fix="Reinstall, or restore protocol/data/attributes.json",
    )
