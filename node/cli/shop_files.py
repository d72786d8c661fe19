"""A home that sells: its two files, and the feeds that fill its catalogue.

Enters: a person's answers, feed files. Leaves: `vendor.toml` and `rules.toml`, import reports. The
running node imports when there is one; otherwise the home is locked and its database opened here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from node.api.kinds import ErrorKind, kind_of
from node.cli.requests import read_distance
from node.cli.session import Session
from node.clock import SystemClock
from node.errors import NotFoundError, RefusedError
from node.home import DATABASE_FILE, LOCK_FILE, prepare_home
from node.vendor.storekeeper import IDENTITY_FILE, RULES_FILE
from protocol.errors import IntentcastError, LocalProtocolError


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What `vendor init` was told."""

    name: str
    """What people call the shop."""
    areas: Sequence[str] = field(default_factory=list)
    """`Berlin 20km`, each."""
    categories: Sequence[str] = field(default_factory=list)
    """Category paths."""
    currency: str = "EUR"
    """ISO 4217 code."""
    email: str = ""
    """Shown to everybody."""
    phone: str = ""
    """Shown to everybody."""
    web: str = ""
    """Shown to everybody."""


def write_shop(session: Session, answers: Answers) -> list[Path]:
    """Write both files of a shop; files that are there stay unless the person says otherwise.

    Raises:
        IntentcastError: E-VENDOR, E-RULES, E-PLACE, E-CATEGORY, E-MONEY, E-FILE-EXISTS, E-HOME.
    """
    from node.data.vocabulary import attribute_vocabulary, category_tree
    from node.vendor.identity import Identity, save_identity
    from node.vendor.rules import parse_rules
    from node.vendor.rules_template import rules_template
    from protocol.values.money import parse_amount

    tree = category_tree()
    for path in answers.categories:
        tree.check(path)
    currency = answers.currency.upper()
    parse_amount("1", currency)
    contact = {"email": answers.email, "phone": answers.phone, "web": answers.web}
    identity = Identity(
        name=answers.name.strip(),
        areas=tuple(_area(text) for text in answers.areas),
        categories=tuple(answers.categories),
        contact={name: text for name, text in contact.items() if text},
    )
    # Without a place nobody can pick anything up.
    mode, when = ("pickup", "at") if answers.areas else ("delivery", "before")
    rules = rules_template(currency, mode=mode, when=when)
    parse_rules(rules, vocabulary=attribute_vocabulary(), tree=tree)
    files = _free_files(session, [IDENTITY_FILE, RULES_FILE])
    save_identity(files[0], identity, tree=tree)
    files[1].write_text(rules, encoding="utf-8")
    return files


def write_example(session: Session, name: str) -> list[Path]:
    """Make a home the example shop of that name: its two files and its feed.

    Raises:
        IntentcastError: E-EXAMPLE, E-FILE-EXISTS, E-HOME.
    """
    from node.vendor.showcase import shop_files

    shipped = shop_files(name)
    files = _free_files(session, list(shipped))
    for path, source in zip(files, shipped.values(), strict=True):
        path.write_bytes(source.read_bytes())
    return files


def _free_files(session: Session, names: list[str]) -> list[Path]:
    """Give the paths of a home's shop files, which stay unless the person says otherwise."""
    home = prepare_home(session.home)
    files = [home / name for name in names]
    there = [path for path in files if path.exists()]
    if there and not session.confirm(f"Overwrite {', '.join(path.name for path in there)}?"):
        raise RefusedError(
            f"{there[0]} is there already",
            code="E-FILE-EXISTS",
            fix="Edit it, or name another home with --home DIR",
        )
    return files


def _area(text: str) -> Any:
    from node.data.gazetteer import resolve_near
    from node.vendor.identity import Area
    from protocol import limits
    from protocol.values.place import cell_of

    name, _, distance = text.strip().rpartition(" ")
    if not name or not distance[:1].isdigit():
        raise LocalProtocolError(
            f"--area '{text[:60]}' is not a place and a distance",
            code="E-PLACE",
            fix='Write:  --area "Berlin 20km"',
            field="--area",
        )
    radius_km = read_distance(distance, "--area")
    place = resolve_near(name)
    cell = cell_of(place.lat, place.lon, limits.public_place_resolution_max)
    return Area(place=name, cell=cell, radius_km=radius_km)


def check_shop(home: Path) -> None:
    """Refuse a home that sells nothing, or whose files are broken.

    Raises:
        RefusedError: E-NO-SHOP.
        ConfigError: E-VENDOR or E-RULES, naming file, line and key.
    """
    from node.data.vocabulary import attribute_vocabulary, category_tree
    from node.vendor.identity import load_identity
    from node.vendor.rules import load_rules

    if not (home / IDENTITY_FILE).is_file():
        raise RefusedError(
            f"the home {home} has no shop",
            code="E-NO-SHOP",
            fix='Make one:  intentcast vendor init --name "..."        or name it with --home DIR',
        )
    tree = category_tree()
    load_identity(home / IDENTITY_FILE, tree=tree)
    load_rules(home / RULES_FILE, vocabulary=attribute_vocabulary(), tree=tree)


def feed_orders(
    session: Session, feed: str | None, options: dict[str, Any]
) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Give the feeds to import, each with everything that is said about it.

    Raises:
        NotFoundError: E-FILE.
        RefusedError: E-NO-SHOP or E-NO-FEED.
    """
    home = session.home
    check_shop(home)
    said = {name: value for name, value in options.items() if value not in (None, False)}
    if feed is not None:
        path = Path(feed)
        yield _existing(path), {"source": path.name, **said}
        return
    from node.data.vocabulary import category_tree
    from node.vendor.identity import load_identity

    feeds = load_identity(home / IDENTITY_FILE, tree=category_tree()).feeds
    if not feeds:
        raise RefusedError(
            "vendor.toml names no feed",
            code="E-NO-FEED",
            fix="Name a file:  intentcast vendor import FEED",
        )
    for known in feeds:
        habits, form = known.habits, known.options
        given: dict[str, Any] = {
            "source": habits.source,
            "currency": habits.currency,
            "decimal_comma": habits.decimal_comma,
            "category": habits.category,
            "price_unit": habits.price_unit,
            "encoding": form.encoding,
            "delimiter": form.delimiter,
        }
        yield _existing(home / known.file), given | said


def to_keep(home: Path, path: Path, given: dict[str, Any]) -> bool:
    """Tell whether what was said of a feed stands in no file and would have to be said again."""
    from node.data.vocabulary import category_tree
    from node.vendor.identity import HABITS, load_identity

    feeds = load_identity(home / IDENTITY_FILE, tree=category_tree()).feeds
    is_known = any((home / feed.file).absolute() == path.absolute() for feed in feeds)
    return not is_known and any(given.get(name) for name in HABITS)


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise NotFoundError(f"there is no file {path}", code="E-FILE", fix="Check its name")
    return path


def import_one(session: Session, path: Path, options: dict[str, Any]) -> dict[str, Any]:
    """Import through the running node, or into the home of one that is down."""
    try:
        client = session.client()
    except IntentcastError as error:
        if kind_of(error) is not ErrorKind.NODE_DOWN:
            raise
        return asyncio.run(_import_offline(session.home, path, options))
    with path.open("rb") as file:
        return client.post_file("/v1/vendor/import", file, **options)


async def _import_offline(home: Path, path: Path, options: dict[str, Any]) -> dict[str, Any]:
    from node.storage.database import Storage
    from node.storage.lock import HomeLock
    from node.vendor.storekeeper import import_report

    clock = SystemClock()
    lock = HomeLock.acquire(prepare_home(home) / LOCK_FILE)
    try:
        storage = await Storage.open(home / DATABASE_FILE, clock=clock)
        try:
            return await import_report(storage, path, options, now_ms=clock.now().wall_ms)
        finally:
            await storage.close()
    finally:
        lock.release()
