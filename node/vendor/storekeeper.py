"""The keeper of one home's shop: answers the market from catalogue and rules.

Enters: verified requests, accepted offers, feeds to import. Leaves: offer bodies, a yes or no to an
acceptance, reports. A home without `vendor.toml` has a keeper that answers nothing. No socket and
no key is known here; the market signs and sends.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec

from node.clock import Clock
from node.data.vocabulary import attribute_vocabulary, category_tree
from node.errors import ConfigError, RefusedError
from node.market.seller import Seller
from node.market.shop import Promise, Skipped
from node.storage import catalogue as rows
from node.storage.catalogue import Item
from node.storage.database import Storage
from node.vendor.catalogue import ImportOrder, import_feed
from node.vendor.feeds import FeedOptions
from node.vendor.hindrances import hindrance
from node.vendor.identity import Identity, load_identity
from node.vendor.matching import DAYS_PER, Skip
from node.vendor.prices import ShopHabits
from node.vendor.quoting import QuotePace, pieces_of, quote, to_offer
from node.vendor.rules import WatchedRules
from protocol import limits
from protocol.channel.messages import Interest
from protocol.errors import Reason
from protocol.ids import to_text
from protocol.network.interest import cells_of
from protocol.objects.envelope import Verified
from protocol.objects.intentcast import Intentcast, Window
from protocol.objects.offer import Offer
from protocol.objects.profile import Profile
from protocol.objects.reply import Reply
from protocol.values.place import Where

IDENTITY_FILE = "vendor.toml"
RULES_FILE = "rules.toml"
_BLANK_REPLY = Reply(box=bytes(32), reader=bytes(32), at=[bytes(32)], until=0)
_PROMISED_MAX = 10_000
_IMPORTS_SEEN = 200
_BY_TIME = {*DAYS_PER, "HUR"}


class Storekeeper:
    """One shop, or none."""

    def __init__(
        self,
        *,
        storage: Storage,
        clock: Clock,
        identity: Identity | None,
        rules: WatchedRules | None,
    ) -> None:
        """Keep what the shop is made of; None where the home sells nothing."""
        self._storage = storage
        self._clock = clock
        self._identity = identity
        self._rules = rules
        self._pace = QuotePace()
        self._seller: Seller | None = None
        self._promised: dict[bytes, Promise] = {}

    @classmethod
    def of_home(cls, home: Path, *, storage: Storage, clock: Clock) -> Storekeeper:
        """Read a home's shop files.

        Raises:
            ConfigError: E-VENDOR or E-RULES, naming file and line; a shop does not open broken.
        """
        if not (home / IDENTITY_FILE).exists():
            return cls(storage=storage, clock=clock, identity=None, rules=None)
        tree, vocabulary = category_tree(), attribute_vocabulary()
        identity = load_identity(home / IDENTITY_FILE, tree=tree)
        rules = WatchedRules(home / RULES_FILE, vocabulary=vocabulary, tree=tree)
        return cls(storage=storage, clock=clock, identity=identity, rules=rules)

    @property
    def name(self) -> str | None:
        """Name of the shop."""
        return self._identity.name if self._identity else None

    def describe(self) -> Profile | None:
        """Give what the profile says; its way back is filled in by the market."""
        return self._identity.profile(_BLANK_REPLY) if self._identity else None

    def attach(self, seller: Seller) -> None:
        """Learn who answers with these prices, to report on it."""
        self._seller = seller

    def reach(self) -> Interest | None:
        """Name the requests this shop could answer; None for all, an empty list without a shop.

        Generous: what is let through is still held against every rule.
        """
        if self._identity is None or self._rules is None:
            return Interest(categories=[], cells=None)
        shop, rules = self._identity.shop(), self._rules.current()
        categories = list(shop.categories)
        cell = rules.cell or shop.cell
        radius = shop.radius_km if rules.radius_km is None else rules.radius_km
        if rules.delivery is not None:
            radius = max(radius, rules.delivery.radius_km)
        is_anywhere = not cell or rules.mode == "remote"
        cells = None if is_anywhere else cells_of([Where(cell=cell, radius_km=radius)])
        if not categories or len(categories) > limits.interest_categories_max:
            return None if cells is None else Interest(categories=None, cells=cells)
        return Interest(categories=categories, cells=cells)

    # --- answers --------------------------------------------------------------------------------

    async def offer_for(
        self, cast: Verified[Intentcast], *, profile_id: bytes, reply: Reply, now_ms: int
    ) -> Offer | Skipped:
        """Quote a request from the catalogue, or say why not."""
        if self._identity is None or self._rules is None:
            return Skipped(reason="closed", words="this home sells nothing")
        rules = self._rules.current()
        found = await quote(
            self._storage,
            cast,
            shop=self._identity.shop(),
            rules=rules,
            vocabulary=attribute_vocabulary(),
            now_ms=now_ms,
            committed=self._committed(cast.body.when, await self._counted_ms()),
        )
        if isinstance(found, Skip):
            return Skipped(reason=found.reason.value, words=found.words)
        if not self._pace.allow(rules.quotes_per_hour_max, now_ms=now_ms):
            return Skipped(reason="pace", words="the shop's quotes per hour are used up")
        return to_offer(found, cast_id=cast.id, profile_id=profile_id, reply=reply, now_ms=now_ms)

    def confirms_by_itself(self, offer: Offer) -> bool:
        """Whether an acceptance of this offer needs no human."""
        return offer.firm

    async def refusal(self, offer: Offer, promised: Sequence[Promise]) -> Reason | None:
        """Ask whether every article is still there, beside what is promised for the same days."""
        self.remember([each for each in promised if each.offer.cast != offer.cast])
        windows = [offer.fulfil.window] if offer.fulfil.window else []
        taken = self._committed(windows, await self._counted_ms())
        for sku, pieces in pieces_of(offer).items():
            item = await self._storage.read(lambda db, sku=sku: rows.find_offered(db, sku))  # type: ignore[misc]
            if item is None or not item.available:
                return Reason.OUT_OF_STOCK
            if item.stock is not None and item.stock - taken[sku] < pieces:
                return Reason.OUT_OF_STOCK
        now_ms = self._clock.now().wall_ms
        self._promised[offer.cast] = Promise(offer=offer, at_ms=now_ms)
        return None

    def remember(self, promised: Sequence[Promise]) -> None:
        """Learn what is promised already, as after a restart."""
        self._promised = {each.offer.cast: each for each in promised[-_PROMISED_MAX:]}

    async def _counted_ms(self) -> int:
        """Give the moment up to which the feeds have counted what was sold, Unix ms.

        With several feeds it is that of the one imported longest ago: rather too little is offered
        than one piece twice.
        """
        newest: dict[str, int] = {}
        for row in await self._storage.read(lambda db: rows.imports(db, _IMPORTS_SEEN)):
            newest.setdefault(row.source, row.at_ms)
        return min(newest.values(), default=0)

    def _committed(self, windows: Sequence[Window], counted_ms: int) -> Counter[str]:
        """Count pieces lent on days that overlap the given ones, and sold since the feeds."""
        taken: Counter[str] = Counter()
        for promise in self._promised.values():
            offer = promise.offer
            sold = Counter(pieces_of(_for_good(offer)))
            if _overlaps(offer.fulfil.window, windows):
                taken += Counter(pieces_of(offer)) - sold
        return taken + self._sold(counted_ms)

    def _sold(self, counted_ms: int) -> Counter[str]:
        """Count pieces that left for good since the feeds counted them."""
        sold: Counter[str] = Counter()
        for promise in self._promised.values():
            if promise.at_ms >= counted_ms:
                sold += Counter(pieces_of(_for_good(promise.offer)))
        return sold

    # --- the shopkeeper -------------------------------------------------------------------------

    def check_open(self) -> None:
        """Make sure that this home has a shop.

        Raises:
            RefusedError: E-NO-SHOP.
        """
        if self._identity is None:
            raise RefusedError(
                "this home has no shop",
                code="E-NO-SHOP",
                fix='Make one: intentcast vendor init --name "..."',
            )

    async def hindrances(self, articles: Sequence[Item]) -> list[Skipped | None]:
        """Tell of each article what keeps it from being quoted, whatever is asked for."""
        if self._identity is None or self._rules is None:
            return [None for _ in articles]
        shop, rules = self._identity.shop(), self._rules.current()
        sold = self._sold(await self._counted_ms())
        found = [hindrance(each, shop=shop, rules=rules, sold=sold[each.sku]) for each in articles]
        return [
            None if no is None else Skipped(reason=no.reason.value, words=no.words) for no in found
        ]

    async def status(self) -> dict[str, Any]:
        """Tell name, stock and what was answered."""
        self.check_open()
        assert self._identity is not None  # noqa: S101 - so check_open found
        problem = self._check_rules()
        skipped = self._seller.skipped if self._seller else {}
        profile = self._seller.profile if self._seller else None
        return {
            "schema": "intentcast.vendor/1",
            "name": self._identity.name,
            "key": to_text("key", profile.header.key) if profile else None,
            "mailboxes": len(profile.body.reply.at) if profile else 0,
            "items": await self._storage.read(rows.offered_count),
            "categories": await self._storage.read(rows.categories),
            "quoted": self._seller.quoted if self._seller else 0,
            "skipped": [
                {"cast": to_text("cast", cast), "reason": each.reason, "words": each.words}
                for cast, each in skipped.items()
            ],
            "rules_problem": str(problem) if problem else None,
        }

    def _check_rules(self) -> ConfigError | None:
        """Read the rules now, so that a mistake is told before a request comes that needs them."""
        if self._rules is None:
            return None
        self._rules.current()
        return self._rules.problem

    async def import_feed(self, data: Path, options: Mapping[str, Any]) -> dict[str, Any]:
        """Bring the catalogue to what a feed says."""
        return await import_report(self._storage, data, options, now_ms=self._clock.now().wall_ms)


async def import_report(
    storage: Storage, data: Path, options: Mapping[str, Any], *, now_ms: int
) -> dict[str, Any]:
    """Import a feed and give the report as a document; the same with or without a daemon.

    Args:
        storage: open.
        data: the feed.
        options: as in POST /v1/vendor/import; see docs/reference/http-api.md.
        now_ms: Unix ms.

    Raises:
        LocalProtocolError: E-FEED-... or E-CATEGORY.
    """
    report = await import_feed(
        storage,
        import_order(data, options),
        vocabulary=attribute_vocabulary(),
        tree=category_tree(),
        now_ms=now_ms,
    )
    return {"schema": "intentcast.import/1", "offered": report.offered} | asdict(report)


def import_order(data: Path, options: Mapping[str, Any]) -> ImportOrder:
    """Read the options of an import; missing ones have the feed's own answer."""
    habits = ShopHabits(
        source=str(options.get("source") or "feed"),
        currency=str(options.get("currency") or ""),
        decimal_comma=bool(options.get("decimal_comma", False)),
        category=str(options.get("category") or ""),
        price_unit=str(options.get("price_unit") or "each"),
    )
    return ImportOrder(
        path=data,
        habits=habits,
        options=FeedOptions(encoding=options.get("encoding"), delimiter=options.get("delimiter")),
        apply=not options.get("dry_run", False),
        remove_most=bool(options.get("remove_most", False)),
    )


def _for_good(offer: Offer) -> Offer:
    """Leave out what is lent: a line by the day or the hour comes back after its days."""
    sold = [line for line in offer.lines if line.qty.unit not in _BY_TIME]
    return msgspec.structs.replace(offer, lines=sold)


def _overlaps(promised: Window | None, windows: Sequence[Window]) -> bool:
    """Tell whether things lent are away on these days; without days nobody knows."""
    if promised is None or not windows:
        return True
    return any(promised.start <= each.end and each.start <= promised.end for each in windows)
