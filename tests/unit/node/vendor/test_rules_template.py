"""The rules file `vendor init` writes is in force as it stands, and with every mark taken away."""

from __future__ import annotations

import re

from node.vendor.rules import parse_rules
from node.vendor.rules_template import rules_template
from protocol.values.attributes import AttributeVocabulary
from protocol.values.category import CategoryTree


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
