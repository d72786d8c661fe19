"""Picks what is worth keeping of a fuzzer's corpus: `python -m tests.fuzz.keep`.

Enters: the inputs in `.fuzz/wire` and `.fuzz/feed`. Leaves: `tests/fuzz/kept.json`, the smallest
input for each way a target can end, as text, with that end; `test_kept.py` runs them again.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable
from pathlib import Path

from node.vendor.feed_rows import FeedProblem
from node.vendor.feeds import open_feed
from protocol.errors import LocalProtocolError, RemoteProtocolError
from tests.fuzz import feed, wire

ROOT = Path(__file__).resolve().parents[2]
KEPT = Path(__file__).with_name("kept.json")
BYTES_MAX = 600
"""Longer inputs stay in `.fuzz`."""


def end_of_wire(data: bytes) -> str:
    """Name how a gate ends: read, or the reason and the field."""
    gate = wire.GATES[data[0] % len(wire.GATES)]
    try:
        gate(bytes(data[1:]))
    except RemoteProtocolError as error:
        plain = re.sub(r"[0-9]+|'[^']*'", "N", error.sentence.split(":")[0])[:60]
        return f"{gate.__name__}: {error.reason.value}, {plain}"
    return f"{gate.__name__}: read"


def end_of_feed(data: bytes) -> str:
    """Name how a feed ends: the codes it is told about."""
    feed.one_input(data)
    codes: set[str] = set()
    try:
        with open_feed(feed.written(data), feed.OPTIONS[data[0] % len(feed.OPTIONS)]) as opened:
            codes |= {event.code for event in opened.events if isinstance(event, FeedProblem)}
    except LocalProtocolError as error:
        codes.add(error.code)
    return ", ".join(sorted(codes)) or "read"


ENDS = {"wire": end_of_wire, "feed": end_of_feed}


def smallest(name: str, inputs: Iterable[bytes]) -> dict[str, bytes]:
    """Give the smallest input for each end."""
    found: dict[str, bytes] = {}
    for data in sorted((each for each in inputs if 0 < len(each) <= BYTES_MAX), key=len):
        found.setdefault(ENDS[name](data), data)
    return found


def main() -> None:
    """Write the file anew."""
    kept = {}
    for name in ENDS:
        folder = ROOT / ".fuzz" / name
        inputs = [path.read_bytes() for path in sorted(folder.iterdir())]
        ends = smallest(name, inputs)
        kept[name] = {end: base64.b64encode(data).decode() for end, data in sorted(ends.items())}
    KEPT.write_text(json.dumps(kept, indent=1, ensure_ascii=True) + "\n", "utf-8")
    feed.clean_up()


if __name__ == "__main__":
    main()
