"""`intentcast paths`: where a home keeps what. Reads no secret and needs no node."""

from __future__ import annotations

from pathlib import Path

import click

from node.cli.session import Session, session_options
from node.cli.table import pairs
from node.config import CONFIG_FILE
from node.home import ADDRESS_FILE, DATABASE_FILE, LOG_FILE, TOKEN_FILE

_FILES = (
    ("keys", "root.key", "the secret every key derives from; plain, or under a passphrase"),
    ("node", "node.key", "what makes this node this node to its peers"),
    ("backups", "backups", "daily ones; they open with your 24 words alone"),
    ("database", DATABASE_FILE, "casts, offers, deals, letters"),
    ("config", CONFIG_FILE, "settings; see the reference"),
    ("address", ADDRESS_FILE, "where the local API listens while the node runs"),
    ("token", TOKEN_FILE, "what a program needs to use the local API"),
    ("log", LOG_FILE, "what went wrong, without keys or letters"),
    ("policy", "policy.toml", "what this node does not carry"),
    ("vendor", "vendor.toml", "who the shop is"),
    ("rules", "rules.toml", "how the shop prices"),
)


@click.command(short_help="Show where this node keeps what.")
@session_options
def paths(session: Session) -> None:
    """Show where this node keeps what, and which of it exists."""
    home = session.home
    files = {name: home / file for name, file, _ in _FILES}
    if session.as_json:
        session.console.document(
            {
                "schema": "intentcast.paths/1",
                "home": str(home),
                "files": {
                    name: {"path": str(path), "exists": _exists(path)}
                    for name, path in files.items()
                },
            }
        )
        return
    rows: list[tuple[str, object]] = [("home", home)]
    for name, _, words in _FILES:
        mark = words if _exists(files[name]) else "not there yet"
        rows.append((name, f"{files[name]}  ({mark})"))
    for line in pairs(rows):
        session.console.data(line)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:
        return False
