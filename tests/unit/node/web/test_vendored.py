"""The front-end files of others that we ship: what the manifest says of them is so."""

from __future__ import annotations

import gzip
import json
import re
import tomllib
from pathlib import Path

import pytest

import node.web
from scripts.vendored import MANIFEST, MODULES, licence_file, sha384

FOLDER = Path(node.web.__file__).parent / "static" / "vendor"
ROOT = Path(__file__).resolve().parents[4]
RAW_BYTES_MAX = 32 * 1024
"""All modules together, as they lie."""
COMPRESSED_BYTES_MAX = 14 * 1024
"""The same, each compressed; a page may weigh 150 KB."""
LICENCES = {"MIT": "Permission is hereby granted, free of charge", "Apache-2.0": "Apache License"}
"""What we may ship, and words its text must hold."""


def manifest() -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = json.loads((FOLDER / MANIFEST).read_text("utf-8"))
    return found


def modules() -> dict[str, str]:
    return {path.name: path.read_text("utf-8") for path in sorted(FOLDER.glob("*.js"))}


def test_the_manifest_names_every_file_and_no_other():
    assert {path.name for path in FOLDER.iterdir()} == {*manifest(), MANIFEST}
    assert set(modules()) == set(MODULES)


@pytest.mark.parametrize("name", sorted(manifest()))
def test_every_file_is_the_one_of_the_manifest(name: str):
    facts = manifest()[name]
    assert sha384((FOLDER / name).read_bytes()) == facts["sha384"]
    assert re.fullmatch(r"\d+\.\d+\.\d+", facts["version"])
    if name in MODULES:
        assert (facts["package"], facts["source"]) == MODULES[name]
    else:
        assert facts["source_sha384"] == facts["sha384"]


def test_every_package_has_its_licence_beside_it():
    for facts in manifest().values():
        text = (FOLDER / licence_file(facts["package"])).read_text("utf-8")
        assert LICENCES[facts["licence"]] in text


def test_one_package_has_one_version():
    versions = {(facts["package"], facts["version"]) for facts in manifest().values()}
    assert len(versions) == len({package for package, _ in versions})


@pytest.mark.parametrize("name", sorted(MODULES))
def test_a_module_imports_its_neighbours_and_nothing_else(name: str):
    text = modules()[name]
    imported = re.findall(r"""\b(?:from|import)\s*\(?\s*["']([^"']*)["']""", text)
    assert all(each.startswith("./") and each[2:] in MODULES for each in imported), imported
    assert not re.search(r"\bimport\s*\(", text)
    assert "sourceMappingURL" not in text


@pytest.mark.parametrize("name", sorted(MODULES))
def test_a_module_makes_no_code_of_text_and_calls_nobody(name: str):
    """What the page's policy would refuse at run time is not there to be tried."""
    text = modules()[name]
    told = re.findall(
        r"\b(?:eval|Function|fetch|XMLHttpRequest|WebSocket|importScripts)\s*\(", text
    )
    assert told == []
    addresses = set(re.findall(r"https?://[^\s\"'`]+", text))
    assert addresses <= {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xhtml",
        "http://www.w3.org/1998/Math/MathML",
    }


def test_they_stay_light():
    raws = [text.encode() for text in modules().values()]
    assert sum(map(len, raws)) <= RAW_BYTES_MAX
    assert sum(len(gzip.compress(raw, mtime=0)) for raw in raws) <= COMPRESSED_BYTES_MAX


def test_the_wheel_takes_them_along():
    told = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    assert "web/static/**" in told["tool"]["setuptools"]["package-data"]["node"]
