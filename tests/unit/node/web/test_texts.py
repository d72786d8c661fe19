"""Which language a reader gets."""

from __future__ import annotations

import gettext
import json

import pytest

from node.web import texts


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("", "en"),
        ("en-GB,en;q=0.9", "en"),
        ("zz", "en"),
        ("xx;q=0.9,yy;q=1", "yy"),
        ("xx,yy;q=0.5", "xx"),
        ("XX-CH", "xx"),
        ("yy;q=nonsense,xx;q=0.1", "xx"),
        ("*", "en"),
        ("\x00" * 5_000, "en"),
        (",".join(["q"] * 500) + ",xx", "en"),
    ],
)
def test_the_most_wanted_that_is_there(
    monkeypatch: pytest.MonkeyPatch, accepted: str, language: str
):
    monkeypatch.setattr(texts, "languages", lambda: ("en", "xx", "yy"))
    assert texts.chosen(accepted) == language


def test_english_is_always_there():
    assert texts.languages()[0] == "en"
    assert texts.translation("en").gettext("Deals") == "Deals"
    assert texts.translation("no-such").gettext("Deals") == "Deals"


def test_forms_that_count_come_with_a_number_each_is_for(monkeypatch: pytest.MonkeyPatch):
    one, many = "%(num)s new offer: show it", "%(num)s new offers: show them"
    assert json.loads(texts.counted("en", one, many)) == [
        [1, "{n} new offer: show it"],
        [2, "{n} new offers: show them"],
    ]
    assert json.loads(texts.counted("de", one, many))[0] == [1, "{n} neues Angebot: zeigen"]

    class Polish(gettext.NullTranslations):
        """Tells one, a few (2 to 4) and many apart."""

        def ngettext(self, _one: str, _many: str, count: int) -> str:
            return "1" if count == 1 else "few" if count in range(2, 5) else "many"

    monkeypatch.setattr(texts, "translation", lambda _language: Polish())
    found = dict(json.loads(texts.counted("pl", one, many)))
    assert (found[1], found[2], found[3], found[5], found[100]) == (
        "1",
        "few",
        "few",
        *2 * ["many"],
    )
