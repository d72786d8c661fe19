"""The list of commands, each loaded only when it is called: `--help` must stay quick.

Enters: a command line. Leaves: one loaded command. Without a command's name the daemon starts.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import click

from node.cli.examples import illustrated
from node.cli.failures import no_such_command, no_verb
from node.cli.session import OPTIONS

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

COMMANDS: Final[Mapping[str, tuple[str, str]]] = {
    "up": ("node.cli.up:up", "Start the node; makes its keys on first run."),
    "open": ("node.cli.open:open_page", "Open the node's page in a browser."),
    "status": ("node.cli.status:status", "Show how the node is."),
    "cast": ("node.cli.cast:cast", "Say what you want: FILE.json, or words and options."),
    "casts": ("node.cli.casts:casts", "List what you asked for."),
    "offers": ("node.cli.offers:offers", "Show a cast's offers, itemised and ranked."),
    "wait": ("node.cli.wait:wait", "Wait until something has come about."),
    "accept": ("node.cli.accept:accept", "Accept an offer."),
    "deal": ("node.cli.deal:deal", "List deals, show one, save its agreement, answer one."),
    "revoke": ("node.cli.revoke:revoke", "Take back a cast or an offer."),
    "verify": ("node.cli.verify:verify", "Check an agreement's file; needs no node."),
    "categories": ("node.cli.categories:categories", "Find a category and its attributes."),
    "doctor": ("node.cli.doctor:doctor", "Look the node over: what is wrong, and what to do."),
    "peers": ("node.cli.peers:peers", "List the nodes this one is linked to; add one."),
    "nearby": ("node.cli.nearby:nearby", "Nodes in the local network: list, allow, refuse."),
    "invite": ("node.cli.invite:invite", "Make a link that leads others to this node."),
    "join": ("node.cli.join:join", "Follow an invite, and stay linked."),
    "people": ("node.cli.people:people", "Shops that sent offers: list, block, unblock."),
    "token": ("node.cli.token:token", "Tokens of programs: make, list, revoke."),
    "outbox": ("node.cli.outbox:outbox", "List letters on their way."),
    "service": ("node.cli.service:service", "Keep the node running with systemd."),
    "completion": ("node.cli.completion:completion", "Print what completes words in your shell."),
    "paths": ("node.cli.paths:paths", "Show where this node keeps what."),
    "words": ("node.cli.words:words", "Show the 24 words that make this identity anew."),
    "passphrase": ("node.cli.passphrase:passphrase", "Put the keys under a passphrase."),
    "lock": ("node.cli.lock:lock", "Lock the keys; the node goes on relaying."),
    "unlock": ("node.cli.unlock:unlock", "Unlock the keys with the passphrase."),
    "backup": ("node.cli.backup:backup", "Write a backup of this home, or check one."),
    "restore": ("node.cli.restore:restore", "Make a home from the 24 words, and a backup."),
    "reopen": ("node.cli.reopen:reopen", "After a restore: ask the others, then promise again."),
    "identity": ("node.cli.identity:identity", "The shop's key, and which copy goes on."),
    "vendor": ("node.cli.vendor:vendor", "Sell: init, import, serve, inbox, ..."),
    "testnet": ("node.cli.testnet:testnet", "Run a small network on this machine."),
    "demo": ("node.cli.demo:demo", "Play the Park City story on this machine."),
}
"""Name -> where it lives, and its line in the list."""

_VALUED: Final = frozenset({"--home"})
_FLAGS: Final = frozenset({"--json", "--quiet", "-q", "--yes", "-y", "--help", "-h", "--version"})


def with_default(args: list[str]) -> list[str]:
    """Put `up` where no command stands: `intentcast --api-port 8421` starts the node."""
    i = 0
    while i < len(args):
        word = args[i]
        if word in _VALUED:
            i += 2
        elif word in _FLAGS or word.partition("=")[0] in _VALUED:
            i += 1
        else:
            break
    if i > len(args):
        return args  # an option lacks its value; saying so is the parser's part
    asks = {"--help", "-h", "--version"} & set(args[:i])
    if asks or (i < len(args) and not args[i].startswith("-")):
        return args
    return [*args[:i], "up", *args[i:]]


class LazyGroup(click.Group):
    """A group whose commands are imported by name."""

    def __init__(self, *args: Any, lazy: Mapping[str, tuple[str, str]], **kwargs: Any) -> None:
        """Keep the table of names."""
        super().__init__(*args, **kwargs)
        self._lazy = lazy

    def list_commands(self, ctx: click.Context) -> list[str]:
        """List names in the order a person meets them."""
        return [*self._lazy, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load a command."""
        if cmd_name not in self._lazy:
            return super().get_command(ctx, cmd_name)
        module, _, name = self._lazy[cmd_name][0].partition(":")
        command = getattr(importlib.import_module(module), name)
        assert isinstance(command, click.Command)  # noqa: S101 - the table above is ours
        return illustrated(cmd_name, command)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command of a line.

        Raises:
            LocalProtocolError: E-USAGE, naming the nearest.
        """
        is_unknown = self.get_command(ctx, args[0]) is None and not args[0].startswith("-")
        if is_unknown and not ctx.resilient_parsing:
            raise no_such_command(ctx.command_path, args[0], self.list_commands(ctx))
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete a command's name without loading anything; options as click does."""
        from click.shell_completion import CompletionItem

        if incomplete and not incomplete[0].isalnum():
            return super().shell_complete(ctx, incomplete)
        return [
            CompletionItem(name, help=words)
            for name, (_, words) in self._lazy.items()
            if name.startswith(incomplete)
        ]

    def format_commands(  # click hands over a context this list does not need
        self,
        ctx: click.Context,  # noqa: ARG002
        formatter: click.HelpFormatter,
    ) -> None:
        """Write the list without loading anything."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, words) for name, (_, words) in self._lazy.items()])


class NounGroup(click.Group):
    """A command with verbs of its own, whose unknown verbs are answered with the nearest."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the line; a noun alone needs a verb, unless it does something by itself.

        Raises:
            LocalProtocolError: E-USAGE, listing the verbs.
        """
        if not args and not self.invoke_without_command and not ctx.resilient_parsing:
            raise no_verb(ctx.command_path, self.list_commands(ctx))
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the verb.

        Raises:
            LocalProtocolError: E-USAGE, naming the nearest.
        """
        is_unknown = self.get_command(ctx, args[0]) is None and not args[0].startswith("-")
        if is_unknown and not ctx.resilient_parsing:
            raise no_such_command(ctx.command_path, args[0], self.list_commands(ctx))
        return super().resolve_command(ctx, args)


def _version(ctx: click.Context, _param: click.Parameter, value: bool) -> None:  # noqa: FBT001
    if value and not ctx.resilient_parsing:
        from node.version import VERSION

        click.echo(f"intentcast {VERSION}")
        ctx.exit()


def root() -> LazyGroup:
    """Make the command `intentcast`."""

    def keep(**values: Any) -> None:
        values.pop("version", None)
        click.get_current_context().ensure_object(dict).update(values)

    version = click.Option(
        ["--version"],
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=_version,
        help="Show the version.",
    )
    return LazyGroup(
        "intentcast",
        lazy=COMMANDS,
        callback=keep,
        params=[*OPTIONS, version],
        help="A demand-first market with no central broker: say what you want, get signed offers.",
        epilog="Without a command the node starts. Help on one: intentcast COMMAND --help",
        context_settings={"help_option_names": ["-h", "--help"]},
    )
