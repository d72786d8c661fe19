"""`intentcast completion SHELL`: prints what has the shell complete words of this command.

Enters: the name of a shell. Leaves: a script, to be read by the shell at its start. The script asks
this program at every TAB, which is why nothing slow may stand in the way of an answer.
"""

from __future__ import annotations

import click

from node.cli.session import Session, session_options

_HOW = {
    "bash": 'Add to ~/.bashrc:  eval "$(intentcast completion bash)"',
    "zsh": 'Add to ~/.zshrc, after compinit:  eval "$(intentcast completion zsh)"',
    "fish": (
        "Write it once:  intentcast completion fish > ~/.config/fish/completions/intentcast.fish"
    ),
}


@click.command(short_help="Print what completes words in your shell.")
@click.argument("shell", type=click.Choice(tuple(_HOW)))
@session_options
def completion(session: Session, shell: str) -> None:
    """Print the script for SHELL: bash (4.4 or newer), zsh or fish.

    Commands, options and, while the node runs, the names of your casts, offers and deals.
    """
    from click.shell_completion import ShellComplete, get_completion_class

    from node.cli.group import root
    from node.cli.main import COMPLETING

    kind = get_completion_class(shell)
    assert kind is not None  # noqa: S101 - the choices above are click's own
    # Not the class's own `source`: that of bash runs bash to look at its version.
    script = ShellComplete.source(kind(root(), {}, "intentcast", COMPLETING))
    session.console.data(script.strip("\n"))
    if session.console.is_watched:
        session.console.say(_HOW[shell])
