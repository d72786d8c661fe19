"""Reads TOML files that people write, key by key, so that every mistake is named with its line.

Enters: TOML text. Leaves: typed values within their ranges, or one error that says file, line, key,
what is allowed and which key was probably meant. A key nobody asked for is a mistake too: a rule
that is silently ignored sells at the wrong price.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, TypeVar

from node.errors import ConfigError
from protocol.errors import IntentcastError, LocalProtocolError
from protocol.now import DAY_MS, HOUR_MS, MINUTE_MS
from protocol.values.money import parse_amount, parse_money
from protocol.values.spelling import nearest

T = TypeVar("T")

FILE_BYTES_MAX: Final = 256 * 1024
"""Bytes of one settings file."""
_HEADER: Final = re.compile(r"^\s*(\[\[?)\s*([A-Za-z0-9_.\"-]+)\s*\]\]?\s*(#.*)?$")
_DURATION: Final = re.compile(r"^(\d{1,6})\s*(min|m|h|d)$")
_DURATION_MS: Final = {"min": MINUTE_MS, "m": MINUTE_MS, "h": HOUR_MS, "d": DAY_MS}
_MONTH_DAY: Final = re.compile(r"^(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$")


@dataclass(frozen=True, slots=True, kw_only=True)
class TomlFile:
    """A file's text, its values, and where each key stands."""

    name: str
    """For messages."""
    text: str
    """As read."""
    code: str
    """Code of errors about it: E-RULES or E-VENDOR."""

    def root(self) -> Table:
        """Parse the text.

        Raises:
            ConfigError: it is not TOML; the line is named.
        """
        try:
            values = tomllib.loads(self.text, parse_float=Decimal)
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            found = re.search(r"at line (\d+)", str(error))
            where = f"{self.name}:{found[1]}" if found else self.name
            raise ConfigError(
                f"{where}: not TOML: {error}", code=self.code, fix="Mend that line"
            ) from error
        return Table(values, self, "")

    def line_of(self, place: str, key: str) -> int:
        """Find the line of a key; 0 when it is written in a way this does not follow.

        Args:
            place: table, with `#n` after the name of a repeated one, counted from 0.
            key: in it.
        """
        counts: dict[str, int] = {}
        current = ""
        assignment = re.compile(rf"^\s*[\"']?{re.escape(key)}[\"']?\s*[=.]")
        header_line = 0
        for number, line in enumerate(self.text.splitlines(), 1):
            header = _HEADER.match(line)
            if header:
                current = header[2]
                if header[1] == "[[":
                    counts[current] = counts.get(current, -1) + 1
                    current = f"{current}#{counts[current]}"
                if current == place or (not place and header[2] == key):
                    header_line = header_line or number
            elif current == place and assignment.match(line):
                return number
        return header_line


def read_toml(path: Path, code: str, fix: str = "Make one: intentcast vendor init") -> TomlFile:
    """Read a settings file.

    Args:
        path: of the file.
        code: of errors about it.
        fix: what to do when it cannot be read.

    Raises:
        ConfigError: it is missing, too large or not UTF-8.
    """
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            raise ConfigError(
                f"{path.name} is larger than {FILE_BYTES_MAX // 1024} KiB",
                code=code,
                fix="Shorten it",
            )
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ConfigError(f"{path} cannot be read: {why}", code=code, fix=fix) from error
    return TomlFile(name=path.name, text=text, code=code)


class Table:
    """One table; remembers which keys were asked for."""

    def __init__(self, values: Mapping[str, Any], file: TomlFile, place: str) -> None:
        """Take a parsed table; `place` is its name, empty for the root."""
        self._values = values
        self._file = file
        self._place = place
        self._asked: list[str] = []

    def __contains__(self, key: str) -> bool:
        """Tell whether a key is given."""
        return key in self._values

    def keys(self) -> list[str]:
        """List the keys given."""
        return list(self._values)

    def wrong(self, key: str, sentence: str, fix: str) -> ConfigError:
        """Make the error about a key, with its file and line."""
        line = self._file.line_of(self._place, key)
        where = f"{self._file.name}:{line}" if line else self._file.name
        name = f"{self._place.split('#')[0]}.{key}" if self._place else key
        return ConfigError(f"{where}: {name} {sentence}", code=self._file.code, fix=fix, field=name)

    def _value(self, key: str) -> Any:
        self._asked.append(key)
        return self._values.get(key)

    def _shown(self, value: Any) -> str:
        text = str(value).lower() if isinstance(value, bool) else str(value)
        return f"is {text[:40]}"

    def text(self, key: str, default: str = "", *, chars_max: int = 200) -> str:
        """Read a text of visible characters."""
        value = self._value(key)
        if value is None:
            return default
        if not isinstance(value, str):
            raise self.wrong(key, f"{self._shown(value)}, not a text", 'Put it in "quotes"')
        plain = value.strip()
        if len(plain) > chars_max or not plain.isprintable():
            raise self.wrong(
                key,
                f"has more than {chars_max} or invisible characters",
                f"Use at most {chars_max} visible characters",
            )
        return plain

    def required(self, key: str, *, chars_max: int = 200) -> str:
        """Read a text that must be given."""
        found = self.text(key, chars_max=chars_max)
        if not found:
            raise self.wrong(key, "is missing", f'Add {key} = "..."')
        return found

    def texts(
        self, key: str, default: tuple[str, ...] = (), *, most: int, chars_max: int = 80
    ) -> tuple[str, ...]:
        """Read a list of texts."""
        value = self._value(key)
        if value is None:
            return default
        right = isinstance(value, list) and all(isinstance(part, str) for part in value)
        if not right or len(value) > most:
            raise self.wrong(
                key, f"is not a list of at most {most} texts", f'Write {key} = ["...", "..."]'
            )
        if any(not 0 < len(part) <= chars_max or not part.isprintable() for part in value):
            raise self.wrong(
                key, "holds an empty or too long text", f"Use 1 to {chars_max} characters each"
            )
        return tuple(value)

    def choice(self, key: str, default: str, allowed: tuple[str, ...]) -> str:
        """Read one word of a few."""
        value = self._value(key)
        if value is None:
            return default
        if value not in allowed:
            raise self.wrong(key, self._shown(value), f"Choose one of: {', '.join(allowed)}")
        return str(value)

    def flag(self, key: str, *, default: bool) -> bool:
        """Read true or false."""
        value = self._value(key)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise self.wrong(key, self._shown(value), "Write true or false, without quotes")
        return value

    def whole(self, key: str, default: int | None, low: int, high: int) -> int | None:
        """Read a whole number from `low` to `high`."""
        value = self._value(key)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise self.wrong(key, self._shown(value), f"Write a whole number from {low} to {high}")
        return value

    def percent(self, key: str, low: int, high: int) -> Decimal | None:
        """Read a percentage: 7, 7.5 or "7.5 %"; at most four decimals."""
        value = self._value(key)
        if value is None:
            return None
        text = str(value).removesuffix("%").strip()
        right = not isinstance(value, bool) and re.fullmatch(r"-?\d{1,3}(\.\d{1,4})?", text)
        if not right or not low <= Decimal(text) <= high:
            raise self.wrong(
                key, self._shown(value), f"Write a percentage from {low} to {high}, such as 7.5"
            )
        return Decimal(text)

    def money(self, key: str, currency: str) -> int | None:
        """Read an amount in the file's one currency: 25, "25.50" or "25.50 USD"."""
        value = self._value(key)
        if value is None:
            return None
        fix = f'Write an amount in {currency}, such as "25.50 {currency}"'
        if isinstance(value, bool | list | dict):
            raise self.wrong(key, self._shown(value), fix)
        text = str(value)
        try:
            if any(c.isalpha() for c in text):
                found = parse_money(text)
                if found.cur != currency:
                    raise self.wrong(key, f"is in {found.cur}, the rules are in {currency}", fix)
                return found.minor
            return parse_amount(text, currency)
        except LocalProtocolError as error:
            raise self.wrong(key, error.sentence, fix) from error

    def duration_ms(self, key: str, default: int, low: int, high: int) -> int:
        """Read a span such as "48h", "30min" or "7d"; gives ms."""
        value = self._value(key)
        if value is None:
            return default
        found = _DURATION.match(value.strip()) if isinstance(value, str) else None
        span = int(found[1]) * _DURATION_MS[found[2]] if found else -1
        if not low <= span <= high:
            raise self.wrong(
                key,
                self._shown(value),
                f'Write a span from {_span_text(low)} to {_span_text(high)}, such as "48h"',
            )
        return span

    def month_day(self, key: str) -> str:
        """Read a day of any year, `12-20`; empty when not given."""
        value = self._value(key)
        if value is None:
            return ""
        if not isinstance(value, str) or not _MONTH_DAY.match(value):
            raise self.wrong(key, self._shown(value), 'Write month and day, such as "12-20"')
        return value

    def checked(self, key: str, check: Callable[[str], T], default: T) -> T:
        """Read a text and hand it to `check`; what that raises is told with file and line."""
        text = self.text(key)
        if not text:
            return default
        try:
            return check(text)
        except IntentcastError as error:
            raise self.wrong(key, error.sentence, error.fix) from error

    def raw(self, key: str) -> Any:
        """Give a value as it was parsed."""
        return self._value(key)

    def table(self, key: str) -> Table:
        """Give a table below this one; empty when not given."""
        value = self._value(key)
        if value is None:
            return Table({}, self._file, key)
        if not isinstance(value, dict):
            raise self.wrong(key, "is not a table", f"Write [{key}] on a line of its own")
        return Table(value, self._file, key)

    def tables(self, key: str, most: int) -> list[Table]:
        """Give the repeated tables of a name."""
        value = self._value(key)
        if value is None:
            return []
        if not isinstance(value, list) or not all(isinstance(part, dict) for part in value):
            raise self.wrong(key, "is not a list of tables", f"Write [[{key}]] above each")
        if len(value) > most:
            raise self.wrong(key, f"stands {len(value)} times", f"Use at most {most}")
        return [Table(part, self._file, f"{key}#{i}") for i, part in enumerate(value)]

    def done(self) -> None:
        """Refuse keys that were never asked for.

        Raises:
            ConfigError: the first such key, with the nearest known one.
        """
        for key in self._values:
            if key not in self._asked:
                near = nearest(key, self._asked, 1)
                known = ", ".join(dict.fromkeys(self._asked))
                raise self.wrong(
                    key[:60],
                    "is not a key here",
                    f"Did you mean {near[0]}?" if near else f"Known: {known}",
                )


def _span_text(ms: int) -> str:
    for size, name in ((DAY_MS, "d"), (HOUR_MS, "h"), (MINUTE_MS, "min")):
        if ms % size == 0:
            return f"{ms // size}{name}"
    return f"{ms} ms"
