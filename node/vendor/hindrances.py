"""Why an article on the shelf would not be quoted, whatever is asked for.

Enters: an article, the shop, its rules, the pieces sold since its feed counted them. Leaves: the
first thing in the way, or nothing. Only what holds for every request is said: what depends on a
buyer's place, days or wishes is told with the request.
"""

from __future__ import annotations

from decimal import ROUND_CEILING

from node.numerals import plural
from node.storage.catalogue import Item
from node.vendor.matching import Shop, Skip, SkipReason
from node.vendor.pricing import unit_floor
from node.vendor.rules import Rules
from protocol.values.money import format_money


def hindrance(article: Item, *, shop: Shop, rules: Rules, sold: int = 0) -> Skip | None:
    """Tell what keeps an article from being quoted; None when nothing does.

    Args:
        article: on the shelf.
        shop: who sells it.
        rules: in force.
        sold: pieces promised since the feed counted them.
    """
    return (
        _out_of_stock(article, sold)
        or _other_currency(article, rules)
        or _not_served(article, shop)
        or _under_floor(article, rules)
    )


def _out_of_stock(article: Item, sold: int) -> Skip | None:
    if not article.available:
        words = "the feed says that it cannot be had now"
    elif article.stock == 0:
        words = "the feed counts no piece of it"
    elif article.stock is not None and article.stock <= sold:
        words = f"{plural(sold, 'piece')} sold, and the feed counted {article.stock:,}"
    else:
        return None
    return Skip(reason=SkipReason.NO_ARTICLE, words=words)


def _other_currency(article: Item, rules: Rules) -> Skip | None:
    if article.cur == rules.currency:
        return None
    words = f"it is priced in {article.cur}, and rules.toml quotes in {rules.currency}"
    return Skip(reason=SkipReason.CURRENCY, words=words)


def _not_served(article: Item, shop: Shop) -> Skip | None:
    if not shop.categories or any(
        f"{article.category}/".startswith(f"{path}/") for path in shop.categories
    ):
        return None
    branch = article.category.partition("/")[0]
    if any(path.partition("/")[0] == branch for path in shop.categories):
        words = "outside the categories of vendor.toml: only a request for all of"
        words += f" '{branch}' can reach it"
    else:
        words = "outside the categories of vendor.toml"
    return Skip(reason=SkipReason.CATEGORY, words=words)


def _under_floor(article: Item, rules: Rules) -> Skip | None:
    floor = unit_floor(article, rules)
    dearer = any(
        season.percent > 0 and f"{article.category}/".startswith(season.category)
        for season in rules.seasons
    )
    if article.price_minor >= floor or dearer:
        return None
    price = format_money(article.price_minor, article.cur)
    least = format_money(int(floor.to_integral_value(rounding=ROUND_CEILING)), article.cur)
    return Skip(reason=SkipReason.FLOOR, words=f"its price {price} is under its floor {least}")
