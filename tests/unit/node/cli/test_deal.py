"""`deal`: the list, one of them, its agreement, a vendor's answer."""

from __future__ import annotations

import pytest

from node.errors import RefusedError
from tests.unit.node.api.fake_citizen import FakeCitizen, full
from tests.unit.node.cli.conftest import Shell


def test_list(shell: Shell):
    head, row = shell.run("deal").out.splitlines()
    assert head.split() == ["deal", "as", "state", "total", "with", "about"]
    assert row.split()[:3] == ["deal-9ABC-DEFG", "buyer", "agreed"]


def test_none_yet(shell: Shell, citizen: FakeCitizen, monkeypatch: pytest.MonkeyPatch):
    async def deals():
        return {"schema": "intentcast.deals/1", "deals": []}

    monkeypatch.setattr(citizen, "deals", deals)
    assert "No deals yet" in shell.run("deal").err


def test_one(shell: Shell):
    found = shell.run("deal", "deal-9ABC")
    assert f"Agreement   {full('agreement')}" in found.out
    assert "Disclosed   name" in found.out
    assert "acceptance sent" in found.out
    assert "save it with --save" in found.err
    assert "  Keep it:  intentcast deal deal-9ABC-DEFG --save FILE\n" in found.err
    assert shell.run("deal", "x", "--json").document()["schema"] == "intentcast.deal/1"


def test_save(shell: Shell, tmp_path):
    found = shell.run("deal", "x", "--save", "a.agreement")
    assert (found.code, found.out) == (0, "a.agreement\n")
    assert (tmp_path / "a.agreement").read_bytes() == b"\x93bytes"
    assert [path.name for path in tmp_path.iterdir() if "part" in path.name] == []
    said = shell.run("deal", "x", "--save", "b", "--json").document()
    assert said == {"schema": "intentcast.saved/1", "file": "b", "bytes": 6}


def test_a_file_that_is_there_is_kept(shell: Shell, tmp_path):
    (tmp_path / "a").write_text("mine")
    assert shell.run("deal", "x", "--save", "a").code == 2
    refused = shell.run("deal", "x", "--save", "a", tty=True, typed="n\n")
    assert (refused.code, "(E-FILE-EXISTS)" in refused.err) == (5, True)
    assert (tmp_path / "a").read_text() == "mine"
    assert shell.run("deal", "x", "--save", "a", "--yes").code == 0
    assert (tmp_path / "a").read_bytes() == b"\x93bytes"


@pytest.mark.parametrize("name", ["", ".", "/"])
def test_a_folder_is_no_file(shell: Shell, citizen: FakeCitizen, name: str):
    found = shell.run("deal", "x", "--save", name)
    assert (found.code, "(E-FILE)" in found.err) == (2, True)
    assert citizen.calls == []


def test_a_folder_that_is_not_there(shell: Shell):
    found = shell.run("deal", "x", "--save", "no/such/folder/file")
    assert (found.code, "(E-SYSTEM)" in found.err) == (1, True)


def test_no_agreement_yet(shell: Shell, citizen: FakeCitizen, tmp_path):
    citizen.fails = RefusedError("there is no agreement to keep", code="E-NO-AGREEMENT")
    found = shell.run("deal", "x", "--save", "a")
    assert (found.code, "(E-NO-AGREEMENT)" in found.err) == (5, True)
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize(
    ("argv", "call"),
    [
        (["--confirm"], ("decide_deal", "x", True, "")),
        (["--refuse", "out_of_stock"], ("decide_deal", "x", False, "out_of_stock")),
    ],
)
def test_a_vendors_answer(shell: Shell, citizen: FakeCitizen, argv: list[str], call):
    assert shell.run("deal", "x", *argv, "--yes").code == 0
    assert citizen.calls == [call]
    assert shell.run("deal", "x", *argv, tty=True, typed="n\n").code == 0
    assert citizen.calls == [call]


@pytest.mark.parametrize(
    "argv", [["--confirm"], ["--save", "f"], ["x", "--confirm", "--refuse", "r"]]
)
def test_one_deal_one_act(shell: Shell, citizen: FakeCitizen, argv: list[str]):
    found = shell.run("deal", *argv, "--yes")
    assert (found.code, "(E-USAGE)" in found.err) == (2, True)
    assert citizen.calls == []


def test_what_a_vendor_received(shell: Shell, citizen: FakeCitizen, monkeypatch):
    known = citizen.deal

    async def give(handle):
        found = await known(handle)
        found["deal"]["received"] = {"name": "Ana\x1b"}
        return found

    monkeypatch.setattr(citizen, "deal", give)
    assert "Received name  Ana[001B]\n" in shell.run("deal", "x").out
