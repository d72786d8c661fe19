"""What goes into a backup: the database as of one moment, the settings, a shop's files.

Enters: a home, or authenticated blocks. Leaves: pieces for the stream, or files in a folder, each
held against its hash and on the disk before it is told of. Never inside: the root, the node's own
keys, the API's token; a restored home is the same identity and another node.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final

import msgspec

from node.backup.container import altered
from node.config import CONFIG_FILE
from node.errors import RefusedError
from node.home import ADDRESS_FILE, DATABASE_FILE
from protocol.encoding import decode, encode
from protocol.errors import RemoteProtocolError

DATABASE: Final = "database"
SETTINGS: Final = "settings"
SHOP: Final = "shop"

FILES_MAX: Final = 256
_NAME_CHARS_MAX: Final = 120
_MANIFEST_BYTES_MAX: Final = 256 * 1024
"""As many files as there may be, each with the longest name: characters of four bytes."""
_LENGTH_BYTES: Final = 4
_HASH_BYTES: Final = 32
_PIECE_BYTES: Final = 256 * 1024
_SHOP_ENDINGS: Final = frozenset({".toml", ".csv", ".tsv", ".txt", ".xml", ".json", ".jsonl"})
"""Files of a shop lie in the home itself: who it is, its rules, its feeds."""


class Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One file inside."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=_NAME_CHARS_MAX)]
    """Its name in the home; no folder."""
    size: Annotated[int, msgspec.Meta(ge=0, le=1 << 43)]
    """Bytes."""
    hash: Annotated[bytes, msgspec.Meta(min_length=_HASH_BYTES, max_length=_HASH_BYTES)]
    """BLAKE2b-256 of them."""


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The list of files, in the order they follow."""

    files: Annotated[list[Entry], msgspec.Meta(min_length=1, max_length=FILES_MAX)]
    """The database is one of them."""


def kind_of(name: str) -> str:
    """Sort a file of a home."""
    if name == DATABASE_FILE:
        return DATABASE
    return SETTINGS if name == CONFIG_FILE else SHOP


def is_taken(name: str) -> bool:
    """Tell whether a file of a home goes into its backup; what no list names stays out."""
    if name == DATABASE_FILE:
        return True
    is_plain = name.isprintable() and not name.startswith(".") and "/" not in name
    if not is_plain or "\\" in name or len(name) > _NAME_CHARS_MAX:
        return False
    return name != ADDRESS_FILE and Path(name).suffix.lower() in _SHOP_ENDINGS


def gather(home: Path, folder: Path) -> None:
    """Copy what belongs to the home, but its database, into a folder of ours.

    Raises:
        RefusedError: E-BACKUP-CONTENT, too many files.
        OSError: one cannot be read or written.
    """
    found = [
        path
        for path in sorted(home.iterdir())
        if path.name != DATABASE_FILE and is_taken(path.name) and path.is_file()
    ]
    if len(found) >= FILES_MAX:
        raise RefusedError(
            f"the home holds {len(found)} settings and feeds; a backup takes {FILES_MAX - 1}",
            code="E-BACKUP-CONTENT",
            fix="Move feeds that are no longer needed to another folder",
        )
    for path in found:
        shutil.copyfile(path, folder / path.name)


def list_files(folder: Path) -> Manifest:
    """List a folder that is to be packed."""
    entries = [
        Entry(name=path.name, size=path.stat().st_size, hash=_hash_of(path))
        for path in sorted(folder.iterdir())
    ]
    return Manifest(files=entries)


def _hash_of(path: Path) -> bytes:
    digest = hashlib.blake2b(digest_size=_HASH_BYTES)
    for piece in _pieces(path):
        digest.update(piece)
    return digest.digest()


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(_PIECE_BYTES):
            yield piece


def pack(folder: Path, manifest: Manifest) -> tuple[int, Iterator[bytes]]:
    """Give the size of the plain stream, and its pieces."""
    raw = encode(msgspec.to_builtins(manifest, builtin_types=(bytes,)))
    if len(raw) > _MANIFEST_BYTES_MAX:
        raise ValueError("a manifest is too long")
    listed = len(raw).to_bytes(_LENGTH_BYTES, "big") + raw

    def stream() -> Iterator[bytes]:
        yield listed
        for entry in manifest.files:
            yield from _pieces(folder / entry.name)

    return len(listed) + sum(entry.size for entry in manifest.files), stream()


def unpack(blocks: Iterator[bytes], folder: Path) -> Manifest:
    """Write what is inside to an empty folder, every file whole, hashed and on the disk.

    Args:
        blocks: authenticated ones.
        folder: private, and ours.

    Raises:
        StorageError: E-BACKUP-DAMAGED, what is inside contradicts its list; and whatever reading
            the blocks raises.
        OSError: the disk cannot take it.
    """
    source = _Source(blocks)
    length = int.from_bytes(source.take(_LENGTH_BYTES), "big")
    if length > _MANIFEST_BYTES_MAX:
        raise altered("the list of its files")
    try:
        tree = decode(source.take(length), bytes_max=_MANIFEST_BYTES_MAX)
        manifest = msgspec.convert(tree, Manifest, strict=True)
    except (RemoteProtocolError, msgspec.ValidationError) as error:
        raise altered("the list of its files") from error
    names = [entry.name for entry in manifest.files]
    is_whole = DATABASE_FILE in names and len(set(names)) == len(names)
    if not is_whole or not all(is_taken(name) for name in names):
        raise altered("the list of its files")
    for entry in manifest.files:
        _write(source, entry, folder / entry.name)
    source.end()
    return manifest


def _write(source: _Source, entry: Entry, path: Path) -> None:
    digest = hashlib.blake2b(digest_size=_HASH_BYTES)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        left = entry.size
        while left:
            piece = source.some(left)
            digest.update(piece)
            file.write(piece)
            left -= len(piece)
        file.flush()
        os.fsync(file.fileno())
    if digest.digest() != entry.hash:
        raise altered(f"the hash of {entry.name}")


class _Source:
    """A stream of blocks, taken in other portions than they come in."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        """Begin before the first."""
        self._blocks = blocks
        self._rest = memoryview(b"")

    def some(self, most: int) -> bytes:
        """Give between one byte and `most`."""
        while not self._rest:
            block = next(self._blocks, None)
            if block is None:
                raise altered("the list of its files")
            self._rest = memoryview(block)
        found, self._rest = self._rest[:most], self._rest[most:]
        return bytes(found)

    def take(self, count: int) -> bytes:
        """Give so many bytes."""
        found = bytearray()
        while len(found) < count:
            found += self.some(count - len(found))
        return bytes(found)

    def end(self) -> None:
        """Require that nothing is left; reads the last block, which says that it is the last."""
        if self._rest or any(self._blocks):
            raise altered("the list of its files")
