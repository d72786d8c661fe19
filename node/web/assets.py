"""What the page is made of besides its words: style, scripts, pictures, as they were shipped.

Enters: a name in an address. Leaves: the bytes, under an address that changes with them, so that a
browser may keep them for ever. Never: a file that is not in the installation's own list.
"""

from __future__ import annotations

import functools
import gzip
import hashlib
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Final

PREFIX: Final = "/static/"
_MEDIA: Final = {
    "css": "text/css",
    "js": "text/javascript",
    "svg": "image/svg+xml",
    "txt": "text/plain",
}
_VERSION_CHARS: Final = 12
_GZIP_LEVEL: Final = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """One file."""

    name: str
    """`app.css`, `vendor/preact.js`."""
    media: str
    raw: bytes
    packed: bytes
    """The same, gzipped."""
    version: str
    """Of the whole set: scripts name one another by bare relative addresses."""

    @property
    def path(self) -> str:
        """Where it is served."""
        return f"{PREFIX}{self.version}/{self.name}"


@functools.cache
def assets() -> dict[str, Asset]:
    """Read everything once: name -> file."""
    found = dict(_files(resources.files("node.web") / "static", ""))
    mark = hashlib.blake2b(digest_size=16)
    for name in sorted(found):
        mark.update(name.encode() + b"\0" + found[name] + b"\0")
    version = mark.hexdigest()[:_VERSION_CHARS]
    return {
        name: Asset(
            name=name,
            media=_MEDIA[name.rpartition(".")[2]],
            raw=raw,
            packed=gzip.compress(raw, _GZIP_LEVEL, mtime=0),
            version=version,
        )
        for name, raw in found.items()
    }


def _files(folder: Traversable, under: str) -> list[tuple[str, bytes]]:
    found: list[tuple[str, bytes]] = []
    for each in sorted(folder.iterdir(), key=lambda each: each.name):
        if each.is_dir():
            found += _files(each, f"{under}{each.name}/")
        elif each.name.rpartition(".")[2] in _MEDIA:
            found.append((under + each.name, each.read_bytes()))
    return found
