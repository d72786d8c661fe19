"""Whoever types a hint as it is shown reaches the home the run was about."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from node.cli.group import COMMANDS
from node.cli.hints import ANYWHERE, AT_HOME, home_option, with_home
from tests.unit.node.api.fake_citizen import FakeCitizen, FakeExaminer
from tests.unit.node.cli.conftest import Shell
from tests.unit.node.cli.sealed import make_home

HERE = "--home /x"


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("Protect it:  intentcast passphrase set", "Protect it:  intentcast {} passphrase set"),
        (
            "Look: intentcast up, then intentcast casts",
            "Look: intentcast {} up, then intentcast {} casts",
        ),
        (
            "Start it:  intentcast up        or name another with --home",
            "Start it:  intentcast {} up        or name another with --home",
        ),
        ("Run intentcast doctor --scrub: it mends", "Run intentcast {} doctor --scrub: it mends"),
        ("ulimit -n 4096; intentcast up", "ulimit -n 4096; intentcast {} up"),
        ("Did you mean: intentcast casts?", "Did you mean: intentcast {} casts?"),
    ],
)
def test_a_command_to_type_carries_the_home(line: str, shown: str):
    assert with_home(line, HERE) == shown.format(*[HERE] * 2)
    assert with_home(line, "") == line


@pytest.mark.parametrize(
    "line",
    [
        "Make a new home: intentcast restore --words --home DIR",
        "See: intentcast up --help",
        "Check it:  intentcast verify deal.agreement",
        "Start one:  intentcast testnet up --faulty        or name it with --at DIR",
        "Name the .icb file that `intentcast backup` wrote",
        "Install the newer intentcast again",
        "it is not an intentcast database",
        "intentcast://node-1@127.0.0.1:9401",
    ],
)
def test_what_needs_no_home_or_names_one_stays(line: str):
    assert with_home(line, HERE) == line


def test_the_home_that_is_found_anyhow_is_not_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("INTENTCAST_HOME", str(tmp_path / "home"))
    for named in (None, "", str(tmp_path / "home"), "home", "~nobody-of-that-name/x"):
        assert home_option(named) == ""
    assert home_option("an other") == "--home 'an other'"
    monkeypatch.setenv("HOME", str(tmp_path))
    assert home_option("~/other") == f"--home {tmp_path / 'other'}"
    for name in ("INTENTCAST_HOME", "XDG_DATA_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    assert home_option("other") == "--home other"


def commands_in(text: str) -> list[list[str]]:
    """List what a person is told to type, word by word."""
    lines = [line for line in text.replace("\n", "  ").split("  ") if "intentcast " in line]
    return [shlex.split(line[line.index("intentcast ") :]) for line in lines]


@pytest.mark.parametrize("argv", [["status"], ["cast", "x", "--category", "x", "--yes"], ["lock"]])
def test_each_hint_of_a_run_names_its_home(
    shell: Shell, citizen: FakeCitizen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, argv
):
    place = tmp_path / "an other home"
    shell.home.rename(place)
    citizen.custody.keys["locked"] = False  # type: ignore[union-attr]
    found = shell.run(*argv, "--home", str(place))
    assert found.code == 0
    told = commands_in(found.out + found.err)
    assert told
    assert all(command[1:3] == ["--home", str(place)] for command in told), told
    monkeypatch.setenv("INTENTCAST_HOME", str(place))
    assert "--home" not in shell.run(*argv, "--home", str(place)).err


@pytest.mark.parametrize("before", [True, False])
def test_a_failure_names_the_home_wherever_the_option_stood(
    down: Shell, tmp_path: Path, *, before: bool
):
    place = str(tmp_path / "me")
    make_home(Path(place), sealed=True)
    option = ["--home", place]
    for argv, hint in (
        (["status"], "up"),
        (["peers", "add", "127.0.0.1:1"], "up"),
        (["passphrase", "set"], "passphrase change"),
    ):
        found = down.run(*(option + argv if before else argv + option))
        assert found.code != 0
        assert f"intentcast --home {place} {hint}" in found.err


def test_doctor_names_the_home_in_what_to_do_but_not_in_its_document(
    shell: Shell, citizen: FakeCitizen, tmp_path: Path
):
    examiner = citizen.examiner
    assert isinstance(examiner, FakeExaminer)
    examiner.states = {"port": "bad"}
    place = tmp_path / "me"
    shell.home.rename(place)
    found = shell.run("--home", str(place), "doctor")
    assert found.out.splitlines()[2] == f"               intentcast --home {place} up"
    assert f"ask again:  intentcast --home {place} doctor" in found.err
    document = shell.run("--home", str(place), "doctor", "--json").document()
    assert document["checks"][0]["fix"] == "intentcast up"


def test_of_every_command_it_is_known_whether_it_asks_a_home():
    assert set(COMMANDS) == AT_HOME | ANYWHERE
    assert not AT_HOME & ANYWHERE
