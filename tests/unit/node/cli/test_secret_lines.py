"""Secrets from people: twice for a new one, never from the command line, never shown."""

from __future__ import annotations

import io
import os
import pty
import select
import sys
import termios
from pathlib import Path
from typing import Any

import pytest

from node.cli import secret_lines
from node.cli.console import Console
from node.cli.secret_lines import (
    asked_word,
    new_passphrase,
    passphrase_at_hand,
    the_passphrase,
    words_text,
)
from node.words import root_from_words
from protocol.errors import LocalProtocolError
from tests.unit.node.cli.conftest import Terminal
from tests.unit.node.cli.sealed import PHRASE, ROOT, WORDS


@pytest.fixture(autouse=True)
def _no_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("INTENTCAST_PASSPHRASE_FILE", raising=False)


def typed(monkeypatch: pytest.MonkeyPatch, text: str, *, tty: bool = True) -> Console:
    monkeypatch.setattr(sys, "stdin", Terminal(text, tty=tty))
    return Console()


def test_a_new_passphrase_is_typed_twice(monkeypatch: pytest.MonkeyPatch):
    found = new_passphrase(typed(monkeypatch, f"{PHRASE}\n{PHRASE}\n"), None)
    assert found.reveal() == PHRASE.encode()


def test_two_that_differ_are_asked_again_and_then_given_up(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    pair = f"{PHRASE}\n{PHRASE} more\n"
    found = new_passphrase(typed(monkeypatch, pair + f"{PHRASE}\n" * 2), None)
    assert found.reveal() == PHRASE.encode()
    with pytest.raises(LocalProtocolError) as refused:
        new_passphrase(typed(monkeypatch, pair * 3), None)
    assert refused.value.code == "E-PASSPHRASE"
    assert PHRASE not in capsys.readouterr().err


def test_files_and_the_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    assert passphrase_at_hand(None) is None
    file = tmp_path / "phrase"
    file.write_text(PHRASE)
    other = tmp_path / "other"
    other.write_text("another passphrase")
    monkeypatch.setenv("INTENTCAST_PASSPHRASE_FILE", str(other))
    console = typed(monkeypatch, "", tty=False)
    assert the_passphrase(console, None).reveal() == b"another passphrase"
    assert the_passphrase(console, str(file)).reveal() == PHRASE.encode()
    assert new_passphrase(console, str(file)).reveal() == PHRASE.encode()
    with pytest.raises(LocalProtocolError):
        # The variable names the one that holds, not the next one.
        new_passphrase(console, None)
    with pytest.raises(LocalProtocolError):
        the_passphrase(console, str(tmp_path / "none"))


def test_two_lines_of_standard_input_are_two_passphrases(monkeypatch: pytest.MonkeyPatch):
    console = typed(monkeypatch, "the old passphrase\nthe new passphrase\n", tty=False)
    assert the_passphrase(console, "-").reveal() == b"the old passphrase"
    assert new_passphrase(console, "-").reveal() == b"the new passphrase"


def test_words_line_by_line_from_a_pipe_and_from_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    halves = " ".join(WORDS[:12]) + "\n" + " ".join(WORDS[12:]) + "\nnever read\n"
    assert words_text(typed(monkeypatch, halves), None).split() == WORDS
    assert words_text(typed(monkeypatch, " ".join(WORDS[:3]) + "\n\n"), None).split() == WORDS[:3]
    assert words_text(typed(monkeypatch, " ".join(WORDS), tty=False), None).split() == WORDS
    assert words_text(typed(monkeypatch, " ".join(WORDS)), "-").split() == WORDS
    file = tmp_path / "sheet"
    file.write_bytes(b"\xef\xbb\xbf" + " ".join(WORDS).encode())
    assert words_text(typed(monkeypatch, ""), str(file)).split() == WORDS
    with pytest.raises(LocalProtocolError) as refused:
        words_text(typed(monkeypatch, ""), str(tmp_path / "none"))
    assert refused.value.code == "E-FILE"


def test_a_slip_costs_its_line_alone_and_is_named_at_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    lines = [
        " ".join(WORDS[:4]),
        f"{WORDS[4]} mapel",
        " ".join(WORDS[4:20]),
        " ".join([*WORDS[20:], "and", WORDS[0]]),
        " ".join(WORDS[20:]),
    ]
    found = words_text(typed(monkeypatch, "\n".join(lines) + "\n"), None)
    assert root_from_words(found) == ROOT
    told = capsys.readouterr().err
    assert "✗ Word 6, 'mapel', is not in the list.\n  Did you mean: maple" in told
    assert "Type this line again, from word 5 on:\n 5> " in told
    assert "2 words stand beyond word 24 on this line." in told
    assert told.endswith("from word 21 on:\n21> ")
    # What is in the list may be a word of the root, and is not repeated.
    assert not {"and", *WORDS} & {word.strip(".,?'") for word in told.splitlines()[-4].split()}


def test_what_is_pasted_after_a_line_with_a_slip_is_not_taken_for_it(
    monkeypatch: pytest.MonkeyPatch,
):
    leader, follower = pty.openpty()
    first, rest = f"{WORDS[0]} mapel\n", f"{WORDS[2]} {WORDS[3]}\n"
    os.write(leader, (first + rest).encode())
    plain = secret_lines._prompt

    def prompt(text: str) -> None:
        plain(text)
        if seen and text == " 1> ":
            # A person types after the question.
            os.write(leader, (" ".join(WORDS) + "\n").encode())
        seen.append(text)

    seen: list[str] = []
    with os.fdopen(follower, closefd=False) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        monkeypatch.setattr(secret_lines, "_prompt", prompt)
        assert words_text(Console(), None).split() == WORDS
    assert seen.count(" 1> ") == 2
    os.close(leader)
    os.close(follower)


def test_one_word(monkeypatch: pytest.MonkeyPatch):
    typed(monkeypatch, " Abandon \n")
    assert (asked_word(3), asked_word(4)) == ("Abandon", "")


def test_a_terminal_does_not_show_what_is_typed_and_shows_again(monkeypatch: pytest.MonkeyPatch):
    leader, follower = pty.openpty()
    seen: list[bool] = []
    plain = termios.tcsetattr

    def echoes() -> bool:
        return bool(termios.tcgetattr(follower)[3] & termios.ECHO)

    def tcsetattr(descriptor: int, when: int, modes: list[Any]) -> None:
        plain(descriptor, when, modes)
        if not modes[3] & termios.ECHO:
            # What was typed before the question is thrown away; so it is typed during it.
            os.write(leader, f"{PHRASE}\n".encode())

    class Reader(io.TextIOWrapper):
        def readline(self, size: int | None = -1, /) -> str:  # type: ignore[override]
            seen.append(echoes())
            return super().readline(-1 if size is None else size)

    with Reader(io.BufferedReader(io.FileIO(follower, closefd=False))) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        monkeypatch.setattr(termios, "tcsetattr", tcsetattr)
        assert the_passphrase(Console(), None).reveal() == PHRASE.encode()
    assert seen == [False]
    assert echoes()
    os.close(leader)
    os.close(follower)


def test_a_stream_that_is_closed_is_no_trouble(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "stderr", None)
    secret_lines._prompt("Nobody reads this")


def test_words_typed_with_their_numbers_are_all_taken(monkeypatch: pytest.MonkeyPatch):
    rows = [
        " ".join(f"{number} {WORDS[number - 1]}" for number in range(start, start + 4))
        for start in range(1, 25, 4)
    ]
    found = words_text(typed(monkeypatch, "\n".join(rows) + "\n"), None)
    assert root_from_words(found) == ROOT


def test_what_is_pasted_beyond_the_last_word_does_not_reach_the_shell(
    monkeypatch: pytest.MonkeyPatch,
):
    leader, follower = pty.openpty()
    os.write(leader, (" ".join(WORDS) + "\nabandon\n").encode())
    with os.fdopen(follower, closefd=False) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        assert words_text(Console(), None).split() == WORDS
    waiting, _, _ = select.select([follower], [], [], 0)
    assert waiting == []
    os.close(leader)
    os.close(follower)


def test_who_cannot_be_asked_is_told_of_what_would_help(monkeypatch: pytest.MonkeyPatch):
    console = typed(monkeypatch, "", tty=False)
    for ask, option, variable in (
        (lambda: the_passphrase(console, None), "--passphrase-file", True),
        (lambda: new_passphrase(console, None), "--passphrase-file", False),
        (
            lambda: new_passphrase(console, None, option="--new-passphrase-file"),
            "--new-passphrase-file",
            False,
        ),
    ):
        with pytest.raises(LocalProtocolError) as refused:
            ask()
        assert f" {option} " in refused.value.fix.replace(",", " ") + " "
        assert ("INTENTCAST_PASSPHRASE_FILE" in refused.value.fix) is variable
