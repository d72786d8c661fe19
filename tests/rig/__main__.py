"""Runs real networks of real processes: `python -m tests.rig [NAME ...]`.

Leaves a line for each figure, and ends with 1 when a bound is broken. `--short` takes the sizes of
the tests.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.options import ENDED, ENDED_TEXT, SEED_MAX, one_of, whole, writable
from tests.rig.rigs import RIGS, run
from tests.simulation.net.scenario import commit


async def _run(names: list[str], folder: Path, *, is_long: bool, seed: int) -> list[Any]:
    """Run one after another; a polite order to end is taken as Ctrl-C is."""
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    found = []
    for name in names:
        (folder / name).mkdir()
        found.append(await run(name, folder / name, is_long=is_long, seed=seed))
        for row in found[-1].rows():
            print(f"{name}: {row}", flush=True)
    return found


def main() -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.rig", description=__doc__)
    parser.add_argument("--short", action="store_true", help="small sizes")
    parser.add_argument("--seed", type=whole(0, SEED_MAX), default=1)
    parser.add_argument(
        "--json", type=writable, metavar="FILE", help="write the figures there as well"
    )
    parser.add_argument(
        "names", nargs="*", type=one_of(RIGS), metavar=f"{{{','.join(RIGS)}}}",
        help="rigs; all when none is named",
    )  # fmt: skip
    given = parser.parse_args()
    names = list(dict.fromkeys(given.names)) or list(RIGS)
    with tempfile.TemporaryDirectory(prefix="intentcast-rig-") as folder:
        try:
            found = asyncio.run(_run(names, Path(folder), is_long=not given.short, seed=given.seed))
        except (KeyboardInterrupt, asyncio.CancelledError):
            print(ENDED_TEXT, file=sys.stderr)
            return ENDED
    print(f"seed {given.seed}, commit {commit()}")
    if given.json:
        given.json.write_text(json.dumps([each.document() for each in found], indent=1) + "\n")
    broken = [fault for each in found for fault in each.faults()]
    for fault in broken:
        print(f"broken: {fault}", file=sys.stderr)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
