"""Templates: strangers' texts stay texts, and what is missing is a bug."""

from __future__ import annotations

from importlib import resources

import pytest
from jinja2 import UndefinedError

from node.web.assets import assets
from node.web.templates import environment, prepare, render
from node.web.texts import languages
from tests.unit.node.web.papers import EVIL, EVIL_SHOWN

NAMES = sorted(each.name for each in (resources.files("node.web") / "templates").iterdir())


@pytest.mark.parametrize("name", NAMES)
def test_every_template_can_be_read_and_holds_no_script_or_style(name: str):
    environment("en").get_template(name)
    text = (resources.files("node.web") / "templates" / name).read_text("utf-8")
    assert " style=" not in text
    assert " on" not in {part[:3] for part in text.split('="')}
    assert "|safe" not in text
    if name != "receipt.html":
        assert "<style" not in text
    for script in text.split("<script")[1:]:
        assert 'src="{{ asset(' in script.partition("</script>")[0]
        assert script.partition(">")[2].startswith("</script>")


def test_once_prepared_no_page_touches_a_disk(monkeypatch: pytest.MonkeyPatch):
    prepare()

    def read(*_args: object, **_options: object) -> None:
        pytest.fail("a file was read")

    monkeypatch.setattr("builtins.open", read)
    monkeypatch.setattr("io.open", read)
    monkeypatch.setattr("pathlib.Path.stat", read)
    environment.cache_clear()
    for language in languages():
        environment(language).get_template("casts.html")
    assert assets()


def test_texts_are_escaped():
    error = {"sentence": EVIL, "code": "E-X", "fix": EVIL, "field": ""}
    values = {"title": EVIL, "error": error, "path": "/", "visitor": None, "here": ""}
    text = render("refusal.html", "en", values)
    assert "<script>alert" not in text
    assert text.count(EVIL_SHOWN) == 3


def test_a_missing_value_is_a_bug():
    with pytest.raises(UndefinedError):
        render("refusal.html", "en", {"title": "x"})
