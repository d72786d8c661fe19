"""Collects the page's texts and keeps its languages: `node/web/locale/`.

Enters: the sources that `[[tool.babel.mappings]]` in pyproject.toml names, and translations as
people wrote them. Leaves: `intentcast.pot` with every text, each `.po` with the texts of today,
each `.mo` that the program reads. The same sources give the same bytes on every machine: no date,
no line numbers. Never guesses a translation: a text that was changed is translated anew.
"""

from __future__ import annotations

import argparse
import io
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

ROOT: Final = Path(__file__).resolve().parent.parent
LOCALE: Final = ROOT / "node" / "web" / "locale"
DOMAIN: Final = "intentcast"
KEYWORDS: Final[Mapping[str, tuple[int, ...] | None]] = {
    "_": None,
    "marked": None,
    "ngettext": (1, 2),
    "counted": (1, 2),
}
"""What the sources call a text by; see `node/web/texts.py`."""
_WIDTH: Final = 100
_HEAD: Final = "# Texts of the page, made by scripts/texts."


class _Undated(Catalog):
    """A catalogue whose head says only what readers need: it is the same whoever writes it."""

    @property
    def mime_headers(self) -> list[tuple[str, str]]:
        """Give the head."""
        found = [("Content-Type", "text/plain; charset=utf-8")]
        if self.locale is not None:
            found.append(("Language", str(self.locale)))
            found.append(("Plural-Forms", self.plural_forms))
        return found


def _undated(found: Catalog) -> Catalog:
    made = _Undated(locale=found.locale, domain=DOMAIN, header_comment=_HEAD, fuzzy=False)
    for message in found:
        if message.id:
            made[message.id] = message
    return made


def collected(root: Path = ROOT) -> Catalog:
    """Collect every text, in the order of the files that hold them.

    Args:
        root: the checkout.
    """
    made = _Undated(domain=DOMAIN, header_comment=_HEAD, fuzzy=False)
    for mapping in _mappings(root):
        folder, _, pattern = mapping["pattern"].partition("/**")
        found = extract_from_dir(
            str(root / folder),
            method_map=[(f"**{pattern}", mapping["method"])],
            options_map={f"**{pattern}": mapping.get("options", {})},
            keywords=KEYWORDS,
        )
        for name, _line, text, comments, context in sorted(found, key=lambda each: each[0]):
            where = f"{folder}/{Path(name).as_posix()}"
            made.add(text, locations=[(where, 0)], auto_comments=comments, context=context)
    return made


def _mappings(root: Path) -> list[dict[str, Any]]:
    settings = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))
    found: list[dict[str, Any]] = settings["tool"]["babel"]["mappings"]
    return found


def as_po(catalog: Catalog) -> bytes:
    """Write a catalogue as text."""
    out = io.BytesIO()
    write_po(out, catalog, width=_WIDTH, ignore_obsolete=True, include_lineno=False)
    return out.getvalue()


def as_mo(catalog: Catalog) -> bytes:
    """Compile a catalogue; what is not translated is left out."""
    out = io.BytesIO()
    write_mo(out, catalog)
    return out.getvalue()


def merged(template: Catalog, path: Path) -> Catalog:
    """Bring a language's catalogue up to the texts of today; what is gone is let go."""
    with path.open("rb") as file:
        # A line that is none, as a merge leaves behind, must not pass for a comment.
        found = read_po(file, locale=path.parent.parent.name, domain=DOMAIN, abort_invalid=True)
    found.update(template, no_fuzzy_matching=True)
    return _undated(found)


def untold(catalog: Catalog) -> list[str]:
    """List texts without a translation, and translations whose places do not fit their text."""
    found = [f"not translated: {_name(each)}" for each in _texts(catalog) if not _is_whole(each)]
    for message, errors in catalog.check():
        found += [f"does not fit: {_name(message)}: {error}" for error in errors]
    return found


def _texts(catalog: Catalog) -> Iterator[Message]:
    return (each for each in catalog if each.id)


def _is_whole(message: Message) -> bool:
    told = message.string if isinstance(message.string, tuple | list) else (message.string,)
    return bool(told) and all(told) and not message.fuzzy


def _name(message: Message) -> str:
    return message.id if isinstance(message.id, str) else message.id[0]


def files(locale: Path = LOCALE) -> tuple[dict[Path, bytes], list[str]]:
    """Make every file anew; give them, and what is not translated."""
    template = collected()
    made = {locale / f"{DOMAIN}.pot": as_po(template)}
    missing: list[str] = []
    for path in sorted(locale.glob(f"*/LC_MESSAGES/{DOMAIN}.po")):
        catalog = merged(template, path)
        made[path] = as_po(catalog)
        # Read back: what is compiled is what stands in the file.
        written = read_po(io.BytesIO(made[path]), locale=path.parent.parent.name, domain=DOMAIN)
        made[path.with_suffix(".mo")] = as_mo(_undated(written))
        missing += [f"{path.parent.parent.name}: {each}" for each in untold(written)]
    return made, missing


def main(arguments: list[str] | None = None) -> int:
    """Write the files, or with `--check` say which are not up to date."""
    parser = argparse.ArgumentParser(prog="scripts/texts", description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; 1 when it would")
    only_look = parser.parse_args(arguments).check
    made, missing = files()
    stale = [path for path, raw in made.items() if not path.is_file() or path.read_bytes() != raw]
    for path in stale:
        if only_look:
            sys.stderr.write(f"not up to date: {path.relative_to(ROOT)}\n")
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(made[path])
    sys.stderr.writelines(f"{line}\n" for line in missing)
    return int(bool(missing or (only_look and stale)))


if __name__ == "__main__":
    raise SystemExit(main())
