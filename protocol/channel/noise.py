"""Noise XX: two nodes agree on keys and prove their transport keys to each other.

`Noise_XX_25519_ChaChaPoly_BLAKE2b` and nothing else. Enters: a static and an ephemeral secret, the
prologue, handshake messages. Leaves: handshake messages, the far end's static key, two cipher
states and the handshake hash. Never here: sockets, randomness (the caller draws the ephemeral
secret, once per handshake), the knowledge of whose key is welcome.
Source: The Noise Protocol Framework, revision 34; docs/protocol/05-handshake.md.
"""

from __future__ import annotations

import hashlib
import hmac
from collections import deque
from typing import Final

from nacl import bindings
from nacl.exceptions import CryptoError

from protocol import limits
from protocol.errors import FrameError, LocalProtocolError, Reason
from protocol.ids import NodeId

PROTOCOL_NAME: Final = b"Noise_XX_25519_ChaChaPoly_BLAKE2b"
"""Noise protocol name, hashed first."""
KEY_BYTES: Final = 32
"""Length of X25519 secrets and public keys, and of cipher keys."""
HASH_BYTES: Final = 64
"""HASHLEN of BLAKE2b."""
TAG_BYTES: Final = limits.frame_tag_bytes
NONCE_MAX: Final = 2**64 - 1
"""Noise 5.1: "The maximum n value (2^64-1) is reserved for other use"."""

# Noise 7.5: the messages of XX in turn, the initiator writing first; each is a list of steps,
# which the specification calls tokens.
_XX: Final = (("e",), ("e", "ee", "s", "es"), ("s", "se"))


def prologue_for(net: str) -> bytes:
    """Name what both ends must agree on before any key: this protocol and the network id."""
    return b"intentcast/1\0" + net.encode()


def transport_key(secret: bytes) -> NodeId:
    """Compute the public transport key of a 32-byte X25519 secret."""
    return NodeId(bindings.crypto_scalarmult_base(secret))


def _shared_secret(secret: bytes, public: bytes) -> bytes:
    """Diffie-Hellman, refusing the keys of small order that make the result all zero.

    Noise 12.1 leaves that check to the application; without it such a key would add nothing
    secret, and a peer could pass for any of several.
    """
    try:
        # libsodium fails on an all-zero result, which PyNaCl shows as its RuntimeError
        return bindings.crypto_scalarmult(secret, public)
    except CryptoError as error:
        raise FrameError(Reason.BAD_HANDSHAKE, "a key of small order") from error


def _hmac(key: bytes, data: bytes) -> bytes:
    return hmac.new(key, data, hashlib.blake2b).digest()


def _hkdf(chaining_key: bytes, material: bytes) -> tuple[bytes, bytes]:
    """Noise 4.3 HKDF with two outputs of HASHLEN bytes."""
    temporary = _hmac(chaining_key, material)
    first = _hmac(temporary, b"\x01")
    return first, _hmac(temporary, first + b"\x02")


class CipherState:
    """One direction of a link: a key and a counter (Noise 5.1)."""

    __slots__ = ("_key", "_nonce")

    def __init__(self, key: bytes, nonce: int = 0) -> None:
        """Start at `nonce`, 0..2^64-1; a key is used by one cipher state only."""
        self._key = key
        self._nonce = nonce

    def _nonce_bytes(self) -> bytes:
        # Noise 12.3: "32 bits of zeros followed by little-endian encoding of n"
        return bytes(4) + self._nonce.to_bytes(8, "little")

    def encrypt(self, plaintext: bytes, associated: bytes = b"") -> bytes:
        """Encrypt the next message; its length grows by 16.

        Raises:
            LocalProtocolError: the counter is used up; the link must be closed.
        """
        if self._nonce >= NONCE_MAX:
            raise LocalProtocolError("the link's message counter is used up")
        sealed = bindings.crypto_aead_chacha20poly1305_ietf_encrypt(
            plaintext, associated, self._nonce_bytes(), self._key
        )
        self._nonce += 1
        return sealed

    def decrypt(self, ciphertext: bytes, associated: bytes = b"") -> bytes:
        """Open the next message; any earlier, later or altered one is refused.

        Raises:
            FrameError: BAD_SEAL; the counter stays, and the link must be closed.
        """
        if self._nonce >= NONCE_MAX:
            raise FrameError(Reason.BAD_SEAL, "the link's message counter is used up")
        if len(ciphertext) < TAG_BYTES:
            raise FrameError(Reason.BAD_SEAL, "shorter than its tag")
        try:
            plaintext = bindings.crypto_aead_chacha20poly1305_ietf_decrypt(
                ciphertext, associated, self._nonce_bytes(), self._key
            )
        except CryptoError as error:
            raise FrameError(Reason.BAD_SEAL, "altered, repeated or out of order") from error
        self._nonce += 1
        return plaintext


class _SymmetricState:
    """Chaining key, transcript hash and, once there is one, the handshake's cipher (Noise 5.2)."""

    __slots__ = ("_chaining_key", "_cipher", "hash")

    def __init__(self) -> None:
        self.hash = PROTOCOL_NAME.ljust(HASH_BYTES, b"\0")
        self._chaining_key = self.hash
        self._cipher: CipherState | None = None

    def mix_hash(self, data: bytes) -> None:
        self.hash = hashlib.blake2b(self.hash + data).digest()

    def mix_key(self, material: bytes) -> None:
        self._chaining_key, key = _hkdf(self._chaining_key, material)
        # Noise 5.2: "If HASHLEN is 64, then truncates temp_k to 32 bytes"
        self._cipher = CipherState(key[:KEY_BYTES])

    @property
    def tag_bytes(self) -> int:
        return TAG_BYTES if self._cipher else 0

    def encrypt_and_hash(self, plaintext: bytes) -> bytes:
        sealed = self._cipher.encrypt(plaintext, self.hash) if self._cipher else plaintext
        self.mix_hash(sealed)
        return sealed

    def decrypt_and_hash(self, ciphertext: bytes) -> bytes:
        plaintext = self._cipher.decrypt(ciphertext, self.hash) if self._cipher else ciphertext
        self.mix_hash(ciphertext)
        return plaintext

    def split(self) -> tuple[CipherState, CipherState]:
        first, second = _hkdf(self._chaining_key, b"")
        return CipherState(first[:KEY_BYTES]), CipherState(second[:KEY_BYTES])


class HandshakeState:
    """One handshake seen from one end; after any error it is dead.

    Write and read in turn, the initiator writing first, until `is_finished`; then `split`.
    """

    def __init__(
        self, *, initiator: bool, prologue: bytes, static_secret: bytes, ephemeral_secret: bytes
    ) -> None:
        """Begin.

        Args:
            initiator: whether this end dialled.
            prologue: both ends must hold the same; see `prologue_for`.
            static_secret: 32 bytes, this node's X25519 transport secret.
            ephemeral_secret: 32 fresh random bytes, never used before or again.
        """
        self._initiator = initiator
        self._static = static_secret
        self._ephemeral = ephemeral_secret
        self._remote_ephemeral = b""
        self._remote_static = b""
        self._symmetric = _SymmetricState()
        self._symmetric.mix_hash(prologue)
        self._left = deque(_XX)
        self._is_dead = False

    @property
    def is_finished(self) -> bool:
        """Whether all three messages have passed."""
        return not self._left and not self._is_dead

    @property
    def remote_static(self) -> NodeId:
        """The far end's transport key, proved once its message has been read whole.

        The initiator knows it after the second message, and may stop there with its own key still
        unsaid; the responder after the third.

        Raises:
            LocalProtocolError: it is not known yet, or the handshake failed.
        """
        if self._is_dead or not self._remote_static:
            raise LocalProtocolError("the handshake is not at that point")
        return NodeId(self._remote_static)

    @property
    def handshake_hash(self) -> bytes:
        """64 bytes that name this channel and no other; both ends hold the same (Noise 11.2).

        Raises:
            LocalProtocolError: the handshake has not finished.
        """
        self._require(finished=True)
        return self._symmetric.hash

    def _require(self, *, finished: bool) -> None:
        if self._is_dead or finished != (not self._left):
            raise LocalProtocolError("the handshake is not at that point")

    def _begin(self, *, writing: bool) -> tuple[str, ...]:
        self._require(finished=False)
        is_my_turn = self._initiator == (len(self._left) % 2 == 1)
        if writing != is_my_turn:
            raise LocalProtocolError("it is the other end's turn in the handshake")
        return self._left.popleft()

    def write_message(self, payload: bytes = b"") -> bytes:
        """Write the next handshake message.

        Raises:
            LocalProtocolError: it is not this end's turn, or the handshake is over.
            FrameError: BAD_HANDSHAKE, the far end's key is of small order.
        """
        steps = self._begin(writing=True)
        self._is_dead = True
        parts = [self._write_step(step) for step in steps]
        parts.append(self._symmetric.encrypt_and_hash(payload))
        self._is_dead = False
        return b"".join(parts)

    def _write_step(self, step: str) -> bytes:
        if step == "e":
            public = transport_key(self._ephemeral)
            self._symmetric.mix_hash(public)
            return public
        if step == "s":
            return self._symmetric.encrypt_and_hash(transport_key(self._static))
        self._mix_shared(step)
        return b""

    def read_message(self, message: bytes) -> bytes:
        """Read the far end's next handshake message and give its payload.

        Raises:
            LocalProtocolError: it is this end's turn, or the handshake is over.
            FrameError: BAD_HANDSHAKE; the handshake is dead.
        """
        steps = self._begin(writing=False)
        self._is_dead = True
        try:
            rest = message
            for step in steps:
                rest = self._read_step(step, rest)
            payload = self._symmetric.decrypt_and_hash(rest)
        except FrameError as error:
            raise FrameError(Reason.BAD_HANDSHAKE, error.sentence) from error
        self._is_dead = False
        return payload

    def _read_step(self, step: str, message: bytes) -> bytes:
        """Take one step's part off the front of `message` and give what is left."""
        if step in {"e", "s"}:
            size = KEY_BYTES + (self._symmetric.tag_bytes if step == "s" else 0)
            taken, rest = message[:size], message[size:]
            if len(taken) != size:
                raise FrameError(Reason.BAD_HANDSHAKE, "the handshake message is cut short")
            if step == "e":
                self._remote_ephemeral = taken
                self._symmetric.mix_hash(taken)
            else:
                self._remote_static = self._symmetric.decrypt_and_hash(taken)
            return rest
        self._mix_shared(step)
        return message

    def _mix_shared(self, step: str) -> None:
        """Mix the shared secret that a two-letter step names: initiator's key, responder's key."""
        mine, theirs = (0, 1) if self._initiator else (1, 0)
        secret = self._static if step[mine] == "s" else self._ephemeral
        public = self._remote_static if step[theirs] == "s" else self._remote_ephemeral
        self._symmetric.mix_key(_shared_secret(secret, public))

    def split(self) -> tuple[CipherState, CipherState]:
        """Give the cipher states of the link: (to send, to receive), from this end's view.

        Raises:
            LocalProtocolError: the handshake has not finished.
        """
        self._require(finished=True)
        first, second = self._symmetric.split()
        return (first, second) if self._initiator else (second, first)
