"""Starts the coverage-guided fuzzer on one target: `python -m tests.fuzz.run wire SECONDS CORPUS`.

Enters: a target's name, how long, and a folder that keeps what was found interesting. Leaves: the
fuzzer's own report on stderr; a finding ends the run with its input in `finding-*` beside the
corpus. Needs atheris, which only the lock of `scripts/fuzz` installs.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

from tests.fuzz import bending

TARGETS = ("wire", "feed")
BYTES_MAX = {"wire": 16 * 1024, "feed": 8 * 1024}
_FEED_WORDS = [
    *(b'"', b",", b";", b"\t", b"\r\n", b"<item>", b"</item>", b"<g:price>", b"&amp;", b"]]>"),
    *(b"<![CDATA[", b"<!DOCTYPE a [", b"price", b"12,50", b"USD", b"\xef\xbb\xbf", b"\xff\xfe"),
]


def bent(target: str, data: bytes, seed: int) -> bytes:
    """Bend an input by what is known of its form; its first byte stays as a rule."""
    dice = bending.Dice(seed)
    first = data[:1] if dice.below(20) else bytes([dice.below(256)])
    if target == "wire":
        tree = bending.unpacked(data[1:])
        if tree is not None:
            return first + bending.spell(bending.bend_tree(tree, dice), dice)
        return first + bending.bend_bytes(data[1:], dice)
    at = 1 + dice.below(len(data))
    if dice.below(2):
        return first + data[1:at] + bending.one_of(_FEED_WORDS, dice) + data[at:]
    text = data[1:].decode("utf-8", "surrogateescape")
    return first + bending.as_bytes(bending.bend_text(text, dice))


def main(name: str, seconds: int, corpus: Path) -> None:
    """Fuzz one target, from its seeds and whatever earlier runs kept."""
    atheris: Any = importlib.import_module("atheris")
    with atheris.instrument_imports(include=["protocol", "node"]):
        target = importlib.import_module(f"tests.fuzz.{name}")
        seeds = importlib.import_module("tests.fuzz.seeds")
    corpus.mkdir(parents=True, exist_ok=True)
    made = seeds.of_the_wire() if name == "wire" else seeds.of_feeds()
    for number, seed in enumerate(made):
        (corpus / f"seed-{number:03d}").write_bytes(seed)

    def mutate(data: bytes, most: int, seed: int) -> bytes:
        changed = bytes(atheris.Mutate(data, most)) if seed % 3 == 0 else bent(name, data, seed)
        return changed[:most]

    limits = [f"-max_total_time={seconds}", f"-max_len={BYTES_MAX[name]}", "-timeout=10"]
    shown = ["-rss_limit_mb=2048", "-print_final_stats=1", f"-artifact_prefix={corpus}-finding-"]
    atheris.Setup(
        [sys.argv[0], *limits, *shown, str(corpus)], target.one_input, custom_mutator=mutate
    )
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
