"""The key files of a home as they lie on the disk: the root, plain or sealed, and the node's own.

Enters: a home, a passphrase. Leaves: 32-byte secrets, or the sentence why there are none. A file is
replaced whole or not at all. Numbers read from a file have closed ranges: a planted one cannot make
this process take all the memory there is. Never: a secret in a message, in a `repr` or in a name.
Source: RFC 9106 (Argon2id); libsodium's MODERATE; docs/guides/keys.md.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shlex
import stat
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from nacl import bindings
from nacl.exceptions import CryptoError
from nacl.pwhash import argon2id

from node.crashpoint import crashpoint
from node.entropy import Entropy
from node.errors import KeystoreError
from protocol.errors import LocalProtocolError
from protocol.keys import ROOT_BYTES, Purpose, derive

ROOT_FILE: Final = "root.key"
NODE_FILE: Final = "node.key"
_FAMILY: Final = b"intentcast root "
_PLAIN: Final = b"intentcast root 1\n"
_SEALED: Final = b"intentcast root 2\n"
_NODE: Final = b"intentcast node 1\n"
_SEED_BYTES: Final = 32
_SALT_BYTES: Final = 16
_NONCE_BYTES: Final = 24
_TAG_BYTES: Final = 16
_CHECK_BYTES: Final = 16
_NUMBER_BYTES: Final = 4
_FILE_BYTES_MAX: Final = 4_096
_AT_ONCE: Final = int(getattr(os, "O_NONBLOCK", 0)) | int(getattr(os, "O_BINARY", 0))
_FROM_WORDS: Final = "intentcast restore --words --home DIR"
"""In another place: a home that holds anything is never written over."""
_NO_FOLDER_SYNC: Final = frozenset({errno.EINVAL, errno.ENOTSUP, errno.ENOSYS})
"""What file systems answer that keep no order of names to wait for: some sticks and shares."""
_HEADER_BYTES: Final = len(_SEALED) + 2 * _NUMBER_BYTES + _SALT_BYTES + _NONCE_BYTES
_SEALED_BYTES: Final = _HEADER_BYTES + ROOT_BYTES + _TAG_BYTES + _CHECK_BYTES

PASSPHRASE_CHARS_MIN: Final = 8
"""Shorter ones are guessed in hours whatever hashes them; guess."""
PASSPHRASE_CHARS_MAX: Final = 1_000


class Passphrase:
    """What opens a sealed root; shows itself to nobody."""

    __slots__ = ("_secret",)

    def __init__(self, text: str) -> None:
        """Take a passphrase as typed; one look of a character is one character (NFKC).

        Raises:
            LocalProtocolError: E-PASSPHRASE, too short, too long, or with control characters.
        """
        found = unicodedata.normalize("NFKC", text)
        if not PASSPHRASE_CHARS_MIN <= len(found) <= PASSPHRASE_CHARS_MAX:
            raise LocalProtocolError(
                f"a passphrase has {PASSPHRASE_CHARS_MIN} to {PASSPHRASE_CHARS_MAX:,} characters",
                code="E-PASSPHRASE",
                fix="Type all of it; a new one is best a few words that do not belong together",
            )
        if any(unicodedata.category(char) in ("Cc", "Cs") for char in found):
            raise LocalProtocolError(
                "a passphrase is one line of text",
                code="E-PASSPHRASE",
                fix="Leave control characters out; a file holds the passphrase in its first line",
            )
        self._secret = found.encode()

    def __repr__(self) -> str:
        """Say nothing of it."""
        return "Passphrase(...)"

    def reveal(self) -> bytes:
        """Give its bytes to the key derivation."""
        return self._secret


def given_passphrase(text: str) -> Passphrase:
    """Take what somebody gave to open a home; what no passphrase can be is a wrong one.

    Raises:
        KeystoreError: E-PASSPHRASE-WRONG.
    """
    try:
        return Passphrase(text)
    except LocalProtocolError:
        raise wrong_passphrase() from None


def wrong_passphrase() -> KeystoreError:
    """Say that a passphrase opens nothing here."""
    return KeystoreError(
        "that is not the passphrase of this home",
        code="E-PASSPHRASE-WRONG",
        fix=f"Try again; without it, your 24 words make a new home: {_FROM_WORDS}",
    )


def read_passphrase_file(path: Path, read: Callable[[str], Passphrase] = Passphrase) -> Passphrase:
    """Read a passphrase from the first line of a file.

    Args:
        path: the file.
        read: takes the line; `given_passphrase` where it is to open a home.

    Raises:
        LocalProtocolError: E-PASSPHRASE, E-FILE, and as `read`.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(_FILE_BYTES_MAX)
    except OSError as error:
        raise LocalProtocolError(
            f"the passphrase file {path} cannot be read: {error.strerror}",
            code="E-FILE",
            fix="Check its name and who may read it",
        ) from error
    return passphrase_line(raw, read)


def passphrase_line(raw: bytes, read: Callable[[str], Passphrase] = Passphrase) -> Passphrase:
    """Read a passphrase from the first line of some bytes, as `read_passphrase_file`.

    Raises:
        LocalProtocolError: E-PASSPHRASE, and as `read`.
    """
    try:
        # Cut first: what follows the line may be of any kind, and end in half a character.
        text = raw.split(b"\n", 1)[0].decode("utf-8-sig")
    except UnicodeDecodeError:
        # Without the cause: it would carry the bytes along.
        raise LocalProtocolError(
            "the passphrase is not UTF-8 text", code="E-PASSPHRASE", fix="Save it as UTF-8"
        ) from None
    return read(text.rstrip("\r"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one guess of a passphrase costs whoever makes it."""

    passes: int
    """Argon2 passes over its memory, 1..16."""
    memory_kib: int
    """Memory, KiB, 8 MiB..1 GiB."""

    @property
    def bearable(self) -> bool:
        """Whether this machine should be asked to do it."""
        return 1 <= self.passes <= 16 and 8 * 1024 <= self.memory_kib <= 1024 * 1024  # noqa: PLR2004 - the ranges above


MODERATE: Final = Cost(passes=3, memory_kib=256 * 1024)
"""libsodium's own: about half a second and 256 MiB for each guess."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedRoot:
    """A root under a passphrase."""

    cost: Cost
    """As the file says."""
    salt: bytes
    """16 bytes, of Argon2."""
    nonce: bytes
    """24 bytes, of XChaCha20-Poly1305."""
    box: bytes = field(repr=False)
    """32 bytes of root and 16 of tag."""

    def header(self) -> bytes:
        """Give what stands before the box; it is authenticated with it."""
        numbers = (self.cost.passes, self.cost.memory_kib)
        return b"".join(
            (
                _SEALED,
                *(number.to_bytes(_NUMBER_BYTES, "big") for number in numbers),
                self.salt,
                self.nonce,
            )
        )

    def raw(self) -> bytes:
        """Give the file's bytes; the check at the end tells damage from a wrong passphrase."""
        body = self.header() + self.box
        return body + _check(body)

    def open(self, passphrase: Passphrase) -> bytes:
        """Give the root; takes as long as the cost says, so call it from a thread.

        Raises:
            KeystoreError: E-PASSPHRASE-WRONG; E-KEYS-MEMORY where the memory is not to be had.
        """
        key = _stretch(passphrase, self.salt, self.cost)
        try:
            return bytes(
                bindings.crypto_aead_xchacha20poly1305_ietf_decrypt(
                    self.box, self.header(), self.nonce, key
                )
            )
        except CryptoError:
            raise wrong_passphrase() from None


def seal_root(
    root: bytes, passphrase: Passphrase, entropy: Entropy, cost: Cost = MODERATE
) -> SealedRoot:
    """Put a root under a passphrase; call it from a thread.

    Raises:
        KeystoreError: E-KEYS-MEMORY.
    """
    salt, nonce = entropy.bytes(_SALT_BYTES), entropy.bytes(_NONCE_BYTES)
    key = _stretch(passphrase, salt, cost)
    blank = SealedRoot(cost=cost, salt=salt, nonce=nonce, box=b"")
    box = bindings.crypto_aead_xchacha20poly1305_ietf_encrypt(root, blank.header(), nonce, key)
    return SealedRoot(cost=cost, salt=salt, nonce=nonce, box=bytes(box))


def _stretch(passphrase: Passphrase, salt: bytes, cost: Cost) -> bytes:
    try:
        return bytes(
            argon2id.kdf(
                _SEED_BYTES,
                passphrase.reveal(),
                salt,
                opslimit=cost.passes,
                memlimit=cost.memory_kib * 1024,
            )
        )
    except (CryptoError, MemoryError):
        raise KeystoreError(
            f"this machine has no {cost.memory_kib // 1024} MiB to spare for the passphrase",
            code="E-KEYS-MEMORY",
            fix="End other programs, then try again",
        ) from None


def _check(body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=_CHECK_BYTES).digest()


# --- the root on disk -----------------------------------------------------------------------------


def read_root(home: Path) -> bytes | SealedRoot | None:
    """Read a home's root file; None where there is none.

    Raises:
        KeystoreError: E-KEYS-OPEN, readable by others; E-KEYS-DAMAGED; E-KEYS-NEWER.
    """
    path = home / ROOT_FILE
    data = _private_bytes(path)
    if data is None:
        return None
    if data.startswith(_PLAIN) and len(data) == len(_PLAIN) + ROOT_BYTES:
        return data[len(_PLAIN) :]
    if data.startswith(_SEALED):
        return _read_sealed(path, data)
    if data.startswith(_FAMILY) and not data.startswith(_PLAIN):
        raise KeystoreError(
            f"the key file {path.name} was written by a newer intentcast",
            code="E-KEYS-NEWER",
            fix="Install the newer intentcast again",
        )
    raise _damaged(path)


def _read_sealed(path: Path, data: bytes) -> SealedRoot:
    if len(data) != _SEALED_BYTES or data[-_CHECK_BYTES:] != _check(data[:-_CHECK_BYTES]):
        raise _damaged(path)
    rest = data[len(_SEALED) :]
    passes, memory = (
        int.from_bytes(rest[start : start + _NUMBER_BYTES], "big") for start in (0, _NUMBER_BYTES)
    )
    cost = Cost(passes=passes, memory_kib=memory)
    if not cost.bearable:
        raise _damaged(path)
    rest = rest[2 * _NUMBER_BYTES :]
    return SealedRoot(
        cost=cost,
        salt=rest[:_SALT_BYTES],
        nonce=rest[_SALT_BYTES : _SALT_BYTES + _NONCE_BYTES],
        box=rest[_SALT_BYTES + _NONCE_BYTES : -_CHECK_BYTES],
    )


def write_root(home: Path, root: bytes | SealedRoot) -> None:
    """Put a root in the place of the one that is there, whole or not at all.

    Raises:
        OSError: the disk cannot take it; the old one stands.
    """
    raw = root.raw() if isinstance(root, SealedRoot) else _PLAIN + root
    _write_secret(home / ROOT_FILE, raw)


# --- the node's own keys --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSeeds:
    """What makes a node this node to its peers; says nothing of whose it is."""

    transport: bytes = field(repr=False)
    """X25519 secret of its channels."""
    record: bytes = field(repr=False)
    """Ed25519 seed that signs its address record."""

    @classmethod
    def derived(cls, root: bytes) -> NodeSeeds:
        """Give those a home of an earlier program had, so that it stays the node it was."""
        return cls(
            transport=derive(root, Purpose.TRANSPORT, b"node"),
            record=derive(root, Purpose.TRANSPORT, b"record"),
        )

    @classmethod
    def drawn(cls, entropy: Entropy) -> NodeSeeds:
        """Draw new ones: two homes with one root are two nodes."""
        return cls(transport=entropy.bytes(_SEED_BYTES), record=entropy.bytes(_SEED_BYTES))


def read_node(home: Path) -> NodeSeeds | None:
    """Read the node's own keys; None where there are none.

    Raises:
        KeystoreError: E-KEYS-OPEN or E-KEYS-DAMAGED.
    """
    path = home / NODE_FILE
    data = _private_bytes(path)
    if data is None:
        return None
    rest = data[len(_NODE) :]
    if not data.startswith(_NODE) or len(rest) != 2 * _SEED_BYTES:
        raise KeystoreError(
            f"the key file {path.name} is damaged",
            code="E-KEYS-DAMAGED",
            fix=f"Put back a copy of it, or remove {path}: the node then gets a new id",
        )
    return NodeSeeds(transport=rest[:_SEED_BYTES], record=rest[_SEED_BYTES:])


def write_node(home: Path, seeds: NodeSeeds) -> None:
    """Keep the node's own keys.

    Raises:
        OSError: the disk cannot take them.
    """
    _write_secret(home / NODE_FILE, _NODE + seeds.transport + seeds.record)


# --- files ----------------------------------------------------------------------------------------


def _damaged(path: Path) -> KeystoreError:
    return KeystoreError(
        f"the key file {path.name} is damaged",
        code="E-KEYS-DAMAGED",
        fix=f"Put back a copy of it, or make a new home from your 24 words: {_FROM_WORDS}",
    )


def _private_bytes(path: Path) -> bytes | None:
    try:
        # Without waiting for whoever might write into a pipe of that name.
        descriptor = os.open(path, os.O_RDONLY | _AT_ONCE)
        with os.fdopen(descriptor, "rb") as file:
            _check_mode(path, os.fstat(descriptor).st_mode)
            return file.read(_FILE_BYTES_MAX)
    except FileNotFoundError as error:
        if path.is_symlink():
            # Taken for none, it would be replaced by a new identity.
            raise _unreadable(path, "what it points to is not there") from error
        return None
    except OSError as error:
        raise _unreadable(path, error.strerror or type(error).__name__) from error


def _check_mode(path: Path, mode: int) -> None:
    if not stat.S_ISREG(mode):
        raise _unreadable(path, "it is no file")
    if mode & 0o077:
        raise KeystoreError(
            f"the key file {path.name} can be read by other users",
            code="E-KEYS-OPEN",
            fix=f"chmod 600 {shlex.quote(str(path))}",
        )


def _unreadable(path: Path, why: str) -> KeystoreError:
    return KeystoreError(
        f"the key file {path.name} cannot be read: {why}",
        code="E-KEYS",
        fix=f"Check who may read {path}, and that its disk is there",
    )


def _draft_of(path: Path) -> Path:
    return path.with_suffix(".new")


def forget_drafts(home: Path) -> None:
    """Remove what a crash left of a key file that never came to be."""
    for name in (ROOT_FILE, NODE_FILE):
        with contextlib.suppress(FileNotFoundError):
            _draft_of((home / name).resolve()).unlink()


def _write_secret(path: Path, data: bytes) -> None:
    """Write whole or not at all: a half-written key file would lock its owner out."""
    # Where the name is a link, what it leads to is replaced: no plain root stays behind there.
    path = path.resolve()
    draft = _draft_of(path)
    draft.unlink(missing_ok=True)
    try:
        _write_whole(draft, data)
        crashpoint("keys.before_replace")
        draft.replace(path)
    except OSError:
        # It may hold the root in the open.
        draft.unlink(missing_ok=True)
        raise
    crashpoint("keys.after_replace")
    sync_folder(path.parent)


def _write_whole(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        # One call may take a part and say so by its answer alone.
        while data:
            data = data[os.write(descriptor, data) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder outlive a power cut, where the system can.

    Raises:
        OSError: it can, and it failed.
    """
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_FOLDER_SYNC:
            raise
    finally:
        os.close(descriptor)
