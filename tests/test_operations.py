"""The dashboard and the alert rules that ship can be read, and ask for what a node really tells."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from node.api.metrics import METERED, PREFIX

ROOT = Path(__file__).resolve().parent.parent
OPS = ROOT / "docs" / "ops"
OF_PROMETHEUS = {"up"}
OF_THE_PROCESS = {
    "process_resident_memory_bytes",
    "process_cpu_seconds_total",
    "process_open_fds",
    "process_max_fds",
}
GIVEN = {"instance", "job", "le"}
"""Labels Prometheus adds."""
LABELS = {PREFIX + each.name: set(each.labels) for each in METERED}
HISTOGRAMS = {PREFIX + each.name for each in METERED if each.kind == "histogram"}


def dashboard() -> dict[str, Any]:
    return json.loads((OPS / "grafana-dashboard.json").read_text("utf-8"))


def rules() -> list[dict[str, Any]]:
    found = yaml.safe_load((OPS / "alerts.yml").read_text("utf-8"))
    return [rule for group in found["groups"] for rule in group["rules"]]


def questions() -> Iterator[str]:
    for panel in dashboard()["panels"]:
        yield from (target["expr"] for target in panel["targets"])
    for each in dashboard()["templating"]["list"]:
        if each["type"] == "query":
            yield each["query"]
    yield from (rule["expr"] for rule in rules())


def metric_of(name: str) -> str | None:
    for end in ("_bucket", "_sum", "_count"):
        if name.removesuffix(end) in HISTOGRAMS:
            return name.removesuffix(end)
    return name if name in LABELS and name not in HISTOGRAMS else None


@pytest.mark.parametrize("question", sorted(set(questions())))
def test_a_question_names_metrics_and_labels_that_exist(question: str):
    names = set(re.findall(r"\b(?:intentcast|process)_\w+", question))
    names |= set(re.findall(r"\bup\b", question))
    labels: set[str] = set(GIVEN)
    for name in names - OF_PROMETHEUS - OF_THE_PROCESS:
        metric = metric_of(name)
        assert metric is not None, f"no node tells {name}"
        labels |= LABELS[metric]
    assert names
    asked = re.findall(r"(\w+)(?:=~|!~|!=|=)\"", question)
    for group in re.findall(r"\bby \((.*?)\)", question):
        asked += [word.strip() for word in group.split(",")]
    assert set(asked) <= labels
    assert question.count("(") == question.count(")")
    assert question.count("{") == question.count("}")


def test_every_metric_of_a_node_is_on_the_dashboard_but_the_dull_ones():
    shown = set()
    for question in questions():
        shown |= {metric_of(name) for name in re.findall(r"\bintentcast_\w+", question)}
    dull = {"intentcast_start_time_seconds", "intentcast_known_nodes"}
    assert set(LABELS) - shown <= dull


def test_an_alert_says_what_is_wrong_and_what_to_do():
    found = rules()
    assert len({rule["alert"] for rule in found}) == len(found)
    guide = (ROOT / "docs" / "guides" / "operations.md").read_text("utf-8")
    for rule in found:
        assert re.fullmatch(r"Intentcast[A-Za-z]+", rule["alert"])
        assert rule["labels"]["severity"] in {"page", "ticket"}
        assert rule["annotations"]["summary"]
        assert rule["annotations"]["description"].endswith((".", "`"))
        assert re.fullmatch(r"\d+[mh]", rule.get("for", "1m"))
        assert f"`{rule['alert']}`" in guide


def test_panels_do_not_lie_on_each_other():
    taken: set[tuple[int, int]] = set()
    ids = [panel["id"] for panel in dashboard()["panels"]]
    assert len(set(ids)) == len(ids)
    for panel in dashboard()["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken
        assert place["x"] + place["w"] <= 24
        taken |= cells
