"""The vendor's own rules: what a quote may cost, promise and leave out.

Enters: `rules.toml`, checked key by key against the shipped vocabulary. Leaves: a frozen `Rules`;
`WatchedRules` reads the file again when it changed and keeps the last good one while it is being
edited. Nothing here prices anything. Every key: docs/reference/vendor-rules.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from node.errors import ConfigError
from node.storage.catalogue import StatedFact
from node.toml_tables import Table, TomlFile, read_toml
from protocol import limits
from protocol.errors import LocalProtocolError, ObjectError
from protocol.market.roster import ROSTER, known_terms
from protocol.now import DAY_MS, HOUR_MS, MINUTE_MS
from protocol.values.attributes import AttributeVocabulary
from protocol.values.category import CategoryTree
from protocol.values.money import MINOR_DIGITS
from protocol.values.place import resolution_of
from protocol.values.spelling import nearest

CODE: Final = "E-RULES"
_LIST_MAX: Final = 50
_DAYS_MAX: Final = 3_650
_VALIDITY_MS_MAX: Final = 60 * DAY_MS
_PER: Final = ("once", "each", "day", "each-day")
_MODES: Final = ("pickup", "delivery", "onsite", "remote")
_TAXED: Final = ("item", "fee", "delivery")


@dataclass(frozen=True, slots=True, kw_only=True)
class Discount:
    """A price lowered when something holds."""

    name: str
    """Stands on the offer."""
    percent: Decimal
    """Of the articles' price, 0..90."""
    category: str = ""
    """Only at or below it."""
    over_days: int = 0
    """Only for rentals of at least so many days."""
    over_qty: int = 0
    """Only for at least so many pieces."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MembershipPrice:
    """What belonging to a programme is worth."""

    programme: str
    """As the programme calls itself; case and punctuation do not count."""
    tier: str = ""
    """Only in this tier; empty means any."""
    percent: Decimal | None = None
    """Of the articles' price, 0..90."""
    price_minor: int | None = None
    """Instead: price of one unit, minor units."""
    category: str = ""
    """Only at or below it."""
    waives: tuple[str, ...] = ()
    """Names of fees that fall away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Season:
    """Days of the year with another price."""

    name: str
    """For `--explain`."""
    percent: Decimal
    """Added to the price, -90..300."""
    start: str
    """First day, month-day."""
    end: str
    """Last day, month-day; may lie before the first, across the new year."""
    category: str = ""
    """Only at or below it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tax:
    """A tax."""

    name: str
    """Stands on the offer."""
    percent: Decimal
    """0..100."""
    included: bool
    """True when prices hold it already: then no line, but a note."""
    on: tuple[str, ...]
    """Kinds of lines it is due on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fee:
    """Something added, or offered beside."""

    name: str
    """Stands on the offer."""
    amount: int
    """Minor units."""
    per: str
    """once, each (piece), day, each-day."""
    optional: bool
    """True when the buyer may choose it; then it is outside the total."""
    category: str = ""
    """Only at or below it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """The shop brings it."""

    radius_km: int
    """So far from the shop."""
    price: int | None
    """Minor units; None takes what the feed says per article."""
    free_over: int | None
    """No charge from this sum of articles on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancel:
    """What leaving costs."""

    hours_before: int
    """Up to so many hours before the first day."""
    fee: int
    """Minor units."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """All rules of one shop."""

    currency: str
    """The one currency of its quotes."""
    validity_ms: int = 48 * HOUR_MS
    """How long a quote holds."""
    confirm_within_ms: int = limits.confirm_within_firm_ms
    """How soon an acceptance is answered."""
    firm: bool = True
    """Whether the node confirms by itself."""
    quote_unmet: bool = False
    """Whether to quote when no article meets every must."""
    quote_unknown: bool = True
    """Whether to quote when a must cannot be answered from the feed."""
    over_budget: str = "quote"
    """quote or skip, when the total is over a public budget."""
    quotes_per_hour_max: int = 600
    """More are left unanswered."""
    note: str = ""
    """Free words on every quote."""
    substitute: str = "exact"
    """exact or similar."""
    stock_hold: bool = False
    """Whether a quoted article is held while the quote is valid."""
    warranty_months: int | None = None
    """Promised months."""
    rent_count: str = "nights"
    """nights (20th to 25th is five) or days (six)."""
    days_min: int = 1
    """Shortest rental."""
    days_max: int = _DAYS_MAX
    """Longest rental."""
    lead_days: int = 0
    """Notice needed before the first day."""
    floor_percent: Decimal | None = None
    """Never under so much of the list price."""
    discounts: tuple[Discount, ...] = ()
    memberships: tuple[MembershipPrice, ...] = ()
    seasons: tuple[Season, ...] = ()
    taxes: tuple[Tax, ...] = ()
    fees: tuple[Fee, ...] = ()
    mode: str = "pickup"
    """How buyers usually get it."""
    cell: str = ""
    """Where the shop stands; empty takes the profile's area."""
    radius_km: int | None = None
    """How far away buyers may be; None takes the profile's area."""
    delivery: Delivery | None = None
    deposit: int | None = None
    """Deposit per piece when the feed states none."""
    pay_methods: tuple[str, ...] = ("card",)
    pay_when: str = "at"
    pay_link: str | None = None
    cancels: tuple[Cancel, ...] = ()
    terms_accept: tuple[str, ...] | None = None
    """Buyer's terms accepted; None takes the profile's."""
    terms_alternative: str | None = None
    """Named when none of the buyer's is accepted."""
    terms_needed: bool = False
    """Whether to stay silent when none is accepted and no alternative is named."""
    facts: dict[str, dict[str, StatedFact]] = field(default_factory=dict)
    """Category path with own attributes -> key -> fact about every article there."""

    def facts_for(self, category: str) -> dict[str, StatedFact]:
        """Give what is true of every article of a category, from the root down."""
        found: dict[str, StatedFact] = {}
        for path, facts in sorted(self.facts.items()):
            if not path or category == path or category.startswith(path + "/"):
                found |= facts
        return found


def parse_rules(
    text: str, *, vocabulary: AttributeVocabulary, tree: CategoryTree, name: str = "rules.toml"
) -> Rules:
    """Read rules.

    Raises:
        ConfigError: E-RULES with file, line, key, allowed range and nearest key.
    """
    root = TomlFile(name=name, text=text, code=CODE).root()
    currency = root.required("currency", chars_max=3).upper()
    if currency not in MINOR_DIGITS:
        raise root.wrong("currency", f"is {currency}", 'Write an ISO 4217 code, such as "USD"')
    reader = _RulesReader(root, currency, vocabulary, tree)
    rules = Rules(
        currency=currency,
        **reader.quotes(),
        **reader.rent(),
        **reader.prices(),
        **reader.fulfilment(),
        **reader.payment(),
        **reader.terms(),
        facts=reader.facts(),
    )
    root.done()
    return rules


def load_rules(path: Path, *, vocabulary: AttributeVocabulary, tree: CategoryTree) -> Rules:
    """Read a rules file.

    Raises:
        ConfigError: E-RULES.
    """
    file = read_toml(path, CODE)
    return parse_rules(file.text, vocabulary=vocabulary, tree=tree, name=file.name)


class WatchedRules:
    """A rules file that may be edited while the shop is open."""

    def __init__(self, path: Path, *, vocabulary: AttributeVocabulary, tree: CategoryTree) -> None:
        """Read the file once.

        Raises:
            ConfigError: E-RULES; a shop does not open on broken rules.
        """
        self._path = path
        self._vocabulary = vocabulary
        self._tree = tree
        self._seen = self._stamp()
        self._rules = load_rules(path, vocabulary=vocabulary, tree=tree)
        self.problem: ConfigError | None = None
        """Why the file as it stands now is not used; None when it is."""

    def _stamp(self) -> tuple[int, int, int] | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino

    def current(self) -> Rules:
        """Give the rules in force; reads the file again when it changed."""
        stamp = self._stamp()
        if stamp != self._seen:
            self._seen = stamp
            try:
                self._rules = load_rules(self._path, vocabulary=self._vocabulary, tree=self._tree)
                self.problem = None
            except ConfigError as error:
                self.problem = error
        return self._rules


class _RulesReader:
    """Reads the tables of one file."""

    def __init__(
        self, root: Table, currency: str, vocabulary: AttributeVocabulary, tree: CategoryTree
    ) -> None:
        self._root = root
        self._currency = currency
        self._vocabulary = vocabulary
        self._tree = tree

    def _category(self, table: Table) -> str:
        def check(path: str) -> str:
            self._tree.check(path)
            return path

        return table.checked("category", check, "")

    def quotes(self) -> dict[str, Any]:
        """Read [quote]."""
        table = self._root.table("quote")
        firm = table.flag("firm", default=True)
        found = {
            "firm": firm,
            "validity_ms": table.duration_ms(
                "validity", 48 * HOUR_MS, 10 * MINUTE_MS, _VALIDITY_MS_MAX
            ),
            "confirm_within_ms": table.duration_ms(
                "confirm_within",
                limits.confirm_within_firm_ms if firm else limits.confirm_within_ms_max,
                limits.confirm_within_ms_min,
                limits.confirm_within_ms_max,
            ),
            "quote_unmet": table.flag("quote_unmet", default=False),
            "quote_unknown": table.flag("quote_unknown", default=True),
            "over_budget": table.choice("over_budget", "quote", ("quote", "skip")),
            "quotes_per_hour_max": table.whole("quotes_per_hour_max", 600, 1, 100_000),
            "note": table.text("note", chars_max=500),
            "substitute": table.choice("substitute", "exact", ("exact", "similar")),
            "stock_hold": table.flag("stock_hold", default=False),
            "warranty_months": table.whole("warranty_months", None, 0, 600),
        }
        table.done()
        return found

    def rent(self) -> dict[str, Any]:
        """Read [rent]."""
        table = self._root.table("rent")
        found = {
            "rent_count": table.choice("count", "nights", ("nights", "days")),
            "days_min": table.whole("days_min", 1, 1, _DAYS_MAX),
            "days_max": table.whole("days_max", _DAYS_MAX, 1, _DAYS_MAX),
            "lead_days": table.whole("lead_days", 0, 0, 365),
        }
        if int(found["days_min"] or 1) > int(found["days_max"] or _DAYS_MAX):
            raise table.wrong("days_min", "is more than days_max", "Lower it")
        table.done()
        return found

    def prices(self) -> dict[str, Any]:
        """Read [price] and everything repeated that changes a price."""
        table = self._root.table("price")
        found = {
            "floor_percent": table.percent("floor_percent", 0, 100),
            "deposit": table.money("deposit", self._currency),
        }
        table.done()
        root = self._root
        return {
            **found,
            "discounts": tuple(map(self._discount, root.tables("discount", _LIST_MAX))),
            "memberships": tuple(map(self._membership, root.tables("membership", _LIST_MAX))),
            "seasons": tuple(map(self._season, root.tables("season", _LIST_MAX))),
            "taxes": tuple(map(self._tax, root.tables("tax", 5))),
            "fees": tuple(map(self._fee, root.tables("fee", 20))),
        }

    def _discount(self, table: Table) -> Discount:
        percent = table.percent("percent", 0, 90)
        if percent is None:
            raise table.wrong("percent", "is missing", "Add percent = 10")
        found = Discount(
            name=table.text("name", "Discount", chars_max=80),
            percent=percent,
            category=self._category(table),
            over_days=table.whole("over_days", 0, 0, _DAYS_MAX) or 0,
            over_qty=table.whole("over_qty", 0, 0, 1_000_000) or 0,
        )
        table.done()
        return found

    def _membership(self, table: Table) -> MembershipPrice:
        found = MembershipPrice(
            programme=table.required("programme", chars_max=60),
            tier=table.text("tier", chars_max=40),
            percent=table.percent("percent", 0, 90),
            price_minor=table.money("price", self._currency),
            category=self._category(table),
            waives=table.texts("waives", most=20),
        )
        if found.percent is not None and found.price_minor is not None:
            raise table.wrong("price", "stands beside percent", "Keep one of the two")
        if found.percent is None and found.price_minor is None and not found.waives:
            raise table.wrong("percent", "is missing", "Add percent, price or waives")
        table.done()
        return found

    def _season(self, table: Table) -> Season:
        percent = table.percent("percent", -90, 300)
        start, end = table.month_day("start"), table.month_day("end")
        if percent is None or not start or not end:
            raise table.wrong(
                "percent", "or start or end is missing", 'Add start = "12-20", end = "01-06"'
            )
        found = Season(
            name=table.text("name", "Season", chars_max=80),
            percent=percent,
            start=start,
            end=end,
            category=self._category(table),
        )
        table.done()
        return found

    def _tax(self, table: Table) -> Tax:
        percent = table.percent("percent", 0, 100)
        if percent is None:
            raise table.wrong("percent", "is missing", "Add percent = 19")
        on = table.texts("on", _TAXED, most=3)
        if not set(on) <= set(_TAXED):
            raise table.wrong("on", "names another kind of line", f"Use: {', '.join(_TAXED)}")
        found = Tax(
            name=table.text("name", "Tax", chars_max=80),
            percent=percent,
            included=table.flag("included", default=False),
            on=on,
        )
        table.done()
        return found

    def _fee(self, table: Table) -> Fee:
        amount = table.money("amount", self._currency)
        if amount is None:
            raise table.wrong("amount", "is missing", f'Add amount = "25 {self._currency}"')
        found = Fee(
            name=table.required("name", chars_max=120),
            amount=amount,
            per=table.choice("per", "once", _PER),
            optional=table.flag("optional", default=False),
            category=self._category(table),
        )
        table.done()
        return found

    def fulfilment(self) -> dict[str, Any]:
        """Read [fulfil] and [delivery]."""
        table = self._root.table("fulfil")
        found = {
            "mode": table.choice("mode", "pickup", _MODES),
            "cell": table.checked("cell", _cell, ""),
            "radius_km": table.whole("radius_km", None, 0, limits.place_radius_km_max),
        }
        table.done()
        delivery = None
        if "delivery" in self._root:
            part = self._root.table("delivery")
            delivery = Delivery(
                radius_km=part.whole("radius_km", 0, 0, limits.place_radius_km_max) or 0,
                price=part.money("price", self._currency),
                free_over=part.money("free_over", self._currency),
            )
            part.done()
        return {**found, "delivery": delivery}

    def payment(self) -> dict[str, Any]:
        """Read [pay] and [[cancel]]."""
        table = self._root.table("pay")
        link = table.text("link", chars_max=200)
        if link and not link.startswith("https://"):
            raise table.wrong("link", "is not an https:// address", 'Write "https://..."')
        found = {
            "pay_methods": table.texts("methods", ("card",), most=8, chars_max=40),
            "pay_when": table.choice("when", "at", ("before", "at", "after")),
            "pay_link": link or None,
        }
        if not found["pay_methods"]:
            raise table.wrong("methods", "is empty", 'Write methods = ["card", "cash"]')
        table.done()
        cancels = tuple(map(self._cancel, self._root.tables("cancel", 10)))
        return {**found, "cancels": cancels}

    def _cancel(self, table: Table) -> Cancel:
        found = Cancel(
            hours_before=table.whole("hours_before", 0, 0, 8_760) or 0,
            fee=table.money("fee", self._currency) or 0,
        )
        table.done()
        return found

    def terms(self) -> dict[str, Any]:
        """Read [terms]."""
        table = self._root.table("terms")
        accept = table.texts("accept", most=12, chars_max=32) if "accept" in table else None
        found = {
            "terms_accept": accept,
            "terms_alternative": table.text("alternative", chars_max=32) or None,
            "terms_needed": table.flag("needed", default=False),
        }
        for key, codes in (
            ("accept", accept or ()),
            ("alternative", (found["terms_alternative"],)),
        ):
            for code in codes:
                if code is not None and not known_terms(str(code)):
                    close = nearest(str(code), ROSTER, 2)
                    raise table.wrong(
                        key,
                        f"names {code}, which is not of the roster",
                        f"Did you mean {' or '.join(close)}?" if close else "Use SD-BASE",
                    )
        table.done()
        return found

    def facts(self) -> dict[str, dict[str, StatedFact]]:
        """Read [facts]: each value is read in every category that has the attribute."""
        table = self._root.table("facts")
        found: dict[str, dict[str, StatedFact]] = {}
        for name in table.keys():  # noqa: SIM118 - not a mapping
            text = _fact_text(table, name)
            self._place_fact(table, name, text, found)
        return found

    def _place_fact(
        self, table: Table, name: str, text: str, found: dict[str, dict[str, StatedFact]]
    ) -> None:
        known = placed = False
        refusal: LocalProtocolError | None = None
        for path in dict.fromkeys(["", *self._vocabulary.categories()]):
            key = self._vocabulary.find_key(path, name)
            if key is None or key not in self._vocabulary.own(path):
                continue
            known = True
            try:
                read = self._vocabulary.own(path)[key].parse_value(text)
            except LocalProtocolError as error:
                refusal = error
                continue
            found.setdefault(path, {})[key] = StatedFact(value=read.value, unit=read.unit)
            placed = True
        if refusal is not None and not placed:
            raise table.wrong(name, refusal.sentence, refusal.fix)
        if not known:
            close = nearest(name, self._every_key(), 3)
            raise table.wrong(
                name,
                "is not an attribute of any category",
                f"Did you mean {', '.join(close)}?" if close else "See: intentcast categories",
            )

    def _every_key(self) -> list[str]:
        return sorted(
            {key for path in self._vocabulary.categories() for key in self._vocabulary.own(path)}
        )


def _fact_text(table: Table, name: str) -> str:
    value = table.raw(name)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(str(part) for part in value[:32])
    if isinstance(value, str | int | Decimal):
        return str(value)
    raise table.wrong(name, "is not a value", "Write a text, a number, true or false")


def _cell(text: str) -> str:
    try:
        resolution_of(text)
    except ObjectError as error:
        raise LocalProtocolError(
            "is not an H3 cell", code=CODE, fix="Copy the cell of an area in vendor.toml"
        ) from error
    return text
