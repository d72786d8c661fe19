"""One row of a feed becomes one article, or a problem that says how to mend it.

Enters: a row, the meaning of its columns, what the shop said about its feed. Leaves: an article
whose price is sure, with every other doubt reported; a doubtful price is refused, since it would
be signed. Nothing here touches a file or the database.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from node.storage.catalogue import Item, StatedFact
from node.vendor.column_names import Field
from node.vendor.columns import AttributeColumn, ColumnMap, FieldColumn, period_unit
from node.vendor.feed_rows import FeedProblem, FeedRow, problem
from node.vendor.prices import ShopHabits, read_money, split_price_unit
from protocol.errors import LocalProtocolError
from protocol.values.attributes import AttributeType
from protocol.values.category import CategoryTree, Match
from protocol.values.numerals import Separator, read_numeral
from protocol.values.spelling import fold_words

_SKU_CHARS_MAX: Final = 80
_TITLE_CHARS_MAX: Final = 160
_DESCRIPTION_CHARS_MAX: Final = 2_000
_TEXT_CHARS_MAX: Final = 200
_FACTS_MAX: Final = 100
_STOCK_MAX: Final = 1_000_000_000
_CATEGORY_SCORE_WHOLE: Final = 100
"""Search score of words that are a category's own name."""
_CATEGORY_SCORE_MIN: Final = 60
"""Search score from which words are taken for a category: they hold its whole name."""
_CACHE_MAX: Final = 10_000
_AVAILABLE: Final = """
in stock|instock|yes|y|ja|j|oui|si|true|available|auf lager|lieferbar|sofort lieferbar|verfugbar
en stock|disponible|disponibile|op voorraad|limited availability|limited
"""
_NOT_AVAILABLE: Final = """
out of stock|outofstock|no|n|nein|non|false|0|sold out|ausverkauft|nicht lieferbar|nicht verfugbar
vergriffen|rupture|rupture de stock|en rupture|agotado|no disponible|uitverkocht|esaurito|preorder
pre order|backorder|back order|vorbestellbar|discontinued
"""
_ALSO_FACTS: Final = frozenset({Field.BRAND, Field.CONDITION, Field.MPN})
"""Fields that the vocabulary may also hold as attributes."""
_LEADING_NUMBER: Final = re.compile(r"^(?P<n>[-+]?\d[\d.,' ]*\d|\d)(?P<rest>.*)$", re.DOTALL)


class _RefusedError(Exception):
    """A row cannot be used; carries the problem."""

    def __init__(self, found: FeedProblem) -> None:
        super().__init__(found.sentence)
        self.found = found


Cell = tuple[str, str, FieldColumn]
"""Column name, text, meaning."""


@dataclass(slots=True)
class ProductReader:
    """Reads rows of one feed."""

    columns: ColumnMap
    """What the columns mean."""
    tree: CategoryTree
    """The shipped categories."""
    habits: ShopHabits
    """What the shop said."""
    _categories: dict[str, str | None] = field(default_factory=dict)
    _searches: dict[str, list[Match]] = field(default_factory=dict)
    _facts: dict[tuple[str, str, str, str], StatedFact | LocalProtocolError] = field(
        default_factory=dict
    )

    def read(self, row: FeedRow) -> tuple[Item | None, list[FeedProblem]]:
        """Read a row.

        Returns:
            The article, or None when the row is refused; and what is to be reported.
        """
        reading = _Reading(row, self)
        try:
            return reading.item(), reading.problems
        except _RefusedError as error:
            return None, [*reading.problems, error.found]

    def category_of(self, words: str) -> str | None:
        """Find the category words mean, at or below the feed's own; None when they mean none."""
        if words not in self._categories:
            if len(self._categories) >= _CACHE_MAX:
                self._categories.clear()
            self._categories[words] = self._search(words)
        return self._categories[words]

    def _search(self, words: str) -> str | None:
        under = self.habits.category
        path = words.strip().strip("/").lower()
        if self.tree.contains(path) and self.tree.is_under(path, under):
            return path
        # A path of words is read from its narrow end: "Vehicles > Rental > SUV". A name that is met
        # whole comes before one that is only part of what was said: a door mat is no door.
        parts = [part for part in reversed(re.split(r"[>|/»]", words)) if part.strip()]
        for score_min in (_CATEGORY_SCORE_WHOLE, _CATEGORY_SCORE_MIN):
            for part in parts:
                for match in self._matches(part):
                    if match.score >= score_min and self.tree.is_under(match.path, under):
                        return match.path
        return None

    def _matches(self, part: str) -> list[Match]:
        """Search for one name; the upper parts of paths are the same in row after row."""
        if part not in self._searches:
            if len(self._searches) >= _CACHE_MAX:
                self._searches.clear()
            self._searches[part] = self.tree.search(part, 5)
        return self._searches[part]

    def fact_of(
        self, column: AttributeColumn, text: str, category: str
    ) -> StatedFact | LocalProtocolError:
        """Read a cell as an attribute, or give the reason it is none; feeds repeat themselves."""
        place = (category, column.spec.key, column.unit, text)
        if place not in self._facts:
            if len(self._facts) >= _CACHE_MAX:
                self._facts.clear()
            try:
                read = column.spec.parse_value(self._number(text, column.spec.type), column.unit)
                self._facts[place] = StatedFact(value=read.value, unit=read.unit)
            except LocalProtocolError as error:
                # Only the words are kept: a stored traceback would hold on to its row.
                self._facts[place] = LocalProtocolError(error.sentence, fix=error.fix)
        return self._facts[place]

    def _number(self, text: str, kind: AttributeType) -> str:
        """Bring a number written with the feed's declared comma to a point."""
        split = _LEADING_NUMBER.match(text.strip())
        if kind is not AttributeType.NUMBER or not self.habits.decimal_comma or split is None:
            return text
        plain = read_numeral(split["n"], Separator.COMMA)
        return f"{plain}{split['rest']}" if isinstance(plain, str) else text


class _Reading:
    """One row on its way."""

    def __init__(self, row: FeedRow, reader: ProductReader) -> None:
        self._row = row
        self._reader = reader
        self._habits = reader.habits
        self.problems: list[FeedProblem] = []
        self._cells: dict[Field, Cell] = {}
        # Names of Google's namespace come first: in Atom the plain `id` is an address.
        ordered = sorted(row.cells.items(), key=lambda pair: not pair[0].lower().startswith("g:"))
        for column, text in ordered:
            meaning = reader.columns.field_of(column) if text else None
            if meaning is not None:
                self._cells.setdefault(meaning.field, (column, text, meaning))

    def item(self) -> Item:
        """Read the whole row.

        Raises:
            _RefusedError: it cannot be used.
        """
        sku = self._required(Field.SKU, "E-FEED-SKU", _SKU_CHARS_MAX, "Give every row its number")
        title = self._title()
        category = self._category(title)
        price, unit, currency = self._price()
        sale = self._amount(Field.SALE_PRICE, currency)
        listed = self._amount(Field.LIST_PRICE, currency)
        if sale is not None and 0 < sale < price:
            listed, price = price, sale
        stock, available = self._stock()
        return Item(
            sku=sku,
            source=self._habits.source,
            title=title,
            category=category,
            cur=currency,
            price_minor=price,
            price_unit=unit,
            list_minor=listed if listed is not None and listed > price else None,
            floor_minor=self._amount(Field.FLOOR, currency),
            deposit_minor=self._amount(Field.DEPOSIT, currency),
            shipping_minor=self._shipping(currency),
            description=self._text(Field.DESCRIPTION, _DESCRIPTION_CHARS_MAX),
            brand=self._text(Field.BRAND, _SKU_CHARS_MAX),
            gtin=self._gtin(),
            mpn=self._text(Field.MPN, _SKU_CHARS_MAX),
            condition=self._text(Field.CONDITION, _SKU_CHARS_MAX),
            link=self._text(Field.LINK, _TEXT_CHARS_MAX),
            stock=stock,
            available=available,
            facts=self._facts(category),
        )

    # --- texts -----------------------------------------------------------------------------------

    def _text(self, name: Field, chars_max: int) -> str:
        text = self._cells[name][1] if name in self._cells else ""
        return " ".join(text.split())[:chars_max]

    def _required(self, name: Field, code: str, chars_max: int, fix: str) -> str:
        if name not in self._cells:
            raise _RefusedError(problem(self._row.line, code, f"no {name.value}", fix=fix))
        column, text, _ = self._cells[name]
        plain = " ".join(text.split())
        if len(plain) > chars_max or not plain.isprintable():
            raise self._refused(
                column, text, code, f"more than {chars_max} visible characters", fix
            )
        return plain

    def _title(self) -> str:
        if Field.TITLE in self._cells:
            return self._text(Field.TITLE, _TITLE_CHARS_MAX)
        # Car lists often have maker and model and no title.
        model = next((t for c, t in self._row.cells.items() if fold_words(c) in _MODEL), "")
        words = f"{self._text(Field.BRAND, _SKU_CHARS_MAX)} {model}".split()
        if not model:
            raise _RefusedError(
                problem(self._row.line, "E-FEED-TITLE", "no title", fix="Fill in the title column")
            )
        return " ".join(words)[:_TITLE_CHARS_MAX]

    def _refused(self, column: str, text: str, code: str, sentence: str, fix: str) -> _RefusedError:
        return _RefusedError(
            problem(self._row.line, code, sentence, fix=fix, column=column, value=text)
        )

    def _warn(self, column: str, text: str, code: str, sentence: str, fix: str) -> None:
        self.problems.append(
            problem(
                self._row.line, code, sentence, fix=fix, column=column, value=text, refused=False
            )
        )

    def _category(self, title: str) -> str:
        for name in (Field.CATEGORY, Field.PRODUCT_TYPE):
            if name in self._cells:
                found = self._reader.category_of(self._cells[name][1])
                if found is not None:
                    return found
        if self._habits.category:
            return self._habits.category
        column, text = "", ""
        if Field.CATEGORY in self._cells or Field.PRODUCT_TYPE in self._cells:
            column, text, _ = self._cells.get(Field.CATEGORY) or self._cells[Field.PRODUCT_TYPE]
        near = [match.path for match in self._reader.tree.search(text or title, 2)]
        example = near[0] if near else "electronics/cameras"
        raise self._refused(
            column,
            text,
            "E-FEED-CATEGORY",
            "its category is not known",
            f"Use --category {example} for the feed, or add a category column",
        )

    # --- money -----------------------------------------------------------------------------------

    def _price(self) -> tuple[int, str, str]:
        """Read price, its unit and currency; doubt refuses the row."""
        if Field.PRICE not in self._cells:
            raise _RefusedError(
                problem(self._row.line, "E-FEED-PRICE", "no price", fix="Fill in the price column")
            )
        column, text, meaning = self._cells[Field.PRICE]
        amount, unit = self._price_unit(text, meaning)
        try:
            minor, currency = self._money(amount, meaning)
        except LocalProtocolError as error:
            raise self._refused(column, text, "E-FEED-PRICE", error.sentence, error.fix) from error
        if minor <= 0:
            raise self._refused(
                column, text, "E-FEED-PRICE", "the price is zero", "Leave out what is not for sale"
            )
        return minor, unit, currency

    def _price_unit(self, text: str, meaning: FieldColumn) -> tuple[str, str]:
        amount, unit = split_price_unit(text)
        if unit is not None:
            return amount, unit
        if meaning.per:
            return text, meaning.per
        if Field.PRICE_UNIT not in self._cells:
            return text, self._habits.price_unit
        column, cell, _ = self._cells[Field.PRICE_UNIT]
        unit = period_unit(cell)
        if unit is None:
            raise self._refused(
                column,
                cell,
                "E-FEED-PRICE",
                "what the price is for is not known",
                "Write each, hour, day, week, month or a unit such as kg",
            )
        return text, unit

    def _money(self, text: str, meaning: FieldColumn) -> tuple[int, str]:
        row_currency = self._text(Field.CURRENCY, 3).upper()
        return read_money(text, meaning, row_currency, self._habits)

    def _amount(self, name: Field, currency: str) -> int | None:
        """Read a second amount in the price's currency; a bad one is reported and left out."""
        if name not in self._cells:
            return None
        column, text, meaning = self._cells[name]
        try:
            minor, cur = self._money(text, meaning)
        except LocalProtocolError as error:
            if name is Field.FLOOR:
                # Selling without the floor a shop meant to set could sell under it.
                raise self._refused(
                    column, text, "E-FEED-PRICE", error.sentence, error.fix
                ) from error
            self._warn(column, text, "E-FEED-PRICE", error.sentence, error.fix)
            return None
        if cur != currency:
            raise self._refused(
                column,
                text,
                "E-FEED-PRICE",
                f"is in {cur}, the price is in {currency}",
                "Write every amount of a row in one currency",
            )
        return minor

    def _shipping(self, currency: str) -> int | None:
        """Read the first price of Google's `country:region:service:price, ...`."""
        if Field.SHIPPING not in self._cells:
            return None
        column, text, meaning = self._cells[Field.SHIPPING]
        last = text.split(",")[0].split(":")[-1] if ":" in text else text
        try:
            minor, cur = self._money(last, meaning)
        except LocalProtocolError as error:
            self._warn(column, text, "E-FEED-SHIPPING", error.sentence, 'Write "6.49 EUR"')
            return None
        return minor if cur == currency else None

    # --- stock and numbers -----------------------------------------------------------------------

    def _stock(self) -> tuple[int | None, bool]:
        stock: int | None = None
        if Field.QUANTITY in self._cells:
            column, text, _ = self._cells[Field.QUANTITY]
            plain = re.sub(r"\.0+$", "", text.strip())
            if plain.isascii() and plain.isdigit() and int(plain) <= _STOCK_MAX:
                stock = int(plain)
            else:
                self._warn(column, text, "E-FEED-STOCK", "is not a count", "Write a whole number")
        available = True
        if Field.AVAILABILITY in self._cells:
            column, text, _ = self._cells[Field.AVAILABILITY]
            word = fold_words(text.rpartition("/")[2])
            counted = word.isascii() and word.isdigit() and int(word[:12]) > 0
            available = counted or _says(word, _AVAILABLE)
            if not available and not _says(word, _NOT_AVAILABLE):
                self._warn(
                    column,
                    text,
                    "E-FEED-AVAILABILITY",
                    "is not understood; taken as not available",
                    "Write in_stock or out_of_stock",
                )
        return stock, available and stock != 0

    def _gtin(self) -> str:
        if Field.GTIN not in self._cells:
            return ""
        column, text, _ = self._cells[Field.GTIN]
        digits = re.sub(r"[\s-]", "", text)
        if _is_gtin(digits):
            return digits
        self._warn(
            column,
            text,
            "E-FEED-GTIN",
            "needs 8, 12, 13 or 14 digits, the last a check digit",
            "Copy it from the barcode, and keep leading zeros",
        )
        return ""

    # --- attributes ------------------------------------------------------------------------------

    def _facts(self, category: str) -> dict[str, StatedFact]:
        facts: dict[str, StatedFact] = {}
        for column, text in self._stated():
            meaning = self._reader.columns.field_of(column)
            if meaning is not None and meaning.field not in _ALSO_FACTS:
                continue
            found = self._reader.columns.attribute_of(column, category)
            if found is None or not text or found.spec.key in facts or len(facts) >= _FACTS_MAX:
                continue
            read = self._reader.fact_of(found, text, category)
            if isinstance(read, LocalProtocolError):
                self._warn(column, text, "E-FEED-ATTRIBUTE", read.sentence, read.fix)
            else:
                facts[found.spec.key] = read
        return facts

    def _stated(self) -> Iterator[tuple[str, str]]:
        """Give every column, and the parts of `product_detail` cells: `section:name:value, ...`."""
        for column, text in self._row.cells.items():
            meaning = self._reader.columns.field_of(column)
            if meaning is not None and meaning.field is Field.DETAIL:
                for detail in text.split(","):
                    parts = detail.split(":")
                    if len(parts) >= 2:  # noqa: PLR2004 - a name and a value
                        yield parts[-2].strip(), parts[-1].strip()
            else:
                yield column, text


_MODEL: Final = frozenset({"model", "modell", "modele", "modelo", "modello"})


def _is_gtin(digits: str) -> bool:
    """Check length and the GS1 check digit."""
    if not (digits.isascii() and digits.isdigit()) or len(digits) not in (8, 12, 13, 14):
        return False
    weights = [3 if i % 2 else 1 for i in range(len(digits))]
    total = sum(int(d) * w for d, w in zip(reversed(digits), weights, strict=True))
    return total % 10 == 0


def _says(word: str, table: str) -> bool:
    """Tell whether a folded phrase stands in a table of phrases."""
    return any(word in line.split("|") for line in table.splitlines())
