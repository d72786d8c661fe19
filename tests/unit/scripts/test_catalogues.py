"""The page's texts: all of them are collected, and every language tells all of them."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.pofile import PoFileError, read_po

from scripts import catalogues

SETTINGS = """
[[tool.babel.mappings]]
method = "python"
pattern = "pages/**.py"

[[tool.babel.mappings]]
method = "jinja2"
pattern = "pages/templates/**.html"
"""
PYTHON = """
TABLE = {"a": marked("in a table")}
def page(count):
    return _("on a page"), ngettext("%(num)s thing", "%(num)s things", count)
"""
HTML = """<p title="{{ _('in a tip') }}">{{ _("on a page") }}
{{ ngettext("%(num)s leaf", "%(num)s leaves", 2) }}</p>"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "pyproject.toml").write_text(SETTINGS)
    for name, text in (("pages/one.py", PYTHON), ("pages/templates/deep/two.html", HTML)):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def test_files_are_up_to_date_and_every_language_is_whole():
    """Run scripts/texts when this fails, and translate what it names."""
    made, missing = catalogues.files()
    stale = [path.name for path, raw in made.items() if path.read_bytes() != raw]
    assert not stale, f"run scripts/texts: {stale}"
    assert not missing, "\n".join(missing)
    assert {path.suffix for path in made} == {".pot", ".po", ".mo"}


def test_texts_are_collected_from_python_and_templates(root: Path):
    found = {each.id: [place for place, _ in each.locations] for each in catalogues.collected(root)}
    assert found.pop("") == []
    assert found == {
        "in a table": ["pages/one.py"],
        "on a page": ["pages/one.py", "pages/templates/deep/two.html"],
        ("%(num)s thing", "%(num)s things"): ["pages/one.py"],
        "in a tip": ["pages/templates/deep/two.html"],
        ("%(num)s leaf", "%(num)s leaves"): ["pages/templates/deep/two.html"],
    }


def test_the_same_texts_give_the_same_bytes(root: Path):
    first = catalogues.as_po(catalogues.collected(root))
    assert first == catalogues.as_po(catalogues.collected(root))
    for word in (b"Date", b"Generated", b"Project", b":1"):
        assert word not in first


def language(text: str) -> Catalog:
    return read_po(io.BytesIO(text.encode()), locale="de")


def test_what_is_missing_or_does_not_fit_is_named():
    found = catalogues.untold(
        language(
            'msgid "told"\nmsgstr "gesagt"\n\nmsgid "untold"\nmsgstr ""\n\n'
            '#, fuzzy\nmsgid "guessed"\nmsgstr "geraten"\n\n'
            '#, python-format\nmsgid "for %(name)s"\nmsgstr "an %(title)s"\n\n'
            'msgid "one"\nmsgid_plural "many"\nmsgstr[0] "eines"\nmsgstr[1] ""\n'
        )
    )
    assert found[:3] == ["not translated: untold", "not translated: guessed", "not translated: one"]
    assert found[3].startswith("does not fit: for %(name)s")


def test_a_language_follows_the_texts(root: Path, tmp_path: Path):
    path = tmp_path / "de" / "LC_MESSAGES" / "intentcast.po"
    path.parent.mkdir(parents=True)
    path.write_text('msgid "on a page"\nmsgstr "auf einer Seite"\n\nmsgid "gone"\nmsgstr "weg"\n')
    found = catalogues.merged(catalogues.collected(root), path)
    texts = {each.id: each.string for each in found if each.id}
    assert texts["on a page"] == "auf einer Seite"
    assert not texts["in a table"]
    assert "gone" not in texts
    assert b"gone" not in catalogues.as_po(found)


def test_what_a_merge_left_behind_stops_everything(root: Path, tmp_path: Path):
    path = tmp_path / "de" / "LC_MESSAGES" / "intentcast.po"
    path.parent.mkdir(parents=True)
    path.write_text('msgid "on a page"\n<<<<<<< HEAD\nmsgstr "auf einer Seite"\n')
    with pytest.raises(PoFileError):
        catalogues.merged(catalogues.collected(root), path)


def test_looking_changes_nothing_and_says_what_would(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    target = tmp_path / "intentcast.pot"
    monkeypatch.setattr(catalogues, "ROOT", tmp_path)
    monkeypatch.setattr(catalogues, "files", lambda: ({target: b"texts"}, []))
    assert catalogues.main(["--check"]) == 1
    assert "not up to date: intentcast.pot" in capsys.readouterr().err
    assert not target.exists()
    assert catalogues.main([]) == 0
    assert target.read_bytes() == b"texts"
    assert catalogues.main(["--check"]) == 0
    monkeypatch.setattr(catalogues, "files", lambda: ({target: b"texts"}, ["de: x"]))
    assert catalogues.main([]) == 1
    assert "de: x" in capsys.readouterr().err
