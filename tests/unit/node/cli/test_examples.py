"""Every command shows how, in lines the parser takes."""

from __future__ import annotations

import shlex

import click
import pytest

from node.cli.examples import EXAMPLES
from node.cli.group import root
from tests.unit.node.cli.conftest import Shell
from tests.unit.node.cli.test_reference import commands


@pytest.mark.parametrize(("name", "command"), [*commands()], ids=lambda given: str(given)[:20])
def test_whoever_does_something_shows_an_example(name: str, command: click.Command):
    assert name in EXAMPLES
    assert command.epilog is not None
    assert all(f"  intentcast {line}" in command.epilog for line in EXAMPLES[name])


def test_what_can_be_waited_for_stands_a_line_each(down: Shell):
    lines = [line.strip() for line in down.run("wait", "--help").out.splitlines()]
    assert any(line.startswith("'peers>=1'  ") for line in lines)
    assert any(line.startswith("ready  ") for line in lines)
    assert any(line.startswith("Quote it: ") for line in lines)


@pytest.mark.parametrize("line", [line for lines in EXAMPLES.values() for line in lines])
def test_every_example_is_read(line: str):
    command: click.Command = root()
    ctx = click.Context(command, info_name="intentcast")
    args = shlex.split(line, comments=True)
    while isinstance(command, click.Group) and args and not args[0].startswith("-"):
        name, found, args = command.resolve_command(ctx, args)
        assert found is not None
        ctx = click.Context(found, info_name=name, parent=ctx)
        command = found
    _ = command.make_context(ctx.info_name, args, parent=ctx.parent)


def test_no_example_is_of_a_command_that_is_not_there():
    assert EXAMPLES.keys() <= {name for name, _ in commands()}


def test_examples_stand_beneath_the_options_a_line_each(down: Shell):
    shown = down.run("cast", "--help").out
    lines = shown.partition("Examples:\n")[2].splitlines()
    assert [line.strip() for line in lines] == [f"intentcast {line}" for line in EXAMPLES["cast"]]


def test_scopes_of_a_token_stand_a_line_each(down: Shell):
    lines = down.run("token", "new", "--help").out.splitlines()
    assert "  read       see what this node knows" in lines
    assert "  admin      all else, and every other scope" in lines
