"""Imports a feed into the catalogue, by differences, and hands articles out to quoting.

Enters: a feed file, what the shop said about it, an open storage. Leaves: a report of what is new,
changed, unchanged, gone and refused; unless it is a dry run, the same in the database, batch by
batch. Memory holds one batch and eight bytes or so per article seen. A feed that was cut short, or
lost most of its articles, takes nothing off the shelf unless told to.
"""

from __future__ import annotations

import asyncio
import csv
import itertools
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TextIO

from node.crashpoint import crashpoint
from node.numerals import plural
from node.storage import catalogue as rows
from node.storage.catalogue import ImportRow, Item
from node.storage.database import Storage
from node.vendor.column_names import Field
from node.vendor.columns import ColumnMap
from node.vendor.feed_rows import FeedEvents, FeedProblem, problem, unreadable
from node.vendor.feeds import FeedOptions, open_feed
from node.vendor.prices import ShopHabits
from node.vendor.products import ProductReader
from protocol.ids import blake2b_256
from protocol.values.attributes import AttributeVocabulary
from protocol.values.category import CategoryTree

BATCH_ROWS: Final = 500
"""Rows read, compared and written at once."""
PROBLEMS_KEPT: Final = 1_000
"""Problems a report keeps; all are counted, and all reach `on_problem`."""
_REMOVED_ALERT_MIN: Final = 10
"""Fewer articles may leave without a question."""
_SEEN_BYTES: Final = 8
"""Bytes of a number's hash: among a million, two are equal by chance once in 36 million feeds."""


@dataclass(slots=True, kw_only=True)
class ImportReport:
    """What an import found, and did unless it was a dry run."""

    source: str
    """Name of the feed."""
    form: str = ""
    """Format, for people."""
    applied: bool = False
    """False for a dry run."""
    complete: bool = True
    """False when the feed was cut short; then nothing left the shelf."""
    rows: int = 0
    """Rows seen."""
    added: int = 0
    """New articles."""
    changed: int = 0
    """Articles whose content changed."""
    unchanged: int = 0
    """Articles that are as before."""
    removed: int = 0
    """Articles no longer in the feed, taken off the shelf."""
    removals_held: int = 0
    """Articles that would have left, had not too many at once."""
    refused: int = 0
    """Rows that could not be used."""
    warnings: int = 0
    """Cells left out of rows that were kept."""
    problems: list[FeedProblem] = field(default_factory=list)
    """The first thousand, in the order of the file."""
    mapped: dict[str, str] = field(default_factory=dict)
    """Column -> what it was taken for."""
    unmapped: list[str] = field(default_factory=list)
    """Columns that were not used."""

    @property
    def offered(self) -> int:
        """Articles of this feed that are on offer after it."""
        return self.added + self.changed + self.unchanged + self.removals_held


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOrder:
    """What to import, and how."""

    path: Path
    """The feed."""
    habits: ShopHabits
    """What the shop says about it."""
    options: FeedOptions = field(default_factory=FeedOptions)
    """Encoding and delimiter, where they must be said."""
    apply: bool = True
    """False for a dry run."""
    remove_most: bool = False
    """Whether more than half of the articles may leave the shelf at once."""


class _Import:
    """One import under way."""

    def __init__(
        self,
        storage: Storage,
        order: ImportOrder,
        reader: ProductReader,
        now_ms: int,
        on_problem: Callable[[FeedProblem], None] | None,
    ) -> None:
        self._storage = storage
        self._order = order
        self._reader = reader
        self._now_ms = now_ms
        self._on_problem = on_problem
        self._seen: set[int] = set()
        self.report = ImportReport(source=order.habits.source, applied=order.apply)

    async def run(self) -> ImportReport:
        """Read the feed to its end, then take away what left it."""
        report = self.report
        room = rows.ITEMS_MAX - await self._storage.read(rows.offered_count)
        with open_feed(self._order.path, self._order.options) as feed:
            report.form = feed.form
            while batch := await asyncio.to_thread(self._take, feed.events):
                self._require_columns()
                await self._apply(batch)
                if report.added > room:
                    report.complete = False
                    self._note(_catalogue_full())
                    break
            report.complete = report.complete and feed.outcome.complete
            report.rows = feed.outcome.rows
        if report.complete:
            await self._remove_rest()
        report.mapped = dict(self._reader.columns.mapped)
        report.unmapped = self._reader.columns.unmapped
        if self._order.apply:
            await self._finish()
        return report

    def _require_columns(self) -> None:
        """Stop at a feed whose columns do not tell the articles apart or what they cost."""
        known = self._reader.columns.mapped.values()
        missing = [name.value for name in (Field.SKU, Field.PRICE) if name.value not in known]
        if missing and not self._seen:
            first = self.report.problems[0] if self.report.problems else None
            raise unreadable(
                "E-FEED-HEADER",
                f"no column is known to hold: {', '.join(missing)}"
                + (f" (line {first.line}: {first.sentence})" if first else ""),
                "Name the columns id, title and price, or as Google Merchant does",
            )

    def _take(self, events: FeedEvents) -> list[Item | None]:
        """Read up to a batch of rows; None stands for one that gave no article."""
        batch: list[Item | None] = []
        for event in itertools.islice(events, BATCH_ROWS):
            if isinstance(event, FeedProblem):
                self._note(event)
                batch.append(None)
                continue
            item, problems = self._reader.read(event)
            if item is not None and not self._first_of_its_number(item.sku):
                problems.append(_stands_twice(event.line, item.sku))
                item = None
            for found in problems:
                self._note(found)
            batch.append(item)
        return batch

    def _first_of_its_number(self, sku: str) -> bool:
        mark = _mark(sku)
        if mark in self._seen:
            return False
        self._seen.add(mark)
        return True

    def _note(self, found: FeedProblem) -> None:
        report = self.report
        report.refused += found.refused
        report.warnings += not found.refused
        if len(report.problems) < PROBLEMS_KEPT:
            report.problems.append(found)
        if self._on_problem is not None:
            self._on_problem(found)

    async def _apply(self, batch: Iterable[Item | None]) -> None:
        items = [item for item in batch if item is not None]
        skus = [item.sku for item in items]
        known = await self._storage.read(lambda db: rows.states(db, skus))
        fresh: list[Item] = []
        for item in items:
            state = known.get(item.sku)
            if state is None or state.gone:
                self.report.added += 1
            elif state.hash == blake2b_256(item.content()):
                self.report.unchanged += 1
                continue
            else:
                self.report.changed += 1
            fresh.append(item)
        if fresh and self._order.apply:
            await self._storage.write(lambda conn: rows.put(conn, fresh, self._now_ms))
            crashpoint("import.after_rows")

    async def _remove_rest(self) -> None:
        """Take off the shelf what this feed no longer holds."""
        report = self.report
        gone: list[str] = []
        offered = after = 0
        while page := await self._page_of_offered(after):
            after = page[-1][0]
            offered += len(page)
            gone += [sku for _, sku in page if _mark(sku) not in self._seen]
        most = len(gone) >= _REMOVED_ALERT_MIN and 2 * len(gone) > offered
        if gone and (most or not self._seen) and not self._order.remove_most:
            report.removals_held = len(gone)
            self._note(_removals_held(len(gone), offered))
            return
        report.removed = len(gone)
        for start in range(0, len(gone) if self._order.apply else 0, BATCH_ROWS):
            part = gone[start : start + BATCH_ROWS]
            await self._storage.write(
                lambda conn, part=part: rows.mark_gone(conn, part, self._now_ms)  # type: ignore[misc]
            )
            crashpoint("import.after_removal")

    async def _page_of_offered(self, after: int) -> list[tuple[int, str]]:
        source = self._order.habits.source
        return await self._storage.read(lambda db: rows.offered_skus(db, source, after, BATCH_ROWS))

    async def _finish(self) -> None:
        report = self.report
        row = ImportRow(
            source=report.source,
            form=report.form,
            at_ms=self._now_ms,
            added=report.added,
            changed=report.changed,
            unchanged=report.unchanged,
            removed=report.removed,
            refused=report.refused,
        )
        await self._storage.write(lambda conn: rows.record_import(conn, row))
        crashpoint("import.after_record")
        await self._storage.write(lambda conn: rows.sweep(conn, self._now_ms))


async def import_feed(
    storage: Storage,
    order: ImportOrder,
    *,
    vocabulary: AttributeVocabulary,
    tree: CategoryTree,
    now_ms: int,
    on_problem: Callable[[FeedProblem], None] | None = None,
) -> ImportReport:
    """Bring the catalogue to what a feed says; repeating it changes nothing.

    Stopping in the middle leaves a part applied; the next import completes it.

    Args:
        storage: open; inside the daemon or without one.
        order: what to import.
        vocabulary: shipped attributes.
        tree: shipped categories.
        now_ms: Unix ms.
        on_problem: hears every problem at once, in another thread; for a report file.

    Raises:
        LocalProtocolError: E-FEED-... when nothing of the feed can be read; E-CATEGORY when the
            category given for it does not exist.
        StorageError: the database refused; what was written stays.
    """
    if order.habits.category:
        tree.check(order.habits.category)
    reader = ProductReader(columns=ColumnMap(vocabulary), tree=tree, habits=order.habits)
    return await _Import(storage, order, reader, now_ms, on_problem).run()


async def offered_items(
    storage: Storage, category: str, page_rows: int = BATCH_ROWS
) -> AsyncIterator[list[Item]]:
    """Give the articles on offer at or below a category, page by page."""
    after = ("", 0)
    while True:
        place = after
        page = await storage.read(lambda db, p=place: rows.page(db, category, p, page_rows))  # type: ignore[misc]
        if not page:
            return
        after = page[-1][0]
        yield [item for _, item in page]


def write_report(target: TextIO, problems: Iterable[FeedProblem]) -> None:
    """Write problems as CSV for a spreadsheet; no cell begins like a formula."""
    writer = csv.writer(target)
    writer.writerow(["line", "column", "value", "code", "problem", "fix", "row"])
    for found in problems:
        texts = (found.column, found.value, found.code, found.sentence, found.fix)
        row = "refused" if found.refused else "kept"
        writer.writerow([found.line, *map(_inert, texts), row])


def _inert(text: str) -> str:
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t") else text


def _mark(sku: str) -> int:
    return int.from_bytes(blake2b_256(sku.encode())[:_SEEN_BYTES], "big")


def _stands_twice(line: int, sku: str) -> FeedProblem:
    return problem(
        line,
        "E-FEED-DUPLICATE",
        "this number stands twice; the first row is used",
        fix="Give every article a number of its own",
        column="sku",
        value=sku,
    )


def _catalogue_full() -> FeedProblem:
    return problem(
        0,
        "E-FEED-ROWS",
        f"the catalogue holds {rows.ITEMS_MAX:,} articles, its most; the rest was not read",
        fix="Take articles off first",
    )


def _removals_held(gone: int, offered: int) -> FeedProblem:
    return problem(
        0,
        "E-FEED-REMOVALS",
        f"{gone:,} of {plural(offered, 'article')} no longer in the feed; kept on offer",
        fix="Check the feed; if it is right: --remove-most",
        refused=False,
    )
