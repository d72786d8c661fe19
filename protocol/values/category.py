"""Categories: one shipped tree of goods and services, and the shape every path must have.

Enters: the JSON text of `protocol/data/categories.json`, paths from objects, words from people.
Leaves: answers about the tree. Relays check only the shape of a path, so that a newer tree never
splits the network; whether a path exists is asked when a person signs and when a vendor matches.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import msgspec

from protocol import limits
from protocol.errors import LocalProtocolError, ObjectError, Reason
from protocol.ids import blake2b_256
from protocol.values.spelling import fold_words, nearest

_PATH: Final = re.compile(r"[a-z0-9-]{1,40}(/[a-z0-9-]{1,40}){0,3}")
_STEM_CHARS_MIN: Final = 3
"""Shorter words are not shortened: `gas` is not a plural."""


@lru_cache(maxsize=4_096)
def check_category_shape(path: str) -> None:
    """Refuse a path that is not 1-4 slugs of `[a-z0-9-]`, each of 1-40 characters, joined by `/`.

    Raises:
        ObjectError: BAD_SHAPE. Whether the category exists is not asked.
    """
    if len(path) > limits.category_chars_max or not _PATH.fullmatch(path):
        raise ObjectError(Reason.BAD_SHAPE, "not a category path", field="category")


class _Node(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    path: str
    label: str
    synonyms: list[str] = []


class _File(msgspec.Struct, frozen=True):
    nodes: list[_Node]


_FILE = msgspec.json.Decoder(_File)
"""Made at import: msgspec prepares a type at its first use, which two threads must not share."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """One answer of a search."""

    path: str
    """Category path."""
    label: str
    """What people call it, in English."""
    score: int
    """Higher is better, 1..100; 100 when the words are the label or a synonym."""


def _stem(word: str) -> str:
    """Drop the plural ending of an English word, so that `cameras` finds `camera`."""
    for ending, instead in (("ies", "y"), ("ses", "s"), ("xes", "x"), ("ches", "ch"), ("s", "")):
        if word.endswith(ending) and len(word) - len(ending) >= _STEM_CHARS_MIN:
            return word[: -len(ending)] + instead
    return word


def _stems(text: str) -> tuple[str, ...]:
    return tuple(_stem(word) for word in fold_words(text).split())


class CategoryTree:
    """The shipped tree, read once and never changed."""

    def __init__(self, nodes: Iterable[tuple[str, str, tuple[str, ...]]], version: str) -> None:
        """Index (path, label, synonyms) rows; `from_json` is the usual way in.

        Raises:
            LocalProtocolError: E-VOCABULARY when a path is malformed, stands twice or lacks its
                parent.
        """
        self.version = version
        self._labels: dict[str, str] = {}
        self._children: dict[str, list[str]] = {"": []}
        self._phrases: dict[str, list[tuple[str, ...]]] = {}
        for path, label, synonyms in nodes:
            parent = path.rpartition("/")[0]
            if not _PATH.fullmatch(path) or path in self._labels or parent not in self._children:
                raise _broken(f"'{path[:80]}' is malformed, stands twice or lacks its parent")
            self._labels[path] = label
            self._children[parent].append(path)
            self._children[path] = []
            own_name = path.rpartition("/")[2].replace("-", " ")
            self._phrases[path] = [_stems(phrase) for phrase in (label, own_name, *synonyms)]

    @classmethod
    def from_json(cls, data: bytes | str) -> CategoryTree:
        """Read the text of `categories.json`.

        Raises:
            LocalProtocolError: E-VOCABULARY when it is not such a file.
        """
        raw = data.encode() if isinstance(data, str) else data
        try:
            found = _FILE.decode(raw)
        except (msgspec.MsgspecError, UnicodeError) as error:
            raise _broken(str(error)) from error
        rows = ((node.path, node.label, tuple(node.synonyms)) for node in found.nodes)
        return cls(rows, blake2b_256(raw).hex())

    def __len__(self) -> int:
        """Count the categories."""
        return len(self._labels)

    def paths(self) -> list[str]:
        """List every path, parents before children."""
        return list(self._labels)

    def contains(self, path: str) -> bool:
        """Tell whether the path is in this version of the tree."""
        return path in self._labels

    def label(self, path: str) -> str:
        """Give the English name of a category.

        Raises:
            LocalProtocolError: E-CATEGORY naming the nearest, when it is not in the tree.
        """
        self.check(path)
        return self._labels[path]

    def children(self, path: str) -> list[str]:
        """List the paths directly below; of the empty path, the top of the tree.

        Raises:
            LocalProtocolError: E-CATEGORY when it is not in the tree.
        """
        if path:
            self.check(path)
        return list(self._children[path])

    def check(self, path: str) -> None:
        """Refuse a path that is not in the tree; for what a person signs or a feed maps to.

        Raises:
            LocalProtocolError: E-CATEGORY naming the nearest.
        """
        if path in self._labels:
            return
        close = self.suggest(path)
        raise LocalProtocolError(
            f"'{path[:80]}' is not a category",
            code="E-CATEGORY",
            fix=f"Did you mean {', '.join(close)}?" if close else "Search the list of categories",
            field="category",
        )

    def is_under(self, path: str, prefix: str) -> bool:
        """Tell whether `path` is `prefix` or lies below it; every path lies under the empty one."""
        return not prefix or path == prefix or path.startswith(prefix + "/")

    def suggest(self, unknown: str, count: int = 3) -> list[str]:
        """List the paths most like an unknown one, by spelling first and then by meaning."""
        text = unknown[: limits.category_chars_max]
        by_leaf = {path.rpartition("/")[2]: path for path in reversed(self._labels)}
        close = nearest(text, self._labels, count)
        close += [by_leaf[leaf] for leaf in nearest(text.rpartition("/")[2], by_leaf, count)]
        close += [match.path for match in self.search(text.replace("/", " "), count)]
        return list(dict.fromkeys(close))[:count]

    def search(self, words: str, count: int = 10) -> list[Match]:
        """Find categories by what people call them, best first.

        Args:
            words: anything a person typed; the first 400 characters are used.
            count: most answers wanted.
        """
        asked = _stems(words[: limits.input_chars_max])
        found = []
        for path, phrases in self._phrases.items():
            score = max(_score(asked, phrase) for phrase in phrases)
            if score:
                found.append(Match(path=path, label=self._labels[path], score=score))
        # On equal words the wider category comes first, then the order of the letters.
        found.sort(key=lambda match: (-match.score, match.path.count("/"), match.path))
        return found[:count]


def _score(asked: tuple[str, ...], phrase: tuple[str, ...]) -> int:
    """Compare two lists of words: 100 equal, over 60 one holds the other, else by words shared."""
    if not asked or not phrase:
        return 0
    if asked == phrase:
        return 100
    said, known = set(asked), set(phrase)
    shared = len(said & known)
    if shared == len(known):  # everything the category is called was said
        return 60 + min(30, 10 * shared)
    if shared == len(said):  # everything said is part of the name
        return 40 + 30 * shared // len(known)
    if shared:
        return 30 * shared // (len(known) + len(said) - shared)
    # The start of a long enough word is what somebody types into a search box.
    begun = any(word.startswith(asked[-1]) for word in known)
    return 5 if begun and len(asked[-1]) >= _STEM_CHARS_MIN else 0


def _broken(detail: str) -> LocalProtocolError:
    return LocalProtocolError(
        f"the category file cannot be used: {detail}",
        code="E-VOCABULARY",
        fix="Reinstall, or restore protocol/data/categories.json",
    )
