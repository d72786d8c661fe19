"""Who holds a port is told where the system tells it."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.api.holder import holder_of

HEAD = (
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout\n"
)
ROW = "   0: 0100007F:20E4 00000000:0000 {state} 00000000:00000000 00:00000000 0 0 0 {inode} 1\n"


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    (tmp_path / "net").mkdir()
    (tmp_path / "net" / "tcp").write_text(HEAD + ROW.format(state="0A", inode=77))
    for name, target in (("1", "socket:[5]"), ("4711", "socket:[77]"), ("self", "x")):
        (tmp_path / name / "fd").mkdir(parents=True)
        (tmp_path / name / "comm").write_text("python3\n")
        (tmp_path / name / "fd" / "3").symlink_to(target)
    (tmp_path / "12").mkdir()
    return tmp_path


def test_the_program_is_named(proc: Path):
    assert holder_of(8_420, proc) == "python3, pid 4711"


def test_a_port_nobody_listens_on(proc: Path):
    assert holder_of(8_421, proc) == ""
    (proc / "net" / "tcp").write_text(HEAD + ROW.format(state="01", inode=77))
    assert holder_of(8_420, proc) == ""


def test_a_system_that_does_not_tell(tmp_path: Path):
    assert holder_of(8_420, tmp_path / "none") == ""
