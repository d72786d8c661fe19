"""What every command shares: the home, how much is said, and the way to the node.

Enters: the four options every command takes, given before or after its name. Leaves: a `Session`
as the command's first argument.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from node.cli.console import Console

if TYPE_CHECKING:
    from node.cli.client import NodeClient

F = TypeVar("F", bound=Callable[..., Any])
_NAMES = ("home", "as_json", "quiet", "yes")

OPTIONS = (
    click.Option(
        ["--home", "home"],
        metavar="DIR",
        help="Folder of the node; else INTENTCAST_HOME, else your data folder.",
    ),
    click.Option(["--json", "as_json"], is_flag=True, help="Print one JSON document."),
    click.Option(["--quiet", "-q", "quiet"], is_flag=True, help="Print data and errors only."),
    click.Option(["--yes", "-y", "yes"], is_flag=True, help="Answer every question with yes."),
)
"""Taken by every command, and before the command's name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One run of one command."""

    console: Console
    """Where words go."""
    yes: bool
    """Whether questions are answered beforehand."""
    named_home: str | None
    """What --home said."""

    @property
    def as_json(self) -> bool:
        """Whether a document is wanted."""
        return self.console.as_json

    @property
    def home(self) -> Path:
        """The node's folder; it may not exist yet.

        Raises:
            ConfigError: E-HOME when none can be known, or a file stands there.
        """
        from node.home import check_folder

        place = self.place
        check_folder(place)
        return place

    @property
    def place(self) -> Path:
        """Where the node's folder is or would be, whatever stands there.

        Raises:
            ConfigError: E-HOME when none can be known.
        """
        from node.config import default_home
        from node.errors import ConfigError

        try:
            if self.named_home:
                return Path(self.named_home).expanduser()
            return default_home(os.environ)
        except RuntimeError as error:
            raise ConfigError(
                "the ~ of this home stands for no known folder",
                code="E-HOME",
                fix="Name the whole path:  --home /path/to/folder",
            ) from error

    def client(self) -> NodeClient:
        """Give the way to the running node.

        Raises:
            NodeDownError: E-NODE-DOWN.
        """
        from node.cli.client import NodeClient

        return NodeClient.of_home(self.home)

    def confirm(self, question: str, *, default: bool = False) -> bool:
        """Ask before something that cannot be taken back."""
        return self.console.confirm(question, default=default, yes=self.yes)


def session_options(function: F) -> F:
    """Give a command the shared options and a `Session` in their place."""

    @functools.wraps(function)
    def run(**values: Any) -> Any:
        ctx = click.get_current_context()
        before = ctx.find_object(dict) or {}
        own = {name: values.pop(name) or before.get(name) for name in _NAMES}
        ctx.obj = own  # a verb takes over what stands before its noun
        # Whoever tells of a failure has the command line's first context alone.
        ctx.find_root().ensure_object(dict)["home"] = own["home"]
        console = Console(quiet=bool(own["quiet"]), as_json=bool(own["as_json"]), home=own["home"])
        session = Session(console=console, yes=bool(own["yes"]), named_home=own["home"])
        return function(session, **values)

    params = getattr(function, "__click_params__", [])
    run.__click_params__ = [*reversed(OPTIONS), *params]  # type: ignore[attr-defined]
    return run  # type: ignore[return-value]  # same call, the session filled in
