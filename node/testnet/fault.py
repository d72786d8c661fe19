"""What may be wrong with a link, as typed and as told: `300ms`, `5%`, `64kB/s`.

Enters: texts of a command line, members of a document. Leaves: a `Fault`, each number in its range,
or the sentence that says what to write. Nothing is broken here.

TCP loses no bytes, so *loss* here is the loss of connections: each second every open connection of
the link is reset with that chance, and each new one with the same chance at once. *Cut* stops all
bytes: silently, as when a cable is pulled, so that what was under way goes on after healing; or
with a reset, as when a machine is switched off.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final

import msgspec

from protocol.errors import LocalProtocolError

CONTROL_FILE: Final = "control.json"
"""In the testnet's folder: where its control endpoint listens, and what it asks for."""
DASHBOARD_FILE: Final = "dashboard.json"
"""In the testnet's folder: where its page is, and what shows that one may ask for a way in."""
FOLDER_PREFIX: Final = "intentcast-"
"""Begins the name of a testnet's folder."""
FAULTS_PATH: Final = "/v1/faults"
"""Of the control endpoint."""
DELAY_MS_MAX: Final = 60_000
BYTES_PER_S_MIN: Final = 100
BYTES_PER_S_MAX: Final = 1_000_000_000
CUT_AT_MAX: Final = 1_000_000_000
_LENGTH: Final = re.compile(r"([0-9]{1,7}(?:\.[0-9]{1,3})?) ?(ms|s)")
_SHARE: Final = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,3})?) ?%")
_RATE: Final = re.compile(r"([0-9]{1,10}(?:\.[0-9]{1,3})?) ?(B|kB|KiB|MB|MiB|kbit|Mbit)/s")
_UNITS: Final = {
    "B": 1.0,
    "kB": 1e3,
    "KiB": 1024.0,
    "MB": 1e6,
    "MiB": 1024.0**2,
    "kbit": 125.0,
    "Mbit": 125e3,
}
_MS: Final = 1_000
_PERCENT: Final = 100


class Cut(StrEnum):
    """How a link is cut."""

    NO = "no"
    """It is not."""
    SILENT = "silent"
    """Bytes stay where they are until it is healed."""
    RESET = "reset"
    """Open connections are reset, new ones at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What is wrong with one link."""

    delay_ms: int = 0
    """Each way."""
    jitter_ms: int = 0
    """At most so much more, drawn for each piece; the order stays."""
    loss: float = 0.0
    """Chance each second that a connection is reset, 0..1."""
    cut: Cut = Cut.NO
    """Whether and how it is cut."""
    one_way: bool = False
    """A silent cut holds only what the first named node sends."""
    bytes_per_s: int | None = None
    """Bandwidth each way; None for all there is."""
    cut_at: int | None = None
    """Reset once, after so many more bytes, both ways together."""

    def document(self) -> dict[str, Any]:
        """Write it for JSON."""
        return asdict(self) | {"cut": self.cut.value}

    def words(self, held: str = "") -> str:
        """Say it in a line.

        Args:
            held: name of the node whose bytes a one-way cut holds.
        """
        found = []
        if self.delay_ms or self.jitter_ms:
            more = f" and up to {self.jitter_ms} ms more" if self.jitter_ms else ""
            found.append(f"delay {self.delay_ms} ms{more}")
        if self.loss:
            found.append(f"{self.loss * _PERCENT:g}% of connections lost each second")
        if self.cut is Cut.SILENT:
            found.append(f"cut one way, from {held}" if self.one_way else "cut")
        if self.cut is Cut.RESET:
            found.append("cut, connections are reset")
        if self.bytes_per_s is not None:
            found.append(f"{self.bytes_per_s:,} B/s")
        if self.cut_at is not None:
            found.append(f"reset once after {self.cut_at:,} more bytes")
        return ", ".join(found) or "nothing is wrong"


class Change(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a person wants of one or several links; None leaves a thing as it is."""

    link: str = "*~*"
    """`a~b`; names may hold `*`."""
    heal: bool = False
    """Begin with a sound link."""
    delay_ms: int | None = None
    """Each way."""
    jitter_ms: int | None = None
    """At most so much more."""
    loss: float | None = None
    """Chance each second, 0..1."""
    cut: Cut | None = None
    """Whether and how it is cut."""
    one_way: bool | None = None
    """Hold only what the first named node sends."""
    bytes_per_s: int | None = None
    """Bandwidth; 0 lifts the limit."""
    cut_at: int | None = None
    """Reset once, after so many more bytes."""

    def check(self) -> None:
        """Check every range.

        Raises:
            LocalProtocolError: E-FAULT.
        """
        _in_range("delay", self.delay_ms, 0, DELAY_MS_MAX, "ms")
        _in_range("jitter", self.jitter_ms, 0, DELAY_MS_MAX, "ms")
        if self.bytes_per_s != 0:
            _in_range("bandwidth", self.bytes_per_s, BYTES_PER_S_MIN, BYTES_PER_S_MAX, "B/s")
        _in_range("cut-at", self.cut_at, 1, CUT_AT_MAX, "bytes")
        if self.loss is not None and not 0 <= self.loss <= 1:
            raise _bad("loss", f"{self.loss * _PERCENT:g}%", "Choose 0% to 100%")

    def apply(self, fault: Fault) -> Fault:
        """Give a link's fault after this change."""
        now = Fault() if self.heal else fault
        return Fault(
            delay_ms=_first(self.delay_ms, now.delay_ms),
            jitter_ms=_first(self.jitter_ms, now.jitter_ms),
            loss=_first(self.loss, now.loss),
            cut=_first(self.cut, now.cut),
            one_way=_first(self.one_way, now.one_way),
            bytes_per_s=_first(self.bytes_per_s, now.bytes_per_s) or None,
            cut_at=_first(self.cut_at, now.cut_at),
        )


def _first(wanted: Any, otherwise: Any) -> Any:
    return otherwise if wanted is None else wanted


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A change as it is typed; empty texts leave things as they are."""

    link: str | None = None
    """`a~b`."""
    delay: str | None = None
    """`300ms`."""
    jitter: str | None = None
    """`50ms`."""
    loss: str | None = None
    """`5%`."""
    bandwidth: str | None = None
    """`64kB/s`."""
    cut: bool = False
    """Let nothing pass."""
    one_way: bool = False
    """... of what the first named sends."""
    reset: bool = False
    """Let nothing pass, and reset."""
    cut_at: int | None = None
    """Reset once after so many bytes."""
    heal: bool = False
    """Begin with a sound link."""

    def change(self) -> Change:
        """Read it.

        Raises:
            LocalProtocolError: E-USAGE, E-FAULT.
        """
        self._check()
        way = Cut.RESET if self.reset else Cut.SILENT if self.cut else None
        change = Change(
            link=self.link or "*~*",
            heal=self.heal,
            delay_ms=read_length(self.delay or None, "delay"),
            jitter_ms=read_length(self.jitter or None, "jitter"),
            loss=read_share(self.loss or None),
            cut=way,
            one_way=self.one_way if way else None,
            bytes_per_s=read_rate(self.bandwidth or None),
            cut_at=self.cut_at,
        )
        change.check()
        return change

    def _check(self) -> None:
        if not self.link and not self.heal:
            raise LocalProtocolError(
                "--link is missing: between whom?",
                code="E-USAGE",
                fix="Write:  --link buyer-1~relay-2        all links:  --link '*~*'",
            )
        if self.one_way and self.reset:
            raise LocalProtocolError(
                "--one-way and --reset do not go together: a reset reaches both ends",
                code="E-FAULT",
                fix="Leave one of them out",
            )
        if self.one_way and not self.cut:
            # Alone it would turn a whole cut into half of one, unasked.
            raise LocalProtocolError(
                "--one-way says which half of a cut; --cut is missing",
                code="E-USAGE",
                fix="Write:  --link buyer-1~relay-2 --cut --one-way",
            )


def read_length(text: str | None, name: str) -> int | None:
    """Read a length of time in ms: `300ms`, `1.5s`; None stays None.

    Raises:
        LocalProtocolError: E-FAULT.
    """
    if text is None:
        return None
    found = _LENGTH.fullmatch(text.strip())
    if found is None:
        raise _bad(name, text, "Write it with its unit:  300ms  or  1.5s")
    return round(float(found[1]) * (_MS if found[2] == "s" else 1))


def read_share(text: str | None) -> float | None:
    """Read a chance: `5%`; None stays None.

    Raises:
        LocalProtocolError: E-FAULT.
    """
    if text is None:
        return None
    found = _SHARE.fullmatch(text.strip())
    if found is None or float(found[1]) > _PERCENT:
        raise _bad("loss", text, "Write a share of connections a second:  5%  up to  100%")
    return float(found[1]) / _PERCENT


def read_rate(text: str | None) -> int | None:
    """Read a bandwidth in bytes a second: `64kB/s`, `1Mbit/s`; 0 lifts the limit, None stays None.

    Raises:
        LocalProtocolError: E-FAULT.
    """
    if text is None:
        return None
    found = _RATE.fullmatch(text.strip())
    if found is None:
        raise _bad(
            "bandwidth", text, f"Write it with its unit:  64kB/s;  one of {', '.join(_UNITS)}"
        )
    return round(float(found[1]) * _UNITS[found[2]])


def _in_range(name: str, value: int | None, low: int, high: int, unit: str) -> None:
    if value is not None and not low <= value <= high:
        raise _bad(name, f"{value} {unit}", f"Choose {low} to {high:,} {unit}")


def _bad(name: str, text: str, fix: str) -> LocalProtocolError:
    return LocalProtocolError(
        f"--{name} '{text[:40]}' is not understood or out of range",
        code="E-FAULT",
        fix=fix,
        field=f"--{name}",
    )
