"""`intentcast doctor`: what is wrong, why, how one knows, and what to type next."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from node.cli.console import Console, clean
from node.cli.session import Session, session_options
from node.cli.spoken import plural
from node.cli.table import cut, pad

_MARKS = {"ok": "✓", "skipped": "-", "warn": "!", "bad": "✗"}
_NAME_COLUMNS = 12


@click.command(short_help="Look the node over: what is wrong, and what to do.")
@click.option("--scrub", is_flag=True, help="Compare every stored byte with its hash, too.")
@session_options
def doctor(session: Session, *, scrub: bool) -> None:
    """Look the node over, running or not: cause, proof and the next step for each thing wrong."""
    found = _report(session, scrub=scrub)
    if session.as_json:
        session.console.document(found)
    else:
        for line in _lines(found, session.console):
            session.console.data(line)
    _conclude(session, found)


def _conclude(session: Session, found: dict[str, Any]) -> None:
    """End the report with its sum.

    Raises:
        StorageError: E-DOCTOR, something is bad; E-DAMAGED, a file of the home is damaged.
    """
    from node.errors import StorageError

    # What can be counted on the screen: a mark for each thing seen, a name for each one left out.
    left_out = sum(check["state"] == "skipped" for check in found["checks"])
    total = plural(len(found["checks"]) - left_out, "thing")
    rest = f"; {left_out} more could not be checked" if left_out else ""
    fix = "Do what stands below each ✗, then ask again:  intentcast doctor"
    if found["damaged"]:
        raise StorageError("something of this home is damaged", code="E-DAMAGED", fix=fix)
    if found["bad"]:
        raise StorageError(f"{found['bad']} of {total} not working{rest}", code="E-DOCTOR", fix=fix)
    if found["warn"]:
        session.console.say(f"It works; {found['warn']} of {total} to be looked at{rest}.")
    elif found["up"]:
        session.console.say("All is well.")
    else:
        session.console.say("Nothing is wrong that can be seen with the node down.")


def _report(session: Session, *, scrub: bool) -> dict[str, Any]:
    """Ask the node, or look at its home while it is down."""
    from node.errors import ConfigError, TransportError

    if scrub:
        session.console.say("Reading every stored byte ...")
    place = session.place
    try:
        return session.client().get_long("/v1/doctor", scrub="true" if scrub else None)
    except (TransportError, ConfigError) as error:
        # Down, or stuck, or no home at all: what is there can still be looked at.
        return _closed(place, error.sentence, scrub=scrub)


def _closed(home: Path, why: str, *, scrub: bool) -> dict[str, Any]:
    import asyncio

    from node.api.holder import holder_of
    from node.clock import SystemClock
    from node.runtime.examiner import examine_closed

    return asyncio.run(
        examine_closed(
            home,
            clock=SystemClock(),
            scrub=scrub,
            holder_of=holder_of,
            why_down=why[:1].lower() + why[1:],
        )
    )


def _lines(found: dict[str, Any], console: Console) -> list[str]:
    """Lay the report out for one screen: a line for what is well, three for what is not."""
    lines = []
    shared: dict[tuple[str, str], list[str]] = {}
    for check in found["checks"]:
        if check["state"] == "skipped":
            shared.setdefault((check["cause"], check["fix"]), []).append(check["name"])
    for check in found["checks"]:
        names = [check["name"]]
        if check["state"] == "skipped":
            # What one reason leaves out is said once.
            names = shared.pop((check["cause"], check["fix"]), [])
        if names:
            lines += _told(check, ", ".join(names), console)
    return lines


def _told(check: dict[str, Any], name: str, console: Console) -> list[str]:
    mark = _MARKS.get(str(check["state"]), "?")
    head = f"{mark} {pad(clean(name), _NAME_COLUMNS, right=False)} {clean(check['cause'])}"
    proof, fix = clean(check["proof"]), console.hint(clean(check["fix"]))
    if check["state"] == "ok":
        return [cut(f"{head} ({proof})" if proof else head, console.width())]
    indent = " " * (_NAME_COLUMNS + 3)
    return [head, *(f"{indent}{text}" for text in (proof, fix) if text)]
