"""The page's words, in the reader's language where there is a catalogue for it.

Enters: what a browser says its reader reads. Leaves: gettext translations; English where nothing
fits, which is what the sources are written in. Catalogues stand in `locale/LANG/LC_MESSAGES/`.
Each request is answered in a context of its own language: `_` looks a text up when it is used, so
texts that stand in tables are only `marked` there. What the node itself says (refusals, notices)
comes in English.
"""

from __future__ import annotations

import functools
import gettext
import json
import re
from contextvars import ContextVar
from importlib import resources
from pathlib import Path
from typing import Final

DOMAIN: Final = "intentcast"
ENGLISH: Final = "en"
_LANGUAGE: Final = re.compile(r"([A-Za-z]{2,3})(?:-[A-Za-z0-9]{1,8}){0,3}")
_LANGUAGES_MAX: Final = 16
_HEADER_CHARS_MAX: Final = 400
_NUMBERS: Final = (1, 2, 3, 5, 6, 11, 100)
"""One at least of each kind that languages tell apart from 1 on (Unicode CLDR, cardinals)."""
_FEW_FORMS: Final = 2
"""Of so many forms the last is right for whatever number is of another kind."""


def locale_folder() -> Path:
    """Name the folder of catalogues."""
    return Path(str(resources.files("node.web") / "locale"))


@functools.cache
def languages() -> tuple[str, ...]:
    """List the languages there are, English first."""
    found = sorted(
        each.parent.parent.name for each in locale_folder().glob(f"*/LC_MESSAGES/{DOMAIN}.mo")
    )
    return (ENGLISH, *found)


@functools.cache
def translation(language: str) -> gettext.NullTranslations:
    """Give the words of a language; English for one that is not there."""
    if language not in languages()[1:]:
        return gettext.NullTranslations()
    return gettext.translation(DOMAIN, locale_folder(), [language])


def chosen(accepted: str) -> str:
    """Choose a language by an Accept-Language header, the most wanted first.

    Args:
        accepted: the header; anything that is not understood in it is passed over.
    """
    wanted: list[tuple[float, str]] = []
    for part in accepted[:_HEADER_CHARS_MAX].split(",")[:_LANGUAGES_MAX]:
        name, _, weight = part.strip().partition(";q=")
        if found := _LANGUAGE.fullmatch(name.strip()):
            wanted.append((_weight(weight), found[1].lower()))
    for _, name in sorted(wanted, key=lambda each: -each[0]):
        if name in languages():
            return name
    return ENGLISH


_SPOKEN: Final[ContextVar[str]] = ContextVar("language of the reader", default=ENGLISH)


def speak(language: str) -> None:
    """Answer in a language from here on, in this request alone.

    Args:
        language: one of `languages()`.
    """
    _SPOKEN.set(language)


def spoken() -> str:
    """Give the language of the request that is being answered."""
    return _SPOKEN.get()


def marked(text: str) -> str:
    """Mark a text of a table for the catalogue; `_` translates it where it is used."""
    return text


def _(text: str) -> str:
    """Translate a text of ours into the reader's language."""
    return translation(spoken()).gettext(text) if text else ""


def ngettext(one: str, many: str, count: int) -> str:
    """Translate a text that counts; `%(num)s` in it is the number."""
    return translation(spoken()).ngettext(one, many, count) % {"num": count}


def counted(language: str, one: str, many: str) -> str:
    """Give the forms of a text that counts from 1 on, for a script that counts later.

    Each form comes with a number it is for: the browser knows which numbers of a language go
    together (`Intl.PluralRules`), and the catalogue what is said of them.

    Returns:
        JSON, `[[number, text], ...]`; `{n}` in a text is the number.
    """
    told = translation(language)
    forms = {n: told.ngettext(one, many, n) % {"num": "{n}"} for n in _NUMBERS}
    first = {text: n for n, text in reversed(forms.items())}
    if len(first) <= _FEW_FORMS:
        forms = {n: forms[n] for n in sorted(first.values())}
    return json.dumps([*forms.items()], ensure_ascii=False)


def _weight(text: str) -> float:
    try:
        return float(text) if text else 1.0
    except ValueError:
        return 0.0
