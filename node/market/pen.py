"""The pen: signs objects of our own under the right key, and reads them back through the gate.

Enters: a context (whose key), a typed body and its place in a thread. Leaves: `Verified` objects
whose envelope is ready to store. Public objects get their work here, in slices that let the loop
breathe. Nothing is stored or sent.
"""

from __future__ import annotations

import asyncio
from typing import Any

from node.clock import Clock
from node.keystore import PROFILE_CONTEXT, Keyring
from protocol import limits, signing, work
from protocol.errors import LocalProtocolError
from protocol.ids import SigningKey
from protocol.objects.envelope import Body, SignedText, Verified, open_stored, sign_envelope
from protocol.objects.header import Header, Kind

_SLICE_TRIES = 2_000
_TRIES_MAX = 1 << 30


class Pen:
    """Signs for every context of one home."""

    def __init__(self, *, net: str, keyring: Keyring, clock: Clock) -> None:
        """Keep the network, the keys and the clock."""
        self.net = net
        self._keyring = keyring
        self._clock = clock

    def key(self, ctx: bytes) -> SigningKey:
        """Give the public signing key of a context."""
        return signing.public_key(self._keyring.sign_seed(ctx))

    def profile_key(self) -> SigningKey:
        """Give the public signing key of this home's vendor identity."""
        return self.key(PROFILE_CONTEXT)

    def _sign(self, ctx: bytes, header: Header, body: Body) -> SignedText:
        return sign_envelope(header, body, self._keyring.sign_seed(ctx))

    def sealed(
        self,
        ctx: bytes,
        kind: Kind,
        body: Body,
        *,
        to: bytes,
        thread: bytes,
        prev: bytes | None,
        at: int | None = None,
        exp: int | None = None,
    ) -> Verified[Any]:
        """Sign an object for one recipient.

        Raises:
            LocalProtocolError: E-OBJECT when the body breaks a rule.
        """
        moment = self._clock.now().wall_ms if at is None else at
        header = Header(
            net=self.net,
            kind=kind,
            key=self.key(ctx),
            at=moment,
            exp=moment + limits.long_ttl_ms_max if exp is None else exp,
            to=to,
            thread=thread,
            prev=prev,
            target=0,
        )
        return open_stored(self._sign(ctx, header, body).envelope(None), net=self.net)

    async def public(
        self, ctx: bytes, kind: Kind, body: Body, *, exp: int, thread: bytes | None = None
    ) -> Verified[Any]:
        """Sign an object for everybody and do its work.

        Raises:
            LocalProtocolError: E-OBJECT when the body breaks a rule.
        """
        header = Header(
            net=self.net,
            kind=kind,
            key=self.key(ctx),
            at=self._clock.now().minute_ms(),
            exp=exp,
            to=None,
            thread=thread,
            prev=None,
            target=0,
        )
        signed = self._sign(ctx, header, body)
        nonce = await _worked(signed)
        return open_stored(signed.envelope(nonce), net=self.net)


async def _worked(signed: SignedText) -> bytes:
    for start in range(0, _TRIES_MAX, _SLICE_TRIES):
        nonce = work.solve(signed.id, signed.target, start=start, tries=_SLICE_TRIES)
        if nonce is not None:
            return nonce
        await asyncio.sleep(0)
    raise LocalProtocolError("no proof of work was found", code="E-WORK", fix="Try again")
