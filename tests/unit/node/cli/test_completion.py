"""What a shell is told at a TAB: commands, options, names; never an error, never late."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from node.cli import names
from tests.unit.node.api.fake_citizen import CAST, FakeCitizen
from tests.unit.node.cli.conftest import Run, Shell

ROOT = Path(__file__).parents[4]


def tab(shell: Shell, line: str) -> list[str]:
    """Give what is told of a line whose last word is being typed."""
    words = line.split(" ")
    with shell.monkeypatch.context() as patch:
        patch.setenv("_INTENTCAST_COMPLETE", "bash_complete")
        patch.setenv("COMP_WORDS", line)
        patch.setenv("COMP_CWORD", str(len(words) - 1))
        found = asked(shell)
    assert found.err == ""
    return [line.partition(",")[2] for line in found.out.splitlines()]


def asked(shell: Shell) -> Run:
    out: list[str] = []
    with shell.monkeypatch.context() as patch:
        # click writes to the process's own stdout, and ends it.
        patch.setattr("click.shell_completion.echo", lambda raw: out.append(raw.decode()))
        try:
            found = shell.run()
        except SystemExit as end:
            return Run(code=int(end.code or 0), out="\n".join(out), err="")
    return Run(code=found.code, out="\n".join(out), err=found.err)


def test_commands_and_options(down: Shell):
    assert tab(down, "intentcast of") == ["offers"]
    assert {"status", "offers", "wait"} <= set(tab(down, "intentcast "))
    assert tab(down, "intentcast offers --w") == ["--watch", "--wait"]
    assert tab(down, "intentcast service st") == ["status"]
    assert "--home" in tab(down, "intentcast --h")


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("intentcast offers c", []),
        ("intentcast --home", ["--home"]),
        ("intentcast nothing x", []),
        ("intentcast identity none x", []),
        ("intentcast --home /dev/null/x offers c", []),
        ("intentcast offers --wait ", []),
    ],
)
def test_what_is_not_known_is_passed_over_in_silence(down: Shell, line: str, told: list[str]):
    assert [word for word in tab(down, line) if word] == told


def test_names_come_from_the_running_node(
    shell: Shell, citizen: FakeCitizen, monkeypatch: pytest.MonkeyPatch
):
    # How long a shell waits is not what is tried here, and this machine may be busy.
    monkeypatch.setattr(names, "PATIENCE_S", 10.0)
    assert tab(shell, "intentcast offers cast-7") == [CAST["handle"]]
    assert tab(shell, "intentcast offers deal") == []
    assert tab(shell, "intentcast deal d") == ["deal-9ABC-DEFG"]
    assert tab(shell, "intentcast accept o") == ["offer-AAA1-BBBB", "offer-AAA2-BBBB"]
    assert set(tab(shell, "intentcast revoke ")) == {
        CAST["handle"],
        "offer-AAA1-BBBB",
        "offer-AAA2-BBBB",
    }
    citizen.fails = RuntimeError("broken")
    assert tab(shell, "intentcast offers cast-7") == []


@pytest.mark.parametrize("name", ["bash", "zsh", "fish"])
def test_scripts(down: Shell, name: str):
    found = down.run("completion", name)
    assert found.code == 0
    assert f"_INTENTCAST_COMPLETE={name}_complete" in found.out
    assert found.err == ""
    assert f"completion {name}" in down.run("completion", name, tty=True).err


def test_no_other_shell(down: Shell):
    found = down.run("completion", "tcsh")
    assert (found.code, "bash" in found.err) == (2, True)


@pytest.mark.skipif(not shutil.which("bash"), reason="bash is not here")
def test_bash_itself_completes(tmp_path: Path):
    program = tmp_path / "intentcast"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m node.cli.main "$@"\n')
    program.chmod(0o700)
    script = (
        'eval "$(intentcast completion bash)"; COMP_WORDS=(intentcast cat); COMP_CWORD=1;'
        '_intentcast_completion intentcast; echo "${COMPREPLY[@]}"'
    )
    found = subprocess.run(
        ["bash", "-c", script],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)},
    )
    assert (found.stdout.strip(), found.stderr) == ("categories", "")
