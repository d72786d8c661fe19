"""Every reader of outside bytes or text: a value, or a typed refusal, in bounded time."""

from __future__ import annotations

import ast
import os
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from tests.property.decoders import BENDS, CASES_NIGHT, SCRIPTS, cases_of, decoders, judge

ROOT = Path(__file__).resolve().parents[2]
DECODERS = decoders()
_SLOW_MAX = 12
IS_NIGHT = os.environ.get("HYPOTHESIS_PROFILE") == "night"
READER = re.compile(r"(decode|decrypt|open|read|parse|unpack|unpad|from)(_|$)")
NO_READERS = {
    "protocol.values.attributes.AttributeVocabulary.from_json": "data of our own wheel",
    "protocol.values.category.CategoryTree.from_json": "data of our own wheel",
    "protocol.market.disclosure.open_fields": "a writer: it opens fields for others to read",
}
"""What is named like a reader and reads nothing from outside, with the reason."""


def asked(name: str) -> int:
    """Scripts of this run: the profile's, or all that a long run asks of one decoder."""
    usual = settings.default.max_examples if settings.default else 100
    if IS_NIGHT:
        return CASES_NIGHT // BENDS
    return min(usual, _SLOW_MAX) if DECODERS[name].is_slow else usual


@pytest.mark.parametrize("name", sorted(DECODERS))
@pytest.mark.timeout(0 if IS_NIGHT else 60)
def test_a_value_or_a_typed_refusal(name: str):
    decoder = DECODERS[name]

    @settings(max_examples=asked(name), suppress_health_check=list(HealthCheck))
    @given(SCRIPTS)
    def run(script: bytes) -> None:
        for case in cases_of(decoder, script):
            judge(decoder, case)

    run()


@pytest.mark.parametrize("name", sorted(DECODERS))
def test_good_inputs_are_read(name: str):
    """A registry of inputs that all fail at once would prove nothing."""
    decoder = DECODERS[name]
    outcomes = [judge(decoder, good) for good in decoder.inputs()]
    assert "read" in outcomes or decoder.name == "command line"


def public_readers() -> set[str]:
    """Find what is named like a reader in `protocol`: functions, and methods of public classes."""
    found = set()
    for path in (ROOT / "protocol").rglob("*.py"):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for node in ast.parse(path.read_text("utf-8")).body:
            inside = node.body if isinstance(node, ast.ClassDef) else [node]
            owner = f"{node.name}." if isinstance(node, ast.ClassDef) else ""
            if owner.startswith("_"):
                continue
            found |= {
                f"{module}.{owner}{each.name}"
                for each in inside
                if isinstance(each, ast.FunctionDef) and READER.match(each.name)
            }
    return found


def test_every_reader_of_protocol_is_in_the_registry():
    covered = {name for decoder in DECODERS.values() for name in decoder.covers}
    missing = public_readers() - covered - set(NO_READERS)
    assert not missing, "\n".join(sorted(missing))


def test_the_registry_names_what_is_there():
    covered = {name for decoder in DECODERS.values() for name in decoder.covers}
    for name in covered | set(NO_READERS):
        module, _, rest = name.rpartition(".")
        path = ROOT / (module.replace(".", "/") + ".py")
        if not path.is_file():
            module, _, owner = module.rpartition(".")
            path = ROOT / (module.replace(".", "/") + ".py")
            assert f"class {owner}" in path.read_text("utf-8"), name
        assert f"def {rest}(" in path.read_text("utf-8"), name
