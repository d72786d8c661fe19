"""`identity`: show, rotate, revocation, revoke, this-one."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest

from tests.unit.node.api.fake_citizen import FakeCitizen
from tests.unit.node.api.fake_recovery import KEY
from tests.unit.node.cli.conftest import Shell


def calls(citizen: FakeCitizen) -> list[tuple[Any, ...]]:
    assert citizen.identity is not None
    assert citizen.recovery is not None
    return [*citizen.identity.calls, *citizen.recovery.calls]


def test_show(shell: Shell, citizen: FakeCitizen):
    assert citizen.identity is not None
    out = shell.run("identity", "show").out
    assert KEY in out
    assert "alone, since" in out
    assert "Others follow" not in out
    copy = {**citizen.identity.identity["copy"], "met": "2027-02-21T12:00:00Z", "met_kind": "note"}
    citizen.identity.identity |= {"followed": "key-CCCC", "copy": copy}
    out = shell.run("identity", "show").out
    assert "signed a note on" in out
    assert "key-CCCC" in out
    assert shell.run("identity", "show", "--json").document()["generation"] == 0


def test_rotate_names_the_generation_it_leaves(shell: Shell, citizen: FakeCitizen):
    run = shell.run("identity", "rotate", "--yes")
    assert f"Generation 1: {KEY}" in run.err
    assert "identity revocation FILE" in run.err
    assert calls(citizen) == [("rotate", 0)]
    assert shell.run("identity", "rotate", "-y", "--json").document()["generation"] == 1
    assert "Nothing was changed" in shell.run("identity", "rotate", tty=True, typed="n\n").err


def test_the_certificate_is_for_its_owner_alone(shell: Shell, citizen: FakeCitizen, tmp_path: Path):
    file = tmp_path / "end.txt"
    run = shell.run("identity", "revocation", str(file), "--reason", "stolen")
    assert run.out.strip() == str(file)
    assert file.read_text("utf-8").startswith("intentcast revocation 1\n")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert calls(citizen) == [("certificate", "stolen")]
    again = shell.run("identity", "revocation", str(file))
    assert again.code == 5
    assert "E-FILE-EXISTS" in again.err
    other = tmp_path / "other.txt"
    found = shell.run("identity", "revocation", str(other), "--json").document()
    assert found["file"] == str(other)


def test_a_file_that_cannot_be_written_is_named(shell: Shell, tmp_path: Path):
    run = shell.run("identity", "revocation", str(tmp_path / "no" / "where"))
    assert run.code == 7
    assert "E-FILE" in run.err


def test_revoke_with_and_without_a_file(shell: Shell, citizen: FakeCitizen, tmp_path: Path):
    file = tmp_path / "end.txt"
    file.write_text("a certificate", encoding="utf-8")
    assert f"The key {KEY} is revoked" in shell.run("identity", "revoke", str(file), "-y").err
    assert "This shop's key" in shell.run("identity", "revoke", "--reason", "lost", "-y").err
    assert calls(citizen) == [
        ("revoke", "a certificate", "unspecified"),
        ("revoke", None, "lost"),
    ]
    assert shell.run("identity", "revoke", "-y", "--json").document()["ours"] is True
    assert "Nothing was changed" in shell.run("identity", "revoke", tty=True, typed="\n").err


def test_a_file_that_cannot_be_read_is_named(shell: Shell, citizen: FakeCitizen, tmp_path: Path):
    run = shell.run("identity", "revoke", str(tmp_path / "gone"), "-y")
    assert run.code == 7
    assert "E-FILE" in run.err
    assert calls(citizen) == []


def test_this_one(shell: Shell, citizen: FakeCitizen):
    assert "This copy goes on" in shell.run("identity", "this-one", "--yes").err
    assert calls(citizen) == [("this_one",)]
    assert shell.run("identity", "this-one", "-y", "--json").document()["standing"] == "alone"
    assert "Nothing was changed" in shell.run("identity", "this-one", tty=True, typed="n\n").err


@pytest.mark.parametrize("verb", ["show", "rotate", "revocation", "revoke", "this-one"])
def test_every_verb_explains_itself(shell: Shell, verb: str):
    assert shell.run("identity", verb, "--help").code == 0
