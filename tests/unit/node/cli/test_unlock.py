"""`intentcast unlock`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.node.api.fake_citizen import PASSPHRASE, FakeCitizen
from tests.unit.node.cli.conftest import Shell


@pytest.fixture
def phrase(tmp_path: Path) -> str:
    file = tmp_path / "phrase"
    file.write_text(f"{PASSPHRASE}\n")
    return str(file)


def test_with_a_file_with_standard_input_and_by_hand(
    shell: Shell, citizen: FakeCitizen, phrase: str, monkeypatch: pytest.MonkeyPatch
):
    assert citizen.custody is not None
    ways = [
        lambda: shell.run("unlock", "--passphrase-file", phrase),
        lambda: shell.run("unlock", "--passphrase-file", "-", typed=f"{PASSPHRASE}\n"),
        lambda: shell.run("unlock", tty=True, typed=f"{PASSPHRASE}\n"),
    ]
    monkeypatch.delenv("INTENTCAST_PASSPHRASE_FILE", raising=False)
    for way in ways:
        citizen.custody.keys["locked"] = True
        found = way()
        assert (found.code, "Unlocked." in found.err) == (0, True)
        assert not citizen.custody.keys["locked"]
        assert PASSPHRASE not in found.out + found.err
    monkeypatch.setenv("INTENTCAST_PASSPHRASE_FILE", phrase)
    citizen.custody.keys["locked"] = True
    assert shell.run("unlock").code == 0


@pytest.mark.parametrize("typed", ["something else", "wrong"])
def test_a_wrong_one_is_told_with_its_code(shell: Shell, typed: str):
    found = shell.run("unlock", tty=True, typed=f"{typed}\n")
    assert (found.code, "(E-PASSPHRASE-WRONG)" in found.err) == (4, True)
    assert f"{typed}\n" not in found.err
    found = shell.run("unlock", "--passphrase-file", "-", typed=f"{typed}\n")
    assert (found.code, "(E-PASSPHRASE-WRONG)" in found.err) == (4, True)


def test_nobody_is_asked_where_nothing_is_locked(shell: Shell, citizen: FakeCitizen):
    assert citizen.custody is not None
    citizen.custody.keys["locked"] = False
    found = shell.run("unlock")
    assert (found.code, "were not locked" in found.err) == (0, True)


def test_where_nobody_can_be_asked_it_says_how(shell: Shell, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("INTENTCAST_PASSPHRASE_FILE", raising=False)
    found = shell.run("unlock")
    assert (found.code, "--passphrase-file" in found.err) == (2, True)


def test_a_passphrase_on_the_command_line_is_refused_and_not_repeated(shell: Shell):
    found = shell.run("unlock", "my secret phrase")
    assert (found.code, "(E-SECRET-ARGUMENT)" in found.err) == (2, True)
    assert "my secret" not in found.err
