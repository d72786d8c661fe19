"""Who the shop is: `vendor.toml`, written once by `vendor init` and edited by its owner.

Enters: that file, or the answers to a few questions. Leaves: an `Identity`, the profile it signs,
the shop as matching sees it, and how its feed is to be read. Keys and mailboxes are not in it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec

from node.errors import ConfigError
from node.toml_tables import Table, TomlFile, read_toml
from node.vendor.feeds import FeedOptions
from node.vendor.matching import Shop
from node.vendor.prices import ShopHabits
from protocol import limits
from protocol.errors import IntentcastError, LocalProtocolError
from protocol.market.roster import ROSTER, known_terms
from protocol.objects.profile import Contact, Profile
from protocol.objects.reply import Reply
from protocol.values.category import CategoryTree
from protocol.values.money import MINOR_DIGITS
from protocol.values.place import Where, check_public_place
from protocol.values.spelling import nearest
from protocol.values.units import UNITS

CODE: Final = "E-VENDOR"
_PARTIES: Final = ("vendor", "person", "agency", "club", "arbiter", "agent")
_AREAS_MAX: Final = 20
_CATEGORIES_MAX: Final = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Area:
    """Where the shop serves."""

    place: str
    """For people: `Park City, UT`."""
    cell: str
    """H3 cell of resolution 7 or coarser."""
    radius_km: int
    """Around it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedSource:
    """A feed of the shop and how to read it."""

    file: str
    """Name, relative to `vendor.toml`."""
    habits: ShopHabits
    """What its numbers mean."""
    options: FeedOptions
    """How its bytes are read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What a shop says about itself."""

    name: str
    """What people call it."""
    party: str = "vendor"
    """Kind of party."""
    acts_for: str = "none"
    """Whose side an agency is on."""
    areas: tuple[Area, ...] = ()
    """Where it serves; the first is where it stands; none means anywhere."""
    categories: tuple[str, ...] = ()
    """Category prefixes it answers to; none means all it has on offer."""
    hours: str = ""
    """Opening hours, OpenStreetMap notation."""
    capabilities: tuple[str, ...] = ()
    """What it can do, in its own words."""
    terms: tuple[str, ...] = ("PDC-INTENT", "SD-BASE")
    """Buyer's terms it accepts."""
    domain: str = ""
    """Domain that claims its key; empty when none."""
    contact: dict[str, str] = field(default_factory=dict)
    """email, phone, web, street; shown as text."""
    feeds: tuple[FeedSource, ...] = ()
    """What it imports."""

    def shop(self) -> Shop:
        """Give what matching needs."""
        first = self.areas[0] if self.areas else None
        return Shop(
            party=self.party,
            domain=self.domain,
            cell=first.cell if first else "",
            radius_km=first.radius_km if first else 0,
            categories=self.categories,
            terms=self.terms,
        )

    def profile(self, reply: Reply) -> Profile:
        """Make the body of its profile.

        Raises:
            LocalProtocolError: E-VENDOR when a field breaks a rule of the protocol.
        """
        body = Profile(
            name=self.name,
            party=self.party,  # type: ignore[arg-type]  # converted and checked below
            acts_for=self.acts_for,  # type: ignore[arg-type]
            categories=list(self.categories),
            areas=[Where(cell=area.cell, radius_km=area.radius_km) for area in self.areas],
            hours=self.hours,
            capabilities=list(self.capabilities),
            terms=list(self.terms),
            contact=Contact(**self.contact) if self.contact else None,
            domain=self.domain or None,
            reply=reply,
        )
        try:
            tree = msgspec.to_builtins(body, builtin_types=(bytes,))
            checked = msgspec.convert(tree, Profile, strict=True)
            checked.check()
        except (msgspec.ValidationError, IntentcastError) as error:
            raise LocalProtocolError(
                f"this shop cannot be announced: {error}",
                code=CODE,
                fix="Correct vendor.toml",
            ) from error
        return checked


def parse_identity(text: str, *, tree: CategoryTree, name: str = "vendor.toml") -> Identity:
    """Read an identity.

    Raises:
        ConfigError: E-VENDOR with file, line and key.
    """
    root = TomlFile(name=name, text=text, code=CODE).root()
    categories = root.texts("categories", most=_CATEGORIES_MAX, chars_max=limits.category_chars_max)
    for path in categories:
        try:
            tree.check(path)
        except LocalProtocolError as error:
            raise root.wrong("categories", error.sentence, error.fix) from error
    terms = root.texts("terms", ("PDC-INTENT", "SD-BASE"), most=12, chars_max=32)
    for code in terms:
        if not known_terms(code):
            close = nearest(code, ROSTER, 2)
            fix = f"Did you mean {' or '.join(close)}?" if close else "Use SD-BASE"
            raise root.wrong("terms", f"names {code}, which is not of the roster", fix)
    identity = Identity(
        name=root.required("name", chars_max=80),
        party=root.choice("party", "vendor", _PARTIES),
        acts_for=root.choice("acts_for", "none", ("seller", "buyer", "none")),
        areas=tuple(map(_area, root.tables("area", _AREAS_MAX))),
        categories=categories,
        hours=root.text("hours"),
        capabilities=root.texts("capabilities", most=20, chars_max=40),
        terms=terms,
        domain=root.text("domain").lower(),
        contact=_contact(root.table("contact")),
        feeds=tuple(_feed(part, tree) for part in root.tables("feed", 20)),
    )
    root.done()
    _check(identity, root)
    return identity


def load_identity(path: Path, *, tree: CategoryTree) -> Identity:
    """Read `vendor.toml`.

    Raises:
        ConfigError: E-VENDOR.
    """
    file = read_toml(path, CODE)
    return parse_identity(file.text, tree=tree, name=file.name)


def _check(identity: Identity, root: Table) -> None:
    """Hold the identity against the profile's own rules, with a way back that is none."""
    probe = Reply(box=bytes(32), reader=bytes(32), at=[bytes(32)], until=0)
    try:
        identity.profile(probe)
    except LocalProtocolError as error:
        raise root.wrong("name", error.sentence, error.fix) from error


def _area(table: Table) -> Area:
    area = Area(
        place=table.text("place", chars_max=120),
        cell=table.required("cell", chars_max=15),
        radius_km=table.whole("radius_km", 0, 0, limits.place_radius_km_max) or 0,
    )
    try:
        check_public_place(Where(cell=area.cell, radius_km=area.radius_km))
    except IntentcastError as error:
        raise table.wrong(
            "cell", f"is not usable: {error}", "Use an H3 cell of resolution 7"
        ) from error
    table.done()
    return area


def _contact(table: Table) -> dict[str, str]:
    widths = {"email": 120, "phone": 40, "web": 200, "street": 200}
    found = {key: table.text(key, chars_max=most) for key, most in widths.items()}
    table.done()
    return {key: text for key, text in found.items() if text}


def _feed(table: Table, tree: CategoryTree) -> FeedSource:
    def category(path: str) -> str:
        tree.check(path)
        return path

    file = table.required("file")
    currency = table.text("currency", chars_max=3).upper()
    if currency and currency not in MINOR_DIGITS:
        raise table.wrong("currency", f"is {currency}", 'Write an ISO 4217 code, such as "USD"')
    unit = table.text("price_unit", "each", chars_max=8)
    if unit not in UNITS:
        raise table.wrong("price_unit", f"is {unit}", "Write each, HUR, DAY, WEE, MON or KGM")
    found = FeedSource(
        file=file,
        habits=ShopHabits(
            source=table.text("source", file, chars_max=80),
            currency=currency,
            decimal_comma=table.flag("decimal_comma", default=False),
            category=table.checked("category", category, ""),
            price_unit=unit,
        ),
        options=FeedOptions(
            encoding=table.text("encoding", chars_max=20) or None,
            delimiter=table.text("delimiter", chars_max=4) or None,
        ),
    )
    table.done()
    return found


# --- writing -----------------------------------------------------------------------------------


def identity_text(identity: Identity) -> str:
    """Write `vendor.toml`, commented, so that its owner can edit it."""
    lines = [
        "# Who this shop is. Everybody on the network can read its profile.",
        f"name = {_quoted(identity.name)}",
        "# vendor, person, agency, club, arbiter or agent",
        f"party = {_quoted(identity.party)}",
    ]
    if identity.acts_for != "none":
        lines.append(f"acts_for = {_quoted(identity.acts_for)}")
    lines += [
        "# Categories answered to, with everything below them; empty means all that is on offer.",
        f"categories = {_quoted(list(identity.categories))}",
        "# Buyer's terms accepted (IEEE 7012 codes).",
        f"terms = {_quoted(list(identity.terms))}",
    ]
    for key in ("hours", "domain"):
        if getattr(identity, key):
            lines.append(f"{key} = {_quoted(getattr(identity, key))}")
    if identity.capabilities:
        lines.append(f"capabilities = {_quoted(list(identity.capabilities))}")
    for area in identity.areas:
        lines += ["", "# Where it serves; the first area is where it stands.", "[[area]]"]
        lines += [f"place = {_quoted(area.place)}", f"cell = {_quoted(area.cell)}"]
        lines.append(f"radius_km = {area.radius_km}")
    if identity.contact:
        lines += ["", "[contact]"]
        lines += [f"{key} = {_quoted(text)}" for key, text in identity.contact.items()]
    for feed in identity.feeds:
        lines += ["", *_feed_lines(feed)]
    return "\n".join(lines) + "\n"


HABITS = ("currency", "decimal_comma", "category", "price_unit", "encoding", "delimiter")
"""Keys of a `[[feed]]` that say how it is to be read."""


def feed_lines(file: Path, given: Mapping[str, Any]) -> list[str]:
    """Write a `[[feed]]` as `vendor.toml` has it.

    Args:
        file: the feed.
        given: what was said of it; other keys than those of a feed are left out.
    """
    source = given.get("source")
    said = {"file": str(file)} | ({"source": source} if source else {})
    said |= {key: given[key] for key in HABITS if given.get(key)}
    return ["[[feed]]", *(f"{key} = {_quoted(value)}" for key, value in said.items())]


def _feed_lines(feed: FeedSource) -> list[str]:
    habits, options = feed.habits, feed.options
    lines = ["# Read by `intentcast vendor import` without a file name.", "[[feed]]"]
    lines.append(f"file = {_quoted(feed.file)}")
    given = {
        "source": habits.source if habits.source != feed.file else "",
        "currency": habits.currency,
        "category": habits.category,
        "price_unit": habits.price_unit if habits.price_unit != "each" else "",
        "encoding": options.encoding or "",
        "delimiter": options.delimiter or "",
    }
    lines += [f"{key} = {_quoted(text)}" for key, text in given.items() if text]
    if habits.decimal_comma:
        lines.append("decimal_comma = true")
    return lines


def _quoted(value: Any) -> str:
    """Write a text or a list of texts as TOML, whose basic strings are those of JSON."""
    return json.dumps(value, ensure_ascii=False)


def save_identity(path: Path, identity: Identity, *, tree: CategoryTree) -> None:
    """Write `vendor.toml` whole or not at all.

    Raises:
        ConfigError: E-VENDOR when it would not be read back, or cannot be written.
    """
    text = identity_text(identity)
    parse_identity(text, tree=tree, name=path.name)
    partial = path.with_name(path.name + ".partial")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be written: {error.strerror}", code=CODE, fix="Check its folder"
        ) from error
