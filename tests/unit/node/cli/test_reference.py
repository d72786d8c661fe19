"""The reference pages hold every command, option, exit code, path and member there is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from node.api.contents import OPERATIONS
from node.api.kinds import ErrorKind
from node.api.problems import STATUS
from node.cli.exits import Exit
from node.cli.group import root
from node.market import drafts

PAGES = Path(__file__).parents[4] / "docs" / "reference"
CLI = (PAGES / "cli.md").read_text("utf-8")
API = (PAGES / "http-api.md").read_text("utf-8")
CAST = (PAGES / "cast-file.md").read_text("utf-8")


def commands() -> Iterator[tuple[str, click.Command]]:
    group = root()
    ctx = click.Context(group)
    for name in group.list_commands(ctx):
        command = group.get_command(ctx, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from ((f"{name} {verb}", child) for verb, child in command.commands.items())
            if not command.invoke_without_command:
                continue
        yield name, command


def test_every_command_has_its_section():
    headings = re.findall(r"^## ([a-z]+(?: [a-z]+)?)", CLI, flags=re.MULTILINE)
    for name, _ in commands():
        assert name in headings or f"intentcast {name}" in CLI, name


@pytest.mark.parametrize(("name", "command"), [*commands()], ids=lambda given: str(given)[:20])
def test_every_option_is_described(name: str, command: click.Command):
    for param in command.params:
        if isinstance(param, click.Option):
            for option in (*param.opts, *param.secondary_opts):
                assert f"`{option}" in CLI, f"{name} {option}"


def test_no_option_is_described_that_is_not_there():
    known = {
        option
        for _, command in commands()
        for param in command.params
        for option in (*param.opts, *param.secondary_opts)
        if option.startswith("-")
    } | {"--help", "--version"}
    assert set(re.findall(r"`(--[a-z-]+)", CLI)) <= known


def test_every_exit_code_is_described():
    assert re.findall(r"^\| (\d) \|", CLI, flags=re.MULTILINE) == [str(int(code)) for code in Exit]


def test_every_path_is_described():
    described = set(re.findall(r"^\| `([A-Z]+ /[^`]+)`", API, flags=re.MULTILINE))
    assert described == {f"{each.method} {each.path}" for each in OPERATIONS}


@pytest.mark.parametrize("kind", [*ErrorKind])
def test_every_kind_is_described_with_its_status(kind: ErrorKind):
    assert re.search(rf"^\| `{kind.value}` \| {STATUS[kind]}\b", API, flags=re.MULTILINE)


def test_every_member_of_a_cast_is_described():
    described = set(re.findall(r"^\| `([a-z_]+)` \|", CAST, flags=re.MULTILINE))
    named_later = CAST.partition("## Later")[2]
    for member in drafts._KEYS | set(drafts._LATER):
        assert member in described or f"`{member}`" in named_later, member
