"""Shops for a small network: example shops moved into homes of their own.

Enters: the name of an example shop, a home, a way to its node. Leaves: `vendor.toml`, `rules.toml`
and feeds in the home; then, once the node is up, a full catalogue, read by the import that every
shop uses.
"""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from node.data.vocabulary import category_tree
from node.errors import ConfigError
from node.testnet.door import Door
from node.vendor.identity import FeedSource, load_identity, save_identity
from node.vendor.showcase import CAMERA_SHOPS, RENTALS, shop_files
from node.vendor.storekeeper import IDENTITY_FILE

STREET: Final = (RENTALS[0], CAMERA_SHOPS[0], RENTALS[1], CAMERA_SHOPS[1], *RENTALS[2:])
"""The order in which a testnet opens shops: every second one of another trade."""


def furnish(home: Path, shop: str, number: int = 1) -> None:
    """Put a shop's files into a home; copies after the first get a number behind their name.

    Raises:
        LocalProtocolError: E-EXAMPLE when no such shop ships.
        ConfigError: E-HOME when the home cannot be written.
    """
    try:
        for name, source in shop_files(shop).items():
            shutil.copyfile(source, home / name)
    except OSError as error:
        raise ConfigError(
            f"the shop's files cannot be written: {error}", code="E-HOME", fix="Check the folder"
        ) from error
    if number > 1:
        tree = category_tree()
        identity = load_identity(home / IDENTITY_FILE, tree=tree)
        named = replace(identity, name=f"{identity.name} {number}")
        save_identity(home / IDENTITY_FILE, named, tree=tree)


def trades_of(shop: str) -> tuple[str, ...]:
    """List the categories an example shop answers to."""
    return load_identity(shop_files(shop)[IDENTITY_FILE], tree=category_tree()).categories


async def stock(home: Path, door: Door) -> int:
    """Import every feed the home's shop names; gives the number of articles on offer."""
    identity = await asyncio.to_thread(load_identity, home / IDENTITY_FILE, tree=category_tree())
    reports = [
        await door.vendor_import(home / feed.file, _options(feed)) for feed in identity.feeds
    ]
    return sum(report["offered"] for report in reports)


def _options(feed: FeedSource) -> dict[str, Any]:
    """Say about a feed what its shop says, as POST /v1/vendor/import takes it."""
    habits, form = feed.habits, feed.options
    return {
        "source": habits.source,
        "currency": habits.currency,
        "decimal_comma": habits.decimal_comma,
        "category": habits.category,
        "price_unit": habits.price_unit,
        "encoding": form.encoding,
        "delimiter": form.delimiter,
    }
