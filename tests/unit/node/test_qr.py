"""A text as squares: what is drawn on a page and in a terminal is the same code."""

from __future__ import annotations

import re

import pytest
import segno

from node import qr
from protocol.errors import LocalProtocolError

LINK = "intentcast://node-7Q4M@relay.example:9401?invite=" + "ab_-" * 60


def painted(found: qr.Drawing) -> list[list[bool]]:
    """Fill in what the path says."""
    rows = [[False] * found.size for _ in range(found.size)]
    for x, y, width in re.findall(r"M(\d+) (\d+)h(\d+)v1h-\3z", found.path):
        for i in range(int(width)):
            rows[int(y)][int(x) + i] = True
    return rows


def test_the_squares_are_the_codes_with_a_still_border():
    found = qr.squares(LINK)
    code = segno.make_qr(LINK, error="L", boost_error=False)
    inner = [row[qr.BORDER : -qr.BORDER] for row in found[qr.BORDER : -qr.BORDER]]
    assert inner == [[bool(cell) for cell in row] for row in code.matrix]
    assert not any(any(row) for row in [*found[: qr.BORDER], *found[-qr.BORDER :]])


def test_the_path_paints_them():
    found = qr.drawing(LINK)
    assert painted(found) == qr.squares(LINK)
    assert re.fullmatch(r"[Mhvz0-9 -]+", found.path)


def test_the_lines_hold_two_rows_each():
    rows = qr.squares(LINK)
    lines = qr.lines(LINK)
    assert len(lines) == (len(rows) + 1) // 2
    upper = [[char not in "▀█" for char in line] for line in lines]
    lower = [[char not in "▄█" for char in line] for line in lines]
    assert upper == rows[::2]
    assert lower[: len(rows) // 2] == rows[1::2]


def test_what_nobody_could_read_off_a_screen_is_refused():
    with pytest.raises(LocalProtocolError) as caught:
        qr.drawing("x" * (qr.CHARS_MAX + 1))
    assert caught.value.code == "E-QR"
    assert qr.drawing("x" * qr.CHARS_MAX).size > 100
