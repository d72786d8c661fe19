"""A reader of German gets German, every word of ours on every page; one of Klingon gets English."""

from __future__ import annotations

import gettext
import re
from functools import cache
from pathlib import Path

import pytest

from node.web.texts import languages, locale_folder
from tests.unit.node.web.conftest import Browser, Neighbour, text_of, words_of
from tests.unit.node.web.papers import CAST

PAGES = [
    *("/", "/ask", "/deals", "/people", "/network", "/settings", "/welcome", "/welcome?step=2"),
    *("/welcome?step=3", "/shop", "/shop/inbox", "/shop/catalogue", "/shop/offers", "/login"),
    f"/casts/{CAST['handle']}",
    f"/casts/{CAST['handle']}/offers/offer-AAAA-0001/accept",
    f"/casts/{CAST['handle']}/revoke",
    "/deals/deal-9ABC-DEFG",
]
_TELLING = 14
"""Shorter texts may stand in a page by chance: inside a name, a code, or what the node says."""


@cache
def german() -> dict[str, str]:
    with (locale_folder() / "de" / "LC_MESSAGES" / "intentcast.mo").open("rb") as file:
        found = gettext.GNUTranslations(file)._catalog  # type: ignore[attr-defined]
    return {text: told for text, told in found.items() if isinstance(text, str) and text}


TEMPLATES = sorted((locale_folder().parent / "templates").glob("*.html"))
OURS = {"intentcast", "km²", "ms", "UTC"}
"""Words that are the same in every language."""


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)
def test_no_text_stands_in_a_template_as_it_is(path: Path):
    called = r"\{%.*?%\}|\{\{.*?\}\}|\{#.*?#\}"
    text = re.sub(called, " ", path.read_text("utf-8"), flags=re.DOTALL)
    told = re.findall(r'(?:aria-label|alt|title|placeholder)="([^"]*)"', text)
    marks = r"<(code|pre|style)\b.*?</\1>|<[^>]*>|&\w+;"
    told.append(re.sub(marks, " ", text, flags=re.DOTALL))
    words = {word for each in told for word in re.findall(r"[^\W\d_][\w²]*", each)}
    # Examples of what a person may type stay as they are typed.
    assert words - OURS <= {"USD"}


def test_there_are_two():
    assert languages() == ("en", "de")


@pytest.mark.parametrize("path", PAGES)
async def test_no_text_of_ours_stays_english(browser: Browser, path: str):
    page = await browser.get(path, **{"Accept-Language": "de-AT,de;q=0.9,en;q=0.5"})
    assert page.status == 200
    text = words_of(page)
    left = [
        each
        for each, told in german().items()
        if len(each) >= _TELLING and each != told and f" {each} " in text
    ]
    assert left == []
    assert '<html lang="de">' in text_of(page)


async def test_numbers_days_and_states_are_told_in_the_language(
    browser: Browser, neighbour: Neighbour
):
    neighbour.cast_list = [CAST | {"decide_by": "2027-03-01T23:59:59Z"}]
    text = words_of(await browser.get("/", **{"Accept-Language": "de"}))
    assert "2 Angebote" in text
    assert "1. März 2027, 23:59 Uhr UTC" in text
    assert "offen für Angebote" in text


async def test_each_request_has_its_own(browser: Browser):
    for asked, word in (("de", "Netz"), ("en", "Network"), ("tlh", "Network"), ("", "Network")):
        text = text_of(await browser.get("/network", **{"Accept-Language": asked}))
        assert f"<h1>{word}</h1>" in text


async def test_tables_of_texts_are_told_when_they_are_shown(browser: Browser):
    path = f"/casts/{CAST['handle']}"
    german_page = words_of(await browser.get(path, **{"Accept-Language": "de"}))
    english_page = words_of(await browser.get(path, **{"Accept-Language": "en"}))
    for told, text in (("Stornieren", "Cancelling"), ("Gültig bis", "Valid until")):
        assert told in german_page
        assert text not in german_page
        assert text in english_page


async def test_sentences_of_scripts_come_with_the_page(browser: Browser):
    text = text_of(await browser.get("/people", **{"Accept-Language": "de"}))
    assert 'data-offline="Getrennt seit {time}"' in text
    assert 'data-news="Es gibt Neues: zeigen"' in text
