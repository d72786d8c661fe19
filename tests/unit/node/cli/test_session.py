"""The four options every command takes, before or after its name."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.cli.console import Console
from node.cli.session import Session
from node.errors import ConfigError
from tests.unit.node.cli.conftest import Shell


def test_home_can_stand_anywhere(shell: Shell, tmp_path: Path):
    other = str(tmp_path / "other")
    assert shell.run("status").code == 0
    for argv in (("--home", other, "status"), ("status", "--home", other)):
        assert shell.run(*argv).code == 3
    assert shell.run("--home", other, "status", "--home", str(shell.home)).code == 0


def test_a_verb_takes_over_what_stands_before_its_noun(shell: Shell, tmp_path: Path):
    other = str(tmp_path / "other")
    assert shell.run("peers", "--home", other, "add", "127.0.0.1:1").code == 3
    assert shell.run("peers", "add", "127.0.0.1:1").code == 0


def test_json_can_stand_before_the_command(shell: Shell):
    assert shell.run("--json", "casts").document()["schema"] == "intentcast.casts/1"


def test_no_home_is_known(down: Shell, monkeypatch: pytest.MonkeyPatch):
    for name in ("INTENTCAST_HOME", "XDG_DATA_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    found = down.run("status")
    assert found.code == 2
    assert "(E-HOME)" in found.err
    with pytest.raises(ConfigError):
        _ = Session(console=Console(), yes=False, named_home=None).home


@pytest.mark.parametrize(
    "argv",
    [
        *(("status",), ("words", "--yes-show-them"), ("paths",), ("paths", "--json"), ("lock",)),
        *(("restore", "--words"), ("up", "--api-port", "0"), ("vendor", "serve"), ("unlock",)),
        *(("passphrase", "set"), ("backup", "one.icb"), ("vendor", "init", "--name", "x")),
    ],
)
@pytest.mark.parametrize("below", ["", "deeper"])
def test_a_home_that_is_a_file_is_told_in_one_way(
    down: Shell, tmp_path: Path, argv: tuple[str, ...], below: str
):
    file = tmp_path / "one_file"
    file.write_text("kept")
    found = down.run(*argv, "--home", str(file / below))
    assert (found.code, found.out) == (2, "")
    said = f"The home {file / below} would lie below {file}," if below else f"The home {file} is"
    assert found.err.splitlines() == [
        f"✗ {said} a file, not a folder (E-HOME).",
        "  Choose another:  --home DIR, or INTENTCAST_HOME",
    ]
    assert file.read_text() == "kept"


def test_a_tilde_of_nobody(down: Shell):
    found = down.run("status", "--home", "~nobody-of-that-name/x")
    assert (found.code, "(E-HOME)" in found.err) == (2, True)


def test_a_tilde_is_ones_own_folder(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HOME", "/home/ana")
    session = Session(console=Console(), yes=False, named_home="~/node")
    assert session.home == Path("/home/ana/node")
