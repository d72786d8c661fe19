"""Plain lines: aligned, harmless."""

from __future__ import annotations

import io
import sys

from node.testnet.lines import clean, columns, say, seconds, talk


def test_columns_are_aligned_and_amounts_end_flush():
    found = columns([("a", "1.00"), ("long", "20.00")], right=(1,), indent="  ")
    assert found == ["  a      1.00", "  long  20.00"]
    assert columns([]) == []


def test_text_of_strangers_cannot_move_the_cursor():
    assert clean("a\x1b[2Jb\u202ec\n") == "a[001B][2Jb[202E]c[000A]"
    assert "\x1b" not in columns([("\x1b[31m",)])[0]


def test_lengths_of_time_have_two_digits():
    assert seconds(1_234) == "1.23 s"


def test_nobody_to_talk_to_is_no_error():
    stream = io.StringIO()
    say("x", stream)
    assert stream.getvalue() == "x\n"
    say("x", None)
    stream.close()
    say("x", stream)


def test_talk_leaves_stdout_to_the_document():
    assert talk(as_json=True) is sys.stderr
    assert talk(as_json=False) is sys.stdout
