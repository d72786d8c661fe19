"""The profile: who a vendor (or another party) says it is, and where letters for it go.

Source: docs/protocol/14-profile.md.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from protocol.objects.intentcast import Code, Text40
from protocol.objects.reply import Reply
from protocol.values.category import check_category_shape
from protocol.values.place import Where, check_public_place

PartyKind = Literal["vendor", "person", "agency", "club", "arbiter", "agent"]


class Contact(msgspec.Struct, frozen=True, omit_defaults=True):
    """How to reach the party outside this network; shown as text, never fetched."""

    email: Annotated[str, msgspec.Meta(max_length=120)] = ""
    """Mail address."""
    phone: Annotated[str, msgspec.Meta(max_length=40)] = ""
    """As dialled."""
    web: Annotated[str, msgspec.Meta(max_length=200)] = ""
    """Address of a page."""
    street: Annotated[str, msgspec.Meta(max_length=200)] = ""
    """Postal address."""


class Profile(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Body of kind `profile`."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=80)]
    """What people call it; not unique, not checked."""
    party: PartyKind
    """What it is."""
    acts_for: Literal["seller", "buyer", "none"] = "none"
    """Whose side an agency is on."""
    categories: Annotated[list[str], msgspec.Meta(max_length=40)] = []
    """Category prefixes it serves; empty means any."""
    areas: Annotated[list[Where], msgspec.Meta(max_length=20)] = []
    """Where it serves; empty means anywhere."""
    hours: Annotated[str, msgspec.Meta(max_length=200)] = ""
    """Opening hours, OpenStreetMap notation."""
    capabilities: Annotated[list[Text40], msgspec.Meta(max_length=20)] = []
    """What it can do, in its own words."""
    terms: Annotated[list[Code], msgspec.Meta(max_length=12)] = []
    """Buyer's terms it accepts."""
    contact: Contact | None = None
    """Outside this network."""
    domain: (
        Annotated[str, msgspec.Meta(pattern=r"\A[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?\Z")] | None
    ) = None
    """A domain that claims this key; shown as checked only when it was."""
    reply: Reply
    """Where letters go."""

    def check(self) -> None:
        """Apply the rules between fields.

        Raises:
            ObjectError: OUT_OF_RANGE or BAD_SHAPE.
        """
        for category in self.categories:
            check_category_shape(category)
        for area in self.areas:
            check_public_place(area)
        self.reply.check()
