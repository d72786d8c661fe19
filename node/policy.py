"""What this node carries for others: `policy.toml` in its home, read key by key.

Enters: the file, if there is one. Leaves: refusals and caps, or one error that says file, line, key
and what is allowed. Without a file everything is carried.
Source: docs/reference/policy.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from node.data.vocabulary import category_tree
from node.toml_tables import Table, read_toml
from protocol import limits
from protocol.errors import LocalProtocolError
from protocol.ids import from_text
from protocol.network.policy import CARRY_ALL, Policy
from protocol.values.spelling import fold_words

POLICY_FILE: Final = "policy.toml"
CODE: Final = "E-POLICY"
_CATEGORIES_MAX: Final = 1_000
_KEYS_MAX: Final = 10_000
_WORDS_MAX: Final = 1_000
_OBJECTS_MIN: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class NodePolicy:
    """What the operator wrote."""

    refuse: Policy = CARRY_ALL
    """What is not carried."""
    objects_max: int = limits.objects_live_max
    """How many objects of others have a place."""
    up_kbit: int = 0
    """What may be sent, kbit/s; 0 leaves it to the settings."""


def load_policy(home: Path) -> NodePolicy:
    """Read a home's policy; everything is carried where there is none.

    Raises:
        ConfigError: E-POLICY, with file, line and key.
    """
    path = home / POLICY_FILE
    if not path.exists():
        return NodePolicy()
    root = read_toml(path, CODE, "Check its rights, and that it is UTF-8").root()
    refuse, storage, bandwidth = (root.table(name) for name in ("refuse", "storage", "bandwidth"))
    root.done()
    found = NodePolicy(
        refuse=_refusals(refuse),
        objects_max=storage.whole(
            "objects", limits.objects_live_max, _OBJECTS_MIN, limits.objects_live_max
        )
        or limits.objects_live_max,
        up_kbit=bandwidth.whole("up_kbit", 0, 0, 100_000_000) or 0,
    )
    for table in (refuse, storage, bandwidth):
        table.done()
    return found


def _refusals(table: Table) -> Policy:
    return Policy(
        categories=frozenset(_categories(table)),
        keys=frozenset(_keys(table)),
        words=frozenset(_words(table)),
    )


def _categories(table: Table) -> list[str]:
    paths = table.texts("categories", most=_CATEGORIES_MAX, chars_max=limits.category_chars_max)
    for path in paths:
        try:
            category_tree().check(path)
        except LocalProtocolError as error:
            close = category_tree().suggest(path)
            hint = f"Did you mean {', '.join(close)}? Or find" if close else "Find"
            fix = f"{hint} its name: intentcast categories WORDS"
            raise table.wrong("categories", error.sentence, fix) from error
    return list(paths)


def _keys(table: Table) -> list[bytes]:
    keys = []
    for text in table.texts("keys", most=_KEYS_MAX, chars_max=100):
        try:
            keys.append(from_text("key", text))
        except LocalProtocolError as error:
            raise table.wrong(
                "keys", f"holds '{text[:20]}': {error.sentence}", "Write whole keys, key-..."
            ) from error
    return keys


def _words(table: Table) -> list[str]:
    words = []
    for text in table.texts("words", most=_WORDS_MAX):
        folded = fold_words(text)
        if not folded:
            raise table.wrong("words", f"holds '{text[:20]}', no word", "Write words or phrases")
        words.append(folded)
    return words
