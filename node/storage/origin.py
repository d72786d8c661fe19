"""Whose database this is: a number made with the file, its network, its last node.

The number stands in the sums beside the file too, so that another home's file in its place is
known; the name is for the sentence that says so. A home never changes its network: what it has
signed holds on one alone.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from node.errors import ConfigError
from node.storage.columns import every
from node.storage.examination import ask_file
from protocol import limits
from protocol.encoding import decode
from protocol.errors import RemoteProtocolError

_NET_AT = 1
"""Where an object's signed text names its network: docs/protocol/03-envelope.md."""
_OBJECTS_ASKED = 20
"""Newest objects that are asked for the network of a home that does not know it; guess."""


def sign(conn: sqlite3.Connection, name: str) -> None:
    """Write down which node runs on it now."""
    conn.execute("UPDATE origin SET made_by = ?1 WHERE made_by <> ?1", (name,))


def settle_net(conn: sqlite3.Connection, net: str) -> None:
    """Write down which network the home is of, and refuse any other from then on.

    A home that does not know is of the network of its newest object; without one, of `net`.

    Raises:
        ConfigError: E-HOME-NET.
    """
    known = every(conn, "SELECT net FROM origin")[0]["net"] or _net_of_objects(conn)
    _require(known or net, net)
    conn.execute("UPDATE origin SET net = ?1 WHERE net <> ?1", (net,))


def check_net(database: Path, net: str) -> None:
    """Require that a closed home knows of no other network.

    Raises:
        ConfigError: E-HOME-NET.
    """
    rows = ask_file(database, "SELECT net FROM origin") if database.exists() else None
    known = rows[0]["net"] if rows else ""
    _require(known or net, net)


def _require(known: str, net: str) -> None:
    if known != net:
        raise ConfigError(
            f"this home is of network '{known}', not '{net}'",
            code="E-HOME-NET",
            fix=f"Start it so: intentcast up --net {known}, or name another home with --home",
            field="net",
        )


def _net_of_objects(conn: sqlite3.Connection) -> str:
    rows = every(conn, "SELECT raw FROM objects ORDER BY seq DESC LIMIT ?", (_OBJECTS_ASKED,))
    return next(filter(None, (_net_of(row["raw"]) for row in rows)), "")


def _net_of(raw: bytes) -> str:
    """Read the network an envelope is of; empty where the disk has damaged it."""
    try:
        parts = decode(raw, bytes_max=limits.sealed_bytes_max)
        text = decode(parts[0], bytes_max=limits.sealed_bytes_max)
        return text[_NET_AT] if isinstance(text[_NET_AT], str) else ""
    except (RemoteProtocolError, TypeError, LookupError):
        return ""
