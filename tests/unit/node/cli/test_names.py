"""Names for a TAB: in time, harmless, and not too many."""

from __future__ import annotations

import click
import pytest

from node.cli import names
from node.cli.names import complete_casts, complete_offers
from tests.unit.node.api.fake_citizen import CAST, FakeCitizen, offer
from tests.unit.node.cli.conftest import Shell

ARGUMENT = click.Argument(["handle"])


def context() -> click.Context:
    return click.Context(click.Command("offers"))


def test_a_name_has_its_words(shell: Shell):
    (found,) = complete_casts(context(), ARGUMENT, "")
    assert (found.value, found.help) == (CAST["handle"], "open Espresso machine, used is fine")


def test_words_of_strangers_do_nothing_to_a_shell(shell: Shell, citizen: FakeCitizen):
    bad = offer(1)
    bad["vendor"]["name"] = "$(reboot)`x`\x1b[2J'\";:|&<>\n shop"
    citizen.offer_list = [bad]
    (found,) = complete_offers(context(), ARGUMENT, "")
    assert found.help == "249.00 EUR $rebootx2J shop"


def test_no_more_than_a_screen(shell: Shell, citizen: FakeCitizen):
    citizen.cast_list = [CAST | {"handle": f"cast-{n:04}"} for n in range(90)]
    assert len(complete_casts(context(), ARGUMENT, "cast-")) == 50


def test_patience_is_for_all_questions_together(shell: Shell, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(names, "PATIENCE_S", 0.0)
    assert complete_offers(context(), ARGUMENT, "") == []
