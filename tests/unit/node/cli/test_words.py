"""`intentcast words`: shown to a person, checked by three of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.cli import words as module
from node.words import root_from_words
from tests.unit.node.cli.conftest import Shell
from tests.unit.node.cli.sealed import PHRASE, ROOT, WORDS, make_home


@pytest.fixture(autouse=True)
def _no_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("INTENTCAST_PASSPHRASE_FILE", raising=False)


def test_on_a_terminal_they_are_numbered_and_can_be_read_back(down: Shell):
    make_home(down.home)
    found = down.run("words", tty=True)
    assert found.code == 0
    assert root_from_words(found.out) == ROOT
    assert found.out.startswith(" 1 ")
    assert "--confirm" in found.err


def test_a_pipe_gets_them_only_when_that_is_said(down: Shell):
    make_home(down.home)
    for argv in (["words"], ["words", "--json"]):
        found = down.run(*argv)
        assert (found.code, found.out, "(E-WORDS-SHOWN)" in found.err) == (5, "", True)
    assert root_from_words(down.run("words", "--yes-show-them").out) == ROOT
    found = down.run("words", "--yes-show-them", "--json")
    assert found.document() == {"schema": "intentcast.words/1", "words": WORDS}


def test_a_sealed_home_asks_for_its_passphrase(down: Shell):
    make_home(down.home, sealed=True)
    found = down.run("words", tty=True, typed=f"{PHRASE}\n")
    assert (found.code, root_from_words(found.out)) == (0, ROOT)
    found = down.run("words", tty=True, typed="not the passphrase\n")
    assert (found.code, found.out, "(E-PASSPHRASE-WRONG)" in found.err) == (4, "", True)


def test_a_home_without_keys(down: Shell):
    found = down.run("words", tty=True)
    assert (found.code, "(E-KEYS-NONE)" in found.err) == (7, True)


def answering(monkeypatch: pytest.MonkeyPatch, answer) -> list[int]:
    asked: list[int] = []

    def asked_word(number: int) -> str:
        asked.append(number)
        return str(answer(number))

    monkeypatch.setattr(module, "asked_word", asked_word)
    return asked


def test_three_words_show_that_they_are_on_paper(down: Shell, monkeypatch: pytest.MonkeyPatch):
    make_home(down.home)
    asked = answering(monkeypatch, lambda number: WORDS[number - 1].upper())
    found = down.run("words", "--confirm")
    assert (found.code, found.out) == (0, "")
    assert len(set(asked)) == 3
    assert all(1 <= number <= 24 for number in asked)
    assert (down.home / "words.confirmed").exists()
    found = down.run("words", "--confirm", "--json")
    assert found.document() == {"schema": "intentcast.words-confirmed/1", "confirmed": True}


def test_a_wrong_word_confirms_nothing(down: Shell, monkeypatch: pytest.MonkeyPatch):
    make_home(down.home)
    answering(monkeypatch, lambda _number: "zoo")
    found = down.run("words", "--confirm")
    assert (found.code, "(E-WORDS)" in found.err) == (2, True)
    assert not (down.home / "words.confirmed").exists()
    assert not set(WORDS) & set(found.err.split())


def test_asked_for_real_through_standard_input(down: Shell, tmp_path: Path):
    make_home(down.home)
    assert down.run("words", "--confirm", typed="").code == 2
