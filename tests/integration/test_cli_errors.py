"""Real processes, real homes: every wrong input is one sentence, a code, a next step, an exit code.

One node runs for all of these; nothing typed here may end it, make it log a traceback, or change
what it holds.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from node.cli.exits import Exit
from node.keyfile import write_root

READY_S = 20.0
SENTENCE = re.compile(r"✗ .+ \((?P<code>E-[A-Z0-9-]+)\)\.")


@dataclass(frozen=True, kw_only=True)
class Ran:
    code: int
    out: str
    err: str


def environment(home: Path, **changes: str | None) -> dict[str, str]:
    found = {name: text for name, text in os.environ.items() if not name.startswith("INTENTCAST")}
    found |= {"INTENTCAST_HOME": str(home), "NO_COLOR": "1", "PYTHONUTF8": "1"}
    found |= {name: text for name, text in changes.items() if text is not None}
    return {name: text for name, text in found.items() if changes.get(name, "") is not None}


def intentcast(home: Path, *argv: str | bytes, **changes: str | None) -> Ran:
    found = subprocess.run(
        [sys.executable, "-m", "node.cli.main", *argv],
        env=environment(home, **changes),
        capture_output=True,
        stdin=subprocess.DEVNULL,
        timeout=30,
        check=False,
    )
    return Ran(
        code=found.returncode,
        out=found.stdout.decode("utf-8", "replace"),
        err=found.stderr.decode("utf-8", "replace"),
    )


@dataclass(frozen=True, kw_only=True)
class Up:
    home: Path
    process: subprocess.Popen[bytes]
    ready: dict[str, object]


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """A node in a process of its own."""
    home = tmp_path_factory.mktemp("node") / "home"
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "node.cli.main", "--json", "up"),
            *("--net", "errors", "--api-port", "0", "--listen", "127.0.0.1:0"),
        ],
        env=environment(home),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, process.communicate()[1].decode()
    yield Up(home=home, process=process, ready=json.loads(line))
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=READY_S)
    assert process.returncode == Exit.OK, err.decode()
    assert b"Traceback" not in err
    assert not (home / "api.json").exists()


def refused(found: Ran, exit_code: Exit, code: str) -> None:
    """One sentence with its code, then the next step; nothing on stdout."""
    lines = found.err.splitlines()
    told = [i for i, line in enumerate(lines) if SENTENCE.fullmatch(line)]
    assert len(told) == 1, found
    match = SENTENCE.fullmatch(lines[told[0]])
    assert match is not None
    assert (match["code"], found.code) == (code, exit_code), found
    assert lines[told[0] + 1].startswith("  "), found
    assert "Traceback" not in found.err
    assert found.out == ""


CAMERA = ("cast", "digital camera", "--yes", "--category", "electronics/cameras/digital-cameras")


@pytest.mark.parametrize(
    ("argv", "exit_code", "code"),
    [
        ([*CAMERA, "--budget", "300"], Exit.USAGE, "E-MONEY"),
        ([*CAMERA, "--budget", "300XYZ"], Exit.USAGE, "E-MONEY"),
        ([*CAMERA, "--budget", "1,234 USD"], Exit.USAGE, "E-MONEY"),
        ([*CAMERA, "--budget", "-5EUR"], Exit.USAGE, "E-MONEY"),
        ([*CAMERA, "--by", "yesterday"], Exit.USAGE, "E-DATE"),
        ([*CAMERA, "--by", "2020-01-01"], Exit.USAGE, "E-DATE"),
        ([*CAMERA, "--by", "2027-02-30"], Exit.USAGE, "E-DATE"),
        ([*CAMERA, "--by", "soon"], Exit.USAGE, "E-DATE"),
        ([*CAMERA, "--by", "+9999d"], Exit.USAGE, "E-DATE"),
        ([*CAMERA, "--near", "Xyzzyville"], Exit.USAGE, "E-PLACE"),
        ([*CAMERA, "--within", "5km"], Exit.USAGE, "E-PLACE"),
        ([*CAMERA, "--near", "52.5,13.4", "--within", "far"], Exit.USAGE, "E-DISTANCE"),
        ([*CAMERA, "--must", "resolution >= lots"], Exit.USAGE, "E-ATTRIBUTE"),
        ([*CAMERA, "--must", "shoe-size = 42"], Exit.USAGE, "E-ATTRIBUTE"),
        ([*CAMERA, "--must", "a < b"], Exit.USAGE, "E-WISH"),
        (["cast", "sofa", "--category", "xyz"], Exit.USAGE, "E-CATEGORY"),
        (["cast", "xyzzy"], Exit.USAGE, "E-CATEGORY"),
        (["cast", ""], Exit.USAGE, "E-CAST"),
        (["cast", "no-such.json"], Exit.NOT_FOUND, "E-FILE"),
        (["cast"], Exit.USAGE, "E-USAGE"),
        (["offers"], Exit.NOT_FOUND, "E-CAST-UNKNOWN"),
        (["offers", "cast-ZZZZ-ZZZZ"], Exit.NOT_FOUND, "E-CAST-UNKNOWN"),
        (["offers", "%00"], Exit.USAGE, "E-ID"),
        (["offers", "x", "--wait", "many"], Exit.USAGE, "E-WAIT"),
        (["accept", "offer-ZZZZ-ZZZZ"], Exit.NOT_FOUND, "E-OFFER-UNKNOWN"),
        (["accept", "offer-ZZZZ-ZZZZ", "--yes"], Exit.NOT_FOUND, "E-OFFER-UNKNOWN"),
        (["accept", "x", "--disclose", "name"], Exit.USAGE, "E-DISCLOSE"),
        (["accept", "x", "--option", "99"], Exit.USAGE, "E-USAGE"),
        (["deal", "deal-ZZZZ-ZZZZ"], Exit.NOT_FOUND, "E-DEAL-UNKNOWN"),
        (["deal", "deal-ZZZZ-ZZZZ", "--confirm", "--yes"], Exit.NOT_FOUND, "E-DEAL-UNKNOWN"),
        (["deal", "deal-ZZZZ", "--save", "x"], Exit.NOT_FOUND, "E-DEAL-UNKNOWN"),
        (["revoke", "cast-ZZZZ-ZZZZ"], Exit.USAGE, "E-YES"),
        (["peers", "add", "nowhere"], Exit.USAGE, "E-PEER"),
        (["vendor", "status"], Exit.REFUSED, "E-NO-SHOP"),
        (["vendor", "import", "feed.csv"], Exit.REFUSED, "E-NO-SHOP"),
        (["vendor", "serve"], Exit.REFUSED, "E-NO-SHOP"),
        (["verify", "no-such-file"], Exit.NOT_FOUND, "E-FILE"),
        (["verify", __file__], Exit.REFUSED, "E-AGREEMENT"),
        (["categories", "xyzzy"], Exit.NOT_FOUND, "E-NOT-FOUND"),
        (["up", "--api-port", "0"], Exit.LOCKED, "E-HOME-IN-USE"),
        (["up", "--net", "Not A Net"], Exit.USAGE, "E-CONFIG"),
        (["up", "--listen", "x"], Exit.USAGE, "E-LISTEN"),
        (["offrs"], Exit.USAGE, "E-USAGE"),
        (["status", "--jsn"], Exit.USAGE, "E-USAGE"),
        (["status", b"\xff"], Exit.USAGE, "E-USAGE"),
    ],
)
def test_wrong_input(up: Up, argv: list[str], exit_code: Exit, code: str):
    refused(intentcast(up.home, *argv), exit_code, code)
    assert up.process.poll() is None


def test_nothing_of_that_changed_anything(up: Up):
    found = json.loads(intentcast(up.home, "status", "--json").out)
    assert (found["casts"], found["deals"]) == ({}, {})
    log = up.home / "node.log"
    told = log.read_text("utf-8") if log.exists() else ""
    assert "Traceback" not in told, told


NODE_COMMANDS = [
    ["status"],
    [*CAMERA],
    ["casts"],
    ["offers"],
    ["offers", "cast-1", "--watch"],
    ["accept", "offer-1"],
    ["deal"],
    ["deal", "deal-1", "--confirm"],
    ["revoke", "cast-1"],
    ["peers"],
    ["peers", "add", "127.0.0.1:1"],
    ["outbox"],
    ["vendor", "status"],
]


@pytest.mark.parametrize("argv", NODE_COMMANDS, ids=lambda argv: " ".join(argv[:2]))
def test_node_down(tmp_path: Path, argv: list[str]):
    refused(intentcast(tmp_path / "home", *argv), Exit.NODE_DOWN, "E-NODE-DOWN")
    assert not (tmp_path / "home").exists()


def test_a_port_that_is_taken(tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        by_api = intentcast(tmp_path / "a", "up", "--api-port", port)
        by_peers = intentcast(
            tmp_path / "b", "up", "--api-port", "0", "--listen", f"127.0.0.1:{port}"
        )
    for found in (by_api, by_peers):
        refused(found, Exit.FAILED, "E-PORT")
        assert port in found.err
    assert f"--api-port {int(port) + 1}" in by_api.err


@pytest.mark.parametrize("argv", [["status"], ["up"], ["vendor", "init", "--name", "x"]])
def test_a_home_that_is_a_file(tmp_path: Path, argv: list[str]):
    (tmp_path / "home").write_text("")
    found = intentcast(tmp_path / "home", *argv)
    refused(found, Exit.USAGE, "E-HOME")
    assert f"The home {tmp_path / 'home'} is a file, not a folder (E-HOME)" in found.err


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_home_that_may_not_be_written(tmp_path: Path):
    (tmp_path / "home").mkdir(mode=0o500)
    refused(intentcast(tmp_path / "home", "up", "--api-port", "0"), Exit.USAGE, "E-HOME")


def test_no_home_at_all(tmp_path: Path):
    found = intentcast(tmp_path, "status", INTENTCAST_HOME=None, HOME=None, XDG_DATA_HOME=None)
    refused(found, Exit.USAGE, "E-HOME")


def test_damaged_files_of_a_home(tmp_path: Path):
    (tmp_path / "root.key").write_text("not a key")
    (tmp_path / "root.key").chmod(0o600)
    refused(intentcast(tmp_path, "up", "--api-port", "0"), Exit.DAMAGED, "E-KEYS-DAMAGED")
    (tmp_path / "root.key").chmod(0o644)
    refused(intentcast(tmp_path, "up", "--api-port", "0"), Exit.LOCKED, "E-KEYS-OPEN")
    (tmp_path / "root.key").unlink()
    (tmp_path / "node.db").write_bytes(b"not a database" * 100)
    # Whose it was it cannot say: no new identity is made beside it.
    refused(intentcast(tmp_path, "up", "--api-port", "0"), Exit.NOT_FOUND, "E-KEYS-NONE")
    write_root(tmp_path, bytes(range(32)))
    refused(intentcast(tmp_path, "up", "--api-port", "0"), Exit.DAMAGED, "E-DB-DAMAGED")


def test_settings_that_are_none(tmp_path: Path):
    (tmp_path / "config.toml").write_text("api_prot = 1\n")
    found = intentcast(tmp_path, "up")
    refused(found, Exit.USAGE, "E-CONFIG")
    assert "api_port" in found.err
    found = intentcast(tmp_path / "none", "up", INTENTCAST_API_PORT="many")
    refused(found, Exit.USAGE, "E-CONFIG")


def test_a_wrong_token_is_told(up: Up, tmp_path: Path):
    for name, text in (
        ("api.json", (up.home / "api.json").read_text()),
        ("api.token", "another"),
    ):
        (tmp_path / name).write_text(text)
    refused(intentcast(tmp_path, "status"), Exit.REFUSED, "E-TOKEN")


def test_another_program_on_the_port_never_gets_the_token_of_a_dead_node(tmp_path: Path):
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        url = f"http://127.0.0.1:{stranger.getsockname()[1]}"
        (tmp_path / "api.json").write_text(json.dumps({"url": url, "pid": gone.pid}))
        (tmp_path / "api.token").write_text("secret")
        refused(intentcast(tmp_path, "status"), Exit.NODE_DOWN, "E-NODE-DOWN")
        stranger.settimeout(0.1)
        with pytest.raises(TimeoutError):
            stranger.accept()


def test_a_closed_pipe_leaves_no_traceback(up: Up):
    with subprocess.Popen(
        [sys.executable, "-m", "node.cli.main", "categories"],
        env=environment(up.home),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        err = process.stderr.read()
    assert err == b""
    assert process.returncode == Exit.FAILED


def test_ctrl_c_while_it_waits(up: Up):
    with subprocess.Popen(
        [sys.executable, "-m", "node.cli.main", *CAMERA, "--json"],
        env=environment(up.home),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        time.sleep(1.5)  # signing waits for a mailbox, of which there is none
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=10)
    assert b"Traceback" not in err
    if process.returncode != Exit.OK:
        assert b"(E-STOPPED)" in err
        assert process.returncode == Exit.FAILED
    # The draft was kept before the wait, as it must be; the other tests begin without one.
    for draft in json.loads(intentcast(up.home, "casts", "--json").out)["casts"]:
        assert draft["state"] == "draft"
        assert intentcast(up.home, "revoke", draft["draft"], "--yes").code == Exit.OK


@pytest.mark.parametrize("locale", ["C", "POSIX"])
def test_a_terminal_without_unicode(up: Up, locale: str):
    found = intentcast(up.home, "offrs", LC_ALL=locale, PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert found.code == Exit.USAGE
    assert "(E-USAGE)." in found.err
    assert "Traceback" not in found.err
