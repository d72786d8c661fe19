"""What a check found: the shape in which `doctor` says it.

Leaves: findings, and the report that holds them. A finding names its cause, shows the numbers that
prove it, and says the next thing to type. Never here: a check.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final

from protocol.errors import IntentcastError

SCHEMA: Final = "intentcast.doctor/1"
_KIB: Final = 1024
_MS: Final = 1_000
_MINUTE_S: Final = 60
_HOUR_S: Final = 3_600
Document = dict[str, Any]


class State(StrEnum):
    """How a thing is, best first."""

    OK = "ok"
    """As it should be."""
    SKIPPED = "skipped"
    """Could not be looked at, for the reason named."""
    WARN = "warn"
    """Works, and may not for long, or not for all."""
    BAD = "bad"
    """Does not work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One check's answer."""

    name: str
    """Of the check; stable, for programs."""
    state: State
    """How the thing is."""
    cause: str
    """One sentence: what is so."""
    proof: str = ""
    """The numbers or words that show it."""
    fix: str = ""
    """What to do next; empty when nothing needs doing."""
    damaged: bool = False
    """Whether a file of this home is not what was written."""

    def document(self) -> Document:
        """Write it for JSON."""
        return asdict(self) | {"state": self.state.value}


def ok(name: str, cause: str, proof: str = "") -> Finding:
    """Say that a thing is as it should be."""
    return Finding(name=name, state=State.OK, cause=cause, proof=proof)


def skipped(name: str, cause: str, fix: str = "") -> Finding:
    """Say why a thing was not looked at."""
    return Finding(name=name, state=State.SKIPPED, cause=cause, fix=fix)


def failed(name: str, error: IntentcastError, *, damaged: bool = False) -> Finding:
    """Tell an error as a finding."""
    return Finding(
        name=name,
        state=State.BAD,
        cause=error.sentence,
        proof=error.code,
        fix=error.fix,
        damaged=damaged,
    )


def report(home: str, findings: Sequence[Finding], *, is_up: bool) -> Document:
    """Put findings into one document."""
    counts = {state.value: sum(each.state is state for each in findings) for state in State}
    return {
        "schema": SCHEMA,
        "home": home,
        "up": is_up,
        "bad": counts[State.BAD],
        "warn": counts[State.WARN],
        "damaged": any(each.damaged for each in findings),
        "checks": [each.document() for each in findings],
    }


def size_text(count: int) -> str:
    """Say a number of bytes: `1.5 GiB`."""
    number = float(count)
    for unit in ("B", "KiB", "MiB"):
        if number < _KIB:
            return f"{number:.0f} B" if unit == "B" else f"{number:.1f} {unit}"
        number /= _KIB
    return f"{number:.1f} GiB"


def length_text(ms: int) -> str:
    """Say a length of time, whichever way it points: `+2.5 s`, `-3 min`, `+26 h`."""
    seconds = abs(ms) / _MS
    sign = "-" if ms < 0 else "+"
    if seconds < 2 * _MINUTE_S:
        return f"{sign}{seconds:.1f} s"
    if seconds < 2 * _HOUR_S:
        return f"{sign}{seconds / _MINUTE_S:.0f} min"
    return f"{sign}{seconds / _HOUR_S:.0f} h"
