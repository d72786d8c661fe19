"""Numbers as people say them."""

from __future__ import annotations

import pytest

from node.cli.spoken import counted, duration, moment, plural, short, size


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (61, "1 min 1 s"),
        (3_600, "1 h"),
        (3_725, "1 h 2 min"),
        (90_000, "1 d 1 h"),
        (86_400, "1 d"),
    ],
)
def test_duration(seconds: int, words: str):
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "0 B"), (1_023, "1023 B"), (1_536, "1.5 KiB"), (3 << 20, "3.0 MiB"), (5 << 30, "5.0 GiB")],
)
def test_size(count: int, words: str):
    assert size(count) == words


def test_moment_shows_what_it_does_not_understand():
    assert moment("soon") == "soon"
    assert moment(None) == "-"
    assert len(moment("2027-03-01T23:59:59Z")) == len("2027-03-01 23:59")


def test_counts():
    assert counted({"open": 2, "revoked": 0, "awarded": 1}) == "2 open, 1 awarded"
    assert counted({}) == "none"
    assert plural(1, "peer") == "1 peer"
    assert plural(2, "peer") == "2 peers"
    assert plural(0, "reply", "replies") == "0 replies"


def test_long_ids_are_cut_to_handles():
    assert short("key" + "-7Q4M" * 14) == "key-7Q4M-7Q4M"
    assert short("vendor_bo") == "vendor_bo"
    assert short(None) is None
