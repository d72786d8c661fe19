"""Options become the draft a file would hold."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from node.cli.requests import (
    TITLE_CHARS_MAX,
    Draft,
    Words,
    in_own_words,
    of_a_guess,
    read_distance,
    read_words,
    today,
)
from node.errors import NotFoundError
from protocol.errors import LocalProtocolError


def test_words_alone_guess_a_category():
    draft = read_words(Words(what="a used mountain bike, please"))
    assert draft.guessed == draft.value["category"]
    assert "bike" in draft.guessed or "bicycle" in draft.guessed
    assert draft.value["title"] == "a used mountain bike, please"
    assert draft.value["items"] == [{"name": "a used mountain bike, please"}]
    assert not draft.from_file


def test_everything_that_can_be_said():
    draft = read_words(
        Words(
            what="camera",
            category="electronics/cameras/digital-cameras",
            budget="300 USD",
            near="Berlin",
            within="15mi",
            by="+14d",
            must=["resolution >= 12 MP"],
            prefer=["weight <= 400 g"],
            items=["camera", "lens"],
        )
    )
    wishes = [
        {"key": "resolution", "op": "ge", "value": "12 MP", "level": "must"},
        {"key": "weight", "op": "le", "value": "400 g", "level": "prefer"},
    ]
    assert draft.value == {
        "title": "camera",
        "category": "electronics/cameras/digital-cameras",
        "budget": {"max": "300 USD"},
        "where": {"near": "Berlin", "radius_km": 25},
        "decide_by": "+14d",
        "items": [{"name": "camera", "attrs": wishes}, {"name": "lens", "attrs": wishes}],
    }
    assert draft.guessed == ""


def test_a_long_text_keeps_every_word():
    text = "I want a camera " + "word " * 60
    value = read_words(Words(what=text)).value
    assert len(value["title"]) <= TITLE_CHARS_MAX
    assert value["title"].endswith("…")
    assert value["text"] == " ".join(text.split())


def test_a_file_is_taken_as_it_is_and_options_win(tmp_path: Path):
    path = tmp_path / "request.json"
    path.write_text(json.dumps({"title": "x", "items": ["a", {"name": "b", "attrs": [1]}]}))
    draft = read_words(Words(what=str(path), by="tomorrow", must=["raw"]))
    wish = {"key": "raw", "op": "present", "level": "must"}
    assert draft.from_file
    assert draft.value["items"] == [
        {"name": "a", "attrs": [wish]},
        {"name": "b", "attrs": [1, wish]},
    ]
    assert draft.value["decide_by"] > today().isoformat()
    assert "category" not in draft.value


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"{", "request.json: this is not JSON"),
        (b"[]", "holds no JSON object"),
        (b'{"title": "a", "title": "b"}', "stands twice"),
        (b" " * 300_000, "larger than 256 KiB"),
        (b"\xff", "not UTF-8"),
    ],
)
def test_bad_files(tmp_path: Path, content: bytes, words: str):
    path = tmp_path / "request.json"
    path.write_bytes(content)
    with pytest.raises(LocalProtocolError) as caught:
        read_words(Words(what=str(path)))
    assert words in caught.value.sentence
    assert caught.value.code == "E-JSON"


@pytest.mark.parametrize("name", ["no.json", "folder.json", "file/inside.json"])
def test_no_such_file(tmp_path: Path, name: str):
    (tmp_path / "folder.json").mkdir()
    (tmp_path / "file").write_text("")
    with pytest.raises(NotFoundError) as caught:
        read_words(Words(what=str(tmp_path / name)))
    assert caught.value.code == "E-FILE"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (Words(what=" "), "E-CAST"),
        (Words(what="x " * 2_000), "E-CAST"),
        (Words(what="camera", budget="300"), "E-MONEY"),
        (Words(what="camera", budget="1,000.50"), "E-MONEY"),
        (Words(what="camera", within="5km"), "E-PLACE"),
        (Words(what="camera", near="Berlin", within="far"), "E-DISTANCE"),
        (Words(what="camera", near="Berlin", within="5 parsec"), "E-DISTANCE"),
        (Words(what="xyzzy qwert"), "E-CATEGORY"),
        (Words(what="camera", must=["a < b"]), "E-WISH"),
    ],
)
def test_refused(words: Words, code: str):
    with pytest.raises(LocalProtocolError) as caught:
        read_words(words)
    assert caught.value.code == code
    assert caught.value.fix


def test_budget_without_currency_in_the_designed_words():
    with pytest.raises(LocalProtocolError) as caught:
        read_words(Words(what="sofa", budget="300"))
    assert caught.value.sentence == ('--budget needs a currency, for example 300EUR or "300 USD"')


@pytest.mark.parametrize(
    ("text", "km"), [("25km", 25), ("25 km", 25), ("25", 25), ("500m", 1), ("15mi", 25), ("0", 0)]
)
def test_distance(text: str, km: int):
    assert read_distance(text, "--within") == km


@pytest.mark.parametrize(
    ("sentence", "field", "said"),
    [
        ("decide_by 2026-01-01 is in the past", "decide_by", "--by 2026-01-01 is in the past"),
        ("radius_km is not in range", "where.radius_km", "--within is not in range"),
        ("'xyz' is not a category", "category", "--category: 'xyz' is not a category"),
        ("title is missing", "title", "the text is missing"),
        ("something else", "seats", "something else"),
    ],
)
def test_errors_name_the_option(sentence: str, field: str, said: str):
    with pytest.raises(LocalProtocolError) as caught:
        in_own_words(LocalProtocolError(sentence, field=field))
    assert caught.value.sentence == said


CAMERAS = "electronics/cameras"


@pytest.mark.parametrize(
    ("guessed", "field", "code", "fix"),
    [
        (CAMERAS, "resolution", "E-ATTRIBUTE", "Name it:  --category electronics/cameras/digital"),
        (CAMERAS, "shoe-size", "E-ATTRIBUTE", "Name it:  --category PATH "),
        (
            CAMERAS,
            "resolutoin",
            "E-ATTRIBUTE",
            "Did you mean resolution? With it:  --category electronics/cameras/digital-cameras",
        ),
        (f"{CAMERAS}/digital-cameras", "Resolutoin", "E-ATTRIBUTE", "Did you mean resolution?"),
        (f"{CAMERAS}/digital-cameras", "resolution", "E-ATTRIBUTE", "kept"),
        ("", "resolution", "E-ATTRIBUTE", "kept"),
        (CAMERAS, "resolution", "E-DATE", "kept"),
    ],
)
def test_a_wish_that_misses_a_guessed_category(guessed: str, field: str, code: str, fix: str):
    error = LocalProtocolError("no", code=code, fix="kept", field=field)
    of_a_guess(error, Draft(value={}, from_file=False, guessed=guessed))
    assert error.fix.startswith(fix)
    assert ("guessed from your words" in error.sentence) is (fix != "kept")
