"""`intentcast up`: starts the node and stays until it is stopped."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from node.address_text import SCHEME, bare
from node.cli.exits import Exit
from node.cli.session import Session, session_options
from node.cli.table import pairs
from protocol.errors import LocalProtocolError

if TYPE_CHECKING:
    from node.daemon import Ready

F = TypeVar("F", bound=Callable[..., Any])
_PORT_MAX = 65_535
_ANYWHERE = frozenset({"", "0.0.0.0", "::", "[::]"})  # noqa: S104 - compared with, not bound to
_SWITCHES = (("mailbox", "mailbox", True), ("no_browser", "open_browser", False))
"""Option, its setting, and what that becomes."""
_PORT = click.IntRange(0, _PORT_MAX)


def node_options(function: F) -> F:
    """Give a command every option a node is started with."""
    options = [
        click.option("--net", metavar="NAME", help="Network; nodes of others do not talk."),
        click.option(
            "--listen", metavar="HOST:PORT", help="Let peers dial this; port 0 takes a free one."
        ),
        click.option(
            "--advertise", multiple=True, metavar="HOST:PORT", help="Address others should dial."
        ),
        click.option(
            "--peer",
            "peers",
            multiple=True,
            metavar="ADDRESS",
            help="Stay linked to it; repeatable.",
        ),
        click.option("--join", metavar="LINK", help="Follow an invite."),
        click.option(
            "--lan",
            is_flag=False,
            flag_value="on",
            type=click.Choice(("off", "look", "on")),
            help="Find nodes in the local network, and be found; `look` only finds.",
        ),
        click.option("--relay", is_flag=True, help="Be dialled, pass on for all, keep letters."),
        click.option("--mailbox", is_flag=True, help="Keep letters for others."),
        click.option(
            "--api-port",
            "--web-port",
            "api_port",
            type=_PORT,
            metavar="PORT",
            help="Port of the local API; 0 takes a free one.",
        ),
        click.option("--no-browser", is_flag=True, help="Open no browser; the first start would."),
        click.option(
            "--passphrase-file",
            metavar="FILE",
            help="Unlock the keys with its first line; seals keys made now.",
        ),
    ]
    for option in reversed(options):
        function = option(function)
    return function


@click.command(short_help="Start the node.")
@node_options
@session_options
def up(session: Session, **flags: Any) -> int:
    """Start the node; the first run makes its keys. Ctrl-C stops it."""
    return start_node(session, flags)


def start_node(session: Session, flags: dict[str, Any]) -> int:
    """Run the daemon in this process until it is told to stop."""
    import asyncio

    from node.api.server import check_port
    from node.cli.secret_lines import passphrase_at_hand
    from node.config import load_settings
    from node.daemon import run_daemon
    from node.keyfile import ROOT_FILE

    home = session.home
    settings = load_settings(home, read_flags(flags))
    if not (home / ROOT_FILE).exists():
        # A first start that fails later leaves keys behind, and the next one says nothing of them.
        check_port(settings.api_host, settings.api_port)
    run = run_daemon(
        home,
        settings,
        on_ready=lambda ready: announce(session, ready, opens=settings.open_browser),
        passphrase=passphrase_at_hand(flags.get("passphrase_file")),
    )
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(run)
    session.console.say("Stopped.")
    return Exit.OK


def read_flags(flags: dict[str, Any]) -> dict[str, Any]:
    """Turn options into settings; what was not said is left out.

    Raises:
        LocalProtocolError: E-LISTEN, E-INVITE.
    """
    from protocol.network.invites import read_invite

    found: dict[str, Any] = {}
    if flags.get("net") is not None:
        found["net"] = flags["net"]
    if flags.get("api_port") is not None:
        found["api_port"] = flags["api_port"]
    if flags.get("listen") is not None:
        found["listen_host"], found["listen_port"] = _listen(flags["listen"])
    if flags.get("relay"):
        found["mailbox"] = found["bootstrap"] = True
        found.setdefault("listen_port", 0)
    found |= {setting: value for flag, setting, value in _SWITCHES if flags.get(flag)}
    if flags.get("lan") is not None:
        found["lan"] = flags["lan"]
    if flags.get("join"):
        found["join"] = read_invite(flags["join"]).link
    if flags.get("advertise"):
        found["advertise"] = list(flags["advertise"])
    if flags.get("peers"):
        found["peers"] = [peer_address(text) for text in flags["peers"]]
    return found


def peer_address(text: str) -> str:
    """Take the address as `up` prints it, or bare."""
    return bare(text)


def _listen(text: str) -> tuple[str, int]:
    host, colon, port = text.strip().rpartition(":")
    if not colon:
        host, port = "127.0.0.1", text.strip()
    if not (port.isascii() and port.isdigit() and int(port[:6]) <= _PORT_MAX) or not host:
        raise LocalProtocolError(
            f"--listen '{text[:60]}' is not an address of this machine",
            code="E-LISTEN",
            fix="Write:  --listen 0.0.0.0:9401        or on this machine only: 127.0.0.1:9401",
            field="--listen",
        )
    return host.removeprefix("[").removesuffix("]"), int(port)


def announce(session: Session, ready: Ready, *, opens: bool = False) -> None:
    """Say that the node is up, and what others need to reach it.

    Args:
        session: of this run.
        ready: what the node says.
        opens: whether the first start opens a browser.
    """
    console = session.console
    if session.as_json:
        console.document(
            {
                "schema": "intentcast.ready/1",
                "home": str(session.home),
                "node": ready.node,
                "net": ready.net,
                "api": ready.api_url,
                "listen": ready.listen,
                "address": _address(ready),
                "kept_peers": ready.kept_peers,
                "known_peers": ready.known_peers,
                "made_identity": ready.made_identity,
                "vendor": ready.vendor,
                "notices": ready.notices,
            },
            line=True,
        )
        return
    rows: list[tuple[str, object]] = [
        ("Node", f"{ready.node}{'   (made just now)' if ready.made_identity else ''}"),
        ("Home", session.home),
        ("Network", ready.net),
        ("Local API", ready.api_url),
        ("Address", _address(ready) or _no_address(ready)),
        ("Peers", _peers(ready)),
    ]
    if ready.vendor:
        rows.append(("Sells as", ready.vendor))
    # Where the words go to a file, a way in must not stand in them.
    login = ready.begin_login() if console.is_watched and not console.quiet else None
    if login is not None:
        rows.append(("Page", ready.api_url + login.link_path))
        rows.append(("Code", f"{login.code}, for one browser and five minutes"))
    for line in pairs(rows):
        console.say(f"  {line}")
    for notice in ready.notices:
        console.say(f"  ! {notice}")
    if login is not None:
        console.say("The page, at any time:  intentcast open")
    for line in _next_steps(ready):
        console.say(line)
    console.say("Ready. Ctrl-C stops the node.")
    if login is not None and opens and ready.made_identity:
        from node.cli.browser import open_browser

        _ = open_browser(session.home, ready.api_url + login.link_path)


def _next_steps(ready: Ready) -> list[str]:
    """Say what one may do now: who sells, look at what came; who is new, ask."""
    stay = "keep it running:  intentcast service install"
    if ready.vendor:
        look = "Requests:  intentcast vendor inbox        offers sent:  intentcast vendor offers"
        return [f"{look}        {stay}" if ready.made_identity else look]
    if ready.made_identity:
        return [f'Ask for something:  intentcast cast "what you want"        {stay}']
    return []


def _peers(ready: Ready) -> str:
    if ready.kept_peers:
        return f"dials {ready.kept_peers}; see: intentcast peers"
    if ready.known_peers:
        return f"none yet; {ready.known_peers} known from before {_being(ready)} dialled"
    if ready.listen:
        return "none to dial; others may dial this node: intentcast invite"
    return "none yet; link to one: intentcast peers add HOST:PORT        or: intentcast join LINK"


def _being(ready: Ready) -> str:
    return "is being" if ready.known_peers == 1 else "are being"


def _address(ready: Ready) -> str | None:
    """Give what others should dial; nobody can dial the word for every address of a machine."""
    is_bound = ready.listen is not None and ready.listen.rpartition(":")[0] not in _ANYWHERE
    here = ready.listen if is_bound else next(iter(ready.dialled_at), None)
    return f"{SCHEME}{ready.node}@{here}" if here else None


def _no_address(ready: Ready) -> str:
    if ready.listen is None:
        return "none; it dials others, and letters come through mailboxes"
    return f"none; bound to {ready.listen}, and told to nobody: add --advertise HOST:PORT"
