"""Style and scripts: addresses that change with the bytes, and nothing from elsewhere."""

from __future__ import annotations

import gzip
import re
from collections import Counter
from importlib import resources

from node.web.assets import assets


def test_every_file_has_an_address_of_this_version():
    found = assets()
    assert {"app.css", "live.js", "login.js", "compare.js", "icon.svg"} <= set(found)
    assert len({each.version for each in found.values()}) == 1
    for name, each in found.items():
        assert each.path == f"/static/{each.version}/{name}"
        assert gzip.decompress(each.packed) == each.raw


def test_what_a_page_loads_is_light():
    # What the heaviest page asks for, packed; the bound is that of the whole page.
    assert sum(len(each.packed) for each in assets().values()) < 60_000


def test_nothing_is_fetched_from_elsewhere():
    for name, each in assets().items():
        if name.startswith("vendor/") and name.endswith(".txt"):
            continue
        found = re.findall(rb"(?:https?:)?//[a-z][a-z0-9.-]+\.[a-z]{2,}", each.raw)
        assert [one for one in found if b"www.w3.org" not in one] == [], name
        assert b"eval(" not in each.raw


def test_the_sheet_and_the_pages_know_the_same_classes():
    sheet = re.sub(r"/\*.*?\*/", "", assets()["app.css"].raw.decode(), flags=re.DOTALL)
    styled = set(re.findall(r"\.([a-z][\w-]*)", re.sub(r"\{[^{}]*\}", " ", sheet)))
    folder = resources.files("node.web")
    pages = [each.read_text("utf-8") for each in (folder / "templates").iterdir()]
    pages += [each.raw.decode() for name, each in assets().items() if "/" not in name]
    used = set()
    for text in pages:
        plain = re.sub(r"\{\{.*?\}\}|\{%.*?%\}", " ", text)
        for value in re.findall(r'\bclass(?:Name)? ?= ?"([^"]*)"', plain):
            used |= set(value.split())
    assert used - styled <= {"why"}
    # What depends on a value: the tone of a cell, a row's group, a point, a node and its links.
    chosen = {"beaten", "best", "buyer", "down", "faulty", "gone", "good", "price", "vendor"}
    assert styled - used <= chosen


def test_no_rule_of_the_sheet_stands_twice():
    sheet = assets()["app.css"].raw.decode()
    rules = re.findall(r"^([^\s@/}][^{]*?) *\{", sheet, flags=re.MULTILINE)
    assert [rule for rule, count in Counter(rules).items() if count > 1] == []
