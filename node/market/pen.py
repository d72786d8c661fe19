"""The pen: signs objects of our own under the right key, and reads them back through the gate.

Enters: a context (whose key), a typed body and its place in a thread. Leaves: `Verified` objects
whose envelope is ready to store. Public objects get their work here, in slices that let the loop
breathe. Nothing is stored or sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from node.clock import Clock
from node.errors import RefusedError
from node.keystore import PROFILE_CONTEXT, Keyring, generation_of, profile_context
from node.timekeeper import Timekeeper
from protocol import limits, signing, work
from protocol.errors import IntentcastError, LocalProtocolError
from protocol.ids import SigningKey
from protocol.objects.envelope import SignedText, Verified, open_stored, sign_envelope
from protocol.objects.header import STATEMENT_KINDS, Header, Kind
from protocol.objects.text import Body

_SLICE_TRIES = 2_000
_TRIES_MAX = 1 << 30


def revoked() -> RefusedError:
    """Say that an identity of ours is over."""
    return RefusedError(
        "the key of this identity was revoked",
        code="E-KEY-REVOKED",
        fix="What it agreed to stays; begin anew with a home of its own",
    )


class Pen:
    """Signs for every context of one home."""

    def __init__(
        self, *, net: str, keyring: Keyring, clock: Clock, timekeeper: Timekeeper | None = None
    ) -> None:
        """Keep the network, the keys and the clock; nothing is signed while that is off."""
        self.net = net
        self.timekeeper = timekeeper or Timekeeper()
        self.halt: Callable[[], IntentcastError] | None = None
        """Gives why nothing is signed now, while another copy of this home may be the newer."""
        self.revoked: frozenset[bytes] = frozenset()
        """Contexts whose key is revoked: nothing it signs would count."""
        self.has_signed = False
        """Whether anything was signed since the start."""
        self.profile_ctx = PROFILE_CONTEXT
        """The vendor identity in its newest generation."""
        self._keyring = keyring
        self._clock = clock

    def key(self, ctx: bytes) -> SigningKey:
        """Give the public signing key of a context."""
        return signing.public_key(self._keyring.sign_seed(ctx))

    def profile_key(self) -> SigningKey:
        """Give the public signing key of this home's vendor identity."""
        return self.key(self.profile_ctx)

    def profile_keys(self) -> set[bytes]:
        """Give the public signing keys of this home's vendor identity, in every generation."""
        newest = generation_of(self.profile_ctx)
        return {bytes(self.key(profile_context(number))) for number in range(newest + 1)}

    def _sign(
        self, ctx: bytes, header: Header, body: Body, *, halted_too: bool = False
    ) -> SignedText:
        self.timekeeper.check()
        if self.halt is not None and not halted_too:
            raise self.halt()
        if ctx in self.revoked and header.kind not in STATEMENT_KINDS:
            raise revoked()
        self.has_signed = True
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
        halted_too: bool = False,
    ) -> Verified[Any]:
        """Sign an object for one recipient; a note between copies also while halted.

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
        signed = self._sign(ctx, header, body, halted_too=halted_too)
        return open_stored(signed.envelope(None), net=self.net)

    async def public(
        self, ctx: bytes, kind: Kind, body: Body, *, exp: int, thread: bytes | None = None
    ) -> Verified[Any]:
        """Sign an object for everybody and do its work.

        Raises:
            LocalProtocolError: E-OBJECT when the body breaks a rule.
        """
        header = self._public_header(ctx, kind, exp=exp, thread=thread)
        return await _with_work(self._sign(ctx, header, body), self.net)

    async def statement(
        self, ctx: bytes, kind: Kind, make: Callable[[Header], Body], *, exp: int
    ) -> Verified[Any]:
        """Sign a statement about a key of ours and do its work; also while halted.

        Args:
            ctx: whose key signs.
            kind: `rotation` or `revocation`.
            make: gives the body, which may speak of the very header it stands under.
            exp: Unix ms.

        Raises:
            LocalProtocolError: E-OBJECT when the body breaks a rule.
        """
        header = self._public_header(ctx, kind, exp=exp, thread=None)
        signed = self._sign(ctx, header, make(header), halted_too=True)
        return await _with_work(signed, self.net)

    def _public_header(self, ctx: bytes, kind: Kind, *, exp: int, thread: bytes | None) -> Header:
        return Header(
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


async def _with_work(signed: SignedText, net: str) -> Verified[Any]:
    return open_stored(signed.envelope(await _worked(signed)), net=net)


async def _worked(signed: SignedText) -> bytes:
    for start in range(0, _TRIES_MAX, _SLICE_TRIES):
        nonce = work.solve(signed.id, signed.target, start=start, tries=_SLICE_TRIES)
        if nonce is not None:
            return nonce
        await asyncio.sleep(0)
    raise LocalProtocolError("no proof of work was found", code="E-WORK", fix="Try again")
