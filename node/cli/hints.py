"""Commands in a hint, so that typed as they are shown they reach the home that was meant.

Enters: what --home said, and lines for a person. Leaves: the lines, with `--home DIR` in each
command of ours that would find another home by itself. Never here: a document for a program.
"""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path
from typing import Final

AT_HOME: Final = frozenset(
    {
        *("up", "status", "cast", "casts", "offers", "accept", "deal", "revoke", "doctor", "peers"),
        *("nearby", "invite", "join", "outbox", "paths", "words", "passphrase", "lock", "unlock"),
        *("backup", "restore", "reopen", "identity", "vendor", "open", "token", "people"),
        *("service", "wait"),
    }
)
"""Commands that are about a home."""
ANYWHERE: Final = frozenset({"verify", "categories", "testnet", "demo", "completion"})
"""Commands that ask no home."""
_COMMAND: Final = re.compile(
    # Between backticks stands a command's name, which nobody is told to type.
    r"(?<![`\w])intentcast (?P<verb>[a-z]+)\b(?P<rest>.*?)(?=\s{2}|\bintentcast |$)"
)
"""A command of ours in a line: it ends where wide space, another one, or the line's end begins."""
_LEAVES_ALONE: Final = re.compile(r"--(?:home|help)\b")


def home_option(named: str | None) -> str:
    """Give what a command needs to reach the home --home named; empty where it finds it anyhow."""
    from node.config import default_home
    from node.errors import ConfigError

    if not named:
        return ""
    try:
        place = Path(named).expanduser()
    except RuntimeError:
        # The ~ of nobody: that home is refused.
        return ""
    try:
        is_usual = place.absolute() == default_home(os.environ).absolute()
    except (ConfigError, RuntimeError):
        is_usual = False
    return "" if is_usual else f"--home {shlex.quote(str(place))}"


def with_home(line: str, option: str) -> str:
    """Put an option into each command of a line that needs it and lacks it.

    Args:
        line: for a person.
        option: what `home_option` gave; empty changes nothing.
    """

    def put(found: re.Match[str]) -> str:
        verb, rest = found["verb"], found["rest"]
        if verb not in AT_HOME or _LEAVES_ALONE.search(rest):
            return found[0]
        return f"intentcast {option} {verb}{rest}"

    return _COMMAND.sub(put, line) if option else line
