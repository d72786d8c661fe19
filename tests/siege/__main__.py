"""Lays siege to one node: `python -m tests.siege`, some minutes; `--short` as the tests do.

Leaves a table, and ends with 1 when a bound of `tests.siege.attacks` is broken. A line on standard
error names each attack as it begins.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import tempfile
from pathlib import Path

from tests.options import ENDED, ENDED_TEXT, one_of
from tests.siege.attacks import ATTACKS, LONG, SHORT, Result, Sizes, run


async def _run(names: list[str], folder: Path, sizes: Sizes) -> list[Result]:
    """Attack one after another; a polite order to end is taken as Ctrl-C is."""
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    found = []
    for number, name in enumerate(names, 1):
        print(f"{number} of {len(names)}: {name}", file=sys.stderr, flush=True)
        (folder / name).mkdir()
        found.append(await run(name, sizes, folder / name))
    return found


def main() -> int:
    """Attack and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.siege", description=__doc__)
    parser.add_argument("--short", action="store_true", help="small sizes")
    parser.add_argument(
        "names", nargs="*", type=one_of(ATTACKS), metavar=f"{{{','.join(ATTACKS)}}}",
        help="attacks; all when none is named",
    )  # fmt: skip
    given = parser.parse_args()
    names = list(dict.fromkeys(given.names)) or list(ATTACKS)
    sizes = SHORT if given.short else LONG
    with tempfile.TemporaryDirectory(prefix="intentcast-siege-") as folder:
        try:
            found = asyncio.run(_run(names, Path(folder), sizes))
        except (KeyboardInterrupt, asyncio.CancelledError):
            print(ENDED_TEXT, file=sys.stderr)
            return ENDED
    print("| attack | honest casts | p50 / p99 before | p50 / p99 under it | memory | attackers |")
    print("|---|---|---|---|---|---|")
    broken = [fault for each in found for fault in each.faults()]
    for each in found:
        print(each.row())
    for fault in broken:
        print(f"broken: {fault}", file=sys.stderr)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
