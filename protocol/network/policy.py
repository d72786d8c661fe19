"""Policy: what a node's operator does not carry for others.

A refusal is nobody's fault: other nodes carry what this one does not. Enters: categories, keys and
words, once; then verified objects. Leaves: whether one is refused, and which rule says so. Never
touched: this node's own objects, pinned ones, and what it seeks itself.
Source: docs/protocol/06-gossip.md, "Policy"; docs/reference/policy.md.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from protocol.network.live import LiveEntry
from protocol.objects.intentcast import Intentcast
from protocol.objects.profile import Profile
from protocol.values.spelling import fold_words


class Rule(StrEnum):
    """Which kind of rule refused an object."""

    CATEGORY = "category"
    KEY = "key"
    WORD = "word"
    INTEREST = "interest"
    """Nothing was refused: this node does not want it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """An operator's refusals."""

    categories: frozenset[str] = frozenset()
    """Category paths; each stands for all below it."""
    keys: frozenset[bytes] = frozenset()
    """Authors, 32 bytes each."""
    words: frozenset[str] = frozenset()
    """Words and phrases, folded by `fold_words`."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing is refused."""
        return not (self.categories or self.keys or self.words)

    def judge_entry(self, entry: LiveEntry) -> Rule | None:
        """Tell which rule refuses an entry, by its author and category; None when none does."""
        if entry.key in self.keys:
            return Rule.KEY
        path = entry.category
        while path and self.categories:
            if path in self.categories:
                return Rule.CATEGORY
            path = path.rpartition("/")[0]
        return None

    def judge(self, entry: LiveEntry, body: Any) -> Rule | None:
        """Tell which rule refuses an object; None when none does."""
        if self.is_empty:
            return None
        rule = self.judge_entry(entry)
        if rule is None and self.words and self.refuses_words(body):
            return Rule.WORD
        return rule

    def refuses_words(self, body: Any) -> bool:
        """Tell whether a request or profile holds a refused word or phrase, as whole words."""
        said = " ".join(f" {fold_words(text)} " for text in _texts(body))
        return any(f" {phrase} " in said for phrase in self.words)


CARRY_ALL: Final = Policy()
"""What a node refuses whose operator says nothing."""


def _texts(body: Any) -> list[str]:
    """List what a person would read first."""
    if isinstance(body, Intentcast):
        return [body.title, body.text, *(item.name for item in body.items)]
    if isinstance(body, Profile):
        return [body.name, *body.capabilities]
    return []


class Refusals:
    """A node's policy, and how often each of its rules spoke."""

    def __init__(self) -> None:
        """Begin with carrying everything."""
        self.policy = CARRY_ALL
        self.counts: Counter[Rule] = Counter()

    def judge(self, entry: LiveEntry, body: Any) -> Rule | None:
        """Tell which rule refuses an object, and count it."""
        return self.note(self.policy.judge(entry, body))

    def note(self, rule: Rule | None) -> Rule | None:
        """Count a refusal."""
        if rule is not None:
            self.counts[rule] += 1
        return rule
