"""The only room that knows the secret: one root, kept in the home, and the seeds derived from it.

Enters: a home directory. Leaves: derived 32-byte seeds by purpose and context, and the 24 words
when the owner asks for them. The root never leaves, is never logged, and its file is 0600.
A passphrase at rest comes later; until then `status` says that the file is the key.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from mnemonic import Mnemonic

from node.entropy import Entropy
from node.errors import KeystoreError
from protocol.keys import ROOT_BYTES, Purpose, derive

_MAGIC = b"intentcast root 1\n"
_FILE = "root.key"
_WORDS = 24
PROFILE_CONTEXT = b"profile"
"""Context of the vendor identity of a home."""


class Keyring:
    """Seeds by purpose; holds the root and gives out only what derives from it."""

    def __init__(self, root: bytes) -> None:
        """Keep the root, 32 bytes."""
        self._root = root

    def __repr__(self) -> str:
        """Say nothing of the root."""
        return "Keyring(...)"

    def sign_seed(self, ctx: bytes) -> bytes:
        """Ed25519 seed of a context."""
        return derive(self._root, Purpose.SIGN, ctx)

    def box_seed(self, ctx: bytes) -> bytes:
        """X25519 secret of a context's box."""
        return derive(self._root, Purpose.BOX, ctx)

    def reader_seed(self, ctx: bytes) -> bytes:
        """Ed25519 seed that may read a context's box."""
        return derive(self._root, Purpose.READER, ctx)

    def review_seed(self, ctx: bytes) -> bytes:
        """Ed25519 seed of the one review of a deal."""
        return derive(self._root, Purpose.REVIEW, ctx)

    def transport_seed(self) -> bytes:
        """X25519 secret of the node's own channel key."""
        return derive(self._root, Purpose.TRANSPORT, b"node")

    def record_seed(self) -> bytes:
        """Ed25519 seed that signs the node's own address record."""
        return derive(self._root, Purpose.TRANSPORT, b"record")

    def words(self) -> list[str]:
        """Give the 24 words that restore this root."""
        return str(Mnemonic("english").to_mnemonic(self._root)).split()


def _damaged(path: Path) -> KeystoreError:
    return KeystoreError(
        f"the key file {path.name} is damaged",
        code="E-KEYS-DAMAGED",
        fix="Put back a copy of it; without it this home cannot sign or read",
    )


def open_keyring(home: Path, entropy: Entropy) -> tuple[Keyring, bool]:
    """Read the home's root, or make one on first run.

    Returns:
        The keyring, and whether it was made just now.

    Raises:
        KeystoreError: E-KEYS-DAMAGED or E-KEYS-OPEN (readable by others).
    """
    path = home / _FILE
    if path.exists():
        if path.stat().st_mode & 0o077:
            raise KeystoreError(
                f"the key file {path.name} can be read by other users",
                code="E-KEYS-OPEN",
                fix=f"chmod 600 {path}",
            )
        data = path.read_bytes()
        if not data.startswith(_MAGIC) or len(data) != len(_MAGIC) + ROOT_BYTES:
            raise _damaged(path)
        return Keyring(data[len(_MAGIC) :]), False
    root = entropy.bytes(ROOT_BYTES)
    _write_secret(path, _MAGIC + root)
    return Keyring(root), True


def _write_secret(path: Path, data: bytes) -> None:
    """Write whole or not at all: a half-written key file would lock its owner out."""
    draft = path.with_suffix(".new")
    with contextlib.suppress(FileNotFoundError):
        draft.unlink()
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(descriptor, data)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    draft.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def root_from_words(words: str) -> bytes:
    """Read 24 words back to a root; case and spacing do not matter.

    Raises:
        KeystoreError: E-WORDS, naming the word or the checksum.
    """
    speller = Mnemonic("english")
    found = words.lower().split()
    if len(found) != _WORDS:
        raise KeystoreError(
            f"{len(found)} words were given, 24 are needed",
            code="E-WORDS",
            fix="Type all 24 words, separated by spaces",
        )
    for number, word in enumerate(found, 1):
        if word not in speller.wordlist:
            near = [w for w in speller.wordlist if w[:3] == word[:3]][:3]
            raise KeystoreError(
                f"word {number}, '{word[:20]}', is not in the list",
                code="E-WORDS",
                fix=f"Did you mean: {', '.join(near)}?" if near else "Check its spelling",
            )
    try:
        return bytes(speller.to_entropy(found))
    except ValueError as error:
        raise KeystoreError(
            "the words are known but their checksum differs",
            code="E-WORDS",
            fix="Two words may be swapped, or one replaced by another from the list",
        ) from error
