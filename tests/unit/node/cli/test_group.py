"""Commands are listed without being loaded, and every listed one exists."""

from __future__ import annotations

import subprocess
import sys

import click
import pytest

from node.cli.group import COMMANDS, root, with_default

MODULES_OF_HELP = 16
"""Own modules `--help` may read; there are 12 now."""


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_loads(name: str):
    ctx = click.Context(root())
    command = root().get_command(ctx, name)
    assert isinstance(command, click.Command)
    assert command.name == name
    assert command.short_help
    assert command.help


@pytest.mark.parametrize(
    ("args", "found"),
    [
        ([], ["up"]),
        (["--api-port", "1"], ["up", "--api-port", "1"]),
        (["--home", "x"], ["--home", "x", "up"]),
        (["--home=x", "-q", "--peer", "a"], ["--home=x", "-q", "up", "--peer", "a"]),
        (["--home", "x", "status"], ["--home", "x", "status"]),
        (["--help"], ["--help"]),
        (["--home", "x", "--version"], ["--home", "x", "--version"]),
        (["status", "--json"], ["status", "--json"]),
        (["--home"], ["--home"]),
    ],
)
def test_without_a_command_the_node_starts(args: list[str], found: list[str]):
    assert with_default(args) == found


def test_help_loads_nothing_heavy():
    script = (
        "import sys; before = set(sys.modules); from node.cli.main import main;"
        "code = main(['--help']);"
        "new = set(sys.modules) - before;"
        "heavy = {'aiohttp', 'asyncio', 'msgspec', 'h3', 'sqlite3', 'nacl', 'ssl', 'jinja2',"
        " 'prometheus_client', 'http.client', 'click.shell_completion'};"
        "print(code, sorted(heavy & new), file=sys.stderr);"
        "print(*[name for name in new if name.startswith(('node.', 'protocol.'))], file=sys.stderr)"
    )
    found = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    told, ours = found.stderr.splitlines()[-2:]
    assert told == "0 []"
    # A bound on what is read holds on every machine; one on the time would not.
    assert len(ours.split()) <= MODULES_OF_HELP
    assert all(f"  {name} " in found.stdout for name in COMMANDS)


def test_a_listed_name_keeps_its_own_line():
    ctx = click.Context(root())
    assert root().list_commands(ctx) == list(COMMANDS)
    assert root().get_command(ctx, "nothing") is None
