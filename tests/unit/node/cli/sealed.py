"""Homes with keys, for commands that read them without a node; passphrases cost next to nothing."""

from __future__ import annotations

from pathlib import Path

from node.entropy import SeededEntropy
from node.keyfile import Cost, NodeSeeds, Passphrase, seal_root, write_node, write_root
from node.keystore import Keyring
from node.words import words_of

ROOT = bytes(range(100, 132))
WORDS = words_of(ROOT)
PHRASE = "correct horse battery"
CHEAP = Cost(passes=1, memory_kib=8 * 1024)
DRAWN = SeededEntropy("sealed", net="test")
KEYRING = Keyring(ROOT)


def make_home(home: Path, *, sealed: bool = False) -> None:
    home.mkdir(exist_ok=True)
    write_node(home, NodeSeeds.drawn(DRAWN))
    write_root(home, seal_root(ROOT, Passphrase(PHRASE), DRAWN, CHEAP) if sealed else ROOT)
