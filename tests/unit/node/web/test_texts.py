"""Which language a reader gets."""

from __future__ import annotations

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
