"""`intentcast passphrase`: with the node down the file, with the node up the node."""

from __future__ import annotations

from pathlib import Path

import pytest

from node import keystore
from node.keyfile import Passphrase, seal_root
from node.keystore import is_sealed, open_root_bytes
from node.storage.lock import HomeLock
from tests.unit.node.api.fake_citizen import FakeCitizen
from tests.unit.node.cli.conftest import Shell
from tests.unit.node.cli.sealed import CHEAP, PHRASE, ROOT, make_home

NEXT = "another passphrase"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("INTENTCAST_PASSPHRASE_FILE", raising=False)
    monkeypatch.setattr(keystore, "seal_root", lambda r, p, e, _cost: seal_root(r, p, e, CHEAP))


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str]:
    found = []
    for name, text in (("one", PHRASE), ("two", NEXT)):
        (tmp_path / name).write_text(text)
        found.append(str(tmp_path / name))
    return found[0], found[1]


def test_set_change_and_remove(down: Shell, files: tuple[str, str]):
    one, two = files
    make_home(down.home)
    found = down.run("passphrase", "set", "--passphrase-file", one)
    assert (found.code, "intentcast unlock" in found.err) == (0, True)
    assert open_root_bytes(down.home, Passphrase(PHRASE)) == ROOT
    argv = ["passphrase", "change", "--passphrase-file", one, "--new-passphrase-file", two]
    found = down.run(*argv, "--json")
    assert found.document() == {
        "schema": "intentcast.passphrase/1",
        "home": str(down.home),
        "passphrase": True,
    }
    assert open_root_bytes(down.home, Passphrase(NEXT)) == ROOT
    assert down.run("passphrase", "remove", "--yes", "--passphrase-file", two).code == 0
    assert not is_sealed(down.home)


def test_by_hand(down: Shell):
    make_home(down.home)
    assert down.run("passphrase", "set", tty=True, typed=f"{PHRASE}\n{PHRASE}\n").code == 0
    typed = f"{PHRASE}\nno\n"
    found = down.run("passphrase", "remove", tty=True, typed=typed)
    assert (found.code, "Nothing was changed" in found.err) == (0, True)
    assert is_sealed(down.home)


def test_what_cannot_be_is_said_before_anything_is_asked(down: Shell):
    make_home(down.home)
    for verb in ("change", "remove"):
        found = down.run("passphrase", verb)
        assert (found.code, "(E-PASSPHRASE-STATE)" in found.err) == (5, True)
        assert ("none to remove" in found.err) is (verb == "remove")
        assert ("passphrase set" in found.err) is (verb == "change")
    make_home(down.home, sealed=True)
    found = down.run("passphrase", "set")
    assert (found.code, "passphrase change" in found.err) == (5, True)


def test_a_wrong_passphrase_changes_nothing(down: Shell, files: tuple[str, str]):
    make_home(down.home, sealed=True)
    before = (down.home / "root.key").read_bytes()
    found = down.run("passphrase", "remove", "--yes", "--passphrase-file", files[1])
    assert (found.code, "(E-PASSPHRASE-WRONG)" in found.err) == (4, True)
    assert (down.home / "root.key").read_bytes() == before


def test_an_old_one_that_is_too_short_is_a_wrong_one(down: Shell):
    make_home(down.home, sealed=True)
    for verb in ("change", "remove"):
        found = down.run("passphrase", verb, tty=True, typed=f"wrong\n{NEXT}\n{NEXT}\n")
        assert (found.code, "(E-PASSPHRASE-WRONG)" in found.err) == (4, True)
    found = down.run("passphrase", "change", tty=True, typed=f"{PHRASE}\nshort\n")
    assert (found.code, "(E-PASSPHRASE)" in found.err) == (2, True)


def test_a_running_node_does_it_itself(shell: Shell, citizen: FakeCitizen, files: tuple[str, str]):
    make_home(shell.home)
    assert shell.run("passphrase", "set", "--passphrase-file", files[0]).code == 0
    assert citizen.custody is not None
    assert citizen.custody.calls == [("set_passphrase", None, PHRASE)]
    make_home(shell.home, sealed=True)
    assert shell.run("passphrase", "remove", "--yes", "--passphrase-file", files[0]).code == 0
    assert citizen.custody.calls[1:] == [("set_passphrase", PHRASE, None)]


def test_a_home_somebody_holds_is_left_alone(down: Shell, files: tuple[str, str]):
    make_home(down.home)
    lock = HomeLock.acquire(down.home / "node.lock")
    found = down.run("passphrase", "set", "--passphrase-file", files[0])
    lock.release()
    assert (found.code, "(E-HOME-IN-USE)" in found.err) == (4, True)


def test_other_troubles_on_the_way_to_the_node_are_told(down: Shell, files: tuple[str, str]):
    down.home.mkdir()
    make_home(down.home)
    found = down.run("passphrase", "set", PHRASE, "--passphrase-file", files[0])
    assert (found.code, "(E-SECRET-ARGUMENT)" in found.err) == (2, True)
    assert PHRASE not in found.err
