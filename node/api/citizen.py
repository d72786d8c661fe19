"""What a face may ask of a node: the shape of the handle, as the API and its tests know it.

Every method gives JSON-ready values and raises only `IntentcastError`. The real one is
`node/runtime/handle.py`; that it has this shape is checked where the daemon joins the two.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from node.api.visitors import Porter, Visitor
from node.meters import Counts, Spread
from node.runtime.chronicle import Page

Document = dict[str, Any]
"""A JSON object with a `schema` tag such as `intentcast.status/1`."""


class Custodian(Protocol):
    """Whoever looks after the keys and backups of a home: `node/runtime/custody.py`."""

    async def document(self) -> Document:
        """Tell how the keys are kept."""
        ...

    async def unlock(self, passphrase: str) -> Document:
        """Take the root back into memory."""
        ...

    async def lock(self) -> Document:
        """Drop it."""
        ...

    async def set_passphrase(self, old: str | None, new: str | None) -> Document:
        """Seal the root anew; without a new passphrase, lay it open."""
        ...

    async def backup(self, path: str) -> Document:
        """Write a backup to a new file."""
        ...

    async def backups(self) -> Document:
        """List the daily backups."""
        ...

    async def prove(self, path: str) -> Document:
        """Read a backup to its last byte."""
        ...


class Doctor(Protocol):
    """Whoever looks the node over: `node/runtime/examiner.py`."""

    async def report(self, *, scrub: bool) -> Document:
        """Look at everything; with `scrub` at every stored byte, too."""
        ...


class Holder(Protocol):
    """Whoever holds a yes back for a while: `node/runtime/holds.py`."""

    def begin(
        self,
        terms: Document,
        choice: Document,
        seconds: float,
        act: Callable[[], Awaitable[Document]],
        visitor: Visitor,
    ) -> Document:
        """Hold it, then carry it out for whoever says it."""
        ...

    def look(self, hold_id: str) -> Document:
        """Tell how it stands."""
        ...

    def undo(self, hold_id: str) -> Document:
        """Take it back."""
        ...


class Neighbourhood(Protocol):
    """Whoever looks after neighbours and invites: `node/runtime/neighbours.py`."""

    async def nearby(self) -> Document:
        """List who is near and who was decided about."""
        ...

    async def allow(self, handle: str) -> Document:
        """Stay linked to a node."""
        ...

    async def refuse(self, handle: str) -> Document:
        """Show a node no more."""
        ...

    async def forget(self, handle: str) -> Document:
        """Take back what was decided about a node."""
        ...

    async def invite(self, wish: Any) -> Document:
        """Make a link that leads to this node."""
        ...

    async def join(self, link: str, *, private: bool) -> Document:
        """Follow an invite."""
        ...


class Registry(Protocol):
    """Whoever keeps the list of shops: `node/runtime/people.py`."""

    async def document(self) -> Document:
        """List shops, and those that are blocked."""
        ...

    async def block(self, handle: str) -> Document:
        """Hear a shop no more."""
        ...

    async def unblock(self, handle: str) -> Document:
        """Hear a shop again."""
        ...


class Usher(Protocol):
    """Whoever knows whether the first steps are still of use: `node/runtime/welcome.py`."""

    async def is_due(self) -> bool:
        """Tell whether they are."""
        ...

    async def leads(self) -> bool:
        """Tell whether a browser is to be led there now."""
        ...

    async def dismiss(self) -> None:
        """Offer them no more."""
        ...


class Recoverer(Protocol):
    """Whoever knows what follows a restore: `node/runtime/recovery.py`."""

    async def reopen(self, handle: str | None, *, sure: bool, wait_s: float) -> Document:
        """Ask who may know of promises, and let promise again."""
        ...

    async def this_one(self) -> Document:
        """Let this copy go on."""
        ...


class Shopkeeper(Protocol):
    """Whoever shows the shop to its keeper: `node/runtime/salesroom.py`."""

    async def catalogue(self, words: str, after: int) -> Document:
        """Show a page of articles on offer."""
        ...

    async def offers(self, after: int) -> Document:
        """Show a page of offers that were sent."""
        ...

    async def inbox(self) -> Document:
        """Show what waits for a person, and what became of requests."""
        ...


class Registrar(Protocol):
    """Whoever keeps the shop's identity: `node/runtime/identity.py`."""

    async def document(self) -> Document:
        """Tell its keys and generations."""
        ...

    async def rotate(self, generation: int) -> Document:
        """Go on under the key after this generation."""
        ...

    async def certificate(self, reason: str) -> Document:
        """Make the certificate that ends the newest key."""
        ...

    async def revoke(self, certificate: str | None, reason: str) -> Document:
        """Publish the end of a key."""
        ...


class Chronicler(Protocol):
    """Whoever knows what happened: `node/runtime/chronicle.py`."""

    @property
    def newest(self) -> int:
        """The number of the newest event."""
        ...

    async def page(self, after: int) -> Page:
        """Give some of what happened after a cursor."""
        ...

    async def wait(self, after: int, timeout_s: float) -> int:
        """Wait until something happened after a cursor; give the number of the newest event."""
        ...


class Surveyor(Protocol):
    """Whoever looks at a node as machines do: `node/runtime/survey.py`."""

    async def checks(self) -> dict[str, bool]:
        """Tell by name whether it can do its work now."""
        ...

    async def census(self) -> Mapping[str, Counts | Spread]:
        """Count everything: the name of a metric -> its numbers."""
        ...

    def info(self) -> Document:
        """Say what it is and what it takes."""
        ...


class Citizen(Protocol):
    """One node, seen from its owner's side."""

    @property
    def access(self) -> Porter | None:
        """Who may ask: tokens, sessions, logins."""
        ...

    @property
    def chronicle(self) -> Chronicler:
        """What happened."""
        ...

    @property
    def survey(self) -> Surveyor | None:
        """Looks at it as machines do."""
        ...

    @property
    def recovery(self) -> Recoverer | None:
        """What follows a restore."""
        ...

    @property
    def identity(self) -> Registrar | None:
        """The shop's identity."""
        ...

    @property
    def custody(self) -> Custodian | None:
        """The home's keys and backups."""
        ...

    @property
    def examiner(self) -> Doctor | None:
        """Looks the node over."""
        ...

    @property
    def holds(self) -> Holder | None:
        """Acceptances that can still be undone."""
        ...

    @property
    def salesroom(self) -> Shopkeeper | None:
        """The shop, for its keeper."""
        ...

    @property
    def neighbours(self) -> Neighbourhood | None:
        """Who is near, and invites."""
        ...

    @property
    def people(self) -> Registry | None:
        """Shops that were heard, and those that are blocked."""
        ...

    @property
    def welcome(self) -> Usher | None:
        """The first steps."""
        ...

    async def status(self) -> Document:
        """Tell how the node is."""
        ...

    async def create_cast(self, draft: Document) -> Document:
        """Sign a draft, record it and send it out."""
        ...

    async def preview_cast(self, draft: Document) -> Document:
        """Tell what would be public and who would see what; nothing is kept."""
        ...

    async def casts(self) -> Document:
        """List own casts, newest first."""
        ...

    async def cast(self, handle: str) -> Document:
        """Give one cast."""
        ...

    async def offers(
        self, cast_handle: str, *, weights: Mapping[str, int] | None = None
    ) -> Document:
        """Give a cast's offers, ranked by weights of terms; equal ones where none are given."""
        ...

    async def weigh_acceptance(
        self,
        offer_handle: str,
        *,
        options: Sequence[int],
        slot: int | None,
        disclose: Mapping[str, str] | None,
        anyway: bool,
    ) -> Document:
        """Say what such an acceptance would mean, or refuse as it would; sign nothing."""
        ...

    async def accept(
        self,
        offer_handle: str,
        *,
        options: Sequence[int],
        slot: int | None,
        disclose: Mapping[str, str] | None,
        anyway: bool,
    ) -> Document:
        """Sign an acceptance, record it and send it."""
        ...

    async def deals(self) -> Document:
        """List deals, newest first."""
        ...

    async def deal(self, handle: str) -> Document:
        """Give one deal."""
        ...

    async def decide_deal(self, handle: str, *, confirm: bool, reason: str) -> Document:
        """Confirm or refuse an acceptance that waits for a person."""
        ...

    async def agreement(self, handle: str) -> tuple[str, bytes]:
        """Give a deal's bundle and a name for its file."""
        ...

    async def revoke(self, handle: str) -> Document:
        """Take back a cast or an offer."""
        ...

    async def peers(self) -> Document:
        """List links."""
        ...

    async def add_peer(self, address: str) -> Document:
        """Stay connected to one more address."""
        ...

    async def outbox(self) -> Document:
        """List letters on their way."""
        ...

    async def vendor_status(self) -> Document:
        """Tell what this home sells and what it answered."""
        ...

    async def vendor_import(self, data: Path, options: Document) -> Document:
        """Read a feed into the catalogue."""
        ...

    def events(self, after: int) -> AsyncIterator[Document]:
        """Give what happened after a cursor, in order."""
        ...

    async def wait_changed(self, after: int, timeout_s: float) -> int:
        """Wait until the cursor passes `after` or time is up; give the cursor."""
        ...

    async def idempotent(
        self, key: str, body_hash: bytes, make: Callable[[], Awaitable[Document]]
    ) -> Document:
        """Do a thing once for a key; a second call gives the first answer again."""
        ...
