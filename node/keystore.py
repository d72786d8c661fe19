"""The only room that knows the secret: one root, kept in the home, and the seeds derived from it.

Enters: a home directory, perhaps a passphrase. Leaves: derived 32-byte seeds by purpose and
context, and the 24 words when the owner asks for them. While locked there is no root in memory and
every seed is refused; the node's own two keys are no part of the root, so a locked node goes on
relaying. The root never leaves and is never logged.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Final

from node.entropy import Entropy
from node.errors import KeystoreError
from node.home import TOKEN_FILE
from node.keyfile import (
    MODERATE,
    Cost,
    NodeSeeds,
    Passphrase,
    SealedRoot,
    forget_drafts,
    read_node,
    read_root,
    seal_root,
    write_node,
    write_root,
)
from node.words import words_of
from protocol.keys import ROOT_BYTES, Purpose, derive

PROFILE_CONTEXT = b"profile"
"""Context of the vendor identity of a home, in its first generation."""
_GENERATION_MARK: Final = PROFILE_CONTEXT + b"#"
_GENERATION_MAX: Final = 2**20
"""Rotations of one home: far more than anybody makes, and never as long as a request's nonce."""
CONFIRMED_FILE: Final = "words.confirmed"
"""Is there when the owner has shown to have the 24 words on paper."""
_NAME_BYTES: Final = 16


def profile_context(generation: int) -> bytes:
    """Name the vendor identity in a generation, 0..2^20: `profile`, then `profile#1`, ...

    Raises:
        ValueError: no home has so many.
    """
    if not 0 <= generation <= _GENERATION_MAX:
        raise ValueError("no such generation")
    return _GENERATION_MARK + str(generation).encode() if generation else PROFILE_CONTEXT


def is_profile(ctx: bytes) -> bool:
    """Tell whether a context is the vendor identity's, in any generation."""
    return ctx == PROFILE_CONTEXT or generation_of(ctx) > 0


def generation_of(ctx: bytes) -> int:
    """Give the generation a context names; 0 for all that names none."""
    digits = ctx.removeprefix(_GENERATION_MARK)
    # A request's nonce is random bytes of just this length and could spell anything.
    if digits == ctx or len(ctx) == _NAME_BYTES or not digits.isdigit():
        return 0
    return int(digits)


def locked() -> KeystoreError:
    """Say that the root is not in memory."""
    return KeystoreError(
        "the keys are locked", code="E-KEYS-LOCKED", fix="Unlock them:  intentcast unlock"
    )


def _name_of(root: bytes) -> bytes:
    return derive(root, Purpose.BACKUP, b"name")[:_NAME_BYTES]


class Keyring:
    """Seeds by purpose; holds the root and gives out only what derives from it."""

    def __init__(self, root: bytes | None, node: NodeSeeds | None = None) -> None:
        """Keep the root, 32 bytes, and the node's own keys.

        Args:
            root: None while locked.
            node: the node's own keys; when None, those that derive from the root.
        """
        if node is None:
            if root is None:
                raise ValueError("a locked keyring needs the node's own keys")
            node = NodeSeeds.derived(root)
        self._root = root
        self._node = node
        # Of the first root seen; None where the node started locked and was not unlocked since.
        self._name = None if root is None else _name_of(root)
        self._unlocked = asyncio.Event()
        self.uses = 0
        """How often a person's command needed the root, for the lock that closes by itself."""
        if root is not None:
            self._unlocked.set()

    def __repr__(self) -> str:
        """Say nothing of the root."""
        return "Keyring(...)"

    # --- locked or not ----------------------------------------------------------------------------

    @property
    def is_locked(self) -> bool:
        """Whether every seed is refused now."""
        return self._root is None

    def check(self) -> None:
        """Require the root, before a person's command begins.

        Raises:
            KeystoreError: E-KEYS-LOCKED.
        """
        if self._root is None:
            raise locked()
        self.uses += 1

    def lock(self) -> None:
        """Forget the root. Python gives no promise that its bytes leave the memory at once."""
        self._root = None
        self._unlocked.clear()

    def unlock(self, root: bytes) -> None:
        """Take the root back; call it on the loop, where others may wait for it.

        Raises:
            KeystoreError: E-KEYS-OTHER, it is the root of another identity.
        """
        if len(root) != ROOT_BYTES:
            raise ValueError("a root is 32 bytes")
        name = _name_of(root)
        if self._name not in (None, name):
            # Another home's file was put here while this node ran; its rows are not that one's.
            raise KeystoreError(
                "the key file in the home is another identity's",
                code="E-KEYS-OTHER",
                fix="Put this home's own root.key back, then:  intentcast unlock",
            )
        self._name = name
        self._root = root
        self._unlocked.set()

    async def until_unlocked(self) -> None:
        """Wait until there is a root; returns at once when there is one."""
        await self._unlocked.wait()

    def _seed(self, purpose: Purpose, context: bytes) -> bytes:
        # Taken once: another thread may lock between a look and a use.
        root = self._root
        if root is None:
            raise locked()
        if generation := generation_of(context):
            return derive(root, purpose, PROFILE_CONTEXT, generation)
        return derive(root, purpose, context)

    # --- seeds ------------------------------------------------------------------------------------

    def sign_seed(self, ctx: bytes) -> bytes:
        """Ed25519 seed of a context.

        Raises:
            KeystoreError: E-KEYS-LOCKED, as every seed of the root.
        """
        return self._seed(Purpose.SIGN, ctx)

    def box_seed(self, ctx: bytes) -> bytes:
        """X25519 secret of a context's box."""
        return self._seed(Purpose.BOX, ctx)

    def reader_seed(self, ctx: bytes) -> bytes:
        """Ed25519 seed that may read a context's box."""
        return self._seed(Purpose.READER, ctx)

    def review_seed(self, ctx: bytes) -> bytes:
        """Ed25519 seed of the one review of a deal."""
        return self._seed(Purpose.REVIEW, ctx)

    def backup_seed(self, salt: bytes) -> bytes:
        """Key of one backup file.

        Args:
            salt: 16 random bytes that stand in the file.
        """
        return self._seed(Purpose.BACKUP, salt)

    def backup_name(self) -> bytes:
        """Name the root in its backup files, 16 bytes, so that a wrong key is told from damage."""
        root = self._root
        if root is None:
            raise locked()
        return _name_of(root)

    def transport_seed(self) -> bytes:
        """X25519 secret of the node's own channel key; never locked."""
        return self._node.transport

    def record_seed(self) -> bytes:
        """Ed25519 seed that signs the node's own address record; never locked."""
        return self._node.record

    def words(self) -> list[str]:
        """Give the 24 words that restore this root.

        Raises:
            KeystoreError: E-KEYS-LOCKED.
        """
        root = self._root
        if root is None:
            raise locked()
        return words_of(root)


def open_keyring(
    home: Path,
    entropy: Entropy,
    *,
    passphrase: Passphrase | None = None,
    cost: Cost = MODERATE,
    is_lived_in: Callable[[], bool] = lambda: False,
) -> tuple[Keyring, bool]:
    """Read the home's keys, or make them on first run; with a passphrase, from a thread.

    Args:
        home: the folder, held by this process.
        entropy: draws new keys.
        passphrase: unlocks a sealed root, and seals one that is made now. Without it a sealed root
            gives a locked keyring.
        cost: of a root sealed now.
        is_lived_in: asked where there is no root: whether the home's database is somebody's. Not
            every file there is: a feed may be imported before the first run.

    Returns:
        The keyring, and whether the root was made just now.

    Raises:
        KeystoreError: E-KEYS-DAMAGED, E-KEYS-OPEN (readable by others), E-KEYS-NEWER,
            E-PASSPHRASE-WRONG; E-KEYS-NONE, the home had keys and its root file is gone.
    """
    forget_drafts(home)
    kept, node = read_root(home), read_node(home)
    if kept is None:
        _check_first_run(home, is_lived_in)
        root = entropy.bytes(ROOT_BYTES)
        node = node or NodeSeeds.drawn(entropy)
        # First: a home with a root and no node.key is one of an earlier program.
        write_node(home, node)
        write_root(home, root if passphrase is None else seal_root(root, passphrase, entropy, cost))
        return Keyring(root, node), True
    found: bytes | None
    if isinstance(kept, SealedRoot):
        found = None if passphrase is None else kept.open(passphrase)
    else:
        found = kept
    if node is None:
        # A plain root alone is the home of an earlier program: it stays the node it was.
        node = NodeSeeds.drawn(entropy) if isinstance(kept, SealedRoot) else NodeSeeds.derived(kept)
        write_node(home, node)
    return Keyring(found, node), False


def _check_first_run(home: Path, is_lived_in: Callable[[], bool]) -> None:
    """Refuse to put a new identity into the home of another one whose file was lost.

    A first run writes its root before a node signs the database, so that one that died half way
    is no such home.
    """
    traces = (home / TOKEN_FILE, home / CONFIRMED_FILE)
    if any(path.exists() for path in traces) or is_lived_in():
        raise KeystoreError(
            f"the key file of the home {home} is gone",
            code="E-KEYS-NONE",
            fix="Put back a copy of root.key, or make a new home from your 24 words: "
            "intentcast restore --words --home DIR",
        )


def change_passphrase(
    home: Path,
    old: Passphrase | None,
    new: Passphrase | None,
    entropy: Entropy,
    *,
    cost: Cost = MODERATE,
) -> bytes:
    """Seal the home's root anew, or lay it open when `new` is None; call it from a thread.

    Returns:
        The root, for whoever holds it unlocked.

    Raises:
        KeystoreError: E-PASSPHRASE-WRONG, E-PASSPHRASE-STATE, E-KEYS-DAMAGED, E-KEYS-OPEN,
            E-KEYS-NEWER; E-KEYS, the disk cannot take it and the old file stands.
    """
    kept = read_root(home)
    if kept is None:
        raise no_keys(home)
    if isinstance(kept, SealedRoot):
        if old is None:
            raise KeystoreError(
                "this home has a passphrase already",
                code="E-PASSPHRASE-STATE",
                fix="Change it:  intentcast passphrase change",
            )
        root = kept.open(old)
    elif old is not None:
        raise not_sealed(removes=new is None)
    else:
        root = kept
    sealed = root if new is None else seal_root(root, new, entropy, cost)
    try:
        write_root(home, sealed)
    except OSError as error:
        raise KeystoreError(
            f"the key file cannot be written: {error.strerror or error}; the old one stands",
            code="E-KEYS",
            fix=f"Check space and rights of {home}",
        ) from error
    return root


def open_root_bytes(home: Path, passphrase: Passphrase | None) -> bytes:
    """Read a home's root; makes and changes nothing. Call it from a thread.

    Raises:
        KeystoreError: E-KEYS-NONE, E-PASSPHRASE-WRONG, E-KEYS-LOCKED (sealed, and no passphrase).
    """
    kept = read_root(home)
    if kept is None:
        raise no_keys(home)
    if not isinstance(kept, SealedRoot):
        return kept
    if passphrase is None:
        raise locked()
    return kept.open(passphrase)


def open_root(home: Path, passphrase: Passphrase | None) -> Keyring:
    """Read a home's root for one command, as `open_root_bytes`."""
    return Keyring(open_root_bytes(home, passphrase))


def is_sealed(home: Path) -> bool:
    """Tell whether the home's root is under a passphrase.

    Raises:
        KeystoreError: E-KEYS-NONE, E-KEYS-DAMAGED, E-KEYS-OPEN, E-KEYS-NEWER.
    """
    kept = read_root(home)
    if kept is None:
        raise no_keys(home)
    return isinstance(kept, SealedRoot)


def not_sealed(*, removes: bool) -> KeystoreError:
    """Say that there is no passphrase here, to whoever would remove or change it."""
    if removes:
        return KeystoreError(
            "this home has no passphrase: there is none to remove",
            code="E-PASSPHRASE-STATE",
            fix="Nothing needs doing: the key is a plain file already",
        )
    return KeystoreError(
        "this home has no passphrase",
        code="E-PASSPHRASE-STATE",
        fix="Give it one:  intentcast passphrase set",
    )


def no_keys(home: Path) -> KeystoreError:
    """Say that a home has no keys yet."""
    return KeystoreError(
        f"the home {home} has no keys yet",
        code="E-KEYS-NONE",
        fix="Make them:  intentcast up        or from your 24 words: intentcast restore --words",
    )


# --- the words on paper ---------------------------------------------------------------------------


def words_confirmed(home: Path) -> bool:
    """Tell whether the owner has shown to have the words of this home."""
    return (home / CONFIRMED_FILE).exists()


def confirm_words(home: Path) -> None:
    """Remember that the owner has them; holds nothing secret."""
    (home / CONFIRMED_FILE).write_bytes(b"")
