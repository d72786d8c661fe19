"""`intentcast backup`: through the node or beside it, and checked to the last byte."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.node.api.fake_citizen import FakeCitizen
from tests.unit.node.cli.conftest import Shell
from tests.unit.node.cli.sealed import PHRASE, WORDS, make_home
from tests.unit.node.cli.shapes import shape

PROOF = {
    "schema": "intentcast.backup-proof/1",
    "path": "str",
    "bytes": "int",
    "at": "str",
    "net": "str",
    "program": "str",
    "files": ["str"],
    "casts": "int",
    "deals": "int",
    "agreements": "int",
    "checked": "int",
}


@pytest.fixture(autouse=True)
def _no_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("INTENTCAST_PASSPHRASE_FILE", raising=False)


@pytest.fixture
def file(down: Shell) -> Path:
    """A backup made with the node down."""
    make_home(down.home)
    found = down.run("backup", "one.icb", "--net", "test")
    assert found.code == 0
    assert "backup verify" in found.err
    return Path("one.icb").absolute()


def test_a_backup_of_a_home_at_rest_is_sound(down: Shell, file: Path):
    found = down.run("backup", "verify", "one.icb")
    assert found.code == 0
    assert found.out.startswith("sound\n")
    assert "0 casts, 0 deals, 0 agreements" in found.out
    found = down.run("backup", "verify", str(file), "--json")
    assert shape(found.document()) == PROOF
    assert found.document()["net"] == "test"


def test_the_words_check_it_where_there_is_no_home(down: Shell, file: Path, tmp_path: Path):
    found = down.run(
        *("--home", str(tmp_path / "none"), "backup", "verify", str(file), "--words"),
        typed=" ".join(WORDS),
    )
    assert (found.code, found.out.startswith("sound")) == (0, True)
    sheet = tmp_path / "sheet"
    sheet.write_text(" ".join([*WORDS[:23], "zoo"]))
    found = down.run("backup", "verify", str(file), "--words-file", str(sheet))
    assert found.code in (2, 4)
    assert found.out == ""


def test_what_is_wrong_with_a_file_has_its_own_exit_code(down: Shell, file: Path):
    raw = file.read_bytes()
    cases = {
        ("E-BACKUP-CUT", 8): raw[:-1],
        ("E-BACKUP-DAMAGED", 8): raw[:-1] + bytes([raw[-1] ^ 1]),
        ("E-BACKUP-FILE", 2): b"something else",
        ("E-BACKUP-NEWER", 5): b"intentcast backup 2\n" + raw[20:],
    }
    for (code, exit_code), content in cases.items():
        Path("bad.icb").write_bytes(content)
        found = down.run("backup", "verify", "bad.icb")
        assert (found.code, f"({code})" in found.err) == (exit_code, True)
        assert len(found.err.splitlines()) == 2
    found = down.run("backup", "verify", "none.icb")
    assert (found.code, "(E-FILE)" in found.err) == (7, True)
    found = down.run("backup", "verify", str(file), "--net", "other")
    assert (found.code, "(E-BACKUP-NET)" in found.err) == (5, True)


def test_a_folder_gets_a_file_with_the_time_in_its_name(down: Shell, tmp_path: Path):
    make_home(down.home)
    (tmp_path / "disk").mkdir()
    found = down.run("backup", "disk", "--json")
    assert found.code == 0
    path = Path(found.document()["path"])
    assert path.parent == tmp_path / "disk"
    assert path.name.startswith("intentcast-")
    assert path.suffix == ".icb"


def test_a_file_that_is_there_stays(down: Shell, file: Path):
    before = file.read_bytes()
    found = down.run("backup", "one.icb")
    assert (found.code, "(E-FILE-EXISTS)" in found.err) == (5, True)
    assert file.read_bytes() == before


def test_a_sealed_home_asks(down: Shell):
    make_home(down.home, sealed=True)
    assert down.run("backup", "one.icb", tty=True, typed=f"{PHRASE}\n").code == 0
    found = down.run("backup", "verify", "one.icb", tty=True, typed="the wrong passphrase\n")
    assert (found.code, "(E-PASSPHRASE-WRONG)" in found.err) == (4, True)


def test_a_running_node_writes_it_at_a_whole_path(shell: Shell, citizen: FakeCitizen):
    found = shell.run("backup", "one.icb")
    assert (found.code, "388.0 KiB" in found.err or "KiB" in found.err) == (0, True)
    assert citizen.custody is not None
    assert citizen.custody.calls == [("backup", str(Path("one.icb").absolute()))]


@pytest.mark.parametrize("argv", [[], ["verify"], ["a.icb", "b.icb"], ["verify", "a", "b"]])
def test_one_file_is_needed(down: Shell, argv: list[str]):
    found = down.run("backup", *argv)
    assert (found.code, "(E-USAGE)" in found.err) == (2, True)


def test_a_home_without_keys(down: Shell):
    found = down.run("backup", "one.icb")
    assert (found.code, "(E-KEYS-NONE)" in found.err) == (7, True)


def test_a_check_without_a_home_asks_for_the_words_and_makes_nobody(
    down: Shell, file: Path, tmp_path: Path
):
    place = tmp_path / "a home"
    found = down.run("--home", str(place), "backup", "verify", str(file))
    assert (found.code, "(E-KEYS-NONE)" in found.err) == (7, True)
    assert f"backup verify {file} --words" in found.err
    assert not any(word in found.err for word in ("intentcast up", "restore"))
    assert not place.exists()


def test_a_check_names_a_file_that_is_not_there_before_it_asks(down: Shell):
    make_home(down.home, sealed=True)
    found = down.run("backup", "verify", "none.icb", tty=True, typed="")
    assert (found.code, "(E-FILE)" in found.err) == (7, True)
    found = down.run("backup", "verify", "none.icb", "--words", tty=True, typed="")
    assert (found.code, "24 words" in found.err) == (7, False)
