"""A log that stays readable, and small, while somebody tries to fill it.

Enters: records of any logger. Leaves: at most `LINES_PER_MINUTE` lines in any minute, each kind of
line (logger, level, template) a few times and then counted instead of written. Nothing is dropped
in silence: what was left out is said as a number, at the latest when the log is closed.
Never: a queue, a task or a timer of its own; a template kept for every stranger's text.
"""

from __future__ import annotations

import logging
import logging.handlers
import traceback
from collections import OrderedDict, deque
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from node.clock import Clock, SystemClock

LINES_PER_MINUTE: Final = 90
"""Lines in any minute; ten more are left for the notes on what was left out, so 100 in all."""
_NOTE_MS: Final = 6_000
"""Shortest time between two notes on what was left out: ten in a minute."""
BURST: Final = 5
"""Times a kind of line is written before it is counted instead."""
REFILL_MS: Final = 30_000
"""After this a kind of line may be written once more; guess."""
KINDS_MAX: Final = 256
"""Kinds that are told apart; the one longest unseen goes."""
LINE_CHARS_MAX: Final = 2_000
"""Of a message, and of each line of a traceback: strangers' texts stand in both; guess."""
TRACEBACK_LINES_MAX: Final = 24
"""Last lines of a traceback; the innermost frames are the ones that tell."""
_TEMPLATE_CHARS: Final = 120
"""A kind is told by the first line of its template, cut here: some hold a stranger's text."""
_MINUTE_MS: Final = 60_000
_FILE_BYTES: Final = 2 * 1024 * 1024
_FILES: Final = 3
_OWN: Final = "node.logs"

_Key = tuple[str, int, str]


@dataclass(slots=True)
class _Kind:
    """One kind of line."""

    tokens: float
    """How often it may still be written."""
    at_ms: int
    """When the tokens were counted."""
    left_out: int = 0
    """Lines counted instead of written since the last one that was."""


class Gauge:
    """Decides which lines are written; knows nothing of files."""

    def __init__(self, *, lines_per_minute: int = LINES_PER_MINUTE, burst: int = BURST) -> None:
        """Start with full allowances.

        Args:
            lines_per_minute: cap over all kinds, in any 60 s.
            burst: how often one kind is written before it is counted.
        """
        self._lines_max = lines_per_minute
        self._burst = burst
        self._kinds: OrderedDict[_Key, _Kind] = OrderedDict()
        self._written: deque[tuple[int, int]] = deque()
        self._in_minute = 0
        self._unsaid = 0
        self._note_at_ms: int | None = None
        self.left_out = 0
        """Records counted instead of written, since the start."""

    def allow(self, key: _Key, now_ms: int) -> int:
        """Give how many lines a record may take now; 0 counts it instead."""
        kind = self._kind(key, now_ms)
        while self._written and now_ms - self._written[0][0] >= _MINUTE_MS:
            self._in_minute -= self._written.popleft()[1]
        room = self._lines_max - self._in_minute
        if kind.tokens >= 1 and room > 0:
            kind.tokens -= 1
            return room
        kind.left_out += 1
        self._unsaid += 1
        self.left_out += 1
        if self._note_at_ms is None:
            self._note_at_ms = now_ms + _NOTE_MS
        return 0

    def spend(self, lines: int, now_ms: int) -> None:
        """Note how many lines were written."""
        self._written.append((now_ms, lines))
        self._in_minute += lines

    def note(self, now_ms: int | None = None) -> tuple[int, _Key] | None:
        """Give how many records were left out, and the kind of most, when it is time to say so.

        Args:
            now_ms: monotonic; None asks for whatever has not been said.
        """
        due_ms = self._note_at_ms
        if due_ms is None or (now_ms is not None and now_ms < due_ms):
            return None
        total, self._unsaid, self._note_at_ms = self._unsaid, 0, None
        worst = max(self._kinds, key=lambda key: self._kinds[key].left_out)
        for kind in self._kinds.values():
            kind.left_out = 0
        return total, worst

    def _kind(self, key: _Key, now_ms: int) -> _Kind:
        kind = self._kinds.get(key)
        if kind is None:
            kind = self._kinds[key] = _Kind(float(self._burst), now_ms)
            if len(self._kinds) > KINDS_MAX:
                self._kinds.popitem(last=False)
        self._kinds.move_to_end(key)
        earned = (now_ms - kind.at_ms) / REFILL_MS
        kind.tokens = min(float(self._burst), kind.tokens + earned)
        kind.at_ms = now_ms
        return kind


class QuietHandler(logging.Handler):
    """Stands before another handler and hands on what may be written."""

    def __init__(self, inner: logging.Handler, *, clock: Clock, gauge: Gauge | None = None) -> None:
        """Keep the handler that writes.

        Args:
            inner: closed with this one.
            clock: only its monotonic side is read.
            gauge: who decides; one with the caps of this module unless given.
        """
        super().__init__()
        self._inner = inner
        self._clock = clock
        self._gauge = gauge or Gauge()

    @property
    def left_out(self) -> int:
        """Records counted instead of written since the start."""
        return self._gauge.left_out

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record, or count it. Called under this handler's lock."""
        now_ms = self._clock.now().mono_ms
        if room := self._gauge.allow(_key(record), now_ms):
            shortened = _shortened(record, room)
            self._gauge.spend(_lines_of(shortened), now_ms)
            self._inner.handle(shortened)
        self._note(self._gauge.note(now_ms))

    def _note(self, found: tuple[int, _Key] | None) -> None:
        if found is not None:
            count, (name, _, template) = found
            self._inner.handle(_remark(f"left out: {count}, most of them {name}: {template}"))

    def flush(self) -> None:
        """Flush the handler that writes."""
        self._inner.flush()

    def close(self) -> None:
        """Say what was left out, and close both."""
        self._note(self._gauge.note())
        self._inner.close()
        super().close()


def _key(record: logging.LogRecord) -> _Key:
    template = str(record.msg).split("\n", 1)[0][:_TEMPLATE_CHARS]
    return record.name, record.levelno, template


def _shortened(record: logging.LogRecord, room: int) -> logging.LogRecord:
    """Give the record on few lines: its message on one, its traceback cut to the end that tells."""
    copy = logging.makeLogRecord(record.__dict__)
    copy.msg = _visible(_message(record).replace("\r", " ").replace("\n", " | "))
    copy.args = None
    copy.exc_info = copy.exc_text = copy.stack_info = None
    most = min(TRACEBACK_LINES_MAX, room - 1)
    if record.exc_info and record.exc_info[1] is not None and most > 0:
        told = "".join(traceback.format_exception(record.exc_info[1])).rstrip().splitlines()
        copy.exc_text = "\n".join(map(_visible, told[-most:]))
    return copy


def _visible(text: str) -> str:
    """Cut a line, and write what a terminal would obey, or not show, by its number."""
    cut = text[:LINE_CHARS_MAX]
    if not cut.isprintable():
        cut = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in cut)
    return cut if len(text) <= LINE_CHARS_MAX else f"{cut}..."


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:  # noqa: BLE001 - a value's own __str__ may raise anything
        # A template that does not fit its values is a bug of ours; the log is no place to raise it.
        return f"{record.msg!r} % {record.args!r}"


def _lines_of(record: logging.LogRecord) -> int:
    return 1 + (record.exc_text.count("\n") + 1 if record.exc_text else 0)


def _remark(text: str) -> logging.LogRecord:
    return logging.LogRecord(_OWN, logging.WARNING, __file__, 0, text, None, None)


def log_to_file(path: Path, level: str) -> None:
    """Keep a bounded log; nothing of keys or letters is ever logged."""
    handler = logging.handlers.RotatingFileHandler(
        path, maxBytes=_FILE_BYTES, backupCount=_FILES, encoding="utf-8"
    )
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    root = logging.getLogger()
    root.setLevel(level)
    # Whoever asks for every detail gets it; otherwise nobody outside can fill the log.
    root.addHandler(handler if level == "DEBUG" else QuietHandler(handler, clock=SystemClock()))
