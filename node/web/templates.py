"""Turns what a page knows into HTML; every text of anybody is escaped on the way.

Enters: the name of a template and plain documents. Leaves: HTML. Never: a text of a stranger as
markup; a template that is not in the installation.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from functools import partial
from importlib import resources
from typing import Any, Final

from jinja2 import DictLoader, Environment, StrictUndefined
from markupsafe import Markup

from node.version import VERSION
from node.web.assets import assets
from node.web.comparison import has_twin, when_text
from node.web.texts import counted, languages, translation
from node.web.wording import (
    amount,
    bidi_safe,
    code_words,
    day,
    event_words,
    line_words,
    minute,
    pretty,
    state_words,
)

_EXTENSIONS: Final = ["jinja2.ext.i18n"]


def prepare() -> None:
    """Read every file a page is made of; blocks, and afterwards no page waits for a disk."""
    assets()
    for language in languages():
        environment(language)


@functools.cache
def _sources() -> dict[str, str]:
    folder = resources.files("node.web") / "templates"
    return {each.name: each.read_text("utf-8") for each in folder.iterdir() if each.is_file()}


@functools.cache
def environment(language: str) -> Environment:
    """Make the templates of a language; each is compiled when it is first used."""
    made = Environment(
        loader=DictLoader(_sources()),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        extensions=_EXTENSIONS,
    )
    made.install_gettext_translations(translation(language), newstyle=True)  # type: ignore[attr-defined]
    made.globals |= {
        "asset": lambda name: assets()[name].path,
        "version": VERSION,
        "counted": partial(counted, language),
        "language": language,
    }
    made.filters |= {
        "amount": amount,
        "code": code_words,
        "day": day,
        "event": event_words,
        "line": line_words,
        "minute": minute,
        "pretty": pretty,
        "said": bidi_safe,
        "state": state_words,
        "twin": has_twin,
        "when": when_text,
        "wrong": _wrong,
    }
    return made


def _wrong(error: Mapping[str, str] | None, place: str) -> Markup:
    """Mark the field a refusal is about; for use inside its tag."""
    if not error or error["place"] != place:
        return Markup()
    return Markup(' aria-invalid="true" aria-describedby="refusal"')


def render(name: str, language: str, values: Mapping[str, Any]) -> str:
    """Write one page.

    Args:
        name: file in `templates/`.
        language: of the reader.
        values: what the template asks for; a value it asks for and does not get is a bug.
    """
    return environment(language).get_template(name).render(values)
