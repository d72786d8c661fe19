"""A long run of market days: `python -m tests.simulation.run [--steps N] [--seed S]`.

Leaves: progress, then the transitions that were taken and how every kind of letter ended; exit code
1 with the seed and the story when a promise was broken.
"""

from __future__ import annotations

import argparse
import asyncio
import time
import traceback

from tests.simulation.day import DayFailedError, Tally, live, missing, watch_machine

STEPS_A_DAY = 250


async def days(first_seed: int, steps: int, tally: Tally) -> None:
    """Live through days until so many steps were done."""
    begun = time.monotonic()
    seed = first_seed
    while tally.steps < steps:
        await live(seed, min(STEPS_A_DAY, steps - tally.steps), tally)
        seed += 1
        if tally.steps % 10_000 < STEPS_A_DAY:
            rate = tally.steps / (time.monotonic() - begun)
            print(f"{tally.steps:,} steps, {tally.days} days, {rate:.0f} steps/s", flush=True)


def show(tally: Tally) -> None:
    """Print what was reached."""
    print("\nStates")
    for (what, before, after), count in sorted(tally.hits.items()):
        print(f"  {what:18} {before:12} -> {after:12} {count:>7}")
    print("\nSteps of the deal's machine")
    for (state, event, after), count in sorted(tally.machine.items()):
        print(f"  {state:12} {event:19} -> {after:20} {count:>7}")
    print(f"  not taken: {', '.join(missing(tally)) or 'none'}")
    print("\nLetters and acts")
    for (what, outcome), count in sorted(tally.outcomes.items()):
        print(f"  {what[:24]!a:26} {outcome:28} {count:>7}")
    print(f"\n{tally.disclosed} disclosures judged")


def main() -> int:
    """Run, then show."""
    parser = argparse.ArgumentParser(prog="scripts/fuzz market")
    parser.add_argument("--steps", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    tally = Tally()
    end = watch_machine(tally)
    begun = time.monotonic()
    try:
        asyncio.run(days(chosen.seed, chosen.steps, tally))
    except DayFailedError:
        traceback.print_exc()
        return 1
    finally:
        end()
    show(tally)
    spent = time.monotonic() - begun
    print(f"{tally.steps:,} steps from seed {chosen.seed} in {spent:.0f} s, nothing broken")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
