"""The text of a systemd unit, each line of its sandbox with the reason it is there.

Enters: how the node is started and where its home is. Leaves: the text of a user's unit or of a
system's. Nothing is written or started here. Left out on purpose: whatever would hide the node's
own home, its network cards or its clock from it, and in a user's unit whatever needs rights a user
manager may not have.
Source: systemd.exec(5), systemd.service(5); the units of Syncthing.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from node.errors import ConfigError

MARK: Final = (
    "# Written by `intentcast service install`; `intentcast service uninstall` removes it."
)
"""First line of a unit of ours: no other file is ever replaced or removed."""
_STATE_HOME: Final = "%S/intentcast"
"""In the machine's folder for what services keep."""
_BREAKING: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Categories of what ends or breaks a line: controls, parts of no text, Unicode's own breaks."""
_PLAIN: Final = re.compile(r"[\w/.,:=@+-]+", re.ASCII)

_HOMES: Final = ("/home", "/root", "/run/user")
"""What `ProtectHome` hides."""

_EVERYWHERE: Final = (
    (
        "NoNewPrivileges=yes",
        "Nothing it starts can gain rights, by set-user-id files for instance.",
    ),
    ("RestrictSUIDSGID=yes", "It cannot make such files either."),
    ("MemoryDenyWriteExecute=yes", "No memory is both written and run: it makes no code."),
    ("LockPersonality=yes", "It cannot turn on old and weaker ways of running programs."),
    ("RestrictRealtime=yes", "It cannot take the processor from everybody else."),
    ("RestrictNamespaces=yes", "It makes no containers, whose code has often been the way out."),
    (
        "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK",
        "Peers and the page by IP; the manager by a Unix socket; the list of network cards.",
    ),
    ("SystemCallArchitectures=native", "The other, less tried entrances to the kernel are shut."),
    ("SystemCallFilter=@system-service", "What services call; no mounting, tracing, rebooting."),
    ("SystemCallErrorNumber=EPERM", "A call outside that fails, and does not kill the node."),
    ("UMask=0077", "What it writes is its owner's alone."),
)
"""Works for a user manager without rights, too."""

_SYSTEM: Final = (
    ("CapabilityBoundingSet=", "Not one of root's rights, whatever happens."),
    ("ProtectSystem=strict", "The whole system is read-only; its state folder is not."),
    ("PrivateTmp=yes", "Its own /tmp."),
    ("PrivateDevices=yes", "No disks, no cameras."),
    ("ProtectKernelTunables=yes", "It changes nothing of the kernel,"),
    ("ProtectKernelModules=yes", "loads nothing into it,"),
    ("ProtectKernelLogs=yes", "and does not read its log."),
    ("ProtectControlGroups=yes", "It does not change its own bounds."),
    ("ProtectClock=yes", "It reads the clock and does not set it."),
    ("ProtectHostname=yes", "It does not rename the machine."),
    ("ProtectProc=invisible", "It does not see what others run."),
    ("RemoveIPC=yes", "Nothing of it stays in memory afterwards."),
)
"""Needs a manager that runs as root."""


def start_line(home: Path | str) -> list[str]:
    """Give the words that start the node of a home by this very program."""
    return [sys.executable, "-P", "-m", "node.cli.main", "--home", str(home), "up"]


def quoted(words: Sequence[str], *, specifier: str = "") -> str:
    """Write a command as systemd reads it: `%`, `$`, quotes and spaces mean something to it.

    Args:
        words: of the command.
        specifier: the one word whose `%` systemd is to read.

    Raises:
        ConfigError: E-SERVICE, a word that would not stay in its line.
    """
    return " ".join(f'"{word}"' if word == specifier else _quoted(word) for word in words)


def _quoted(word: str) -> str:
    if any(unicodedata.category(each) in _BREAKING for each in word):
        raise ConfigError(
            "a path holds a line break or another character that no unit can hold",
            code="E-SERVICE",
            fix="Choose another home:  --home DIR, or INTENTCAST_HOME",
        )
    if _PLAIN.fullmatch(word):
        return word
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{escaped}"'


def user_unit(home: Path) -> str:
    """Write the unit of a user's own manager."""
    return _unit(
        start_line(home),
        begun=(
            "# Settings belong into config.toml of the home; changes of this file into a drop-in:",
            "#   systemctl --user edit intentcast",
        ),
        sandbox=_EVERYWHERE,
        wanted_by="default.target",
    )


def system_unit() -> str:
    """Write the unit of the machine's manager: an account of its own, and /var/lib/intentcast."""
    return _unit(
        start_line(_STATE_HOME),
        specifier=_STATE_HOME,
        begun=("# To /etc/systemd/system/intentcast.service; its home is /var/lib/intentcast.",),
        extra=(
            ("DynamicUser=yes", "An account that exists while it runs, and owns nothing else."),
            ("StateDirectory=intentcast", "Its home, which stays."),
            ("StateDirectoryMode=0700", "Nobody else reads it."),
        ),
        sandbox=(*_SYSTEM, _homes(), *_EVERYWHERE),
        wanted_by="multi-user.target",
    )


def lies_in_a_home() -> bool:
    """Tell whether this program lies where other accounts cannot read it."""
    places = (Path(sys.executable), Path(sys.executable).resolve(), Path(sys.prefix))
    return any(place.is_relative_to(home) for place in places for home in _HOMES)


def _homes() -> tuple[str, str]:
    if lies_in_a_home():
        return "ProtectHome=read-only", "People's homes are read-only: this program lies in one."
    return "ProtectHome=yes", "People's homes are not there."


def _unit(
    command: Sequence[str],
    *,
    begun: Sequence[str],
    sandbox: Sequence[tuple[str, str]],
    wanted_by: str,
    specifier: str = "",
    extra: Sequence[tuple[str, str]] = (),
) -> str:
    line = quoted(command, specifier=specifier)
    lines = [
        MARK,
        *begun,
        "",
        "[Unit]",
        "Description=intentcast node",
        "",
        "[Service]",
        "# The node says when it is ready, and every half minute that it lives.",
        "Type=notify",
        "NotifyAccess=main",
        "WatchdogSec=60",
        f"ExecStart={line}",
        "# The first start after an update may copy and bring forward a large database.",
        "TimeoutStartSec=600",
        "# It says goodbye to its peers and writes what waits.",
        "TimeoutStopSec=30",
        "Restart=on-failure",
        "RestartSec=5",
        "# Wrong settings, a home in use or keys that are damaged do not mend themselves.",
        "RestartPreventExitStatus=2 4 8",
        "# A link and a file each: `intentcast doctor` tells how many it needs.",
        "LimitNOFILE=20000",
        *_reasoned(extra),
        "",
        *_reasoned(sandbox),
        "",
        "[Install]",
        f"WantedBy={wanted_by}",
        "",
    ]
    return "\n".join(lines)


def _reasoned(settings: Sequence[tuple[str, str]]) -> list[str]:
    return [line for setting, reason in settings for line in (f"# {reason}", setting)]
