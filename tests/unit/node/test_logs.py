"""A log under attack: short, and honest about what it left out."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Iterator

import pytest

from node.clock import ManualClock
from node.logs import KINDS_MAX, LINES_PER_MINUTE, TRACEBACK_LINES_MAX, Gauge, QuietHandler

MINUTE_MS = 60_000
LINES_IN_ANY_MINUTE = 100


class Paper(io.StringIO):
    """Counts the lines as they come."""

    count = 0

    def write(self, text: str) -> int:
        self.count += text.count("\n")
        return super().write(text)


class Desk:
    """A quiet log on paper, with a clock beside it."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.paper = Paper()
        inner = logging.StreamHandler(self.paper)
        inner.setFormatter(logging.Formatter("%(levelname)s %(name)s %(message)s"))
        self.handler = QuietHandler(inner, clock=self.clock)
        self.log = logging.getLogger("test.logs")
        self.stamps: list[int] = []

    def lines(self) -> list[str]:
        return self.paper.getvalue().splitlines()

    def write(self, act: Callable[[logging.Logger], None]) -> None:
        before = self.paper.count
        act(self.log)
        self.stamps += [self.clock.now().mono_ms] * (self.paper.count - before)

    def most_in_a_minute(self) -> int:
        return max(
            sum(1 for other in self.stamps if 0 <= other - stamp < MINUTE_MS)
            for stamp in self.stamps
        )


@pytest.fixture
def desk() -> Iterator[Desk]:
    found = Desk()
    found.log.addHandler(found.handler)
    found.log.propagate = False
    yield found
    found.log.removeHandler(found.handler)
    found.log.propagate = True


def fall(depth: int) -> None:
    if depth == 0:
        raise ValueError("the bottom")
    trip(depth)


def trip(depth: int) -> None:
    fall(depth - 1)


def with_traceback(log: logging.Logger) -> None:
    try:
        fall(60)
    except ValueError:
        log.exception("it fell")


def test_a_quiet_log_is_written_as_it_comes(desk: Desk):
    for number in range(5):
        desk.log.warning("something %d", number)
    assert desk.lines() == [f"WARNING test.logs something {number}" for number in range(5)]
    assert desk.handler.left_out == 0


def test_the_same_again_and_again_is_counted(desk: Desk):
    for number in range(1_000):
        desk.log.warning("connection %d refused", number)
    assert len(desk.lines()) == 5
    desk.clock.advance(6_000)
    desk.log.warning("another thing")
    assert desk.lines()[-1] == (
        "WARNING node.logs left out: 995, most of them test.logs: connection %d refused"
    )
    assert desk.handler.left_out == 995


def test_another_kind_still_gets_through(desk: Desk):
    for _ in range(1_000):
        desk.log.warning("loud")
    desk.log.error("the disk is full")
    desk.log.error("loud")
    assert desk.lines()[-2:] == ["ERROR test.logs the disk is full", "ERROR test.logs loud"]


def test_after_a_rest_a_kind_is_written_again(desk: Desk):
    for _ in range(10):
        desk.log.warning("again")
    desk.clock.advance(30_000)
    desk.log.warning("again")
    desk.log.warning("again")
    assert sum("again" in line and "left out" not in line for line in desk.lines()) == 6


NUMBERS = iter(range(10**9))


@pytest.mark.parametrize(
    "act",
    [
        lambda log: log.warning("loud"),
        lambda log: log.warning(f"text of a stranger {next(NUMBERS)}"),  # noqa: G004
        with_traceback,
    ],
    ids=["one kind", "many kinds", "tracebacks"],
)
def test_no_minute_has_more_than_a_hundred_lines(desk: Desk, act: Callable[..., None]):
    for _ in range(600):
        desk.write(act)
        desk.clock.advance(500)
    assert desk.most_in_a_minute() <= LINES_IN_ANY_MINUTE
    assert any("left out" in line for line in desk.lines())


def test_a_long_traceback_keeps_its_end(desk: Desk):
    desk.write(with_traceback)
    assert len(desk.lines()) == 1 + TRACEBACK_LINES_MAX
    assert desk.lines()[0] == "ERROR test.logs it fell"
    assert desk.lines()[-1] == "ValueError: the bottom"


def test_a_message_of_many_lines_is_one_line(desk: Desk):
    desk.log.error("socket.accept() out of system resource\nsocket: <%s>\r\n", "fd=7")
    assert len(desk.lines()) == 1
    assert "resource | socket: <fd=7>" in desk.lines()[0]


def test_a_stranger_s_text_is_short_and_shows_what_it_is(desk: Desk):
    desk.log.error("said %s", "\x1b[2J\u2028\u202eGREEN" + "x" * 100_000)
    (line,) = desk.lines()
    assert line.startswith("ERROR test.logs said \\x1b[2J\\u2028\\u202eGREENxxx")
    assert len(line) < 3_000
    assert line.endswith("...")


def test_a_traceback_is_short_too_and_shows_what_it_is(desk: Desk):
    desk.log.error("it fell", exc_info=ValueError("\x1b[31m" + "y" * 100_000))
    assert "\x1b" not in desk.paper.getvalue()
    assert "ValueError: \\x1b[31myyy" in desk.lines()[-1]
    assert len(desk.lines()[-1]) < 3_000


class Mute:
    def __str__(self) -> str:
        raise AttributeError("gone")


def test_a_value_that_cannot_be_told_raises_nothing(desk: Desk):
    record = {"name": "test.logs", "msg": "said %s", "args": (Mute(),)}
    desk.handler.handle(logging.makeLogRecord(record))
    assert len(desk.lines()) == 1


def test_a_template_that_does_not_fit_raises_nothing(desk: Desk):
    desk.handler.handle(
        logging.makeLogRecord({"name": "test.logs", "msg": "two %d %d", "args": (1,)})
    )
    assert desk.lines() == ["Level None test.logs 'two %d %d' % (1,)"]


def test_the_end_says_what_was_left_out(desk: Desk):
    for _ in range(8):
        desk.log.warning("loud")
    desk.handler.close()
    assert "left out: 3" in desk.paper.getvalue()


def test_flush_reaches_the_paper(desk: Desk):
    desk.log.warning("kept")
    desk.handler.flush()
    assert "kept" in desk.paper.getvalue()


def test_other_handlers_see_the_record_whole(desk: Desk):
    beside = io.StringIO()
    other = logging.StreamHandler(beside)
    desk.log.addHandler(other)
    desk.log.error("two\nlines")
    desk.log.removeHandler(other)
    assert beside.getvalue() == "two\nlines\n"


def test_kinds_are_bounded():
    gauge = Gauge(lines_per_minute=10**6)
    for number in range(5 * KINDS_MAX):
        gauge.allow(("name", 30, str(number)), 0)
    assert len(gauge._kinds) == KINDS_MAX


def test_room_is_what_is_left_of_the_minute():
    gauge = Gauge()
    assert gauge.allow(("a", 30, "x"), 0) == LINES_PER_MINUTE
    gauge.spend(LINES_PER_MINUTE - 2, 0)
    assert gauge.allow(("b", 30, "y"), 59_999) == 2
    gauge.spend(2, 59_999)
    assert gauge.allow(("c", 30, "z"), 59_999) == 0
    assert gauge.allow(("c", 30, "z"), 60_000) == LINES_PER_MINUTE - 2
