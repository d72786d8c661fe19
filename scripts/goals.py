"""What the design asks of real processes, beside what one run measured.

Enters: the figures of `scripts/baseline`. Leaves: rows of what, must, stretch, measured. Other
systems are not on this machine: where the design compares with one, what was measured of it on
another machine stands as a ratio to the signature checks of that machine's core, and the row says
so. Nothing is told that was not measured.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from scripts.baseline import Baseline

# Measured on 2026-11-21 on another machine, whose core made 20,607 checks a second.
_THEIR_V: Final = 20_607.0
RUST_RELAY: Final = 18_483 / _THEIR_V
"""Events a second of nostr-sdk's LocalRelay (Rust, in memory), as a part of V."""
PYTHON_RELAY: Final = 459 / _THEIR_V
"""Events a second of nostr-relay 1.14 (Python, SQLite), as a part of V."""
JS_DELIVERY: Final = 1_447e-6 * _THEIR_V
"""Processor time of a delivery by js-libp2p's gossipsub, 20 nodes under a flood, in checks."""
_MB: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """One row."""

    what: str
    """What is asked."""
    must: float
    """The bound."""
    stretch: float
    """What would be better."""
    measured: float
    """What this run gave."""
    unit: str
    """Of all three."""
    is_least: bool = True
    """Whether more is better."""

    @property
    def verdict(self) -> str:
        """Say how far it got."""
        for bound, word in ((self.stretch, "stretch"), (self.must, "must")):
            if self.measured >= bound if self.is_least else self.measured <= bound:
                return word
        return "not reached"

    def row(self) -> str:
        """Write a line of the table."""
        sign = ">=" if self.is_least else "<="
        figures = f"{sign} {self.must:g} | {sign} {self.stretch:g} | {self.measured:.3g}"
        return f"| {self.what} | {figures} {self.unit} | {self.verdict} |"


HEAD: Final = "| asked | must | stretch | measured | reached |\n|---|---|---|---|---|"


def goals(found: Baseline) -> list[Goal]:
    """Hold one run against the design (network, section 9)."""
    return [*_rates(found), *_bounds(found)]


def _rates(found: Baseline) -> list[Goal]:
    v, ingest, beside = found.verifies_per_s, found.ingest, found.beside
    one_core = ingest.casts / ingest.cpu_s / v
    return [
        Goal(
            what="casts accepted per second of one core, forwarded to 7, encrypted, committed",
            must=0.45,
            stretch=0.6,
            measured=one_core,
            unit="V",
        ),
        Goal(
            what="the same by the clock, with a verify process, pushing peers on the same cores",
            must=1.0,
            stretch=1.3,
            measured=beside.casts / beside.wall_s / v,
            unit="V",
        ),
        Goal(
            what="ingest against the Rust in-memory Nostr relay (measured elsewhere, by V)",
            must=0.5,
            stretch=0.8,
            measured=one_core / RUST_RELAY,
            unit="x",
        ),
        Goal(
            what="ingest against the Python SQLite Nostr relay (measured elsewhere, by V)",
            must=20,
            stretch=30,
            measured=one_core / PYTHON_RELAY,
            unit="x",
        ),
        Goal(
            what="processor time of a cast with 7 forwards against a delivery by js-libp2p's "
            "gossipsub among 20 (measured elsewhere, by V; not the same network)",
            must=0.12,
            stretch=0.08,
            measured=1 / one_core / JS_DELIVERY,
            unit="x",
            is_least=False,
        ),
    ]


def _bounds(found: Baseline) -> list[Goal]:
    copy = found.ingest.copies_cpu_s / found.ingest.copies * found.verifies_per_s
    idle, *_, full = sorted(found.memory, key=lambda each: each.casts)
    growth = (full.rss_bytes - idle.rss_bytes) / max(1, full.raw_bytes)
    return [
        Goal(
            what="processor time of a copy, in signature checks",
            must=0.05,
            stretch=0.05,
            measured=copy,
            unit="checks",
            is_least=False,
        ),
        Goal(
            what=f"memory of {full.casts:,} live casts beyond an idle node, by their raw bytes",
            must=0.7,
            stretch=0.5,
            measured=growth,
            unit="x",
            is_least=False,
        ),
        Goal(
            what="memory of an idle node",
            must=80,
            stretch=80,
            measured=idle.rss_bytes / _MB,
            unit="MB",
            is_least=False,
        ),
        Goal(
            what="lag of the loop at 80 % load, p99",
            must=20,
            stretch=10,
            measured=found.lag.p99_s * 1_000,
            unit="ms",
            is_least=False,
        ),
    ]
