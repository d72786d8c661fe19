"""`intentcast service`: a systemd unit that keeps the node running; shown, written, taken away.

Enters: a home. Leaves: a unit in the user's own folder, or its text. Nothing is started, stopped or
replaced without a word and a yes; a file that is not ours is left alone.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import click

from node.cli.client import Document
from node.cli.exits import Exit
from node.cli.group import NounGroup
from node.cli.session import Session, session_options
from node.cli.table import pairs
from node.cli.units import MARK, lies_in_a_home, system_unit, user_unit
from node.errors import ConfigError, NotFoundError, TransportError

UNIT: Final = "intentcast.service"
_PATIENCE_S: Final = 60.0
_SHOWN: Final = ("ActiveState", "SubState", "UnitFileState", "MainPID", "NRestarts")


@click.group(cls=NounGroup, short_help="Keep the node running: install, uninstall, status.")
def service() -> None:
    """Keep the node running with systemd, from login or from boot on."""


@service.command("install", short_help="Write the unit; start it after a yes.")
@click.option("--print", "only_print", is_flag=True, help="Only show the unit; write nothing.")
@click.option("--system", is_flag=True, help="Show a unit for the whole machine instead.")
@click.option(
    "--start/--no-start", default=None, help="Start it now and at every login; or do not."
)
@session_options
def install(
    session: Session,
    only_print: bool,  # noqa: FBT001
    system: bool,  # noqa: FBT001
    start: bool | None,  # noqa: FBT001
) -> None:
    """Write a systemd unit of your own user that runs the node of this home.

    Without --start you are asked whether to start it. --system only prints: putting it into place
    is for root.
    """
    if only_print or system:
        _show(session, system=system)
        return
    _require_systemd()
    path = unit_path()
    _check_ours(path)
    text = user_unit(session.home.absolute())
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    _systemctl("daemon-reload")
    console = session.console
    console.say(console.tick(f"Written: {path}"))
    if start is not False and _runs(session):
        console.say("  A node of this home runs already. Stop it, then:")
        console.say(f"    systemctl --user enable --now {UNIT}")
    elif _wants_start(session, start):
        _systemctl("enable", "--now", UNIT)
        console.say(console.tick("Started, and it starts at every login from now on."))
    else:
        console.say("  It is not started. To start it now and at every login:")
        console.say(f"    systemctl --user enable --now {UNIT}")
    if not _lingers():
        console.say("  To have it run while you are not logged in:  loginctl enable-linger")
    if session.as_json:
        console.document(_found(path))


@service.command("uninstall", short_help="Stop it and take the unit away.")
@session_options
def uninstall(session: Session) -> None:
    """Stop the service, and remove the unit; the home stays as it is."""
    _require_systemd()
    path = unit_path()
    if not path.exists():
        raise _not_installed(path)
    _check_ours(path)
    if not session.confirm("This stops the node. Go on?"):
        session.console.say("Nothing was changed.")
        return
    _systemctl("disable", "--now", UNIT)
    path.unlink()
    _systemctl("daemon-reload")
    session.console.say(
        session.console.tick(f"Stopped and removed: {path}. The home is as it was.")
    )


@service.command("status", short_help="Show whether it is installed and runs.")
@session_options
def status(session: Session) -> int:
    """Show whether the unit is there, runs, and starts by itself; exit code 3 when it is down."""
    _require_systemd()
    path = unit_path()
    if not path.exists():
        raise _not_installed(path)
    found = _found(path)
    if session.as_json:
        session.console.document(found)
    else:
        by_itself = "at login" if found["enabled"] else "no"
        if found["enabled"] and found["lingers"]:
            by_itself = "at boot"
        rows: list[tuple[str, object]] = [
            ("Unit", found["unit"]),
            ("State", f"{found['state']} ({found['detail']})"),
            ("Process", found["pid"] or "-"),
            ("Restarts", found["restarts"]),
            ("Starts by itself", by_itself),
        ]
        for line in pairs(rows):
            session.console.data(line)
    return Exit.OK if found["state"] == "active" else Exit.NODE_DOWN


def unit_path() -> Path:
    """Give where a user's own units lie."""
    config = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    return Path(config).expanduser() / "systemd" / "user" / UNIT


def _show(session: Session, *, system: bool) -> None:
    text = system_unit() if system else user_unit(session.home.absolute())
    session.console.data(text.rstrip("\n"))
    if system and lies_in_a_home():
        session.console.say(
            "! This program lies in somebody's home, which the service's own account cannot read."
            " Install it for all first, for instance into /opt/intentcast."
        )


def _runs(session: Session) -> bool:
    from node.cli.client import NodeClient

    try:
        NodeClient.of_home(session.home)
    except TransportError:
        return False
    return True


def _wants_start(session: Session, start: bool | None) -> bool:  # noqa: FBT001
    if start is not None:
        return start
    if not session.yes and not session.console.is_terminal(sys.stdin):
        return False
    return session.confirm("Start the node now, and at every login?", default=True)


def _require_systemd() -> None:
    if sys.platform == "linux" and shutil.which("systemctl"):
        return
    if sys.platform == "darwin":
        raise ConfigError(
            "there is no systemd on macOS, and no agent of launchd is made by this version",
            code="E-SERVICE",
            fix="Start it by hand, or from a launch agent of your own:  intentcast up",
        )
    raise ConfigError(
        "there is no systemd here",
        code="E-SERVICE",
        fix="Let your service manager run:  intentcast up        it stops at SIGTERM",
    )


def _check_ours(path: Path) -> None:
    """Require that what is replaced or removed was written by this command.

    Raises:
        ConfigError: E-SERVICE.
    """
    try:
        first = path.read_text(encoding="utf-8", errors="replace").partition("\n")[0]
    except FileNotFoundError:
        return
    if first != MARK:
        raise ConfigError(
            f"{path} was written by somebody else",
            code="E-SERVICE",
            fix="Move it away, or change it by hand:  intentcast service install --print",
        )


def _not_installed(path: Path) -> NotFoundError:
    return NotFoundError(
        f"no service is installed: there is no {path}",
        code="E-SERVICE-NONE",
        fix="Install it:  intentcast service install",
    )


def _found(path: Path) -> Document:
    shown = _asked("show", UNIT, f"--property={','.join(_SHOWN)}")
    facts = dict(line.partition("=")[::2] for line in shown.splitlines())
    return {
        "schema": "intentcast.service/1",
        "unit": str(path),
        "state": facts.get("ActiveState") or "unknown",
        "detail": facts.get("SubState") or "the user manager does not answer",
        "enabled": facts.get("UnitFileState") == "enabled",
        "lingers": _lingers(),
        "pid": int(facts.get("MainPID") or 0),
        "restarts": int(facts.get("NRestarts") or 0),
    }


def _lingers() -> bool:
    """Tell whether this user's services run without a login."""
    name = os.environ.get("USER", "")
    return bool(name) and (Path("/var/lib/systemd/linger") / name).exists()


def _asked(*words: str) -> str:
    """Ask the user manager; give nothing where there is none."""
    try:
        return _run(words).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""


def _systemctl(*words: str) -> None:
    """Have the user manager do something.

    Raises:
        ConfigError: E-SERVICE, in its own words.
    """
    try:
        done = _run(words)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ConfigError(
            f"systemctl did not answer ({type(error).__name__})",
            code="E-SERVICE",
            fix=f"Try by hand:  systemctl --user {' '.join(words)}",
        ) from error
    if done.returncode:
        said = " ".join(done.stderr.split())[:200] or f"exit code {done.returncode}"
        raise ConfigError(
            f"systemctl --user {words[0]} failed: {said}",
            code="E-SERVICE",
            fix="See:  journalctl --user -u intentcast        without a login session there is no"
            " user manager:  loginctl enable-linger",
        )


def _run(words: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - words of our own
        ["systemctl", "--user", *words],  # noqa: S607 - the one the person would type
        capture_output=True,
        text=True,
        timeout=_PATIENCE_S,
        check=False,
    )
