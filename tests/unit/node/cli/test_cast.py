"""`cast` shows who would see what, asks, then sends."""

from __future__ import annotations

import json

import pytest

from node.cli import cast as module
from node.cli.cast import _value
from protocol.errors import LocalProtocolError
from tests.unit.node.api.fake_citizen import CAST
from tests.unit.node.cli.conftest import Shell

WORDS = ("cast", "espresso machine", "--category", "home/kitchen/espresso-machines")


def sent(citizen):
    return [call for call in citizen.calls if call[0] == "create_cast"]


def test_asked_and_answered_yes(shell: Shell, citizen):
    found = shell.run(*WORDS, "--budget", "300EUR", tty=True, typed="y\n")
    assert found.code == 0
    assert found.out == "cast-7Q4M-K2XD\n"
    assert "Everyone on the network:  category, area of ~5 km2" in found.err
    assert "Nobody:  your name, your other casts" in found.err
    assert "Budget, kept on this node:  at most 300.00 EUR" in found.err
    assert "Broadcast? [Y/n]" in found.err
    assert "✓ Signed and seen at 2 of your 3 peers; offers come in" in found.err
    [(_, draft)] = sent(citizen)
    assert draft["budget"] == {"max": "300EUR"}


@pytest.mark.parametrize(
    ("budget", "said"),
    [
        (None, ""),
        ("300 USD", "at most 300.00 USD"),
        ({"max": "300USD", "target": "250USD"}, "at most 300.00 USD, best 250.00 USD"),
        ({"max": "300USD", "visibility": "public"}, ""),
    ],
)
def test_a_budget_that_stays_is_said(budget: object, said: str):
    assert module._kept_budget(budget) == said


def test_asked_and_answered_no(shell: Shell, citizen):
    found = shell.run(*WORDS, tty=True, typed="n\n")
    assert (found.code, found.out) == (0, "")
    assert "Nothing was sent." in found.err
    assert sent(citizen) == []


def test_nobody_there_to_ask(shell: Shell, citizen):
    found = shell.run(*WORDS)
    assert found.code == 2
    assert "(E-YES)" in found.err
    assert "--yes" in found.err
    assert sent(citizen) == []


def test_yes_beforehand_and_a_document(shell: Shell):
    found = shell.run(*WORDS, "--yes", "--json")
    assert found.document() == {"schema": "intentcast.cast/1", "cast": CAST}


def test_a_guess_is_shown(shell: Shell):
    assert "Category guess" in shell.run("cast", "a sofa", "--yes").err


def test_a_file(shell: Shell, citizen, tmp_path):
    (tmp_path / "request.json").write_text(json.dumps({"title": "x", "items": ["x"]}))
    assert shell.run("cast", "request.json", "-y").code == 0
    assert sent(citizen) == [("create_cast", {"title": "x", "items": ["x"]})]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"reach": {"seen_at": 0, "peers": 0}, "note": "Signed. It waits."}, "✓ Signed. It waits."),
        ({"handle": None, "note": "Saved. It will go out."}, "✓ Saved."),
    ],
)
def test_nobody_has_it_yet(
    shell: Shell, citizen, monkeypatch: pytest.MonkeyPatch, changes, words: str
):
    made = CAST | changes

    async def give(*_):
        return {"schema": "intentcast.cast/1", "cast": made}

    monkeypatch.setattr(citizen, "create_cast", give)
    monkeypatch.setattr(citizen, "cast", give)
    monkeypatch.setattr(module, "_HEARD_S", 0.05)
    found = shell.run(*WORDS, "-y")
    assert words in found.err
    assert found.out.strip() == (made["handle"] or made["draft"])


def test_peers_get_a_moment(shell: Shell, citizen, monkeypatch: pytest.MonkeyPatch):
    async def create(_):
        return {"schema": "intentcast.cast/1", "cast": CAST | {"reach": {"seen_at": 0, "peers": 3}}}

    monkeypatch.setattr(citizen, "create_cast", create)
    assert "seen at 2 of your 3 peers" in shell.run(*WORDS, "-y").err


def test_the_nodes_error_names_the_option(shell: Shell, citizen):
    citizen.fails = LocalProtocolError(
        "decide_by 2026-11-21 is in the past", code="E-DATE", fix="Later", field="decide_by"
    )
    found = shell.run(*WORDS, "--by", "2026-11-21", "-y")
    assert found.code == 2
    assert "✗ --by 2026-11-21 is in the past (E-DATE)." in found.err


def test_the_nodes_error_names_the_field_of_a_file(shell: Shell, citizen, tmp_path):
    (tmp_path / "request.json").write_text("{}")
    citizen.fails = LocalProtocolError("decide_by is past", code="E-DATE", field="decide_by")
    assert "✗ decide_by is past (E-DATE)." in shell.run("cast", "request.json", "-y").err


@pytest.mark.parametrize(
    ("options", "code", "exit_code"),
    [
        (["--category", "xyz"], "E-CATEGORY", 2),
        (["--by", "yesterday"], "E-DATE", 2),
        (["--budget", "1,234 USD"], "E-MONEY", 2),
        ([], "E-NODE-DOWN", 3),
    ],
)
def test_while_the_node_is_down_wrong_words_come_first(
    down: Shell, options: list[str], code: str, exit_code: int
):
    found = down.run(
        "cast", "digital camera", "--category", "electronics/cameras/digital-cameras", *options
    )
    assert found.code == exit_code
    assert f"({code})" in found.err


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"n": "2.5", "unit": "KGM"}, "2.5 KGM"),
        ({"key": "raw", "op": "present"}, "raw present"),
        (
            {"key": "weight", "op": "le", "value": "4", "unit": "KGM", "level": "prefer"},
            "weight le 4 KGM (prefer)",
        ),
        ({"remote": True, "x": None}, "remote yes, x None"),
        ([], "none"),
        (["a", {"b": False}], "a; b no"),
    ],
)
def test_public_values_in_few_words(value, words: str):
    assert _value(value) == words
