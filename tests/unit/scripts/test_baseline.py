"""The table of a measurement: its arithmetic, and the page it is written to."""

from __future__ import annotations

import dataclasses

import pytest

from scripts import baseline
from scripts.baseline import Baseline, page, show
from scripts.bench_casts import make_cast
from scripts.bench_ingest import Ingest
from scripts.bench_lag import Lag
from scripts.bench_memory import Memory
from scripts.bench_offers import Offers
from scripts.goals import goals
from scripts.rates import AT

INGEST = Ingest(
    casts=1_000,
    wall_s=0.5,
    cpu_s=0.25,
    forwarded=6_930,
    copies=10_000,
    copies_cpu_s=0.1,
    rss_bytes=64 * 1024 * 1024,
)


def found() -> Baseline:
    return Baseline(
        verifies_per_s=10_000,
        verifies_other=9_000,
        ingest=INGEST,
        beside=dataclasses.replace(INGEST, wall_s=0.1),
        lag=Lag(per_second=1_600, p50_s=0.001, p99_s=0.015, max_s=0.03),
        offers=Offers(offers=100, open_s=0.02, rank_s=0.03),
        memory=(
            Memory(casts=0, raw_bytes=0, rss_bytes=1024 * 1024, start_s=0.5),
            Memory(casts=10, raw_bytes=10_000, rss_bytes=1024 * 1024 + 9_000, start_s=0.5),
        ),
        first_offers_s=tuple(0.001 * n for n in range(1, 101)),
    )


def test_rates_are_told_as_parts_of_a_signature_check() -> None:
    lines = {what: (much, ratio) for what, much, ratio in found().lines()}
    assert lines["casts accepted, forwarded to 7, committed"] == ("2,000 /s", "0.200 V")
    assert lines["the same per second of processor time"] == ("4,000 /s", "0.400 V")
    assert lines["of them forwarded as payload"][0] == "99.00 %"
    assert lines["processor time of a copy"] == ("10.0 us", "0.100 verifies")
    assert lines["cast to first offer, p99"][0] == "100 ms"
    assert lines["both together"] == ("2,000 /s", "0.200 V")


def test_the_page_keeps_its_words_and_takes_new_figures() -> None:
    written = page(found(), "the command")
    words, _, figures = written.partition("<!-- measured -->")
    assert words == baseline.PAGE.read_text(encoding="utf-8").partition("<!-- measured -->")[0]
    assert "by `the command`" in figures
    assert "| memory with 0 live casts | 1.0 MiB |  |" in figures
    assert "memory with 0 live casts" in show(found())


def test_casts_of_the_measurement_are_strangers_to_each_other() -> None:
    one, other = make_cast(1, AT), make_cast(2, AT)
    assert one == make_cast(1, AT)
    assert one != other


def test_a_quick_run_is_never_written_down() -> None:
    with pytest.raises(SystemExit):
        baseline.main(["--quick", "--write"])


def test_each_goal_says_how_far_the_run_got() -> None:
    rows = {goal.what.split(",")[0]: goal for goal in goals(found())}
    assert rows["casts accepted per second of one core"].verdict == "not reached"
    assert rows["casts accepted per second of one core"].measured == 0.4
    assert rows["the same by the clock"].verdict == "must"
    assert rows["processor time of a copy"].verdict == "not reached"
    assert rows["memory of 10 live casts beyond an idle node"].verdict == "not reached"
    assert rows["memory of an idle node"].verdict == "stretch"
    assert rows["lag of the loop at 80 % load"].verdict == "must"
    assert rows["lag of the loop at 80 % load"].row() == (
        "| lag of the loop at 80 % load, p99 | <= 20 | <= 10 | 15 ms | must |"
    )
    assert all(goal.row() in show(found()) for goal in rows.values())
