"""`intentcast restore`: words from a sheet, a backup, and every slip named."""

from __future__ import annotations

from pathlib import Path

import pytest

from node import keyfile
from node.keyfile import SealedRoot, read_root
from tests.unit.node.cli.conftest import Run, Shell
from tests.unit.node.cli.sealed import CHEAP, PHRASE, ROOT, WORDS, make_home
from tests.unit.node.cli.shapes import shape

RESTORED = {
    "schema": "intentcast.restore/1",
    "home": "str",
    "how": "str",
    "net": "str",
    "backup_at": "null",
    "casts": "int",
    "deals": "int",
    "agreements": "int",
    "passphrase": "bool",
}


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("INTENTCAST_PASSPHRASE_FILE", raising=False)
    plain = keyfile.seal_root
    monkeypatch.setattr(keyfile, "seal_root", lambda r, p, e: plain(r, p, e, CHEAP))


def restored(down: Shell, *argv: str, words: str = " ".join(WORDS)) -> Run:
    return down.run("restore", "--words", *argv, typed=words)


def test_words_alone(down: Shell):
    found = restored(down, "--net", "fair", "--json")
    assert found.code == 0
    assert shape(found.document()) == RESTORED
    assert (found.document()["how"], found.document()["net"]) == ("words", "fair")
    assert read_root(down.home) == ROOT


def test_words_typed_by_a_person(down: Shell):
    lines = "\n".join(" ".join(WORDS[start : start + 6]) for start in range(0, 24, 6))
    found = down.run("restore", "--words", tty=True, typed=f"{lines}\n")
    assert (found.code, "intentcast up" in found.err) == (0, True)
    assert "passphrase set" in found.err
    assert "promises nothing until you asked the others:  intentcast reopen" in found.err
    assert read_root(down.home) == ROOT


def test_words_and_a_backup(down: Shell, tmp_path: Path):
    make_home(tmp_path / "old")
    assert down.run("--home", str(tmp_path / "old"), "backup", "one.icb").code == 0
    found = restored(down, "--from", "one.icb")
    assert (found.code, "As of" in found.err) == (0, True)
    assert (down.home / "node.db").exists()


def test_a_root_sealed_from_the_start(down: Shell, tmp_path: Path):
    (tmp_path / "phrase").write_text(PHRASE)
    found = restored(down, "--passphrase-file", "phrase", "--json")
    assert found.document()["passphrase"] is True
    assert isinstance(read_root(down.home), SealedRoot)
    assert "passphrase set" not in found.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (" ".join(WORDS[:23]), "23 words were given, 24 are needed"),
        (" ".join(["abandom", *WORDS[1:]]), "word 1, 'abandom', is not in the list"),
        (" ".join([WORDS[1], WORDS[0], *WORDS[2:]]), "one is wrong or the order is"),
        ("", "0 words were given"),
    ],
)
def test_slips_are_named_in_one_sentence(down: Shell, words: str, said: str):
    found = restored(down, words=words)
    assert (found.code, said in found.err.lower().replace("word 1", "word 1")) == (2, True)
    assert "(E-WORDS)" in found.err
    assert len(found.err.splitlines()) == 2
    assert not down.home.exists()


@pytest.mark.parametrize("change", [str.upper, str.title, lambda text: text.replace(" ", "  ")])
def test_what_is_no_slip_is_none(down: Shell, change):
    assert restored(down, words=change(" ".join(WORDS))).code == 0
    assert read_root(down.home) == ROOT


def test_a_home_that_is_there_is_refused_before_any_word_is_asked(down: Shell):
    make_home(down.home)
    found = down.run("restore", "--words", tty=True, typed="")
    assert (found.code, "(E-HOME-NOT-EMPTY)" in found.err) == (5, True)
    assert "24 words" not in found.err


def test_words_on_the_command_line_are_refused_and_not_repeated(down: Shell):
    found = down.run("restore", "--words", *WORDS)
    assert (found.code, "(E-SECRET-ARGUMENT)" in found.err) == (2, True)
    assert not set(WORDS) & set(found.err.split())


def test_a_network_that_is_none(down: Shell):
    found = restored(down, "--net", "No Such!")
    assert (found.code, "(E-CONFIG)" in found.err) == (2, True)


def test_without_words_there_is_nothing_to_restore_from(down: Shell):
    found = down.run("restore", "--from", "one.icb")
    assert (found.code, "--words" in found.err) == (2, True)


@pytest.mark.parametrize(
    "argv", [("--from", "none.icb"), ("--from", "notes.txt"), ("--passphrase-file", "none")]
)
def test_a_file_that_cannot_be_used_is_told_before_any_word_is_asked(
    down: Shell, tmp_path: Path, argv: tuple[str, str]
):
    (tmp_path / "notes.txt").write_text("no backup")
    found = down.run("restore", "--words", *argv, tty=True, typed="")
    assert found.code != 0
    assert "E-WORDS" not in found.err
    assert "24 words" not in found.err


def test_passphrase_and_words_may_both_come_from_standard_input(down: Shell):
    found = restored(down, "--passphrase-file", "-", words=f"{PHRASE}\n{' '.join(WORDS)}")
    assert found.code == 0
    assert isinstance(read_root(down.home), SealedRoot)


def test_a_named_home_stands_in_the_next_steps(down: Shell, tmp_path: Path):
    place = str(tmp_path / "a drill")
    found = down.run("--home", place, "restore", "--words", typed=" ".join(WORDS))
    assert f"intentcast up --home '{place}'" in found.err
    assert f"intentcast passphrase set --home '{place}'" in found.err
