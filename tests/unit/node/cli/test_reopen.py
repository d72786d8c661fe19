"""`reopen` shows what is known and asks for what is not."""

from __future__ import annotations

from typing import Any

from tests.unit.node.api.fake_citizen import FakeCitizen
from tests.unit.node.api.fake_recovery import HELD
from tests.unit.node.cli.conftest import Shell


def calls(citizen: FakeCitizen) -> list[tuple[Any, ...]]:
    assert citizen.recovery is not None
    return citizen.recovery.calls


def test_what_stays_unknown_needs_a_yes(shell: Shell, citizen: FakeCitizen):
    run = shell.run("reopen", tty=True, typed="n\n")
    assert run.code == 5
    for words in (
        "cast-7Q4M-K2XD  Camera",
        "asked 3, answered 1",
        "2 offers known",
        "deal deal-1 with Shop One: agreed",
        "no answer from Shop Two",
        "! 1 of those",
    ):
        assert words in run.out
    assert "What they told is kept here" in run.err
    assert "Let cast-7Q4M-K2XD promise again?" in run.err
    assert "Still held: cast-7Q4M-K2XD." in run.err
    assert "promises again" not in run.err
    assert calls(citizen) == [("reopen", None, False, 15)]


def test_with_a_yes_it_goes_on(shell: Shell, citizen: FakeCitizen):
    run = shell.run("reopen", "cast-7Q4M", "--wait", "2", "--yes")
    assert run.code == 0
    assert "This home promises again" in run.err
    assert calls(citizen) == [
        ("reopen", "cast-7Q4M", False, 2),
        ("reopen", "cast-7Q4M", True, 0),
    ]


def test_where_all_is_known_nobody_is_asked(shell: Shell, citizen: FakeCitizen):
    assert citizen.recovery is not None
    citizen.recovery.is_open = True
    citizen.recovery.backup = None
    citizen.recovery.identities = [
        {**HELD, "kind": "vendor", "silent": [], "unknown": []},
        {**HELD, "was_held": False},
    ]
    run = shell.run("reopen")
    assert run.code == 0
    assert "The shop" in run.out
    assert "is open" in run.out
    assert "from words" in run.err
    assert len(calls(citizen)) == 1


def test_nothing_held_is_said(shell: Shell, citizen: FakeCitizen):
    assert citizen.recovery is not None
    citizen.recovery.is_open = True
    citizen.recovery.identities = []
    assert "Nothing here waits" in shell.run("reopen").err


def test_as_a_document(shell: Shell, citizen: FakeCitizen):
    run = shell.run("reopen", "--json")
    assert (run.code, run.document()["open"]) == (5, False)
    run = shell.run("reopen", "--json", "--yes")
    assert (run.code, run.document()["open"]) == (0, True)
    assert shell.run("reopen", "--wait", "61").code == 2


def test_what_is_held_still_is_named(shell: Shell, citizen: FakeCitizen):
    assert citizen.recovery is not None
    shop = {"kind": "vendor", "handle": "vendor", "title": "", "offers": 0}
    citizen.recovery.still_held = [{**HELD, "handle": "cast-AAAA-BBBB"}, shop]
    run = shell.run("reopen", "cast-7Q4M", "--yes")
    assert run.code == 0
    assert "cast-7Q4M-K2XD promises again." in run.err
    assert "Still held: cast-AAAA-BBBB, the shop." in run.err
    assert "This home promises again" not in run.err
    citizen.recovery.identities = [HELD, {**HELD, "handle": "cast-CCCC-DDDD"}]
    run = shell.run("reopen", "--yes")
    assert "cast-7Q4M-K2XD, cast-CCCC-DDDD promise again." in run.err


def test_where_nobody_can_be_asked_the_question_is_shown(shell: Shell, citizen: FakeCitizen):
    run = shell.run("reopen")
    assert run.code == 2
    assert "What they told is kept here" in run.err
    assert "no new promise is made for:  cast-7Q4M-K2XD" in run.err
    assert "E-YES" in run.err
    assert "Some of it stays unknown. Let cast-7Q4M-K2XD promise again?" in run.err
    assert calls(citizen) == [("reopen", None, False, 15)]
