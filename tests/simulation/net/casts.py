"""The objects of a run: intentcasts of people nobody is, each under its own key, or a given one.

Enters: the run's generator, the moment, what the scenario wants of size and subject. Leaves:
verified casts in the product's own canonical form. Categories and places are drawn so that a few
are common and most are rare (weight 1 / rank).
"""

from __future__ import annotations

from random import Random
from typing import Any

from protocol import signing, work
from protocol.ids import blake2b_256
from protocol.now import DAY_MS, MINUTE_MS
from protocol.objects.envelope import Verified, open_envelope, read_candidate, sign_envelope
from protocol.objects.header import Header, Kind
from tests.parties import cast_body

CATEGORIES = tuple(f"kind-{group}/sort-{sort}" for group in range(16) for sort in range(16))
"""Category paths, the most common first."""
_WEIGHTS = [1 / rank for rank in range(1, len(CATEGORIES) + 1)]


class Author:
    """Makes casts."""

    def __init__(self, net: str, chance: Random) -> None:
        """Start with no cast written.

        Args:
            net: network id.
            chance: subjects and keys.
        """
        self._net = net
        self._chance = chance
        self._pad: int | None = None

    def category(self) -> str:
        """Draw a subject."""
        return self._chance.choices(CATEGORIES, _WEIGHTS)[0]

    def cast(
        self,
        wall_ms: int,
        *,
        size: int = 800,
        ttl_ms: int = 7 * DAY_MS,
        seed: bytes | None = None,
        **changes: Any,
    ) -> Verified[Any]:
        """Write one cast.

        Args:
            wall_ms: the author's clock.
            size: bytes of the whole envelope, roughly; at least 700.
            ttl_ms: its life.
            seed: of its key, 32 bytes; of a key of its own when None.
            changes: fields of the body; `nonce` for a key that signed before, and `thread`, the
                root's id, for an amendment.
        """
        at = wall_ms - wall_ms % MINUTE_MS
        nonce = changes.get("nonce") or self._chance.randbytes(16)
        thread = changes.pop("thread", None)
        if seed is None:
            seed = blake2b_256(b"a key for one cast", nonce)
        facts: dict[str, Any] = {
            "category": self.category(),
            "decide_by": at + ttl_ms,
            **changes,
            "nonce": nonce,
        }
        header = Header(
            net=self._net, kind=Kind.INTENTCAST, key=signing.public_key(seed),
            at=at, exp=at + ttl_ms, to=None, thread=thread, prev=None, target=0,
        )  # fmt: skip
        facts["text"] = "." * (0 if self._pad is None else self._pad)
        raw = self._signed(header, facts, seed)
        if self._pad is None:
            self._pad = max(0, size - len(raw))
            facts["text"] = "." * self._pad
            raw = self._signed(header, facts, seed)
        candidate = read_candidate(raw, peer=None, bytes_max=1 << 16)
        return open_envelope(candidate, net=self._net)

    def forms(self, wall_ms: int, *, amend: bool, size: int = 800) -> list[Verified[Any]]:
        """Write two forms of one request that contradict each other, after what both amend.

        Args:
            wall_ms: the author's clock.
            amend: whether both amend one root, which comes first; else both are roots of one key.
            size: bytes of each envelope, roughly.
        """
        root = self.cast(wall_ms, size=size)
        facts = {"category": root.body.category, "nonce": root.body.nonce}
        if amend:
            facts |= {"supersedes": root.id, "thread": root.id}
        titles = ("In green", "In red") if amend else ("In red",)
        return [root, *(self.cast(wall_ms, size=size, title=title, **facts) for title in titles)]

    def _signed(self, header: Header, facts: dict[str, Any], seed: bytes) -> bytes:
        text = sign_envelope(header, cast_body(**facts), seed)
        return text.envelope(work.solve(text.id, text.target, tries=1 << 20))
