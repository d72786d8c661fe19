"""Signatures and work in a simulated network: real ones, or a keyed hash in their place.

In the quick mode a signature is a hash under a key that only the simulator has, work is a nonce
that says "done", and what is read from bytes is read once for the whole network: ten thousand nodes
receive the same bytes. Shapes, times, kinds and canonical form are judged by the product's own
code. Enters: nothing. Leaves: the modules of `protocol` as they were before, once the run is over.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from protocol import signing, work
from protocol.errors import Reason, RemoteProtocolError, SignatureError
from protocol.ids import SigningKey
from protocol.network import addresses, live
from protocol.objects import envelope

_SECRET = b"only the simulator signs with this"
_KEPT_MAX = 200_000
"""Results remembered of each function; beyond it all are forgotten."""
DONE = b"solved ."
"""The nonce of work that is taken as done."""


def _sealed(tag: str, message: bytes, key: bytes) -> bytes:
    return hashlib.blake2b(tag.encode() + key + message, key=_SECRET, digest_size=64).digest()


def _public_key(seed: bytes) -> SigningKey:
    return SigningKey(hashlib.blake2b(seed, key=_SECRET, digest_size=32).digest())


def _sign(tag: signing.Tag, message: bytes, seed: bytes) -> bytes:
    return _sealed(tag.value, message, _public_key(seed))


def _verify(tag: signing.Tag, message: bytes, signature: bytes, key: bytes) -> None:
    if signature != _sealed(tag.value, message, key):
        raise SignatureError(Reason.BAD_SIGNATURE)


def _bits_of(_digest: bytes, nonce: bytes) -> int:
    return 64 if nonce == DONE else 0


def _solve(_digest: bytes, _bits: int, **_: int) -> bytes:
    return DONE


def once(function: Callable[..., Any], key_of: Callable[..., Any]) -> Callable[..., Any]:
    """Give a function that works out each result once, refusals among them.

    Args:
        function: its result hangs on nothing but the key.
        key_of: what the result hangs on, from the same arguments.
    """
    known: dict[Any, Any] = {}

    def remembered(*args: Any, **kwargs: Any) -> Any:
        key = key_of(*args, **kwargs)
        found = known.get(key)
        if found is None:
            if len(known) >= _KEPT_MAX:
                known.clear()
            try:
                # None would be asked for again.
                found = function(*args, **kwargs), None
            except RemoteProtocolError as error:
                found = None, error
            known[key] = found
        result, refusal = found
        if refusal is not None:
            raise refusal.with_traceback(None)
        return result

    return remembered


_ONCE: tuple[tuple[Any, str, Callable[..., Any]], ...] = (
    (envelope, "read_candidate", lambda raw, **_: raw),
    (envelope, "read_header_of", lambda candidate, **_: candidate.raw),
    (envelope, "check_work", lambda candidate, _: candidate.raw),
    (envelope, "open_envelope", lambda candidate, **_: candidate.raw),
    (live, "entry_of", lambda verified, exempt=False: (verified.raw, exempt)),
    (envelope, "text_digest", lambda signed: signed),
    (addresses, "read_record", lambda raw, **_: raw),
)
"""(module, function, what its result hangs on); one network and one set of limits per run."""


def _replace(module: Any, name: str, new: Any) -> Iterator[tuple[Any, str, Any]]:
    """Put another function in every place where this one was imported; gives what stood there."""
    old = getattr(module, name)
    for other in list(sys.modules.values()):
        if getattr(other, "__name__", "").startswith("protocol") and vars(other).get(name) is old:
            setattr(other, name, new)
            yield other, name, old


@contextmanager
def seals(*, real: bool) -> Iterator[None]:
    """Run a network with real signatures, or with quick ones."""
    if real:
        yield
        return
    undo: list[tuple[Any, str, Any]] = []
    quick = {
        (signing, "public_key"): _public_key,
        (signing, "sign"): _sign,
        (signing, "verify"): _verify,
        (signing, "check_key"): lambda _key: None,
        (work, "bits_of"): _bits_of,
        (work, "solve"): _solve,
    }
    try:
        for (module, name), new in quick.items():
            undo += _replace(module, name, new)
        for module, name, key_of in _ONCE:
            undo += _replace(module, name, once(getattr(module, name), key_of))
        yield
    finally:
        for module, name, old in reversed(undo):
            setattr(module, name, old)
