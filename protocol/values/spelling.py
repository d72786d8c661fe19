"""Comparing words as people spell them: case, accents and punctuation do not count.

Enters: any text. Leaves: folded text to compare by, or the nearest of some candidates. Folded text
is for looking up only; it is never signed and never shown.
"""

from __future__ import annotations

import difflib
import functools
import re
import unicodedata
from collections.abc import Iterable
from typing import Final

_GERMAN: Final = {ord("ä"): "ae", ord("ö"): "oe", ord("ü"): "ue", ord("ø"): "oe", ord("å"): "aa"}
_NOT_WORD: Final = re.compile(r"[^\w]+|_+")
_WORD_CHARS_MAX: Final = 64
"""Longer words are compared by their beginning only, so that no input makes a search slow."""
_CUTOFF: Final = 0.6
"""Likeness below which a suggestion would surprise; difflib's own default."""


@functools.lru_cache(maxsize=16_384)
def fold_words(text: str) -> str:
    """Reduce text to lower-case words without accents, joined by single spaces."""
    split = unicodedata.normalize("NFKD", text.casefold())
    bare = "".join(c for c in split if not unicodedata.combining(c))
    return _NOT_WORD.sub(" ", bare.casefold()).strip()


def fold(text: str) -> str:
    """Reduce text to letters and digits: `Farb-Name`, `farb_name` and `FarbName` are equal."""
    return fold_words(text).replace(" ", "")


def folds(text: str) -> set[str]:
    """Give every folded form a spelling may be met under: `größe` as `grosse` and as `groesse`."""
    german = unicodedata.normalize("NFC", text.casefold()).translate(_GERMAN)
    return {fold(text), fold(german)}


def nearest(word: str, candidates: Iterable[str], count: int) -> list[str]:
    """List up to `count` candidates most like `word`, best first; may be empty.

    Ties are broken by the candidates' own order of letters, so the answer never depends on chance.
    """
    wanted = fold(word[:_WORD_CHARS_MAX])
    scored = []
    matcher = difflib.SequenceMatcher(autojunk=False)
    matcher.set_seq2(wanted)
    for candidate in candidates:
        known = fold(candidate)[:_WORD_CHARS_MAX]
        if not known or not wanted:  # two signs without letters are equal only to the matcher
            continue
        matcher.set_seq1(known)
        if matcher.real_quick_ratio() >= _CUTOFF and matcher.quick_ratio() >= _CUTOFF:
            ratio = matcher.ratio()
            if ratio >= _CUTOFF:
                scored.append((-ratio, candidate))
    return [candidate for _, candidate in sorted(scored)[:count]]
