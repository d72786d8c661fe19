"""A shop's feed, sent whole to its own node: spooled to a private file, then handed over by path.

Enters: the bytes of a feed and what the shop says about it. Leaves: a path that exists for the
length of one import. Never: a path the caller named, so that the API reads no file for anybody.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO, Annotated, Any

import msgspec
from aiohttp import web

from node.api.bodies import in_time
from node.api.problems import GateError
from node.errors import StorageError
from node.vendor.feed_rows import FILE_BYTES_MAX

FEED_MEDIA = "application/octet-stream"
"""Not among the types a page of another site may send unasked."""
_CHUNK_BYTES = 256 * 1024
_Word = Annotated[str, msgspec.Meta(max_length=40)]


class ImportQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Parameters of POST /v1/vendor/import."""

    source: Annotated[str, msgspec.Meta(min_length=1, max_length=80)] = "feed"
    """Name of the feed: articles that leave it are taken off the shelf."""
    dry_run: bool = False
    """Only tell what would change."""
    currency: Annotated[str, msgspec.Meta(pattern=r"\A([A-Z]{3})?\Z")] = ""
    """Code of prices that name none."""
    decimal_comma: bool = False
    """Whether `19,99` is a bit under twenty."""
    category: Annotated[str, msgspec.Meta(max_length=163)] = ""
    """Category of rows that tell none."""
    price_unit: _Word = "each"
    """What a price is for when the feed does not say."""
    encoding: _Word | None = None
    """Text encoding, where it must be said."""
    delimiter: _Word | None = None
    """Mark between cells, where it must be said."""
    remove_most: bool = False
    """Let more than half of the articles leave at once."""

    def options(self) -> dict[str, Any]:
        """Give the options as plain values, every one present."""
        found: dict[str, Any] = msgspec.structs.asdict(self)
        return found


@asynccontextmanager
async def take_feed(request: web.Request) -> AsyncIterator[Path]:
    """Write the body of a request to a private file, gone at the end.

    Raises:
        GateError: 415 E-MEDIA or 413 E-FEED-SIZE.
        LocalProtocolError: E-TIMEOUT, it stops coming.
        StorageError: E-DISK-FULL, E-FILE: there is no room for it, or no place.
    """
    if request.content_type != FEED_MEDIA:
        raise GateError(
            415,
            f"'{request.content_type[:60]}' is not taken here",
            code="E-MEDIA",
            fix=f"Send the feed's bytes with 'Content-Type: {FEED_MEDIA}'",
            field="Content-Type",
        )
    with _failures():
        file = await asyncio.to_thread(_private_file)
    try:
        await _spool(request, file)
        yield Path(file.name)
    finally:
        # What could not be written is tried once more by it; that was told.
        with contextlib.suppress(OSError):
            await asyncio.to_thread(file.close)


def _private_file() -> IO[bytes]:
    # Closed, and with it deleted, by take_feed.
    return tempfile.NamedTemporaryFile("w+b", prefix="intentcast-feed-")


async def _spool(request: web.Request, file: IO[bytes]) -> None:
    size = 0
    while chunk := await in_time(request.content.read(_CHUNK_BYTES)):
        size += len(chunk)
        if size > FILE_BYTES_MAX:
            raise GateError(
                413,
                f"the feed is larger than {FILE_BYTES_MAX // (1024 * 1024)} MiB",
                code="E-FEED-SIZE",
                fix="Split it and import the parts under different source names",
            )
        with _failures():
            await asyncio.to_thread(file.write, chunk)
    with _failures():
        await asyncio.to_thread(file.flush)


@contextlib.contextmanager
def _failures() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        is_full = error.errno in {errno.ENOSPC, errno.EDQUOT}
        what = "there is no room for" if is_full else "this machine cannot take"
        raise StorageError(
            f"{what} the feed: {error.strerror or error}",
            code="E-DISK-FULL" if is_full else "E-FILE",
            fix=f"Free some space on the disk of {tempfile.gettempdir()}"
            if is_full
            else f"Check who may write in {tempfile.gettempdir()}",
        ) from error
