"""A person's request as they wrote it, read into what may be signed and what stays at home.

Enters: the JSON of `cast FILE.json` or the options of `cast "text"`, and the present. Leaves: a
`Request`: public fields and local ones, told apart here once. Category, keys and units are checked
against the shipped tree and vocabulary. What this version does not do is refused by its name.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from node.data.gazetteer import resolve_near
from node.data.vocabulary import attribute_vocabulary, category_tree
from node.market.moments import local_date, moment_ms
from protocol import limits
from protocol.encoding import encode
from protocol.errors import LocalProtocolError, RemoteProtocolError
from protocol.market.disclosure import VALUE_CHARS_MAX
from protocol.market.roster import DEFAULT_TERMS, ROSTER, known_terms
from protocol.now import DAY_MS, MINUTE_MS
from protocol.objects.intentcast import (
    AttributeConstraint,
    Budget,
    Intentcast,
    Item,
    Membership,
    VendorRequirement,
    Window,
)
from protocol.objects.reply import Reply
from protocol.values.attributes import AttributeSpec, AttributeType
from protocol.values.money import Money, parse_money
from protocol.values.place import Where, cell_of, coarsen
from protocol.values.quantity import parse_quantity

_DEFAULT_DECIDE = "+14d"
_AFTER_DECISION_MS = 7 * DAY_MS
_DEFAULT_RADIUS_KM = 25
AREAS_KM2 = {5: 7, 36: 6, 250: 5, 1_800: 4}
"""Sizes of the public area a person may choose, about, in km2 -> H3 resolution. Source: average
areas of hexagons, https://h3geo.org/docs/core-library/restable."""
_DEFAULT_AREA_KM2 = 5
_FIELDS_MAX = 16
_FIELD_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_AROUND_BYTES = 320
"""Header, signature and work around a body, rounded up."""

_LATER = {
    "detail": "sealed detail",
    "files": "attached files",
    "counter": "counter-offers",
    "message": "messages",
    "review": "reviews",
}
_KEYS = {
    *("title", "text", "lang", "category", "codes", "function", "items", "when", "where"),
    *("budget", "readiness", "decide_by", "audience", "vendor_req", "memberships", "terms"),
    *("max_offers", "award", "standing", "disclose"),
}
_KEYS_WITHIN = {
    "items": {"name", "qty", "substitute", "attrs"},
    "attrs": {"key", "op", "value", "unit", "level", "weight"},
    "when": {"start", "end", "tz", "flex_days"},
    "where": {"near", "radius_km", "area_km2", "remote"},
    "budget": {"max", "target", "visibility"},
    "codes": {"scheme", "code"},
    "vendor_req": {"domain", "parties"},
    "memberships": {"programme", "tier"},
}
"""Members of the objects within a cast, by the member they stand in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalBudget:
    """A budget that never leaves the node; ranking uses it."""

    max: Money | None = None
    """Most the buyer will pay."""
    target: Money | None = None
    """What the buyer hopes to pay."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request, ready to be signed once a nonce and a way back exist."""

    fields: Mapping[str, Any]
    """Arguments of Intentcast except nonce and reply."""
    budget: LocalBudget
    """Public and local amounts together, for the buyer's own ranking."""
    disclose: Mapping[str, str]
    """Field -> value, to be disclosed to the vendor of an agreement alone."""
    expires: int
    """Unix ms."""
    near: str
    """The place as it was understood, for the person alone; empty when remote."""

    def body(self, nonce: bytes, reply: Reply) -> Intentcast:
        """Give the public body."""
        return Intentcast(nonce=nonce, reply=reply, **self.fields)


def _bad(sentence: str, fix: str, *, code: str = "E-CAST", field: str = "") -> LocalProtocolError:
    return LocalProtocolError(sentence, code=code, fix=fix, field=field)


def _later(what: str) -> LocalProtocolError:
    return _bad(f"{what} come in a later version", f"Leave {what} out", code="E-LATER")


def read_request(draft: Mapping[str, Any], wall_ms: int) -> Request:
    """Read a draft.

    Args:
        draft: JSON object; keys as in docs/reference/cast-file.md.
        wall_ms: the present, Unix ms.

    Raises:
        LocalProtocolError: E-CAST, E-CATEGORY, E-ATTRIBUTE, E-MONEY, E-DATE, E-PLACE, E-LATER,
            naming the field and the next step.
    """
    _check_keys(draft)
    category = read_category(_text(draft, "category", 160))
    budget, public_budget = _read_budget(draft.get("budget"))
    decide_by = moment_ms(_text(draft, "decide_by", 40, _DEFAULT_DECIDE), "decide_by", wall_ms)
    # Whole minutes: what is finer would link two casts of one buyer by its clock.
    decide_by -= decide_by % MINUTE_MS
    expires = min(decide_by + _AFTER_DECISION_MS, _last_expiry(wall_ms))
    if decide_by > expires:
        raise _bad(
            "decide_by is more than 60 days ahead",
            "Choose an earlier date; cast again when it ends",
            code="E-DATE",
            field="decide_by",
        )
    where, zone, near = _read_where(draft.get("where"))
    fields: dict[str, Any] = {
        "title": _text(draft, "title", 120),
        "text": _text(draft, "text", 2000, ""),
        "lang": _text(draft, "lang", 12, "en"),
        "category": category,
        "codes": [
            _object(
                code, "codes", "a code is not understood", 'Write {"scheme": "gs1", "code": ..}'
            )
            for code in _list(draft.get("codes", []), "codes", 8)
        ],
        "function": draft.get("function", "buy"),
        "items": _read_items(draft.get("items"), category),
        "when": _read_windows(draft.get("when", []), zone, wall_ms),
        "where": where,
        "budget": public_budget,
        "readiness": draft.get("readiness", "ready"),
        "decide_by": decide_by,
        "vendor_req": _read_requirement(draft.get("vendor_req")),
        "memberships": _read_memberships(draft.get("memberships", [])),
        "terms": _read_terms(draft.get("terms", list(DEFAULT_TERMS))),
        "max_offers": draft.get("max_offers", 64),
    }
    return Request(
        fields=_checked(fields, wall_ms),
        budget=budget,
        disclose=_read_disclose(draft.get("disclose", {})),
        expires=expires,
        near=near,
    )


def _last_expiry(wall_ms: int) -> int:
    """Signing happens up to a minute-cut later than now; stay inside the life of a cast."""
    return wall_ms - wall_ms % MINUTE_MS + limits.cast_ttl_ms_max


def _check_keys(draft: Mapping[str, Any]) -> None:
    if not isinstance(draft, Mapping):
        raise _bad("a cast is a JSON object", 'Start the file with { "title": ...')
    try:
        json.dumps(dict(draft), ensure_ascii=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        # Half a surrogate pair, for one: JSON can spell it, no text can hold it.
        raise _bad("a cast holds something that is no text", "Write it anew in UTF-8") from error
    for key in draft:
        if key in _LATER:
            raise _later(_LATER[key])
        _check_known(key, _KEYS, "")
    if draft.get("audience", "open") != "open":
        raise _later("named audiences")
    if draft.get("award", "single") != "single":
        raise _later("split awards")
    if draft.get("standing", False) is not False:
        raise _later("standing requests")


def _check_known(key: Any, known: Collection[str], within: str) -> None:
    if key in known:
        return
    near = difflib.get_close_matches(str(key), sorted(known), 1)
    raise _bad(
        f"'{str(key)[:40]}' is not a field of {within or 'a cast'}",
        f"Did you mean {near[0]}?" if near else f"Known: {', '.join(sorted(known))}",
        field=f"{within}.{str(key)[:40]}" if within else str(key)[:40],
    )


def _object(value: Any, field: str, sentence: str, fix: str) -> Mapping[str, Any]:
    """Take an object within a cast; a member misspelt in it must not be ignored."""
    if not isinstance(value, Mapping):
        raise _bad(sentence, fix, field=field)
    for key in value:
        _check_known(key, _KEYS_WITHIN[field], field)
    return value


def _text(draft: Mapping[str, Any], key: str, most: int, default: str | None = None) -> str:
    value = draft.get(key, default)
    if not isinstance(value, str) or (default is None and not value.strip()):
        raise _bad(f"{key} is missing or not a text", f'Add "{key}": "..."', field=key)
    if len(value) > most:
        raise _bad(f"{key} has {len(value)} characters, at most {most}", "Shorten it", field=key)
    return value.strip()


def read_category(text: str) -> str:
    """Read a category path, or the words of one when they mean exactly one.

    Raises:
        LocalProtocolError: E-CATEGORY with the nearest ones.
    """
    tree = category_tree()
    if tree.contains(text):
        return text
    found = tree.search(text)
    names = [match.path for match in found[:5]] or tree.suggest(text)
    raise _bad(
        f"'{text[:60]}' is not a category",
        f"Try one of: {', '.join(names)}" if names else "List them: intentcast categories WORDS",
        code="E-CATEGORY",
        field="category",
    )


def _read_budget(value: Any) -> tuple[LocalBudget, Budget | None]:
    if value is None:
        return LocalBudget(), None
    if isinstance(value, str):
        value = {"max": value}
    example = 'Write "budget": {"max": "300 USD"}'
    value = _object(value, "budget", "budget is not understood", example)
    visibility = value.get("visibility", "local")
    if visibility == "sealed":
        raise _later("sealed budgets")
    if visibility not in ("local", "public"):
        raise _bad(f"visibility '{visibility!s:.20}'", "Use local or public", field="budget")
    amounts = {k: parse_money(str(value[k])) for k in ("max", "target") if k in value}
    for name, amount in amounts.items():
        if amount.minor == 0:
            fix = "Name the most you will pay, or leave the budget out"
            raise _bad("a budget of 0 buys nothing", fix, field=f"budget.{name}")
    local = LocalBudget(**amounts)
    return local, Budget(**amounts) if visibility == "public" and amounts else None


def _read_where(value: Any) -> tuple[Where, str, str]:
    """Give the public place (coarse), the zone of local dates, and what was understood."""
    if value is None:
        return Where(remote=True), "UTC", ""
    sentence = "where is not understood"
    example = 'Write "where": {"near": "Park City, UT", "radius_km": 25} or {"remote": true}'
    value = _object(value, "where", sentence, example)
    remote = value.get("remote", False)
    if not isinstance(remote, bool):
        raise _bad(sentence, example, field="where.remote")
    if remote:
        return Where(remote=True), "UTC", ""
    radius = value.get("radius_km", _DEFAULT_RADIUS_KM)
    if not isinstance(radius, int) or not 0 <= radius <= limits.place_radius_km_max:
        raise _bad("radius_km is not in range", "Choose 0 to 20000", field="where.radius_km")
    area = value.get("area_km2", _DEFAULT_AREA_KM2)
    if type(area) is not int or area not in AREAS_KM2:
        sizes = ", ".join(str(size) for size in AREAS_KM2)
        raise _bad("area_km2 is not in the list", f"Choose one of {sizes}", field="where.area_km2")
    place = resolve_near(_text(value, "near", 120))
    resolution = AREAS_KM2[area]
    coarse = coarsen(cell_of(place.lat, place.lon, resolution), resolution)
    return Where(cell=coarse, radius_km=radius), place.tz or "UTC", place.text


def _read_windows(value: Any, zone: str, wall_ms: int) -> list[Window]:
    windows = []
    for part in _list(value, "when", 5):
        needed = "a window needs start and end"
        example = 'Write {"start": "2027-03-20", "end": ...}'
        if not {"start", "end"} <= set(_object(part, "when", needed, example)):
            raise _bad(needed, example, field="when")
        tz = _text(part, "tz", 40, zone)
        try:
            ZoneInfo(tz)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise _bad(f"'{tz}' is not a time zone", "Write one like America/Denver") from error
        start = local_date(_text(part, "start", 20), "when.start", wall_ms)
        end = local_date(_text(part, "end", 20), "when.end", wall_ms)
        windows.append(Window(start=start, end=end, tz=tz, flex_days=part.get("flex_days", 0)))
    return windows


def _list(value: Any, field: str, most: int) -> Sequence[Any]:
    if value is None:
        raise _bad(f"{field} is missing", f'Add "{field}": [...]', field=field)
    if not isinstance(value, list) or len(value) > most:
        raise _bad(f"{field} is not a list of at most {most}", "Put it in [ ]", field=field)
    return value


def _read_items(value: Any, category: str) -> list[Item]:
    items = []
    for part in _list(value, "items", 20):
        if isinstance(part, str):
            part = {"name": part}  # noqa: PLW2901 - a bare name is the short form
        example = 'Write {"name": "...", "attrs": [...]}'
        part = _object(part, "items", "an item is not understood", example)  # noqa: PLW2901
        attrs = [
            _read_constraint(attribute, category)
            for attribute in _list(part.get("attrs", []), "attrs", 40)
        ]
        items.append(
            Item(
                name=_text(part, "name", 120),
                qty=parse_quantity(str(part.get("qty", "1")), "each"),
                substitute=part.get("substitute", "similar"),
                attrs=attrs,
            )
        )
    if not items:
        raise _bad("a cast names at least one item", 'Add "items": [{"name": "..."}]')
    return items


def _read_constraint(value: Any, category: str) -> AttributeConstraint:
    needed, example = "a wish needs a key", 'Write {"key": "raw", "op": "present"}'
    if "key" not in _object(value, "attrs", needed, example):
        raise _bad(needed, example, field="attrs")
    vocabulary = attribute_vocabulary()
    asked = _text(value, "key", 40)
    key = vocabulary.find_key(category, asked)
    level = value.get("level", "must")
    if key is None:
        if level != "prefer":
            near = vocabulary.suggest(category, asked)
            raise _bad(
                f"'{asked}' is not an attribute of {category}",
                f"Try: {', '.join(near) or 'none is near'}; a free key may be a prefer",
                code="E-ATTRIBUTE",
                field=asked,
            )
        return _plain_constraint(value, asked.lower().replace(" ", "-"), level)
    return _known_constraint(value, vocabulary.for_category(category)[key], level)


def _plain_constraint(value: Mapping[str, Any], key: str, level: str) -> AttributeConstraint:
    return AttributeConstraint(
        key=key,
        op=value.get("op", "present"),
        value=_plain_value(value.get("value"), key),
        unit=value.get("unit"),
        level="prefer" if level == "prefer" else "must",
        weight=value.get("weight", 1),
    )


def _plain_value(raw: Any, key: str) -> Any:
    """Take what is wished of a free key: nobody knows its unit, a number is its decimal text."""
    if isinstance(raw, list):
        return [_scalar_text(part, key) for part in raw]
    return raw if raw is None or isinstance(raw, bool) else _scalar_text(raw, key)


def _scalar_text(part: Any, key: str) -> str:
    if not isinstance(part, str | int | float):
        raise _bad(
            f"a value of {key[:40]} is not understood",
            "Write a text, a number, true or false; several in one [ ]",
            field=key[:40],
        )
    return ("yes" if part else "no") if isinstance(part, bool) else str(part)


def _known_constraint(
    value: Mapping[str, Any], spec: AttributeSpec, level: str
) -> AttributeConstraint:
    op = value.get("op", "eq")
    raw = value.get("value")
    hint = value.get("unit") or ""
    if not isinstance(hint, str):
        raise _bad("unit is not a text", 'Write "unit": "kg"', field=spec.key)
    unit = spec.unit if spec.type is AttributeType.NUMBER else None
    listed = raw if isinstance(raw, list) else [raw]
    read: Any = None
    if op not in ("present", "absent"):
        if raw is None:
            raise _bad(f"{spec.key} {op} needs a value", 'Add "value"', field=spec.key)
        several = op in ("in", "nin", "between")
        if isinstance(raw, list) and not several:
            raise _bad(f"{spec.key} {op} takes one value", 'Use "op": "in" for several')
        values = [_one_value(part, op, spec, hint) for part in listed]
        read = values if several else values[0]
    return AttributeConstraint(
        key=spec.key,
        op=op,
        value=read,
        unit=unit if read is not None else None,
        level=level,  # type: ignore[arg-type]  # _checked holds it against the two levels
        weight=value.get("weight", 1),
    )


def _one_value(part: Any, op: str, spec: AttributeSpec, hint: str) -> str | bool:
    text = _scalar_text(part, spec.key)
    if op == "match":
        return text
    found = spec.parse_value(text, hint).value
    return found[0] if isinstance(found, list) else found


def _read_requirement(value: Any) -> VendorRequirement | None:
    if value is None:
        return None
    sentence, example = "vendor_req is not understood", 'Write "vendor_req": {"domain": true}'
    value = _object(value, "vendor_req", sentence, example)
    found: VendorRequirement = _convert(value, VendorRequirement, "vendor_req")
    return found


def _read_memberships(value: Any) -> list[Membership]:
    found = []
    for part in _list(value, "memberships", 20):
        entry = {"programme": part} if isinstance(part, str) else part
        example = 'Write {"programme": "...", "tier": "..."}'
        entry = _object(entry, "memberships", "a membership is not understood", example)
        found.append(_convert(entry, Membership, "memberships"))
    return found


def _read_terms(value: Any) -> list[str]:
    codes = _list(value, "terms", 8)
    if not codes:
        raise _bad(
            "no terms are chosen",
            "Choose at least one: they say what a shop may do with what it learns",
            code="E-TERMS",
            field="terms",
        )
    for code in codes:
        if not isinstance(code, str) or not known_terms(code):
            raise _bad(
                f"'{code!s:.32}' is not a terms code",
                f"Known: {', '.join(ROSTER)}",
                code="E-TERMS",
                field="terms",
            )
    return list(codes)


def _read_disclose(value: Any) -> dict[str, str]:
    if not isinstance(value, Mapping) or len(value) > _FIELDS_MAX:
        raise _bad("disclose is not understood", 'Write "disclose": {"name": "..."}')
    for name, text in value.items():
        where = f"disclose.{str(name)[:40]}"
        if not _FIELD_NAME.fullmatch(str(name)):
            raise _bad(f"{where} is not a name", "Use a-z, 0-9 and _: name, phone", field=where)
        if not isinstance(text, str) or not 0 < len(text) <= VALUE_CHARS_MAX:
            raise _bad(
                f"{where} is not a text of 1 to {VALUE_CHARS_MAX} characters",
                "Write the value as text, or leave it out",
                field=where,
            )
    return {str(name): text for name, text in value.items()}


def _convert(value: Any, kind: type[Any], field: str) -> Any:
    try:
        return msgspec.convert(value, kind, strict=True)
    except msgspec.ValidationError as error:
        raise _bad(f"{field}: {error}", "Correct that field", field=field) from error


def _checked(fields: dict[str, Any], wall_ms: int) -> dict[str, Any]:
    """Hold the public fields against every rule of the kind, before anything is stored."""
    mailboxes = [bytes([number]) * 32 for number in range(limits.mailboxes_per_reply_max)]
    probe = Reply(
        box=bytes(32), reader=bytes(32), at=mailboxes, until=wall_ms + limits.box_until_ms_max
    )
    try:
        body = Intentcast(nonce=bytes(16), reply=probe, **fields)
        tree = msgspec.to_builtins(body, builtin_types=(bytes,))
        checked = msgspec.convert(tree, Intentcast, strict=True)
        checked.check()
        size = len(encode(tree)) + _AROUND_BYTES
    except (msgspec.ValidationError, RemoteProtocolError, TypeError) as error:
        raise _bad(f"this cast cannot be signed: {error}", "Correct that field") from error
    if size > limits.public_bytes_max:
        raise _bad(
            f"this cast has {size} bytes, at most {limits.public_bytes_max} travel",
            "Shorten the text, or name fewer items and wishes",
        )
    return {name: getattr(checked, name) for name in fields}
