"""The description: valid, complete, the same every time, and true."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from openapi_spec_validator import validate

from node.api.contents import OPERATIONS
from node.api.openapi import CHAPTERS, chapter_of, describe, statuses_of
from node.api.operations import Operation, Scope
from node.version import VERSION

TREE = describe(OPERATIONS)


def described(each: Operation) -> dict[str, Any]:
    found: dict[str, Any] = TREE["paths"][each.path][each.method.lower()]
    return found


def values(tree: Any, name: str) -> Iterator[Any]:
    """Every value that stands under a name, however deep."""
    if isinstance(tree, dict):
        if name in tree:
            yield tree[name]
        for child in tree.values():
            yield from values(child, name)
    elif isinstance(tree, list):
        for child in tree:
            yield from values(child, name)


def test_it_is_valid_openapi():
    validate(TREE)


def test_it_is_the_same_every_time():
    assert json.dumps(describe(OPERATIONS)) == json.dumps(TREE)


def test_it_says_which_program_it_is_of():
    info = TREE["info"]
    assert (info["version"], info["license"]["identifier"]) == (VERSION, "Apache-2.0")


@pytest.mark.parametrize("each", OPERATIONS, ids=lambda each: each.name)
def test_every_operation_is_in_it(each: Operation):
    found = described(each)
    assert (found["operationId"], found["summary"]) == (each.name, each.summary)
    assert found["tags"][0] in CHAPTERS
    assert ("requestBody" in found) == (each.body is not None)
    good = {"101"} if each.answer_media is None else {str(code) for code in each.answer_statuses}
    good |= {"303"} if each.takes_forms else set()
    assert set(found["responses"]) == good | {str(each) for each in statuses_of(each)}
    if each.answer_media is not None:
        assert [*found["responses"]["200"]["content"]] == [each.answer_media]


@pytest.mark.parametrize("each", OPERATIONS, ids=lambda each: each.name)
def test_who_may_ask_is_in_it(each: Operation):
    found = described(each)
    if each.scope is None:
        assert found["security"] == []
        assert ("401" in found["responses"]) == (401 in each.also)
        return
    assert found["x-scope"] == each.scope.value
    assert found["security"] == [{"bearer": [each.scope]}, {"cookie": [each.scope]}]
    assert f"`{each.scope.value}`" in found["description"]
    assert ("or `admin`" in found["description"]) == (each.scope is not Scope.ADMIN)


def test_a_document_may_come_with_a_failure():
    found = TREE["paths"]["/readyz"]["get"]["responses"]["503"]["content"]
    assert set(found) == {"application/json", "application/problem+json"}


def test_a_form_is_answered_by_a_page():
    found = TREE["paths"]["/login"]["post"]
    assert set(found["requestBody"]["content"]) == {
        "application/json",
        "application/x-www-form-urlencoded",
    }
    assert "Location" in found["responses"]["303"]["headers"]
    assert set(found["responses"]["401"]["content"]) == {"application/problem+json", "text/html"}


def test_what_is_no_json_has_no_schema():
    for path in ("/v1/events/stream", "/metrics", "/v1/deals/{handle}/agreement"):
        [(_, content)] = TREE["paths"][path]["get"]["responses"]["200"]["content"].items()
        assert content == {}


def test_parameters_have_words_bounds_and_defaults():
    found = {each["name"]: each for each in TREE["paths"]["/v1/events"]["get"]["parameters"]}
    assert found["wait"]["schema"] == {"type": "number", "minimum": 0, "maximum": 60, "default": 0}
    assert found["after"]["description"].endswith("seen.")
    [handle] = TREE["paths"]["/v1/deals/{handle}"]["get"]["parameters"]
    assert (handle["in"], handle["required"]) == ("path", True)


def test_a_key_may_come_where_it_is_heeded():
    for each in OPERATIONS:
        names = [one["name"] for one in described(each).get("parameters", [])]
        assert ("Idempotency-Key" in names) == each.is_once
        assert not each.is_once or "409" in described(each)["responses"]


def test_fields_are_described_where_they_stand_in_the_source():
    schemas = TREE["components"]["schemas"]
    assert schemas["OutboxCounts"]["properties"]["next_at"]["description"].startswith("When one")
    assert schemas["PublicCast"]["properties"]["title"]["description"].startswith("One line")
    assert schemas["Problem"]["properties"]["fix"]["description"]


def test_every_reference_leads_somewhere():
    known = {
        f"#/components/{kind}/{name}"
        for kind in ("schemas", "responses")
        for name in TREE["components"][kind]
    }
    used = set(values(TREE, "$ref"))
    assert used <= known
    assert used >= {each for each in known if "/responses/" not in each} - {
        "#/components/schemas/OpenApiDocument"
    } - {f"#/components/schemas/{each.answer.__name__}" for each in OPERATIONS if each.answer}


def test_patterns_are_those_of_json_schema():
    patterns = [each for each in values(TREE, "pattern") if isinstance(each, str)]
    assert patterns
    for pattern in patterns:
        re.compile(pattern)
        assert not re.search(r"\\[AZ]", pattern)
    names = list(values(TREE, "propertyNames"))
    assert {"pattern": "^[a-z][a-z0-9_]{0,39}$"} in names


def test_no_name_of_a_record_means_two():
    # Of two records with one name both would go by their module.
    assert not [name for name in TREE["components"]["schemas"] if "." in name or "_" in name]


@pytest.mark.parametrize(
    ("path", "chapter"),
    [
        ("/livez", "node"),
        ("/v1/status", "node"),
        ("/v1/casts/{handle}/offers", "casts"),
        ("/v1/offers/{handle}/accept", "casts"),
        ("/v1/deals", "deals"),
        ("/v1/reopen", "identity"),
        ("/v1/something-new", "node"),
    ],
)
def test_paths_have_their_chapter(path: str, chapter: str):
    assert chapter_of(path) == chapter
