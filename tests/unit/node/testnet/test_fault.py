"""What may be wrong with a link, as typed and as told."""

from __future__ import annotations

import json

import msgspec
import pytest

from node.testnet.fault import Change, Cut, Fault, read_length, read_rate, read_share
from protocol.errors import LocalProtocolError


@pytest.mark.parametrize(
    ("text", "ms"), [("300ms", 300), ("1.5s", 1_500), ("0ms", 0), (" 2 s ", 2_000), (None, None)]
)
def test_lengths(text: str | None, ms: int | None):
    assert read_length(text, "delay") == ms


@pytest.mark.parametrize(
    ("text", "share"), [("5%", 0.05), ("0%", 0), ("100 %", 1), ("0.5%", 0.005), (None, None)]
)
def test_shares(text: str | None, share: float | None):
    assert read_share(text) == share


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("64kB/s", 64_000),
        ("64KiB/s", 65_536),
        ("1Mbit/s", 125_000),
        ("500 B/s", 500),
        ("0B/s", 0),
        ("1.5MB/s", 1_500_000),
        (None, None),
    ],
)
def test_rates(text: str | None, rate: int | None):
    assert read_rate(text) == rate


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (lambda text: read_length(text, "delay"), "300"),
        (lambda text: read_length(text, "delay"), "-3ms"),
        (lambda text: read_length(text, "delay"), "1e3ms"),
        (lambda text: read_length(text, "delay"), "٣ms"),
        (read_share, "5"),
        (read_share, "101%"),
        (read_share, "nan%"),
        (read_rate, "64"),
        (read_rate, "64kb"),
        (read_rate, "fast"),
    ],
)
def test_what_is_not_understood_says_what_to_write(read, text: str):
    with pytest.raises(LocalProtocolError) as caught:
        read(text)
    assert caught.value.code == "E-FAULT"
    assert caught.value.fix


@pytest.mark.parametrize(
    "change",
    [
        Change(delay_ms=60_001),
        Change(delay_ms=-1),
        Change(jitter_ms=60_001),
        Change(loss=1.01),
        Change(loss=float("nan")),
        Change(bytes_per_s=99),
        Change(bytes_per_s=10**9 + 1),
        Change(cut_at=0),
    ],
    ids=str,
)
def test_every_number_has_a_range(change: Change):
    with pytest.raises(LocalProtocolError) as caught:
        change.check()
    assert caught.value.code == "E-FAULT"


@pytest.mark.parametrize(
    "change", [Change(), Change(bytes_per_s=0), Change(delay_ms=60_000, loss=1.0, cut_at=1)]
)
def test_what_is_in_range_passes(change: Change):
    change.check()


def test_a_change_leaves_the_rest_as_it_is():
    fault = Change(delay_ms=300).apply(Fault(loss=0.05, bytes_per_s=1_000))
    assert fault == Fault(delay_ms=300, loss=0.05, bytes_per_s=1_000)
    assert Change(bytes_per_s=0).apply(fault).bytes_per_s is None
    assert Change(heal=True).apply(fault) == Fault()
    assert Change(heal=True, cut=Cut.SILENT).apply(fault) == Fault(cut=Cut.SILENT)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Fault(), "nothing is wrong"),
        (Fault(delay_ms=300), "delay 300 ms"),
        (Fault(delay_ms=300, jitter_ms=50), "delay 300 ms and up to 50 ms more"),
        (Fault(loss=0.05), "5% of connections lost each second"),
        (Fault(cut=Cut.SILENT), "cut"),
        (Fault(cut=Cut.SILENT, one_way=True), "cut one way, from buyer-1"),
        (Fault(cut=Cut.RESET), "cut, connections are reset"),
        (Fault(bytes_per_s=64_000, cut_at=2_000), "64,000 B/s, reset once after 2,000 more bytes"),
    ],
)
def test_words(fault: Fault, words: str):
    assert fault.words("buyer-1") == words


def test_the_document_is_json_and_a_change_travels_whole():
    assert json.loads(json.dumps(Fault(cut=Cut.RESET).document()))["cut"] == "reset"
    change = Change(link="a~b", cut=Cut.SILENT, one_way=True)
    assert msgspec.json.decode(msgspec.json.encode(change), type=Change) == change
