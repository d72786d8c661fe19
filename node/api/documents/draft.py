"""The draft of a request, as a person or their program writes it.

Describes what `node/market/drafts.py` takes; that reader has the last word on words: categories,
attributes, units, dates and places are looked up there and refused with the nearest ones.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

import msgspec

from protocol import limits
from protocol.market.disclosure import VALUE_CHARS_MAX
from protocol.objects.intentcast import Function, Level, Operator, Text40

Line: TypeAlias = Annotated[str, msgspec.Meta(max_length=120, pattern=r"\S")]
"""1-120 characters, not all of them spaces."""
Day: TypeAlias = Annotated[str, msgspec.Meta(max_length=20)]
"""`2027-03-20`, or `+120d` from today."""
Amount: TypeAlias = Annotated[str, msgspec.Meta(max_length=limits.input_chars_max)]
"""An amount and its currency: `300 USD`."""
Scalar: TypeAlias = str | bool | int | float
FieldName: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"\A[a-z][a-z0-9_]{0,39}\Z")]
FieldValue: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=VALUE_CHARS_MAX)]
Programme: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=60)]


class DraftWish(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A wish about one attribute of an item."""

    key: Annotated[str, msgspec.Meta(max_length=40, pattern=r"\S")]
    """Attribute of the category, by key or any of its names; a free key may only be preferred."""
    op: Operator | msgspec.UnsetType = msgspec.UNSET
    """How the value is compared; `eq`, of a free key `present`, if left out."""
    value: Scalar | Annotated[list[Scalar], msgspec.Meta(max_length=20)] | None = None
    """A list for `in`, `nin` and `between`; none for `present` and `absent`."""
    unit: Annotated[str, msgspec.Meta(max_length=limits.input_chars_max)] | None = None
    """Unit of a bare number, as people write it; the attribute's own if left out."""
    level: Level = "must"
    """A must unmet makes an offer fail; a preference only ranks."""
    weight: Annotated[int, msgspec.Meta(ge=1, le=10)] = 1
    """Weight of a preference, 1-10."""


class DraftItem(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One thing wanted."""

    name: Line
    """In your words."""
    qty: str | int | float = "1"
    """Number and unit: `2`, `1 each`, `500 g`."""
    substitute: Literal["exact", "similar"] = "similar"
    """Whether something like it will do."""
    attrs: Annotated[list[DraftWish], msgspec.Meta(max_length=40)] = []
    """What it must and should be."""


class DraftWindow(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Days, local to a zone."""

    start: Day
    """First day."""
    end: Day
    """Last day."""
    tz: Annotated[str, msgspec.Meta(max_length=40)] | msgspec.UnsetType = msgspec.UNSET
    """IANA zone; that of the place if left out."""
    flex_days: Annotated[int, msgspec.Meta(ge=0, le=30)] = 0
    """How far either end may move, days, 0-30."""


class DraftWhere(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A circle around a place, or anywhere."""

    near: Line | msgspec.UnsetType = msgspec.UNSET
    """A name, `lat,lon` or an H3 cell; must stand unless `remote`."""
    radius_km: Annotated[int, msgspec.Meta(ge=0, le=limits.place_radius_km_max)] = 25
    """Kilometres around it, 0-20,000."""
    area_km2: Literal[5, 36, 250, 1_800] = 5
    """Size of the area that is public, about, in km2."""
    remote: bool = False
    """Anywhere, by wire or post; the other members are not read then."""


class DraftBudget(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What may be spent."""

    max: Amount | msgspec.UnsetType = msgspec.UNSET
    """Most you will pay."""
    target: Amount | msgspec.UnsetType = msgspec.UNSET
    """What you hope to pay."""
    visibility: Literal["local", "public"] = "local"
    """`local` never leaves your node and only ranks; `public` is for everybody."""


class DraftCode(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The category in somebody else's tree."""

    scheme: Literal["google", "unspsc", "naics", "gs1"]
    """Whose tree."""
    code: Text40
    """The code in it, at most 40 characters."""


class DraftMembership(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A programme you belong to."""

    programme: Programme
    """As the programme calls itself, 1-60 characters."""
    tier: Text40 | None = None
    """Tier within it."""


class DraftRequirement(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a vendor's profile must show for its offer to count."""

    domain: bool = False
    """The profile names a domain."""
    parties: Annotated[list[Text40], msgspec.Meta(max_length=6)] = []
    """Party kinds that may answer; empty means any."""


class CastDraft(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A request for offers. Nothing of it becomes public but what the preview shows."""

    title: Line
    """One line; public."""
    text: Annotated[str, msgspec.Meta(max_length=2_000)] = ""
    """Free words, at most 2,000 characters; public, never parsed."""
    lang: Annotated[str, msgspec.Meta(max_length=12)] = "en"
    """BCP 47 language of title and text: `en`, `de-AT`."""
    category: Annotated[str, msgspec.Meta(max_length=160, pattern=r"\S")]
    """Path of a category, or words that mean exactly one."""
    codes: Annotated[list[DraftCode], msgspec.Meta(max_length=8)] = []
    """The same category in other trees."""
    function: Function = "buy"
    """What is to be done with the items."""
    items: Annotated[list[DraftItem | Line], msgspec.Meta(min_length=1, max_length=20)]
    """What is wanted; a bare text is an item's name."""
    when: Annotated[list[DraftWindow], msgspec.Meta(max_length=5)] = []
    """Any of these windows will do; any time if left out."""
    where: DraftWhere | None = None
    """Where; remote if left out."""
    budget: DraftBudget | Amount | None = None
    """What may be spent; a bare text is the most, kept local."""
    readiness: Literal["browsing", "comparing", "ready", "urgent"] = "ready"
    """How near to buying."""
    decide_by: Annotated[str, msgspec.Meta(max_length=40)] = "+14d"
    """When you mean to choose: a date, or `+14d`, `+12h` from now; at most 60 days ahead."""
    vendor_req: DraftRequirement | None = None
    """Who may answer; anybody if left out."""
    memberships: Annotated[list[DraftMembership | Programme], msgspec.Meta(max_length=20)] = []
    """Programmes you belong to; public; no numbers."""
    terms: Annotated[list[str], msgspec.Meta(min_length=1, max_length=8)] | msgspec.UnsetType = (
        msgspec.UNSET
    )
    """Your terms, best first: roster codes of IEEE 7012; `PDC-INTENT`, `SD-BASE` if left out."""
    max_offers: Annotated[int, msgspec.Meta(ge=1, le=256)] = 64
    """Offers taken at most, 1-256."""
    disclose: Annotated[dict[FieldName, FieldValue], msgspec.Meta(max_length=16)] = {}
    """Field -> value, for the vendor of an agreement alone."""
    audience: Literal["open"] = "open"
    """Others come in a later version."""
    award: Literal["single"] = "single"
    """Others come in a later version."""
    standing: Annotated[bool, msgspec.Meta(extra_json_schema={"const": False})] = False
    """Standing requests come in a later version."""
