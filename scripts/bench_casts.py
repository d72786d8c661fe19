"""Makes signed casts in bulk, each under a key of its own, for the measurements of a whole node.

Enters: a count and a moment. Leaves: envelopes as they travel, made by two processes and shown as
they come. They differ in key, nonce and id, as the casts of strangers do.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import Final

from protocol import signing, work
from protocol.now import DAY_MS
from protocol.objects.envelope import sign_envelope
from protocol.objects.header import Header, Kind
from scripts.rates import NET, park_city

_TOGETHER: Final = 250
_TRIES: Final = 1 << 24
_MAKERS: Final = 2


def seed_of(number: int) -> bytes:
    """Give the signing seed of one cast."""
    return hashlib.blake2b(number.to_bytes(8, "big"), digest_size=32, key=b"bench").digest()


def make_cast(number: int, at: int) -> bytes:
    """Make one cast, work included; the same for the same number and moment."""
    seed = seed_of(number)
    header = Header(
        net=NET,
        kind=Kind.INTENTCAST,
        key=signing.public_key(seed),
        at=at,
        exp=at + 14 * DAY_MS,
        to=None,
        thread=None,
        prev=None,
        target=0,
    )
    text = sign_envelope(header, park_city(at=at, number=number), seed)
    return text.envelope(work.solve(text.id, text.target, tries=_TRIES))


def _make_some(first: int, *, count: int, at: int) -> list[bytes]:
    return [make_cast(number, at) for number in range(first, first + count)]


def make_casts(count: int, *, at: int, first: int = 0) -> Iterator[bytes]:
    """Make many, in order; shows on stderr how far it is."""
    starts = range(first, first + count, _TOGETHER)
    with ProcessPoolExecutor(_MAKERS) as pool:
        made = 0
        for part in pool.map(partial(_make_some, count=_TOGETHER, at=at), starts):
            wanted = part[: count - made]
            made += len(wanted)
            show_progress("casts made", made, count)
            yield from wanted


def show_progress(what: str, done: int, total: int) -> None:
    """Write one line over itself on a terminal; nothing where there is none."""
    if sys.stderr.isatty():
        end = "\n" if done >= total else ""
        print(f"\r{what}: {done:,} of {total:,}", end=end, file=sys.stderr, flush=True)
