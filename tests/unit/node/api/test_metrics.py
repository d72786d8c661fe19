"""The page of numbers: complete, in the format of Prometheus, and of this node alone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from aiohttp import web
from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families

from node.api.metrics import METERED, PREFIX, Requests, page
from node.meters import Counts, Spread
from tests.unit.node.api.conftest import Asker
from tests.unit.node.api.fake_citizen import FakeCitizen

DOCS = Path(__file__).resolve().parents[4] / "docs"


def some() -> dict[str, Counts | Spread]:
    found: dict[str, Counts | Spread] = {}
    for metered in METERED:
        if metered.kind == "histogram":
            found[metered.name] = spread = Spread((1.0, 2.0))
            spread.add(1.5)
        else:
            found[metered.name] = {tuple("x" for _ in metered.labels): 3}
    return found


def families(raw: bytes):
    found = text_string_to_metric_families(raw.decode())
    return {family.name: family for family in found if family.name.startswith(PREFIX)}


def test_every_metric_is_told_with_its_kind_and_labels():
    told = families(page(some()))
    assert set(told) == {PREFIX + each.name.removesuffix("_total") for each in METERED}
    for metered in METERED:
        family = told[PREFIX + metered.name.removesuffix("_total")]
        assert family.type == metered.kind
        assert family.documentation == metered.help
        labels = {name for sample in family.samples for name in sample.labels}
        assert labels - {"le"} == set(metered.labels)


def test_a_histogram_adds_up():
    family = families(page(some()))[PREFIX + "offer_latency_seconds"]
    values = {(each.name, each.labels.get("le")): each.value for each in family.samples}
    name = PREFIX + "offer_latency_seconds"
    assert values[f"{name}_bucket", "1.0"] == 0
    assert values[f"{name}_bucket", "2.0"] == values[f"{name}_bucket", "+Inf"] == 1
    assert (values[f"{name}_count", None], values[f"{name}_sum", None]) == (1, 1.5)


def test_nothing_stands_in_the_global_registry():
    page(some())
    assert [each.name for each in REGISTRY.collect() if each.name.startswith(PREFIX)] == []


def test_the_names_are_those_of_prometheus():
    for metered in METERED:
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", metered.name)
        assert metered.name.endswith("_total") == (metered.kind == "counter")
        assert metered.help.endswith(".")
    assert len({each.name for each in METERED}) == len(METERED)


def test_the_reference_has_every_metric_and_no_other():
    text = (DOCS / "reference" / "metrics.md").read_text("utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| (.*?)\| .+ \|$", text, flags=re.MULTILINE)
    described = {name: (kind, set(re.findall(r"`(\w+)`", labels))) for name, kind, labels in rows}
    assert set(described) == {each.name for each in METERED}
    for metered in METERED:
        kind, labels = described[metered.name]
        assert kind == metered.kind
        assert set(metered.labels) <= labels


async def test_answers_are_counted_by_class():
    requests = Requests()
    for status in (200, 204, 404, 599, 999):
        await requests.note(None, web.Response(status=status))  # type: ignore[arg-type]
    assert requests.counts() == {
        ("1xx",): 0,
        ("2xx",): 2,
        ("3xx",): 0,
        ("4xx",): 1,
        ("5xx",): 2,
    }


async def test_the_page_is_for_those_who_may_read(asker: Asker, citizen: FakeCitizen):
    response = await asker.ask("GET", "/metrics")
    assert response.status == 200
    assert response.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert isinstance(response.body, bytes)
    told = families(response.body)
    assert {each.labels["state"]: each.value for each in told["intentcast_casts"].samples} == {
        "open": 2
    }
    assert (await asker.ask("GET", "/metrics", token=None)).status == 401
    assert (await asker.ask("GET", "/metrics?name=x")).status == 422
    citizen.survey = None
    assert (await asker.ask("GET", "/metrics")).status == 404


@pytest.mark.parametrize("host", ["evil.example", "intentcast.evil.example:8420"])
async def test_a_foreign_name_is_told_nothing(asker: Asker, host: str):
    assert (await asker.ask("GET", "/metrics", host=host)).status == 421
