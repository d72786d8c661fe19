"""The command behind `scripts/simulate`: list the scenarios, run one, or measure all figures."""

from __future__ import annotations

import argparse
import gc
import resource
import sys
import time

from tests.simulation.net import scenario as scenarios


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
    print(scenario.title)
    begun = time.perf_counter()
    live = scenarios.Run(scenario)
    live.live(each=show_progress)
    took = time.perf_counter() - begun
    if sys.stderr.isatty():
        print(file=sys.stderr)
    figures = {**live.tally.figures(), **live.notes}
    for name, value in figures.items():
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
    return 1 if live.failures else 0


def main() -> int:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="scripts/simulate")
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("list", help="name the scenarios")
    one = verbs.add_parser("run", help="run one scenario")
    one.add_argument("scenario", choices=scenarios.names())
    one.add_argument("--seed", type=int)
    one.add_argument("--nodes", type=int)
    one.add_argument("--warm-up", type=int, dest="warm_up")
    one.add_argument("--objects", type=int)
    one.add_argument("--real", action="store_true", help="real signatures and work")
    chosen = parser.parse_args()
    gc.freeze()
    gc.set_threshold(200_000, 50, 100)
    if chosen.verb == "list":
        for name in scenarios.names():
            print(f"{name:24} {scenarios.load(name).title}")
        return 0
    return run(chosen)


if __name__ == "__main__":
    raise SystemExit(main())
