"""The description of the API, as a person reads it.

Enters: the OpenAPI document the API makes of itself. Leaves: chapters of questions and acts, and
the records they speak of, in plain words. Nothing is said here that the document does not say.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from node.api.contents import OPERATIONS
from node.api.openapi import describe

_RECORD: Final = "#/components/schemas/"
_REFUSAL: Final = "#/components/responses/"
_GOOD: Final = ("101", "200")
_KINDS: Final = {"string": "text", "integer": "whole number", "boolean": "true or false"}
_BOUNDS: Final = (
    ("minimum", "from {}"),
    ("maximum", "to {}"),
    ("minLength", "at least {} characters"),
    ("maxLength", "at most {} characters"),
    ("minItems", "at least {}"),
    ("maxItems", "at most {}"),
    ("maxProperties", "at most {}"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One member of a record, or one parameter."""

    name: str
    kind: str
    """In words, with its bounds: `text, at most 120 characters`."""
    record: str
    """The record it is or holds; empty where it is a plain value."""
    words: str
    is_required: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A document, or a part of one."""

    name: str
    words: str
    members: tuple[Member, ...]
    kind: str
    """What it is where it has no members: a closed list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One method on one path."""

    name: str
    method: str
    path: str
    words: str
    scope: str
    """What a token must have; empty where none is needed."""
    parameters: tuple[Member, ...]
    body: str
    """Record of the body; empty for none."""
    answers: tuple[tuple[str, str, str], ...]
    """Status, media, record."""
    refusals: tuple[tuple[str, str], ...]
    """Status and what it means."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chapter:
    """Calls that belong together."""

    name: str
    words: str
    calls: tuple[Call, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """All of it."""

    words: str
    chapters: tuple[Chapter, ...]
    records: tuple[Record, ...]


@cache
def reference() -> Reference:
    """Read the description once; takes some tens of milliseconds the first time."""
    found = describe(OPERATIONS)
    return Reference(
        words=found["info"]["description"],
        chapters=tuple(_chapters(found)),
        records=tuple(
            _record(name, schema) for name, schema in sorted(found["components"]["schemas"].items())
        ),
    )


def _chapters(found: Mapping[str, Any]) -> Iterator[Chapter]:
    meanings = {
        f"{_REFUSAL}{name}": answer["description"]
        for name, answer in found["components"]["responses"].items()
    }
    calls = [
        (call["tags"][0], _call(method, path, call, meanings))
        for path, methods in found["paths"].items()
        for method, call in methods.items()
    ]
    for tag in found["tags"]:
        own = tuple(call for name, call in calls if name == tag["name"])
        if own:
            yield Chapter(name=tag["name"], words=tag["description"], calls=own)


def _call(method: str, path: str, call: Mapping[str, Any], meanings: Mapping[str, str]) -> Call:
    content = call.get("requestBody", {}).get("content", {})
    schemas = [each.get("schema", {}) for each in content.values()]
    answers, refusals = [], []
    for status, answer in call["responses"].items():
        if "$ref" in answer:
            refusals.append((status, meanings[answer["$ref"]]))
        elif status in _GOOD:
            kinds = answer.get("content", {}) or {"": {}}
            answers += [(status, m, _record_in(k.get("schema", {}))) for m, k in kinds.items()]
        else:
            refusals.append((status, answer["description"]))
    return Call(
        name=call["operationId"],
        method=method.upper(),
        path=path,
        words=call["summary"],
        scope=call.get("x-scope", ""),
        parameters=tuple(
            _member(each["name"], each["schema"], each["description"], each.get("required", False))
            for each in call.get("parameters", ())
        ),
        body=next((name for schema in schemas if (name := _record_in(schema))), ""),
        answers=tuple(answers),
        refusals=tuple(refusals),
    )


def _record(name: str, schema: Mapping[str, Any]) -> Record:
    required = set(schema.get("required", ()))
    members = tuple(
        _member(each, part, part.get("description", ""), each in required)
        for each, part in schema.get("properties", {}).items()
    )
    kind = "" if members else _kind(schema)
    return Record(name=name, words=schema.get("description", ""), members=members, kind=kind)


def _member(name: str, schema: Mapping[str, Any], words: str, is_required: bool) -> Member:  # noqa: FBT001
    return Member(
        name=name,
        kind=_kind(schema),
        record=_record_in(schema),
        words=words,
        is_required=is_required,
    )


def _record_in(schema: Any) -> str:
    """Name the first record a schema leads to."""
    if isinstance(schema, Mapping):
        if str(schema.get("$ref", "")).startswith(_RECORD):
            return str(schema["$ref"]).removeprefix(_RECORD)
        within: Sequence[Any] = (
            *schema.get("anyOf", ()),
            schema.get("items"),
            schema.get("additionalProperties"),
        )
        return next((name for each in within if (name := _record_in(each))), "")
    return ""


def _kind(schema: Any) -> str:
    """Say what a value is."""
    if not isinstance(schema, Mapping) or not schema:
        return "anything"
    if "$ref" in schema:
        return str(schema["$ref"]).removeprefix(_RECORD)
    if "anyOf" in schema:
        return " or ".join(_kind(each) for each in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(f"`{each}`" for each in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    return ", ".join((_plain_kind(schema), *_bounds(schema)))


def _plain_kind(schema: Mapping[str, Any]) -> str:
    kind = schema.get("type")
    if kind == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    if kind == "object" and isinstance(schema.get("additionalProperties"), Mapping):
        return f"map of {_kind(schema['additionalProperties'])}"
    return _KINDS.get(str(kind), str(kind)) if kind else "anything"


def _bounds(schema: Mapping[str, Any]) -> Iterator[str]:
    for name, words in _BOUNDS:
        if name in schema:
            yield words.format(schema[name])
    if "default" in schema and schema["default"] is not None:
        yield f"default {schema['default']!r}"
