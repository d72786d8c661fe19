"""How the letters of strangers are shown: so that no two different texts look like one.

Enters: any text. Leaves: the same text, in which what would hide, turn, blank or overprint is shown
as its code, `[200B]`; and a skeleton of a name, equal for names that look alike. The command line,
the page and its scripts (`static/shop.js`) keep this one rule.

Shown as codes: controls, format characters (category Cf), private, lone and unassigned ones, line
and paragraph breaks of Unicode, blanks other than the usual one and U+3000, letters and marks that
print nothing, the fourth and later marks upon one letter, and marks upon nothing. A joiner stands
only between letters of scripts that join. A bracket that would read as such a code is itself shown
as one, so what is shown can be read back to one text alone.
Source: Unicode 15, property Default_Ignorable_Code_Point; Unicode Technical Standard 39.
"""

# ruff: noqa: RUF001 - a table of letters that look alike consists of them
from __future__ import annotations

import re
import unicodedata
from typing import Final

MARKS_MAX: Final = 3
"""Marks upon one letter; more climb over the lines around it. Living scripts need no more."""
_PLAIN: Final = re.compile(r"[ -Z\\-~\u00a1-\u00ac\u00ae-\u02ff]*")
"""Printable ASCII but the bracket, and Latin letters: what nearly every text is made of."""
_BREAKS: Final = "\n\t"
_HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_MARKS: Final = frozenset({"Mn", "Me"})
_BLANKS: Final = frozenset(" \u3000")
_EMPTY: Final = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0"
    + "".join(map(chr, range(0xFE00, 0xFE10)))
    + "".join(map(chr, range(0xE0100, 0xE01F0)))
)
"""Letters and marks that print nothing."""
_JOINERS: Final = frozenset("\u200c\u200d")
_JOINING: Final = ((0x0600, 0x109F), (0x1780, 0x18AF))
"""Arabic to Myanmar, Khmer to Mongolian: where a joiner changes what is seen."""
_CODE: Final = re.compile(r"\[[0-9A-F]{4,6}\]")


def shown(text: object, *, breaks: bool = False) -> str:
    """Show a stranger's text.

    Args:
        text: anything; other than a text, its words.
        breaks: keep line breaks and tabs, which a page shows and a line of a terminal cannot.
    """
    found = str(text)
    if _PLAIN.fullmatch(found):
        return found
    kept = _BREAKS if breaks else ""
    parts, marks = [], MARKS_MAX
    for at, char in enumerate(found):
        is_mark = unicodedata.category(char) in _MARKS
        marks = marks + 1 if is_mark else 0
        if char in kept:
            is_shown = True
        elif is_mark:
            is_shown = marks <= MARKS_MAX and char not in _EMPTY
        else:
            is_shown = _stands(found, at)
        parts.append(char if is_shown else f"[{ord(char):04X}]")
        if not is_shown or char in kept:
            # What follows would stand upon a code, or begin a line.
            marks = MARKS_MAX
    return "".join(parts)


def _stands(text: str, at: int) -> bool:
    """Tell whether a character that is no mark is shown as itself."""
    char = text[at]
    if char in _JOINERS:
        return _joins(text[at - 1 : at]) and _joins(text[at + 1 : at + 2])
    if char == "[":
        return not _CODE.match(text, at)
    category = unicodedata.category(char)
    if category == "Zs":
        return char in _BLANKS
    return category not in _HIDDEN and char not in _EMPTY


def _joins(char: str) -> bool:
    is_letter = bool(char) and unicodedata.category(char)[0] in "LM"
    return is_letter and any(low <= ord(char) <= high for low, high in _JOINING)


def is_blank(text: str) -> bool:
    """Tell whether nothing of a text is seen: no letter, digit, sign or picture."""
    return not any(unicodedata.category(char)[0] in "LNPS" and char not in _EMPTY for char in text)


# --- names that look alike ----------------------------------------------------------------------


def _table(pairs: str) -> dict[int, str]:
    return {ord(pair[0]): pair[1] for pair in pairs.split()}


_LOOKS_LIKE: Final = _table(
    # Cyrillic
    "АA ВB ЕE ЅS ІI ЈJ КK МM НH ОO РP СC ТT УY ХX аa вb еe ѕs іi јj кk мm нh оo рp сc тt уy хx "
    "ЬB ьb ԁd һh ӏl Ӏl ԛq ԝw ѵv ѴV пn гr ԌG ԚQ ԜW ҮY үy "
    # Greek
    "ΑA ΒB ΕE ΖZ ΗH ΙI ΚK ΜM ΝN ΟO ΡP ΤT ΥY ΧX ϹC ϳj αa βb εe ηn ιi κk νv οo ρp σo τt υu χx γy ωw "
    "ϲc"
)
"""Cyrillic and Greek letters -> the Latin one they look like."""
_SAME_STROKE: Final = _table("0o 1l il |l !l 5s 8b")
"""Signs of which one stands for the other, after capitals are folded."""
_TWO_AS_ONE: Final = (("rn", "m"), ("vv", "w"), ("cl", "d"))


def skeleton(name: str) -> str:
    """Give what two names have in common when they look alike.

    Falls together: capitals and small letters, marks, blanks and signs between, wide and styled
    forms, Cyrillic and Greek letters that look Latin, digits that look like letters. Not caught:
    other scripts, a word more or less, another spelling, and what only a certain font makes alike.
    """
    split = unicodedata.normalize("NFKD", name.translate(_LOOKS_LIKE)).translate(_LOOKS_LIKE)
    found = split.casefold().translate(_SAME_STROKE)
    bare = "".join(c for c in found if unicodedata.category(c)[0] in "LN" and c not in _EMPTY)
    for two, one in _TWO_AS_ONE:
        bare = bare.replace(two, one)
    return bare or "".join(c for c in found if unicodedata.category(c)[0] in "PS")


def same_looking(names: dict[bytes, str]) -> frozenset[bytes]:
    """Find the keys whose names cannot be told apart from the name of another key.

    Args:
        names: key -> name.
    """
    keys: dict[str, list[bytes]] = {}
    for key, name in names.items():
        keys.setdefault(skeleton(name), []).append(key)
    return frozenset(key for alike in keys.values() if len(alike) > 1 for key in alike)
