"""The text of a unit: complete, quoted, and taken by systemd itself where there is one."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from node.cli import units
from node.cli.units import MARK, quoted, start_line, system_unit, user_unit
from node.errors import ConfigError


@pytest.mark.parametrize(
    ("word", "written"),
    [
        ("plain/path-1.2", "plain/path-1.2"),
        ("two words", '"two words"'),
        ("100%", '"100%%"'),
        ("$HOME", '"$$HOME"'),
        ('say "x"', '"say \\"x\\""'),
        ("back\\slash", '"back\\\\slash"'),
        ("übung", '"übung"'),
        ("", '""'),
    ],
)
def test_words_are_quoted_for_systemd(word: str, written: str):
    assert quoted([word]) == written


@pytest.mark.parametrize(
    "name", ["a\nExecStartPre=/bin/x", "a\rb", "a\x00b", "a\tb", "a\x85b", "a\u2028b", "a\udcffb"]
)
def test_what_would_leave_its_line_is_refused(name: str):
    with pytest.raises(ConfigError) as refused:
        user_unit(Path("/srv") / name)
    assert refused.value.code == "E-SERVICE"
    assert "--home" in refused.value.fix


def test_a_home_means_what_it_says():
    assert '--home "/srv/%%S/x" up' in user_unit(Path("/srv/%S/x"))
    # A name that is a specifier of ours elsewhere is none in a user's unit.
    assert '--home "%%S/intentcast" up' in user_unit(Path("%S/intentcast"))


@pytest.mark.parametrize("text", [user_unit(Path("/srv/a home")), system_unit()])
def test_every_setting_of_the_sandbox_has_its_reason(text: str):
    lines = text.splitlines()
    assert lines[0] == MARK
    assert "Type=notify" in lines
    assert "WatchdogSec=60" in lines
    sandbox = text.partition("\n\n[Service]\n")[2].partition("\n\n")[2].partition("\n\n")[0]
    for comment, setting in zip(*[iter(sandbox.splitlines())] * 2, strict=True):
        assert comment.startswith("# ")
        assert "=" in setting
        assert not setting.startswith("#")


def test_a_users_unit_runs_this_program_for_this_home():
    text = user_unit(Path("/srv/a home"))
    line = next(line for line in text.splitlines() if line.startswith("ExecStart="))
    assert line.startswith(f"ExecStart={sys.executable} -P -m node.cli.main")
    assert line.endswith(' --home "/srv/a home" up')
    assert "WantedBy=default.target" in text


@pytest.mark.parametrize(
    "setting", ["ProtectHome", "ProtectSystem", "PrivateTmp", "PrivateUsers", "DynamicUser"]
)
def test_a_users_unit_asks_for_nothing_its_manager_may_not_do(setting: str):
    assert f"\n{setting}=" not in user_unit(Path("/srv/home"))


@pytest.mark.parametrize(
    ("executable", "setting"),
    [("/home/x/bin/python", "ProtectHome=read-only"), ("/opt/i/bin/python", "ProtectHome=yes")],
)
def test_a_program_in_somebodys_home_stays_visible(
    monkeypatch: pytest.MonkeyPatch, executable: str, setting: str
):
    monkeypatch.setattr(sys, "executable", executable)
    monkeypatch.setattr(sys, "prefix", "/opt/i")
    assert setting in system_unit().splitlines()
    assert units.lies_in_a_home() == (setting == "ProtectHome=read-only")
    assert start_line("%S/x")[0] == executable
    assert '--home "%S/x"' not in system_unit()
    assert '--home "%S/intentcast"' in system_unit()


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not here")
@pytest.mark.parametrize("whose", ["user", "system"])
def test_systemd_takes_it(tmp_path: Path, whose: str):
    path = tmp_path / "intentcast.service"
    path.write_text(user_unit(tmp_path / "100% $home") if whose == "user" else system_unit())
    found = subprocess.run(
        ["systemd-analyze", f"--{whose}", "--man=no", "verify", str(path)],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
        env={"XDG_RUNTIME_DIR": str(tmp_path), "PATH": "/usr/bin:/bin"},
    )
    assert (found.returncode, found.stderr) == (0, "")
