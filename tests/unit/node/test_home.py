"""The folder of a node is private, and its small files are written whole."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from node.entropy import SeededEntropy
from node.errors import ConfigError
from node.home import (
    ADDRESS_FILE,
    TOKEN_FILE,
    api_token,
    prepare_home,
    private_write,
    remove_address,
    write_address,
)

DRAWN = SeededEntropy("home", net="test")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_home_is_made_for_its_owner_alone(tmp_path: Path):
    home = prepare_home(tmp_path / "deep" / "home")
    assert home.is_dir()
    assert mode(home) == 0o700
    assert prepare_home(home) == home


def test_a_file_is_no_home(tmp_path: Path):
    file = tmp_path / "file"
    file.touch()
    for bad in (file, file / "below"):
        with pytest.raises(ConfigError) as refused:
            prepare_home(bad)
        assert refused.value.code == "E-HOME"
        assert str(bad) in str(refused.value)
        assert "a file, not a folder" in str(refused.value)
        assert "--home" in refused.value.fix


def test_a_home_nobody_may_write_to_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("os.access", lambda _path, _mode: False)
    with pytest.raises(ConfigError, match="not writable"):
        prepare_home(tmp_path)


def test_a_private_file_replaces_an_open_one_and_leaves_no_draft(tmp_path: Path):
    path = tmp_path / "secret"
    path.write_bytes(b"older and longer")
    path.chmod(0o644)
    private_write(path, b"new")
    assert path.read_bytes() == b"new"
    assert mode(path) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_the_token_is_made_once(tmp_path: Path):
    token = api_token(tmp_path, DRAWN)
    assert len(token) == 43
    assert api_token(tmp_path, DRAWN) == token
    assert mode(tmp_path / TOKEN_FILE) == 0o600


def test_an_empty_token_file_does_not_let_everybody_in(tmp_path: Path):
    (tmp_path / TOKEN_FILE).write_text("\n")
    assert len(api_token(tmp_path, DRAWN)) == 43


def test_the_address_comes_and_goes(tmp_path: Path):
    write_address(tmp_path, "http://127.0.0.1:1", 7)
    assert json.loads((tmp_path / ADDRESS_FILE).read_text()) == {
        "url": "http://127.0.0.1:1",
        "pid": 7,
    }
    remove_address(tmp_path)
    remove_address(tmp_path)
    assert not (tmp_path / ADDRESS_FILE).exists()
