"""The intentcast: a person's own request for proposals, as everybody on the network sees it.

Leaves: the typed body and the checks that need nothing else. Only shapes are checked here; whether
the category and the keys exist is asked at signing and at matching (`protocol/values`).
Source: docs/protocol/11-intentcast.md.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Final, Literal

import msgspec

from protocol.errors import ObjectError, Reason
from protocol.objects.reply import Key32, Reply, UnixMs
from protocol.values.attributes import check_attribute_key_shape
from protocol.values.category import check_category_shape
from protocol.values.money import Money
from protocol.values.place import Where, check_public_place
from protocol.values.quantity import Quantity, decimal_of

Text40 = Annotated[str, msgspec.Meta(max_length=40)]
Text80 = Annotated[str, msgspec.Meta(max_length=80)]
LocalDate = Annotated[str, msgspec.Meta(pattern=r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")]
"""A calendar day in the zone beside it."""
Code = Annotated[str, msgspec.Meta(pattern=r"\A[A-Z][A-Z0-9-]{1,31}\Z")]
"""A terms code of the IEEE 7012 roster."""

_LISTED: Final = frozenset({"in", "nin", "between"})
_BARE: Final = frozenset({"present", "absent"})
_BOUNDS: Final = frozenset({"ge", "le"})
Operator = Literal["eq", "ne", "in", "nin", "ge", "le", "between", "present", "absent", "match"]
Level = Literal["must", "prefer"]
Function = Literal["buy", "rent", "hire", "repair", "subscribe"]


class AttributeConstraint(msgspec.Struct, frozen=True, omit_defaults=True):
    """One wish about one attribute."""

    key: Text40
    """Vocabulary key, or a free key (prefer only)."""
    op: Operator
    """How the value is compared."""
    value: (
        Annotated[str, msgspec.Meta(max_length=120)]
        | bool
        | Annotated[list[Text80], msgspec.Meta(max_length=20)]
        | None
    ) = None
    """Decimal string, slug, flag, or a list for in, nin and between; nil for present, absent."""
    unit: Annotated[str, msgspec.Meta(max_length=12)] | None = None
    """UN/CEFACT code of a number's unit."""
    level: Level = "must"
    """A must unmet makes an offer fail; a prefer only ranks."""
    weight: Annotated[int, msgspec.Meta(ge=1, le=10)] = 1
    """Weight of a prefer."""

    def check(self) -> None:
        """Refuse a value whose form does not suit its operator.

        Raises:
            ObjectError: BAD_SHAPE or OUT_OF_RANGE.
        """
        check_attribute_key_shape(self.key)
        op, value = self.op, self.value
        if (op in _BARE) != (value is None) or (op in _LISTED) != isinstance(value, list):
            raise ObjectError(Reason.BAD_SHAPE, f"value does not suit '{op}'", field=self.key)
        if op in _BOUNDS:
            decimal_of(str(value))
        if op == "between" and isinstance(self.value, list):
            low_high = [decimal_of(n) for n in self.value]
            if len(low_high) != 2 or low_high[0] > low_high[1]:  # noqa: PLR2004 - low and high
                raise ObjectError(Reason.OUT_OF_RANGE, "needs low and high", field=self.key)


class Item(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing wanted."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=120)]
    """In the buyer's words."""
    qty: Quantity
    """How much."""
    substitute: Literal["exact", "similar"] = "similar"
    """Whether something like it will do."""
    attrs: Annotated[list[AttributeConstraint], msgspec.Meta(max_length=40)] = []
    """What it must and should be."""


class Window(msgspec.Struct, frozen=True, omit_defaults=True):
    """Days, local to a zone."""

    start: LocalDate
    """First day."""
    end: LocalDate
    """Last day, not before the first."""
    tz: Annotated[str, msgspec.Meta(pattern=r"\A[A-Za-z0-9_+/-]{1,40}\Z")]
    """IANA zone."""
    flex_days: Annotated[int, msgspec.Meta(ge=0, le=30)] = 0
    """Days either end may move."""

    def days(self) -> tuple[date, date]:
        """Give the first and the last day.

        Raises:
            ValueError: one is no day of the calendar; `check` refuses it before anybody asks.
        """
        return date.fromisoformat(self.start), date.fromisoformat(self.end)

    def check(self, field: str = "when") -> None:
        """Refuse days that are none, and an end before the start.

        Raises:
            ObjectError: OUT_OF_RANGE, naming `field`.
        """
        try:
            first, last = self.days()
        except ValueError as error:
            raise ObjectError(Reason.OUT_OF_RANGE, "no day of the calendar", field=field) from error
        if last < first:
            raise ObjectError(Reason.OUT_OF_RANGE, "ends before it starts", field=field)


class Budget(msgspec.Struct, frozen=True, omit_defaults=True):
    """The public part of a budget; what stays local never stands here."""

    max: Money | None = None
    """Most the buyer will pay."""
    target: Money | None = None
    """What the buyer hopes to pay."""


class Membership(msgspec.Struct, frozen=True, omit_defaults=True):
    """A programme the buyer belongs to; no number is carried."""

    programme: Annotated[str, msgspec.Meta(min_length=1, max_length=60)]
    """As the programme calls itself."""
    tier: Text40 | None = None
    """Tier within it."""


class VendorRequirement(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a vendor's profile must show for its offer to count."""

    domain: bool = False
    """The profile names a domain."""
    parties: Annotated[list[Text40], msgspec.Meta(max_length=6)] = []
    """Party kinds that may answer; empty means any."""


class ForeignCode(msgspec.Struct, frozen=True):
    """A category of somebody else's tree, carried as data."""

    scheme: Literal["google", "unspsc", "naics", "gs1"]
    """Whose tree."""
    code: Text40
    """The code in it."""


class Intentcast(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Body of kind `intentcast`."""

    title: Annotated[str, msgspec.Meta(min_length=1, max_length=120)]
    """One line."""
    text: Annotated[str, msgspec.Meta(max_length=2000)] = ""
    """Free words; never parsed for state."""
    lang: Annotated[str, msgspec.Meta(pattern=r"\A[a-z]{2,3}(-[A-Za-z0-9]{2,8})?\Z")] = "en"
    """BCP 47 language of title and text."""
    category: str
    """Path of 1-4 slugs."""
    codes: Annotated[list[ForeignCode], msgspec.Meta(max_length=8)] = []
    """The same category in other trees."""
    function: Function = "buy"
    """What is to be done with the items."""
    items: Annotated[list[Item], msgspec.Meta(min_length=1, max_length=20)]
    """What is wanted."""
    when: Annotated[list[Window], msgspec.Meta(max_length=5)] = []
    """Any of these windows."""
    where: Where
    """A cell and radius, or remote."""
    budget: Budget | None = None
    """Only what the buyer made public."""
    readiness: Literal["browsing", "comparing", "ready", "urgent"] = "ready"
    """How near to buying."""
    decide_by: UnixMs
    """When the buyer means to choose."""
    nonce: Annotated[bytes, msgspec.Meta(min_length=16, max_length=16)]
    """The cast's keys derive from it."""
    supersedes: Key32 | None = None
    """The cast this one amends; same key."""
    audience: Literal["open"] = "open"
    """Open gossip (named audiences come later)."""
    vendor_req: VendorRequirement | None = None
    """Who may answer."""
    memberships: Annotated[list[Membership], msgspec.Meta(max_length=20)] = []
    """Programmes that may lower the price."""
    terms: Annotated[list[Code], msgspec.Meta(min_length=1, max_length=8)]
    """The buyer's proffered terms, best first."""
    reply: Reply
    """Where offers go."""
    max_offers: Annotated[int, msgspec.Meta(ge=1, le=256)] = 64
    """Most offers wanted."""
    award: Literal["single", "split", "none"] = "single"
    """How many may win."""
    standing: bool = False
    """Whether it stays open after an award."""

    def check(self) -> None:
        """Apply the rules between fields.

        Raises:
            ObjectError: OUT_OF_RANGE or BAD_SHAPE, naming the field.
        """
        check_category_shape(self.category)
        check_public_place(self.where)
        self.reply.check()
        for item in self.items:
            if decimal_of(item.qty.n) <= 0:
                raise ObjectError(Reason.OUT_OF_RANGE, "more than zero", field="items.qty")
            for attribute in item.attrs:
                attribute.check()
        for window in self.when:
            window.check()
        self._check_budget()

    def _check_budget(self) -> None:
        if self.budget and self.budget.max and self.budget.target:
            top, hope = self.budget.max, self.budget.target
            if top.cur != hope.cur or hope.minor > top.minor:
                raise ObjectError(Reason.OUT_OF_RANGE, "target above max", field="budget")

    def constraints(self) -> list[tuple[int, int, AttributeConstraint]]:
        """List every constraint with its item and attribute index, in signed order."""
        return [
            (i, a, attribute)
            for i, item in enumerate(self.items)
            for a, attribute in enumerate(item.attrs)
        ]
