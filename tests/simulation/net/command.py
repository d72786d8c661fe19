"""The command behind `scripts/simulate`: list the scenarios, run one, or measure all figures.

Ends with 0 when all bounds were kept, 1 when one was missed, 2 when nothing was measured, 130 when
it was ended before its time.
"""

from __future__ import annotations

import argparse
import gc
import json
import resource
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from tests.options import ENDED, ENDED_TEXT, SEED_MAX, whole, writable
from tests.simulation.net import drawing, figures
from tests.simulation.net import scenario as scenarios

NODES_MAX = 100_000
"""Ten times what was ever tried; a guess at what a big machine holds."""
OBJECTS_MAX = 1_000_000


def show_progress(at_us: int, end_us: int) -> None:
    """Draw a bar, on a terminal only."""
    if not sys.stderr.isatty():
        return
    done = min(1.0, at_us / max(1, end_us))
    bar = "#" * int(30 * done)
    print(f"\r[{bar:30}] {at_us / 1e6:6.1f} of {end_us / 1e6:.1f} s", end="", file=sys.stderr)


def run(chosen: argparse.Namespace) -> int:
    """Run one scenario and print what came of it."""
    scenario = scenarios.load(
        chosen.scenario, seed=chosen.seed, nodes=chosen.nodes, warm_up=chosen.warm_up,
        objects=chosen.objects, real=chosen.real or None,
    )  # fmt: skip
    lack = figures.lack_of(scenario, scenario.population.nodes)
    if lack:
        return fail(f"{chosen.scenario} {lack}")
    print(scenario.title)
    begun = time.perf_counter()
    live = scenarios.Run(scenario)
    live.live(each=show_progress)
    took = time.perf_counter() - begun
    if sys.stderr.isatty():
        print(file=sys.stderr)
    for name, value in {**live.tally.figures(), **live.notes}.items():
        print(f"  {name:16} {value:12,.3f}")
    for name, count, size in live.tally.kinds():
        print(f"    {name:16} {count:>10,} {size:>14,} B")
    events = live.world.trace.events
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"  {events:,} events in {took:.1f} s, {events / took:,.0f} a second, {memory:,} MiB")
    print(f"  trace {live.world.trace.digest()}")
    for failure in live.failures:
        print(f"FAILED: {failure}")
    print(live.story(chosen.scenario))
    is_about_deliveries = any(check.check == "delivered" for check in scenario.checks)
    if is_about_deliveries and not (live.failures or live.tally.figures()["deliveries"]):
        return fail("nothing was delivered, so nothing was measured: take more nodes")
    return 1 if live.failures else 0


def measure(chosen: argparse.Namespace) -> int:
    """Measure the rows that were asked for, one after another, and print the table."""
    rows = chosen.rows
    for row in rows:
        lack = row.scenario and figures.lack_of(scenarios.load(row.scenario), chosen.nodes)
        if lack:
            return fail(f"{row.name!r} {lack}")
    results: list[figures.Result] = []
    begun = time.perf_counter()
    for number, row in enumerate(rows):
        results.append(
            figures.measure(
                row,
                nodes=chosen.nodes,
                seed=chosen.seed,
                each=partial(show_row, row.name, number, len(rows)),
            )
        )
        show_result(results[-1])
        if chosen.json:
            # After each row: a long run may be ended before its last.
            chosen.json.write_text(json.dumps(figures.document_of(results), indent=1) + "\n")
        gc.collect()
    if chosen.svg:
        curves = [(result.row.name, result.curve) for result in results if result.curve]
        title = f"How objects spread among {chosen.nodes:,} nodes"
        chosen.svg.write_text(drawing.spread(curves, title))
    took_s = time.perf_counter() - begun
    print(f"{datetime.now(UTC):%Y-%m-%d}, commit {scenarios.commit()}, {took_s:,.0f} s")
    marks = [line[5] for result in results for line in figures.lines_of(result) if line[5]]
    if not marks:
        return fail("nothing was measured: these rows are measured elsewhere")
    missed = len([mark for mark in marks if mark.startswith("MISSED")])
    print(f"{missed} of {len(marks)} bounds missed")
    return 1 if missed or any(result.failures for result in results) else 0


def show_row(name: str, number: int, count: int, at_us: int, end_us: int) -> None:
    """Draw the bar of one row, on a terminal only."""
    if sys.stderr.isatty():
        print(f"\r{number + 1:2}/{count} {name[:34]:34}", end="", file=sys.stderr)
        done = int(24 * min(1.0, at_us / max(1, end_us)))
        print(f" [{'#' * done:24}]", end="", file=sys.stderr, flush=True)


def show_result(result: figures.Result) -> None:
    """Print the lines of one row, with the command that measures it again."""
    if sys.stderr.isatty():
        print("\r" + " " * 70 + "\r", end="", file=sys.stderr)
    for name, what, must, stretch, value, mark, seed in figures.lines_of(result):
        print(f"{name:34} {what:36} {must:>8} {stretch:>8} {value:>12} {mark:16} {seed:>4}")
    for line in (*result.failures, *filter(None, [result.row.note])):
        print(f"{'':34} {line}")
    if not result.row.elsewhere:
        print(f"{'':34} {figures.command_of(result)}  ({result.took_s:.0f} s)", flush=True)


def fail(sentence: str) -> int:
    """Say why there is nothing to hold against a bound."""
    print(sentence, file=sys.stderr)
    return 2


def page(file: Path) -> int:
    """Print the table of figures that were kept."""
    try:
        print(figures.page_of(json.loads(file.read_text("utf-8"))))
    except OSError as error:
        return fail(f"{file} cannot be read: {error.strerror}")
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return fail(f"{file} holds no figures: name what `figures --json FILE` wrote")
    return 0


def words() -> argparse.ArgumentParser:
    """Say what may be asked."""
    parser = argparse.ArgumentParser(prog="scripts/simulate")
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("list", help="name the scenarios")
    one = verbs.add_parser("run", help="run one scenario")
    one.add_argument("scenario", choices=scenarios.names())
    one.add_argument("--seed", type=whole(0, SEED_MAX))
    one.add_argument("--nodes", type=whole(2, NODES_MAX))
    one.add_argument("--warm-up", type=whole(0, OBJECTS_MAX), dest="warm_up")
    one.add_argument("--objects", type=whole(1, OBJECTS_MAX))
    one.add_argument("--real", action="store_true", help="real signatures and work")
    every = verbs.add_parser("figures", help="measure every figure and hold it against its bound")
    every.add_argument("--nodes", type=whole(2, NODES_MAX), default=1_000)
    every.add_argument("--seed", type=whole(0, SEED_MAX), default=1)
    every.add_argument(
        "--only", action="append", default=[], metavar="NAME",
        help="the row of this name, or else those whose name holds it",
    )  # fmt: skip
    every.add_argument("--json", type=writable, metavar="FILE")
    every.add_argument("--svg", type=writable, metavar="FILE")
    table = verbs.add_parser("page", help="write figures that were kept as JSON as a table")
    table.add_argument("file", type=Path)
    return parser


def main(words_given: Sequence[str] | None = None) -> int:
    """Read the command line."""
    parser = words()
    chosen = parser.parse_args(words_given)
    if chosen.verb == "page":
        return page(chosen.file)
    if chosen.verb == "list":
        for name in scenarios.names():
            print(f"{name:24} {scenarios.load(name).title}")
        return 0
    if chosen.verb == "figures":
        try:
            chosen.rows = figures.rows_of(chosen.only)
        except LookupError as error:
            return fail(f"scripts/simulate figures: {error.args[0]}")
    gc.freeze()
    gc.set_threshold(200_000, 50, 100)
    try:
        return measure(chosen) if chosen.verb == "figures" else run(chosen)
    except KeyboardInterrupt:
        print(f"\n{ENDED_TEXT}" if sys.stderr.isatty() else ENDED_TEXT, file=sys.stderr)
        return ENDED


if __name__ == "__main__":
    raise SystemExit(main())
