"""What `scripts/simulate` says to words it cannot follow, and that it measures nothing for them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.options import ENDED, ENDED_TEXT, SEED_MAX
from tests.simulation.net import command, figures
from tests.simulation.net import scenario as scenarios
from tests.simulation.net.scenario import load

ELSEWHERE = "flood of bad signatures"
QUICK = "nothing missing of 100,000"


@pytest.fixture
def idle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing may be lived through or measured."""

    def never(*_args: Any, **_facts: Any) -> None:
        raise AssertionError("something was run")

    monkeypatch.setattr(scenarios.Run, "live", never)
    monkeypatch.setattr(figures, "measure", never)


def asked(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    """Give the status and what was said on standard error."""
    try:
        status = command.main(words)
    except SystemExit as end:
        status = int(str(end.code))
    return status, capsys.readouterr().err


@pytest.mark.usefixtures("idle")
@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("run honest --nodes 0", "'0' is no whole number from 2 to 100,000"),
        ("run honest --nodes 1", "'1' is no whole number from 2 to 100,000"),
        ("run honest --nodes 100001", "from 2 to 100,000"),
        ("run honest --nodes many", "'many' is no whole number"),
        ("run honest --seed -1", "'-1' is no whole number from 0"),
        (f"run honest --seed {SEED_MAX + 1}", "is no whole number from 0"),
        ("run honest --objects 0", "'0' is no whole number from 1"),
        ("run honest --warm-up -1", "'-1' is no whole number from 0"),
        ("run hostage --nodes 39", "hostage needs 40 nodes or more, not 39"),
        ("figures --nodes 1", "'1' is no whole number from 2"),
        ("figures --seed -1", "'-1' is no whole number from 0"),
        ("figures --nodes 9 --only origin", "'origin, 5 % spies' needs 10 nodes or more, not 9"),
        ("figures --json /nonexist/x.json", "/nonexist/x.json cannot be written: No such file"),
        ("figures --svg /", "/ cannot be written: Is a directory"),
        ("page /nonexist/x.json", "/nonexist/x.json cannot be read: No such file"),
        ("page /", "/ cannot be read: Is a directory"),
    ],
)
def test_words_that_cannot_be_followed_are_refused_before_anything_runs(capsys, words, told):
    status, said = asked(capsys, *words.split())
    assert status == 2
    assert told in said.splitlines()[-1]


@pytest.mark.usefixtures("idle")
def test_a_file_is_tried_and_neither_made_nor_touched(tmp_path: Path, capsys):
    new, old = tmp_path / "new.json", tmp_path / "old.svg"
    old.write_text("a drawing")
    words = ["figures", "--json", str(new), "--svg", str(old), "--only", "nonesuch"]
    assert asked(capsys, *words)[0] == 2
    assert not new.exists()
    assert old.read_text() == "a drawing"


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"rows": []}', '{"rows": [{}]}', "\udcff", "[" * 100_000]
)
def test_what_holds_no_figures_makes_no_page(tmp_path: Path, capsys, text: str):
    file = tmp_path / "figures.json"
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
    status, said = asked(capsys, "page", str(file))
    assert status == 2
    assert said == f"{file} holds no figures: name what `figures --json FILE` wrote\n"


def test_figures_that_were_kept_make_a_page_with_their_seed(tmp_path: Path, capsys):
    row = figures.rows_of([QUICK])[0]
    result = figures.Result(row=row, seed=7, nodes=40, values={}, failures=[])
    file = tmp_path / "figures.json"
    file.write_text(json.dumps(figures.document_of([result])))
    assert command.main(["page", str(file)]) == 0
    said = capsys.readouterr().out
    assert 'again with `scripts/simulate figures --nodes 40 --seed 7 --only "NAME"`.' in said


def test_a_whole_name_is_one_row_and_a_part_is_all_that_hold_it():
    def named(*names: str) -> list[str]:
        return [row.name for row in figures.rows_of(names)]

    assert named("20 % mute") == ["20 % mute"]
    assert named("0 % mute") == ["20 % mute", "20 % mute, all relays"]
    assert named("partition", "20 % mute") == ["20 % mute", "partition"]
    assert named() == [row.name for row in figures.ROWS]


@pytest.mark.usefixtures("idle")
def test_a_row_nobody_knows_is_refused_with_the_names_of_all(capsys):
    status, said = asked(capsys, "figures", "--only", "partition", "--only", "nonesuch")
    assert status == 2
    assert "no row is named 'nonesuch'" in said
    assert [line.strip() for line in said.splitlines()[1:]] == [row.name for row in figures.ROWS]


def test_rows_that_are_measured_elsewhere_are_no_success(capsys):
    assert asked(capsys, "figures", "--only", ELSEWHERE) == (
        2, "nothing was measured: these rows are measured elsewhere\n",
    )  # fmt: skip


def test_figures_are_kept_where_they_were_asked_for(tmp_path: Path, capsys, monkeypatch):
    values = {"rounds": 1.0, "bytes": 100.0, "equal": 1.0}

    def measure(row: figures.Row, *, nodes: int, seed: int, each: object) -> figures.Result:
        return figures.Result(row=row, seed=seed, nodes=nodes, values=values, failures=[])

    monkeypatch.setattr(figures, "measure", measure)
    file = tmp_path / "figures.json"
    assert command.main(["figures", "--only", QUICK, "--json", str(file)]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "0 of 3 bounds missed"
    assert json.loads(file.read_text())["rows"][0]["values"] == values


def test_a_run_without_a_delivery_is_no_success(capsys, monkeypatch):
    monkeypatch.setattr(scenarios.Run, "live", lambda run, **_: run)
    status, said = asked(capsys, "run", "honest", "--nodes", "2")
    assert (status, said) == (
        2, "nothing was delivered, so nothing was measured: take more nodes\n",
    )  # fmt: skip


@pytest.mark.parametrize("words", ["run honest", "figures"])
def test_who_ends_it_early_is_told_so_in_a_line(capsys, monkeypatch, words: str):
    def ended(*_args: Any, **_facts: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(scenarios.Run, "live", ended)
    monkeypatch.setattr(figures, "measure", ended)
    assert asked(capsys, *words.split()) == (ENDED, f"{ENDED_TEXT}\n")


@pytest.mark.parametrize("name", scenarios.names())
def test_every_scenario_has_the_nodes_it_needs_and_can_be_tried_among_the_fewest(name: str):
    least = load(name).nodes_min
    assert least <= load(name).population.nodes
    scenarios.Run(load(name, nodes=least, warm_up=0, objects=1)).live()
