"""The draft of a request: the record describes what the reader takes, no more and no less."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from node.api.documents import draft as records
from node.api.documents.draft import CastDraft
from node.market import drafts
from protocol.errors import LocalProtocolError

ROOT = Path(__file__).parents[5]
PAGE = (ROOT / "docs" / "reference" / "cast-file.md").read_text("utf-8")
EXAMPLES = [*(ROOT / "node" / "data" / "examples").glob("*.json")]
NOW_MS = 1_795_305_600_000
LEAST: dict[str, Any] = {
    "title": "Camera",
    "category": "electronics/cameras/digital-cameras",
    "items": ["camera"],
}
WITHIN = {
    "items": records.DraftItem,
    "attrs": records.DraftWish,
    "when": records.DraftWindow,
    "where": records.DraftWhere,
    "budget": records.DraftBudget,
    "codes": records.DraftCode,
    "vendor_req": records.DraftRequirement,
    "memberships": records.DraftMembership,
}


def names(kind: Any) -> set[str]:
    return {field.encode_name for field in msgspec.structs.fields(kind)}


def taken(value: dict[str, Any]) -> bool:
    try:
        drafts.read_request(value, NOW_MS)
    except LocalProtocolError:
        return False
    return True


def fits(value: dict[str, Any]) -> bool:
    try:
        msgspec.convert(value, CastDraft)
    except msgspec.ValidationError:
        return False
    return True


def test_every_member_the_reader_knows_is_described_and_no_other():
    assert names(CastDraft) == drafts._KEYS
    assert {name: names(kind) for name, kind in WITHIN.items()} == drafts._KEYS_WITHIN


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_shipped_examples_fit(path: Path):
    assert fits(json.loads(path.read_text("utf-8")))


def test_the_examples_of_the_reference_page_fit():
    blocks = re.findall(r"```json\n(.*?)```", PAGE, flags=re.DOTALL)
    assert blocks
    for block in blocks:
        assert fits(json.loads(block))


@pytest.mark.parametrize(
    ("member", "text"),
    [
        *[("where", text) for text in re.findall(r"`(\{\"remote.*?\})`", PAGE)],
        *[("vendor_req", text) for text in re.findall(r"`(\{\"domain.*?\})`", PAGE)],
        *[("budget", text) for text in re.findall(r"`(\"300 USD\"|\{\"max.*?\})`", PAGE)],
    ],
)
def test_what_the_reference_page_says_in_passing_fits(member: str, text: str):
    value = LEAST | {member: json.loads(text)}
    assert fits(value)
    assert taken(value)


def test_defaults_are_those_of_the_reader():
    """What is left out is as if the default of the record had been written."""
    said = {
        field.encode_name: msgspec.to_builtins(field.default)
        for field in msgspec.structs.fields(CastDraft)
        if field.default not in (msgspec.NODEFAULT, msgspec.UNSET)
    }
    silent = drafts.read_request(LEAST, NOW_MS)
    spoken = drafts.read_request({**said, **LEAST}, NOW_MS)
    assert silent == spoken


@pytest.mark.parametrize(
    "change",
    [
        {"title": ""},
        {"title": "   "},
        {"title": "x" * 121},
        {"text": None},
        {"text": "x" * 2_001},
        {"lang": 7},
        {"function": "steal"},
        {"readiness": None},
        {"items": []},
        {"items": None},
        {"items": ["x"] * 21},
        {"items": [{"qty": "1"}]},
        {"items": [{"name": "x", "substitute": "any"}]},
        {"items": [{"name": "x", "qty": None}]},
        {"items": [{"name": "x", "attrs": [{"op": "eq"}]}]},
        {"items": [{"name": "x", "attrs": [{"key": "raw", "op": "like"}]}]},
        {"items": [{"name": "x", "attrs": [{"key": "zap", "op": "in", "value": {}}]}]},
        {"items": [{"name": "x", "attrs": [{"key": "raw", "op": "present", "weight": 11}]}]},
        {"when": [{"start": "+1d"}]},
        {"when": [{"start": "+1d", "end": "+2d", "flex_days": 31}]},
        {"when": [{"start": "+1d", "end": "+2d", "tz": None}]},
        {"where": "here"},
        {"where": {"near": "Park City, UT", "radius_km": 20_001}},
        {"where": {"near": "Park City, UT", "radius_km": "5"}},
        {"where": {"remote": 1}},
        {"budget": 300},
        {"budget": {"max": 300}},
        {"budget": {"max": "300 USD", "visibility": "sealed"}},
        {"decide_by": None},
        {"codes": [{"scheme": "ours", "code": "1"}]},
        {"codes": [{"scheme": "gs1"}]},
        {"vendor_req": {"domain": "yes"}},
        {"vendor_req": {"parties": ["x"] * 7}},
        {"memberships": [""]},
        {"memberships": [{"tier": "gold"}]},
        {"memberships": ["x"] * 21},
        {"terms": []},
        {"terms": None},
        {"max_offers": 0},
        {"max_offers": 257},
        {"max_offers": True},
        {"disclose": {"Name": "x"}},
        {"disclose": {"name": ""}},
        {"disclose": {f"f{number}": "x" for number in range(17)}},
        {"disclose": None},
        {"audience": "friends"},
        {"award": "split"},
        {"detail": "x"},
        {"colour": "x"},
    ],
)
def test_what_does_not_fit_is_not_taken_either(change: dict[str, Any]):
    value = LEAST | change
    assert not fits(value)
    assert not taken(value)


@pytest.mark.parametrize(
    "change",
    [
        {"where": None, "budget": None, "vendor_req": None},
        {"where": {"near": "40.6,-111.5", "radius_km": 0, "remote": False}},
        {"where": {"remote": True, "near": "anything"}},
        {"budget": {}},
        {"items": [{"name": "x", "qty": 2}, {"name": "y", "qty": 2.5}, "z"]},
        {"items": [{"name": "x", "attrs": [{"key": "raw", "op": "present", "value": None}]}]},
        {"items": [{"name": "x", "attrs": [{"key": "resolution", "op": "ge", "value": 12.5}]}]},
        {"memberships": ["Avis Wizard", {"programme": "x", "tier": None}]},
        {"codes": [{"scheme": "gs1", "code": "1"}]},
        {"vendor_req": {}},
        {"when": [{"start": "+1d", "end": "+2d", "tz": "Europe/Berlin", "flex_days": 30}]},
    ],
)
def test_what_is_taken_fits(change: dict[str, Any]):
    value = LEAST | change
    assert taken(value)
    assert fits(value)
