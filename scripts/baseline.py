"""Measures a whole node and a small network in one run, as ratios to one signature check.

Leaves a table, one JSON document with `--json`, or with `--write` the page
`docs/reference/performance.md`. V, the rate of raw signature checks of one core, is taken before
and after everything else: the better one counts, and how far they are apart says how noisy the
machine was. What a node did is told by the wall's clock and by the processor time the system
counted for its process; on a shared machine only the second can be compared.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import sqlite3
import statistics
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from node.clock import SystemClock
from protocol.now import MINUTE_MS
from scripts.bench_casts import make_casts
from scripts.bench_ingest import SINKS, WARM, Ingest, measure_ingest
from scripts.bench_lag import Lag, measure_lag
from scripts.bench_memory import Memory, measure_memory
from scripts.bench_offers import Offers, measure_offers
from scripts.bench_town import measure_first_offers
from scripts.goals import HEAD, goals
from scripts.rates import operations, per_second

PAGE: Final = Path(__file__).resolve().parent.parent / "docs" / "reference" / "performance.md"
_ROUNDS: Final = 5
_MIB: Final = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How much is measured."""

    ingest: int
    """Casts pushed through a node."""
    held: tuple[int, ...]
    """Live casts of the nodes whose memory is read."""
    first_offers: int
    """Casts on the testnet."""


WHOLE: Final = Sizes(ingest=5_000, held=(0, 10_000, 100_000), first_offers=100)
QUICK: Final = Sizes(ingest=600, held=(0, 600), first_offers=4)


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """Everything one run measured."""

    verifies_per_s: float
    """V: raw signature checks of one core."""
    verifies_other: float
    """The worse of the two times V was measured."""
    ingest: Ingest
    """One node under load."""
    beside: Ingest
    """The same with a verify process."""
    lag: Lag
    """The loop of one at 80 % load."""
    offers: Offers
    """One buyer's ranking."""
    memory: tuple[Memory, ...]
    """Nodes at rest."""
    first_offers_s: tuple[float, ...]
    """Delays on the testnet."""

    def lines(self) -> list[tuple[str, str, str]]:
        """Give the table: what, how much, and as a ratio where that means something."""
        v, ingest = self.verifies_per_s, self.ingest
        wall, cpu = ingest.casts / ingest.wall_s, ingest.casts / ingest.cpu_s
        beside = self.beside.casts / self.beside.wall_s
        own = self.beside.casts / self.beside.cpu_s
        copy_s = ingest.copies_cpu_s / ingest.copies
        ordered = sorted(self.first_offers_s)
        p50 = statistics.median(ordered)
        p99 = ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))]
        count = self.offers.offers
        rows = [
            ("V: raw signature checks, one core", f"{v:,.0f} /s", "1"),
            (
                "V, the worse of two times",
                f"{self.verifies_other:,.0f} /s",
                _x(self.verifies_other, v),
            ),
            (f"casts accepted, forwarded to {SINKS}, committed", f"{wall:,.0f} /s", _x(wall, v)),
            ("the same per second of processor time", f"{cpu:,.0f} /s", _x(cpu, v)),
            ("of them forwarded as payload", _share(ingest), ""),
            ("processor time of a copy", f"{copy_s * 1e6:,.1f} us", f"{copy_s * v:.3f} verifies"),
            ("node's memory after that", _mib(ingest.rss_bytes), ""),
            ("casts accepted with a verify process", f"{beside:,.0f} /s", _x(beside, v)),
            ("of that, processor time of the node itself", f"{own:,.0f} /s", _x(own, v)),
            (
                f"lag of the loop at {self.lag.per_second:,.0f} casts/s, p50",
                f"{self.lag.p50_s * 1000:,.1f} ms",
                "",
            ),
            ("lag of the loop, p99", f"{self.lag.p99_s * 1000:,.1f} ms", ""),
            ("cast to first offer, p50", f"{p50 * 1000:,.0f} ms", f"{len(ordered)} casts"),
            ("cast to first offer, p99", f"{p99 * 1000:,.0f} ms", ""),
            (
                "offers opened and verified",
                f"{count / self.offers.open_s:,.0f} /s",
                _x(count / self.offers.open_s, v),
            ),
            (
                "offers checked and ranked",
                f"{count / self.offers.rank_s:,.0f} /s",
                _x(count / self.offers.rank_s, v),
            ),
            (
                "both together",
                f"{count / (self.offers.open_s + self.offers.rank_s):,.0f} /s",
                _x(count / (self.offers.open_s + self.offers.rank_s), v),
            ),
        ]
        for each in self.memory:
            raw = f"{_mib(each.raw_bytes)} raw" if each.casts else ""
            rows.append((f"memory with {each.casts:,} live casts", _mib(each.rss_bytes), raw))
            rows.append((f"start with {each.casts:,} live casts", f"{each.start_s:.2f} s", ""))
        return rows


def _x(rate: float, unit: float) -> str:
    return f"{rate / unit:.3f} V"


def _mib(size: int) -> str:
    return f"{size / _MIB:,.1f} MiB"


def _share(ingest: Ingest) -> str:
    return f"{100 * ingest.forwarded / (ingest.casts * SINKS):.2f} %"


def _raw_checks() -> float:
    return per_second(next(iter(operations().values())), _ROUNDS)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


async def measure_all(sizes: Sizes, folder: Path) -> Baseline:
    """Measure everything, one after the other."""
    first = _raw_checks()
    minute = SystemClock().now().wall_ms // MINUTE_MS * MINUTE_MS - MINUTE_MS
    _say("Making casts ...")
    wanted = max(sizes.ingest + WARM, *sizes.held)
    raws = list(make_casts(wanted, at=minute))
    _say("One node under load ...")
    ingest = await measure_ingest(raws[: sizes.ingest + WARM], folder)
    _say("The same with a verify process ...")
    beside = await measure_ingest(raws[: sizes.ingest + WARM], folder, verify_processes=1)
    _say("One node at 80 % load ...")
    lag = await measure_lag(raws[: sizes.ingest], ingest.casts / ingest.wall_s, folder)
    _say("Offers ...")
    offers = measure_offers()
    _say("Nodes at rest ...")
    memory = [await measure_memory(raws[:count], folder) for count in sizes.held]
    _say("First offers on a testnet of ten processes ...")
    (folder / "town").mkdir()
    delays = await measure_first_offers(sizes.first_offers, folder / "town")
    second = _raw_checks()
    return Baseline(
        verifies_per_s=max(first, second),
        verifies_other=min(first, second),
        ingest=ingest,
        beside=beside,
        lag=lag,
        offers=offers,
        memory=tuple(memory),
        first_offers_s=tuple(delays),
    )


def machine() -> dict[str, str]:
    """Tell what this was measured on."""
    return {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "cores": str(os.cpu_count()),
        "sqlite": sqlite3.sqlite_version,
    }


def show(found: Baseline) -> str:
    """Write the table for people."""
    lines = [f"{what:<50}{much:>16}  {ratio}" for what, much, ratio in found.lines()]
    return "\n".join([*lines, "", HEAD, *(goal.row() for goal in goals(found))])


def page(found: Baseline, command: str) -> str:
    """Write the reference page."""
    rows = "\n".join(f"| {what} | {much} | {ratio} |" for what, much, ratio in found.lines())
    asked = "\n".join(goal.row() for goal in goals(found))
    told = ", ".join(f"{name} {value}" for name, value in machine().items())
    return (
        PAGE.read_text(encoding="utf-8").partition("<!-- measured -->")[0]
        + "<!-- measured -->\n\n"
        + f"Measured on {datetime.now(UTC):%Y-%m-%d} by `{command}`: {told}.\n\n"
        + f"| what | figure | ratio |\n|---|---|---|\n{rows}\n\n{HEAD}\n{asked}\n"
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--quick", action="store_true", help="small sizes: does it run at all?")
    parser.add_argument("--write", action="store_true", help="write docs/reference/performance.md")
    given = parser.parse_args(argv)
    if given.quick and given.write:
        parser.error("--quick measures too little to be written down")
    with tempfile.TemporaryDirectory(prefix="intentcast-bench-") as name:
        found = asyncio.run(measure_all(QUICK if given.quick else WHOLE, Path(name)))
    if given.json:
        document: dict[str, Any] = {"schema": "intentcast.baseline/1", **machine()}
        document |= {"measured": asdict(found), "lines": found.lines()}
        print(json.dumps(document, indent=2))
    else:
        print(show(found))
    if given.write:
        PAGE.write_text(page(found, "scripts/bench --write"), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
