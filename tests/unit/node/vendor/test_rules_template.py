"""The rules file `vendor init` writes is in force as it stands, and with every mark taken away."""

from __future__ import annotations

import re
from pathlib import Path

from node.vendor.matching import SkipReason
from node.vendor.rules import parse_rules
from node.vendor.rules_template import rules_template
from protocol.values.attributes import AttributeVocabulary
from protocol.values.category import CategoryTree

DOCS = Path(__file__).resolve().parents[4] / "docs"


def test_the_template_parses(vocabulary: AttributeVocabulary, tree: CategoryTree):
    text = rules_template("CHF", mode="delivery", when="before")
    rules = parse_rules(text, vocabulary=vocabulary, tree=tree)
    assert (rules.mode, rules.pay_when) == ("delivery", "before")
    assert rules.currency == "CHF"
    assert rules.floor_percent == 80
    assert rules.fees == ()


def test_every_key_parses_without_its_mark(vocabulary: AttributeVocabulary, tree: CategoryTree):
    text = re.sub(r"^# (?=\[|[a-z_-]+ = )", "", rules_template("USD"), flags=re.MULTILINE)
    rules = parse_rules(text, vocabulary=vocabulary, tree=tree)
    assert rules.warranty_months == 24
    assert rules.delivery is not None
    assert rules.memberships[0].programme == "Avis Wizard"
    assert rules.facts_for("travel/car-rental")["insurance-required"].value is False
    for name in ("discounts", "memberships", "seasons", "fees", "taxes", "cancels"):
        assert len(getattr(rules, name)) == 1


def test_every_key_is_in_the_reference():
    page = (DOCS / "reference" / "vendor-rules.md").read_text("utf-8")
    keys = set(re.findall(r"^(?:# )?([a-z_]+) = ", rules_template("USD"), flags=re.MULTILINE))
    documented = {name.rpartition(".")[2] for name in re.findall(r"`([a-z_.]+)`", page)}
    assert keys - documented == set()
    assert {f"E-{name}" for name in re.findall(r"`E-(FEED-[A-Z]+)`", page)} == feed_codes()


def feed_codes() -> set[str]:
    sources = (DOCS.parent / "node" / "vendor").glob("*.py")
    return {code for path in sources for code in re.findall(r"\bE-FEED-[A-Z]+\b", path.read_text())}


def test_every_reason_for_silence_is_in_the_guide():
    page = (DOCS / "guides" / "vendor.md").read_text("utf-8")
    assert {reason.value for reason in SkipReason} <= set(
        re.findall(r"^\| `(\w+)`", page, re.MULTILINE)
    )
