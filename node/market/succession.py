"""The vendor identity of this home through its generations, and where other keys lead.

Enters: the owner's wish to rotate or revoke, certificates, statements that came by gossip. Leaves:
statements, published; the context new threads are signed under; lineages. Threads begun under an
older generation go on under it until they end. Never: a successor followed that was contradicted, a
statement under a key that was revoked.
Source: docs/protocol/16-succession.md.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from node.crashpoint import crashpoint
from node.errors import RefusedError
from node.keystore import PROFILE_CONTEXT, generation_of, profile_context
from node.market.desk import Desk
from node.market.pen import revoked
from node.storage import objects, successions
from node.storage.successions import GenerationRow
from protocol import limits
from protocol.errors import LocalProtocolError, RemoteProtocolError
from protocol.market.lineage import Lineage, Standing, follow
from protocol.now import MINUTE_MS
from protocol.objects.envelope import (
    Verified,
    check_time,
    check_work,
    open_envelope,
    open_stored,
    read_candidate,
    read_header_of,
)
from protocol.objects.header import Header, Kind
from protocol.objects.succession import Revocation, Rotation, consented

if TYPE_CHECKING:
    import sqlite3

_LOG = logging.getLogger(__name__)
_CONTACTS_MAX = 1_000
_HEIRS_MAX = 10_000
"""Successors of contacts whose statements are heard; the ones met first go; guess."""


def lineage_of(desk: Desk, conn: sqlite3.Connection, key: bytes) -> Lineage:
    """Follow a key by what is recorded here.

    Raises:
        StorageError: E-DB-DAMAGED, a statement is.
    """

    def recorded(each: bytes) -> list[Verified[Any]]:
        return [open_stored(raw, net=desk.net) for raw in successions.raws(conn, each)]

    return follow(key, recorded)


class Succession:
    """Statements of our own, and of everybody."""

    def __init__(self, desk: Desk, on_rotated: Callable[[], None] = lambda: None) -> None:
        """Keep the tools; `begin` reads which generation is the newest."""
        self._desk = desk
        self._on_rotated = on_rotated
        self._generations: list[GenerationRow] = []
        self._first_key: bytes | None = None
        self.troubled: dict[bytes, Lineage] = {}
        """Contacts whose line is frozen or revoked."""
        self._heirs: dict[bytes, bytes] = {}
        """Key a contact's line has come to -> the contact: what it says is about that contact."""

    @property
    def generation(self) -> int:
        """The newest generation of our own."""
        return self._generations[-1].generation if self._generations else 0

    async def begin(self) -> None:
        """Read our generations, and where our contacts' keys lead."""
        self._generations = await self._desk.storage.read(successions.load_generations)
        self._desk.pen.profile_ctx = profile_context(self.generation)
        await self._desk.storage.write(self._look_at_contacts)

    async def unlocked(self) -> None:
        """Learn, now that the keys are there, whether one of ours was revoked."""
        keys = self.contexts()
        self._desk.pen.revoked = await self._desk.storage.write(
            lambda conn: frozenset(ctx for key, ctx in keys if successions.is_revoked(conn, key))
        )

    def _look_at_contacts(self, conn: sqlite3.Connection) -> None:
        for key in successions.contacts_with_statements(conn, limit=_CONTACTS_MAX):
            self._look_at(conn, key)

    def _look_at(self, conn: sqlite3.Connection, key: bytes) -> None:
        found = self.lineage(conn, key)
        for heir in found.keys[1:]:
            self._heirs.setdefault(heir, key)
        while len(self._heirs) > _HEIRS_MAX:
            self._heirs.pop(next(iter(self._heirs)))
        if found.standing is Standing.CURRENT:
            self.troubled.pop(key, None)
        else:
            self.troubled[key] = found

    def contexts(self) -> Sequence[tuple[bytes, bytes]]:
        """List (public key, context) of our vendor identity in every generation.

        Raises:
            KeystoreError: E-KEYS-LOCKED before the first unlock.
        """
        if self._first_key is None:
            self._first_key = bytes(self._desk.pen.key(PROFILE_CONTEXT))
        later = [(row.key, profile_context(row.generation)) for row in self._generations]
        return [(self._first_key, PROFILE_CONTEXT), *later]

    # --- where a key leads ----------------------------------------------------------------------

    def lineage(self, conn: sqlite3.Connection, key: bytes) -> Lineage:
        """Follow a key by what is recorded here."""
        return lineage_of(self._desk, conn, key)

    async def own_lineage(self) -> Lineage:
        """Follow our own first key, as everybody does."""
        first, _ = self.contexts()[0]
        return await self._desk.storage.write(lambda conn: self.lineage(conn, first))

    # --- what came ------------------------------------------------------------------------------

    async def heard(self, ctx: bytes, verified: Verified[Any]) -> bool:
        """Take a statement under a key of ours that this home did not write.

        Returns:
            Whether it is a step of ours: our next key by derivation, or our own end.
        """
        body = verified.body
        if isinstance(body, Revocation):
            await self._keep(verified, "identity.revoked")
            await self.unlocked()
            return True
        number = generation_of(ctx) + 1
        if body.generation != number or body.new != self._desk.pen.key(profile_context(number)):
            _LOG.error("somebody named a successor of this identity that is not ours")
            return False
        await self._step(verified)
        return True

    def heard_of(self, conn: sqlite3.Connection, verified: Verified[Any]) -> None:
        """Take a statement of somebody else's key, inside a change."""
        key = verified.header.key
        contact = key if successions.is_contact(conn, key) else self._heirs.get(key)
        if contact is None or verified.id not in successions.counted(conn, key):
            return
        objects.pin(conn, [verified.id])
        self._look_at(conn, contact)
        found = self.troubled.get(contact)
        what = "rotated" if found is None else found.standing.value
        self._desk.note(conn, f"contact.{what}", [contact, verified.id])

    async def _keep(self, verified: Verified[Any], what: str) -> None:
        def txn(conn: sqlite3.Connection) -> None:
            self._desk.record(conn, verified)
            self._desk.note(conn, what, [verified.id])

        await self._desk.storage.write(txn)
        crashpoint("identity.after_commit")
        self._desk.changed()

    async def _step(self, verified: Verified[Rotation]) -> None:
        """Go on under the key a rotation of ours names."""
        row = GenerationRow(
            generation=verified.body.generation,
            key=verified.body.new,
            rotation_id=verified.id,
            at=verified.header.at,
        )

        def txn(conn: sqlite3.Connection) -> None:
            self._desk.record(conn, verified)
            successions.add_generation(conn, row)
            self._desk.note(conn, "identity.rotated", [verified.id])

        await self._desk.storage.write(txn)
        crashpoint("identity.after_rotation")
        await self.begin()
        self._desk.network.publish(verified, verified.raw)
        self._on_rotated()
        self._desk.changed()

    # --- the owner's acts -----------------------------------------------------------------------

    async def rotate(self) -> Verified[Rotation]:
        """Name our next key as successor, signed by both, and go on under it.

        Raises:
            RefusedError: E-TWO-COPIES, E-KEY-REVOKED, or E-KEY-CONFLICT: somebody else named
                another successor.
        """
        pen = self._desk.pen
        if pen.halt is not None:
            raise pen.halt()
        line = await self.own_lineage()
        if line.standing is Standing.REVOKED:
            raise revoked()
        if line.standing is Standing.FROZEN:
            raise RefusedError(
                "two successors were named for this identity's key, so nobody follows either",
                code="E-KEY-CONFLICT",
                fix="End the key: intentcast identity revoke",
            )
        number = self.generation + 1
        ctx = profile_context(number)
        seed = self._desk.keyring.sign_seed(ctx)
        blank = Rotation(
            new=pen.key(ctx),
            generation=number,
            after=self._generations[-1].rotation_id if self._generations else None,
            consent=bytes(64),
        )

        def make(header: Header) -> Rotation:
            return consented(header, blank, seed)

        verified = await pen.statement(pen.profile_ctx, Kind.ROTATION, make, exp=self._exp())
        await self._step(verified)
        return verified

    def _exp(self) -> int:
        return self._desk.clock.now().minute_ms() + limits.statement_ttl_ms_max - MINUTE_MS

    async def certificate(self, reason: str) -> Verified[Revocation]:
        """Sign the end of our newest key, and give it to nobody."""
        body = Revocation(reason=reason)
        ctx = self._desk.pen.profile_ctx
        return await self._desk.pen.statement(
            ctx, Kind.REVOCATION, lambda _header: body, exp=self._exp()
        )

    async def ending(self) -> Verified[Revocation] | None:
        """Give the revocation of our newest key that is on record, or None."""
        key = self._desk.pen.profile_key()
        raws = await self._desk.storage.write(lambda conn: successions.raws(conn, key))
        said = [open_stored(raw, net=self._desk.net) for raw in raws]
        return next((each for each in said if isinstance(each.body, Revocation)), None)

    def read_certificate(self, raw: bytes) -> Verified[Revocation]:
        """Read a certificate that was kept.

        Raises:
            LocalProtocolError: E-CERTIFICATE, it is none, of another network, or expired.
        """
        try:
            candidate = read_candidate(raw, peer=None, bytes_max=limits.public_bytes_max)
            header = read_header_of(candidate, net=self._desk.net)
            check_time(header, self._desk.wall_ms())
            check_work(candidate, header)
            verified = open_envelope(candidate, net=self._desk.net)
        except RemoteProtocolError as error:
            raise LocalProtocolError(
                f"this is no certificate of revocation: {error}",
                code="E-CERTIFICATE",
                fix="Give the file that was written by: intentcast identity revocation FILE",
            ) from error
        if not isinstance(verified.body, Revocation):
            raise LocalProtocolError(
                f"this is a {header.kind.value}, and no certificate of revocation",
                code="E-CERTIFICATE",
                fix="Give the file that was written by: intentcast identity revocation FILE",
            )
        return verified

    async def revoke(self, verified: Verified[Revocation]) -> bool:
        """Publish the end of a key; tells whether it is one of ours."""
        is_ours = verified.header.key in dict(self.contexts())
        await self._keep(verified, "identity.revoked" if is_ours else "key.revoked")
        self._desk.network.publish(verified, verified.raw)
        await self.unlocked()
        return is_ours
