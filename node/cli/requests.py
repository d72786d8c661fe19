"""A request as options say it, put into the form of a cast file.

Enters: what followed `intentcast cast`. Leaves: a draft the node reads; its errors, with fields of
the file, are said again with the options a person typed.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final, NoReturn

from node.cli.wishes import read_wish
from node.clock import SystemClock
from node.errors import NotFoundError
from protocol.errors import IntentcastError, LocalProtocolError

FILE_BYTES_MAX: Final = 256 * 1024
TITLE_CHARS_MAX: Final = 120
TEXT_CHARS_MAX: Final = 2_000
_KM: Final = {"": 1.0, "km": 1.0, "m": 0.001, "mi": 1.609344, "mile": 1.609344, "miles": 1.609344}
_DISTANCE: Final = re.compile(r"(?P<number>\d{1,6}(\.\d{1,3})?)\s*(?P<unit>[a-z]*)", re.IGNORECASE)
_SURE: Final = 60
"""Score of a search from which every word of a category's name was said."""
_MISSPELT: Final = 0.8
"""How much of a word must be right for the rest to be a slip."""
_DAYS: Final = {"yesterday": -1, "today": 0, "tomorrow": 1}
_BARE_NUMBER: Final = re.compile(r"[\d.,'\s]+")
_OPTION_OF: Final = {
    "decide_by": "--by",
    "budget": "--budget",
    "category": "--category",
    "near": "--near",
    "where.radius_km": "--within",
    "radius_km": "--within",
    "where": "--near",
    "title": "the text",
    "text": "the text",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What a person typed."""

    what: str
    """Name of a file, or the request in words."""
    category: str | None = None
    """--category."""
    budget: str | None = None
    """--budget."""
    near: str | None = None
    """--near."""
    within: str | None = None
    """--within."""
    by: str | None = None
    """--by."""
    must: Sequence[str] = field(default_factory=list)
    """--must, each."""
    prefer: Sequence[str] = field(default_factory=list)
    """--prefer, each."""
    items: Sequence[str] = field(default_factory=list)
    """--item, each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What is sent to the node."""

    value: dict[str, Any]
    """A cast file's content."""
    from_file: bool
    """Whether the person wrote those fields."""
    guessed: str = ""
    """The category, where the person named none."""


def read_words(words: Words) -> Draft:
    """Put a request together.

    Raises:
        LocalProtocolError: E-JSON, E-MONEY, E-DATE, E-DISTANCE, E-WISH, E-CATEGORY.
        NotFoundError: E-FILE.
    """
    path = Path(words.what)
    is_file = words.what.endswith(".json")
    value = _from_file(path) if is_file else _from_text(words.what)
    value |= _given(words)
    wishes = [read_wish(text, "--must") for text in words.must]
    wishes += [read_wish(text, "--prefer") for text in words.prefer]
    if words.items:
        value["items"] = [{"name": name} for name in words.items]
    if wishes:
        value["items"] = [_with(item, wishes) for item in value.get("items", [])]
    guessed = ""
    if "category" not in value and not is_file:
        guessed = value["category"] = _guess(words.what)
    return Draft(value=value, from_file=is_file, guessed=guessed)


def _from_file(path: Path) -> dict[str, Any]:
    from node.api.strict_json import read_json

    try:
        with path.open("rb") as file:
            raw = file.read(FILE_BYTES_MAX + 1)
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
        raise NotFoundError(
            f"there is no file {path}",
            code="E-FILE",
            fix='Check its name; or say it in words:  intentcast cast "what you want"',
        ) from error
    if len(raw) > FILE_BYTES_MAX:
        raise LocalProtocolError(
            f"{path} is larger than {FILE_BYTES_MAX // 1024} KiB", code="E-JSON", fix="Shorten it"
        )
    try:
        value = read_json(raw)
    except LocalProtocolError as error:
        raise LocalProtocolError(
            f"{path}: {error.sentence}", code=error.code, fix=error.fix
        ) from error
    if not isinstance(value, dict):
        raise LocalProtocolError(
            f"{path} holds no JSON object", code="E-JSON", fix='Start it with { "title": ...'
        )
    return value


def _from_text(text: str) -> dict[str, Any]:
    words = " ".join(text.split())
    if not words:
        raise LocalProtocolError(
            "nothing is asked for", code="E-CAST", fix='Write:  intentcast cast "what you want"'
        )
    if len(words) > TEXT_CHARS_MAX:
        raise LocalProtocolError(
            f"the text has {len(words)} characters, at most {TEXT_CHARS_MAX}",
            code="E-CAST",
            fix="Shorten it; details fit into --must and --prefer",
        )
    title = words
    if len(words) > TITLE_CHARS_MAX:
        title = words[: TITLE_CHARS_MAX - 1].rsplit(" ", 1)[0] + "…"
    value: dict[str, Any] = {"title": title, "items": [{"name": title}]}
    return value if title == words else value | {"text": words}


def _given(words: Words) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if words.category is not None:
        found["category"] = words.category
    if words.budget is not None:
        found["budget"] = _budget(words.budget)
    if words.near is not None:
        found["where"] = {"near": words.near}
        if words.within is not None:
            found["where"]["radius_km"] = read_distance(words.within, "--within")
    elif words.within is not None:
        raise LocalProtocolError(
            "--within needs a place", code="E-PLACE", fix='Add --near "Berlin"', field="--within"
        )
    if words.by is not None:
        found["decide_by"] = _day(words.by)
    return found


def _with(item: Any, wishes: Sequence[Mapping[str, Any]]) -> Any:
    """Add wishes to an item; every item of a request gets them."""
    if isinstance(item, str):
        return {"name": item, "attrs": list(wishes)}
    if isinstance(item, dict) and isinstance(item.get("attrs", []), list):
        return item | {"attrs": [*item.get("attrs", []), *wishes]}
    return item


def _budget(text: str) -> dict[str, str]:
    if _BARE_NUMBER.fullmatch(text):
        number = text.strip()
        raise LocalProtocolError(
            '--budget needs a currency, for example 300EUR or "300 USD"',
            code="E-MONEY",
            fix=f"Write:  --budget {number if number.isdigit() else 300}EUR",
            field="--budget",
        )
    return {"max": text}


def read_distance(text: str, option: str) -> int:
    """Read a distance, rounded up to kilometres.

    Raises:
        LocalProtocolError: E-DISTANCE.
    """
    found = _DISTANCE.fullmatch(text.strip())
    factor = _KM.get(found["unit"].lower()) if found else None
    if found is None or factor is None:
        raise LocalProtocolError(
            f"{option} '{text[:40]}' is not a distance",
            code="E-DISTANCE",
            fix=f"Write it as {option} 25km or {option} 15mi",
            field=option,
        )
    return math.ceil(float(found["number"]) * factor)


def _day(text: str) -> str:
    """Turn `today`, `tomorrow` and `yesterday` into dates; the node reads the rest."""
    word = text.strip().lower()
    return (today() + timedelta(days=_DAYS[word])).isoformat() if word in _DAYS else text


def today() -> date:
    """Give the calendar day where this machine stands."""
    wall_ms = SystemClock().now().wall_ms
    return datetime.fromtimestamp(wall_ms / 1000, tz=UTC).astimezone().date()


def _guess(text: str) -> str:
    """Find the category a text most likely means; the preview shows it before anything is sent."""
    from node.data.vocabulary import category_tree

    # Longer runs of words say more: "mountain bike" before "bike".
    plain = re.sub(r"[^\w\s-]", " ", text).split()
    tree = category_tree()
    best_score, best_path = 0, ""
    for length in (3, 2, 1):
        for start in range(min(len(plain), 40) - length + 1):
            for match in tree.search(" ".join(plain[start : start + length]), 1):
                score = match.score + length
                if match.score >= _SURE and score > best_score:
                    best_score, best_path = score, match.path
    if best_path:
        return best_path
    raise LocalProtocolError(
        "no category could be found in these words",
        code="E-CATEGORY",
        fix="Name one with --category; search them:  intentcast categories WORDS",
        field="--category",
    )


def in_own_words(error: IntentcastError) -> NoReturn:
    """Say an error of the node with the option instead of the file's field.

    Raises:
        IntentcastError: always; the same, said differently where that helps.
    """
    option = _OPTION_OF.get(error.field)
    if option and error.sentence.startswith(error.field.rpartition(".")[2]):
        rest = error.sentence[len(error.field.rpartition(".")[2]) :]
        error.sentence = option + rest
    elif option and option.startswith("--") and not error.sentence.startswith("--"):
        error.sentence = f"{option}: {error.sentence}"
    raise error


def of_a_guess(error: IntentcastError, draft: Draft) -> None:
    """Where a wish does not fit the category we guessed, say that we did, and which would fit."""
    from node.data.vocabulary import attribute_vocabulary, category_tree

    vocabulary = attribute_vocabulary()
    is_unknown = error.code == "E-ATTRIBUTE" and not vocabulary.find_key(draft.guessed, error.field)
    if not (draft.guessed and is_unknown):
        return
    tree = category_tree()
    below = [path for path in tree.paths() if tree.is_under(path, draft.guessed)]
    fits = [path for path in below if vocabulary.find_key(path, error.field)]
    error.sentence += ", which was guessed from your words"
    meant = None if fits else _meant(error.field, [draft.guessed, *below])
    if meant is not None:
        key, path = meant
        error.fix = f"Did you mean {key}?"
        error.fix += "" if path == draft.guessed else f" With it:  --category {path}"
        return
    error.fix = f"Name it:  --category {fits[0] if fits else 'PATH'}"
    error.fix += "        search them:  intentcast categories WORDS"


def _meant(typed: str, paths: Sequence[str]) -> tuple[str, str] | None:
    """Find the attribute a misspelt one must mean, and the first category that knows it."""
    import difflib

    from node.data.vocabulary import attribute_vocabulary

    vocabulary = attribute_vocabulary()
    for path in paths:
        specs = vocabulary.for_category(path).values()
        names = {name.lower(): spec.key for spec in specs for name in spec.spellings()}
        near = difflib.get_close_matches(typed.lower(), names, 1, cutoff=_MISSPELT)
        if near:
            return names[near[0]], path
    return None
