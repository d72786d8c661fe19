"""`token` makes, lists and ends what programs show to use the API."""

from __future__ import annotations

import pytest

from node.cli.token import new
from node.runtime.visitors import Scope
from tests.unit.node.api.fake_doorkeeper import FakeDoorkeeper
from tests.unit.node.cli.conftest import Shell


@pytest.fixture
def door(monkeypatch: pytest.MonkeyPatch) -> list[FakeDoorkeeper]:
    """The doorkeepers that were asked, one for each command."""
    found: list[FakeDoorkeeper] = []

    class Kept(FakeDoorkeeper):
        def __init__(self, owner_token: str) -> None:
            super().__init__(owner_token)
            found.append(self)

    monkeypatch.setattr("tests.unit.node.api.conftest.FakeDoorkeeper", Kept)
    return found


def test_the_secret_alone_is_data(shell: Shell, door):
    found = shell.run("token", "new", "shop script")
    assert found.out == "ict_secret\n"
    assert "It may: read, draft; until 2028-02-20" in found.err
    assert "intentcast token revoke token-7Q4M-K2XD" in found.err
    assert door[0].calls == [("create", "shop script", [Scope.READ], 365)]


def test_scopes_and_days(shell: Shell, door):
    line = ("token", "new", "x", "--scope", "draft", "--scope", "accept", "--days", "7")
    assert shell.run(*line).code == 0
    assert door[0].calls == [("create", "x", [Scope.DRAFT, Scope.ACCEPT], 7)]


@pytest.mark.parametrize(
    "argv",
    [
        ("--scope", "everything"),
        ("--days", "0"),
        ("--days", "3651"),
        ("--days", "x"),
        (),
    ],
)
def test_what_is_no_token(shell: Shell, door, argv: tuple[str, ...]):
    line = ("token", "new", *(("x", *argv) if argv else ()))
    found = shell.run(*line)
    assert (found.code, "(E-USAGE)" in found.err) == (2, True)
    assert door == []


def test_the_list(shell: Shell, door):
    found = shell.run("token", "list")
    heading, row = found.out.splitlines()
    assert heading.split() == ["HANDLE", "NAME", "MAY", "MADE", "UNTIL", "LAST", "USED"] or (
        "handle" in heading
    )
    for word in ("token-7Q4M-K2XD", "shop script", "read, draft", "2028-02-20", "2027-02-21"):
        assert word in row
    assert "1 token or browser, besides the file api.token" in found.err


def test_everything_and_nothing(shell: Shell, door, monkeypatch: pytest.MonkeyPatch):
    shown = "tests.unit.node.api.fake_doorkeeper.TOKEN_SHOWN"
    with monkeypatch.context() as patch:
        patch.setattr(
            shown,
            {
                "handle": "h",
                "name": "n",
                "scopes": ["read", "admin"],
                "created": "2027",
                "expires": "2028",
                "used": None,
            },
        )
        found = shell.run("token", "list")
    assert "everything" in found.out
    assert "never" in found.out


def test_the_end_of_one(shell: Shell, door):
    found = shell.run("token", "revoke", "token-7Q4M-K2XD")
    assert (found.code, found.out) == (0, "")
    assert "token-7Q4M-K2XD is let in no more" in found.err
    other = shell.run("token", "revoke", "token-0000-0000")
    assert (other.code, "intentcast token list" in other.err) == (7, True)


def test_a_noun_needs_a_verb(shell: Shell):
    assert "One of: list, new, revoke" in shell.run("token").err


def test_every_scope_is_explained():
    text = new.help or ""
    assert all(f"{scope.value} " in text for scope in Scope)
