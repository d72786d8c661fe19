"""The file `*.icb`: a readable head, then a stream only the root's holder can read or change.

Enters: a head and plain blocks, or a file. Leaves: the other. Every block is authenticated before
it is handed on, the head with the first one; the last block says that it is the last. What is wrong
with a file is told apart: not a backup, cut, altered, of another key, of a newer program.

    magic (20) | length (2, big-endian) | head (MessagePack) | check (16) | stream header (24) |
    blocks of 65,536 + 17 bytes, the last one shorter or as long

Source: libsodium, crypto_secretstream_xchacha20poly1305; docs/guides/keys.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import IO, Annotated, Final

import msgspec
from nacl import bindings
from nacl.exceptions import CryptoError

from node.errors import RefusedError, StorageError
from protocol.encoding import decode, encode
from protocol.errors import LocalProtocolError, RemoteProtocolError

FORMAT: Final = 1
_FAMILY: Final = b"intentcast backup "
_MAGIC: Final = _FAMILY + b"1\n"
_LENGTH_BYTES: Final = 2
_HEAD_BYTES_MAX: Final = 2_048
_CHECK_BYTES: Final = 16
BLOCK_BYTES: Final = 64 * 1024
_OVER: Final = bindings.crypto_secretstream_xchacha20poly1305_ABYTES
_STREAM_HEADER_BYTES: Final = bindings.crypto_secretstream_xchacha20poly1305_HEADERBYTES
_MESSAGE: Final = bindings.crypto_secretstream_xchacha20poly1305_TAG_MESSAGE
_FINAL: Final = bindings.crypto_secretstream_xchacha20poly1305_TAG_FINAL
SALT_BYTES: Final = 16
NAME_BYTES: Final = 16
_TIME_MS_MAX: Final = 1 << 48
_SIZE_MAX: Final = 1 << 44


class Head(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What anybody who finds the file may read."""

    at: Annotated[int, msgspec.Meta(ge=0, le=_TIME_MS_MAX)]
    """Unix ms of the copy."""
    net: Annotated[str, msgspec.Meta(min_length=1, max_length=32)]
    """Network id of the home."""
    schema: Annotated[int, msgspec.Meta(ge=1, le=100_000)]
    """Schema version of the database."""
    program: Annotated[str, msgspec.Meta(min_length=1, max_length=40)]
    """Version of the program that wrote it."""
    holds: Annotated[list[Annotated[str, msgspec.Meta(max_length=20)]], msgspec.Meta(max_length=8)]
    """What is inside, by kind: `database`, `settings`, `shop`."""
    size: Annotated[int, msgspec.Meta(ge=0, le=_SIZE_MAX)]
    """Plain bytes in all blocks."""
    salt: Annotated[bytes, msgspec.Meta(min_length=SALT_BYTES, max_length=SALT_BYTES)]
    """Makes this file's key one of its own."""
    key: Annotated[bytes, msgspec.Meta(min_length=NAME_BYTES, max_length=NAME_BYTES)]
    """Names the root that opens it, to those who hold it."""

    @property
    def blocks(self) -> int:
        """How many blocks there are; an empty one ends an empty stream."""
        return max(1, -(-self.size // BLOCK_BYTES))


def not_a_backup() -> LocalProtocolError:
    """Say that a file is something else."""
    return LocalProtocolError(
        "this file is not a backup of intentcast",
        code="E-BACKUP-FILE",
        fix="Name the .icb file that `intentcast backup` wrote",
    )


def cut() -> StorageError:
    """Say that a file ends too early."""
    return StorageError(
        "this backup is cut off: its end is missing",
        code="E-BACKUP-CUT",
        fix="Copy the file again from where it came, or take an older backup",
    )


def altered(where: str) -> StorageError:
    """Say that a file is not as it was written."""
    return StorageError(
        f"this backup was altered or damaged: {where} does not hold",
        code="E-BACKUP-DAMAGED",
        fix="Copy the file again from where it came, or take an older backup",
    )


def newer(what: str) -> RefusedError:
    """Say that this program is too old for a file."""
    return RefusedError(
        f"this backup was made by a newer intentcast ({what})",
        code="E-BACKUP-NEWER",
        fix="Install that version or a newer one, then try again",
    )


# --- writing --------------------------------------------------------------------------------------


def write_stream(file: IO[bytes], head: Head, key: bytes, plain: Iterable[bytes]) -> None:
    """Write a whole file.

    Args:
        file: open for writing, at its beginning.
        head: its `size` is the sum of what `plain` gives.
        key: 32 bytes, of this file alone.
        plain: pieces of any size.

    Raises:
        OSError: the disk cannot take it.
    """
    prefix = _prefix(head)
    file.write(prefix)
    state = bindings.crypto_secretstream_xchacha20poly1305_state()
    # The stream's own nonce is drawn by libsodium; the key is one of this file's own besides.
    file.write(bindings.crypto_secretstream_xchacha20poly1305_init_push(state, key))
    ad: bytes | None = prefix
    blocks = _blocks(plain)
    block = next(blocks, b"")
    while True:
        following = next(blocks, None)
        tag = _FINAL if following is None else _MESSAGE
        file.write(bindings.crypto_secretstream_xchacha20poly1305_push(state, block, ad, tag))
        if following is None:
            return
        block, ad = following, None


def _prefix(head: Head) -> bytes:
    raw = encode(msgspec.to_builtins(head, builtin_types=(bytes,)))
    if len(raw) > _HEAD_BYTES_MAX:
        raise ValueError("a backup's head is too long")
    body = _MAGIC + len(raw).to_bytes(_LENGTH_BYTES, "big") + raw
    return body + _check(body)


def _check(body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=_CHECK_BYTES).digest()


def _blocks(plain: Iterable[bytes]) -> Iterator[bytes]:
    """Cut pieces of any size into full blocks and one rest."""
    rest = bytearray()
    for piece in plain:
        rest += piece
        while len(rest) > BLOCK_BYTES:
            yield bytes(rest[:BLOCK_BYTES])
            del rest[:BLOCK_BYTES]
    if rest:
        yield bytes(rest)


# --- reading --------------------------------------------------------------------------------------


def read_head(file: IO[bytes]) -> tuple[Head, bytes]:
    """Read the head, which is not yet authenticated; gives it and the bytes it stands in.

    Raises:
        LocalProtocolError: E-BACKUP-FILE.
        StorageError: E-BACKUP-CUT, E-BACKUP-DAMAGED.
        RefusedError: E-BACKUP-NEWER.
    """
    magic = file.read(len(_MAGIC))
    if magic != _MAGIC:
        if len(magic) < len(_MAGIC) and _MAGIC.startswith(magic) and magic:
            raise cut()
        if magic.startswith(_FAMILY):
            raise newer("another format")
        raise not_a_backup()
    size = file.read(_LENGTH_BYTES)
    length = int.from_bytes(size, "big")
    if len(size) == _LENGTH_BYTES and length > _HEAD_BYTES_MAX:
        raise altered("its head")
    raw, check = file.read(length), file.read(_CHECK_BYTES)
    if len(check) < _CHECK_BYTES:
        raise cut()
    body = magic + size + raw
    if check != _check(body):
        raise altered("its head")
    try:
        head = msgspec.convert(decode(raw, bytes_max=_HEAD_BYTES_MAX), Head, strict=True)
    except (RemoteProtocolError, msgspec.ValidationError) as error:
        raise altered("its head") from error
    return head, body + check


def read_stream(file: IO[bytes], head: Head, prefix: bytes, key: bytes) -> Iterator[bytes]:
    """Give the plain blocks, each after it was authenticated.

    Args:
        file: where `read_head` left it.
        head: what `read_head` gave.
        prefix: the bytes it stands in.
        key: 32 bytes.

    Raises:
        StorageError: E-BACKUP-CUT, E-BACKUP-DAMAGED.
    """
    start = file.read(_STREAM_HEADER_BYTES)
    if len(start) < _STREAM_HEADER_BYTES:
        raise cut()
    state = bindings.crypto_secretstream_xchacha20poly1305_state()
    bindings.crypto_secretstream_xchacha20poly1305_init_pull(state, start, key)
    ad: bytes | None = prefix
    for number in range(head.blocks):
        is_last = number == head.blocks - 1
        wanted = (head.size - number * BLOCK_BYTES if is_last else BLOCK_BYTES) + _OVER
        sealed = file.read(wanted)
        if len(sealed) < wanted:
            raise cut()
        yield _pulled(state, sealed, ad, number, is_last=is_last)
        ad = None
    if file.read(1):
        raise altered("what stands behind its end")


def _pulled(
    state: bindings.crypto_secretstream_xchacha20poly1305_state,
    sealed: bytes,
    ad: bytes | None,
    number: int,
    *,
    is_last: bool,
) -> bytes:
    try:
        plain, tag = bindings.crypto_secretstream_xchacha20poly1305_pull(state, sealed, ad)
    except (CryptoError, RuntimeError) as error:
        raise altered(f"block {number + 1}") from error
    if (tag == _FINAL) is not is_last:
        raise altered(f"the end after block {number + 1}")
    return bytes(plain)
