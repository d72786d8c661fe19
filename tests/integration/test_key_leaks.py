"""Nothing of a key gets out: not into a log, an error, an answer, a process list or a database.

A node in a process of its own logs every detail while it is locked, unlocked, backed up and
restored with a known root and passphrase; then everything it has left behind is searched for them.
"""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

import pytest

from node.cli.client import HttpTransport
from node.keyfile import NodeSeeds, read_node, write_root
from node.keystore import PROFILE_CONTEXT, Keyring
from node.words import words_of
from tests.integration.test_cli_errors import environment

ROOT = bytes((37 * number + 11) % 256 for number in range(32))
PHRASE = "sehr geheime W\u00f6rter 4711"
OTHER = "another secret phrase 0815"
WORDS = words_of(ROOT)
READY_S = 30.0


def secrets_of(root: bytes, node: NodeSeeds) -> dict[str, bytes]:
    """Everything that must never be seen."""
    keyring = Keyring(root, node)
    found = {"root": root, "transport": node.transport, "record": node.record}
    for name in ("sign_seed", "box_seed", "reader_seed", "review_seed"):
        found[name] = getattr(keyring, name)(PROFILE_CONTEXT)
    return found


def needles(secrets: dict[str, bytes]) -> dict[str, bytes]:
    """Every form in which a secret may show."""
    found: dict[str, bytes] = {}
    for name, secret in secrets.items():
        forms = {
            "raw": secret,
            "hex": secret.hex().encode(),
            "HEX": secret.hex().upper().encode(),
            "base64": base64.b64encode(secret)[:40],
            "url": base64.urlsafe_b64encode(secret)[:40],
            "repr": repr(secret)[2:-1].encode(),
            "list": ", ".join(map(str, secret[:8])).encode(),
        }
        found |= {f"{name} in {form}": text for form, text in forms.items()}
    for text in (PHRASE, OTHER):
        found[f"passphrase {text}"] = text.encode()
        found[f"passphrase {text} in JSON"] = json.dumps(text)[1:-1].encode()
    for start in range(len(WORDS) - 2):
        for gap in (" ", ", ", '", "', "\n", '",\n    "'):
            found[f"words {start + 1}-{start + 3} by {gap!r}"] = gap.join(
                WORDS[start : start + 3]
            ).encode()
    return found


@dataclass
class Witness:
    """One node, and all it and its commands ever said."""

    home: Path
    said: dict[str, bytes] = field(default_factory=dict)
    _streams: dict[str, bytearray] = field(default_factory=dict)
    _readers: list[threading.Thread] = field(default_factory=list)
    process: subprocess.Popen[bytes] | None = None

    def environ(self) -> dict[str, str]:
        return environment(self.home, INTENTCAST_LOG_LEVEL="DEBUG", INTENTCAST_DEBUG="1")

    def start(self, *argv: str) -> None:
        process = subprocess.Popen(
            [
                *(sys.executable, "-X", "dev", "-m", "node.cli.main", "--json", "up"),
                *("--net", "leaks", "--relay", "--listen", "127.0.0.1:0", "--api-port", "0"),
                *argv,
            ],
            env=self.environ(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self.process = process
        assert process.stdout is not None
        assert process.stderr is not None
        ready = threading.Event()
        for name, stream in (("stdout", process.stdout), ("stderr", process.stderr)):
            kept = self._streams.setdefault(name, bytearray())
            reader = threading.Thread(target=_drain, args=(stream, kept, ready), daemon=True)
            reader.start()
            self._readers.append(reader)
        assert ready.wait(READY_S), self._streams

    def stop(self) -> None:
        process, self.process = self.process, None
        if process is not None:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=20)
            for reader in self._readers:
                reader.join(timeout=10)

    def look_at_the_process(self) -> None:
        """What every user of the machine, and whoever reads its core, sees of it."""
        assert self.process is not None
        for name in ("cmdline", "environ", "status"):
            path = Path(f"/proc/{self.process.pid}/{name}")
            if path.exists():
                key = f"/proc/{name}"
                self.said[key] = self.said.get(key, b"") + path.read_bytes()

    def run(self, *argv: str, typed: str = "", home: Path | None = None) -> int:
        found = subprocess.run(
            [sys.executable, "-m", "node.cli.main", *argv],
            env=self.environ() | ({"INTENTCAST_HOME": str(home)} if home else {}),
            input=typed.encode(),
            capture_output=True,
            timeout=60,
            check=False,
        )
        name = f"intentcast {' '.join(argv[:2])} #{len(self.said)}"
        self.said[name] = found.stdout + b"\n" + found.stderr
        return found.returncode

    def ask(self, method: str, path: str, body: object = None) -> int:
        """Ask the API, keeping all it answers."""
        found = urlsplit(json.loads((self.home / "api.json").read_text())["url"])
        token = (self.home / "api.token").read_text()
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        transport = HttpTransport(host=str(found.hostname), port=int(found.port or 0))
        data = None if body is None else json.dumps(body).encode()
        answer = transport(method, path, headers, data, 30)
        raw, status = answer.body, answer.status
        self.said[f"{method} {path} #{len(self.said)}"] = raw
        return status

    def everything(self) -> dict[str, bytes]:
        return self.said | {name: bytes(kept) for name, kept in self._streams.items()}


def _drain(stream: IO[bytes], kept: bytearray, ready: threading.Event) -> None:
    with stream:
        for line in stream:
            kept += line
            if b"intentcast.ready/1" in line:
                ready.set()


def files_of(home: Path, but: set[str]) -> dict[str, bytes]:
    return {
        f"{home.name}/{path.relative_to(home)}": path.read_bytes()
        for path in home.rglob("*")
        if path.is_file() and path.name not in but
    }


@pytest.fixture
def witness(tmp_path: Path) -> Iterator[Witness]:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    write_root(home, ROOT)
    (home / "vendor.toml").write_text('name = "Shop"\nparty = "vendor"\n')
    (home / "rules.toml").write_text('currency = "EUR"\n')
    found = Witness(home)
    yield found
    found.stop()


@pytest.mark.timeout(180)
def test_nothing_of_a_key_gets_out(witness: Witness, tmp_path: Path):
    home = witness.home
    phrase, other = tmp_path / "phrase", tmp_path / "other"
    phrase.write_text(PHRASE, encoding="utf-8")
    other.write_text(OTHER, encoding="utf-8")
    sheet, backup = tmp_path / "sheet", tmp_path / "one.icb"
    sheet.write_text(" ".join(WORDS))

    witness.start()
    # The home of an earlier program is taken over; from then on its node has keys of its own.
    node = read_node(home)
    assert node is not None
    assert witness.run("passphrase", "set", "--passphrase-file", str(phrase)) == 0
    assert witness.run("lock") == 0
    witness.look_at_the_process()
    for argv in (["cast", "sofa", "--category", "home", "--yes"], ["backup", str(backup)]):
        assert witness.run(*argv) == 4
    assert witness.run("unlock", "--passphrase-file", str(other)) == 4
    assert witness.ask("POST", "/v1/keys/unlock", {"passphrase": OTHER}) == 423
    assert witness.ask("POST", "/v1/keys/unlock", {"passphrase": [PHRASE]}) == 422
    assert witness.ask("POST", "/v1/keys/unlock", {"passphrase": PHRASE * 100}) == 422
    assert witness.ask("POST", "/v1/keys/unlock", {"passphrase": f"{PHRASE}\0"}) == 423
    assert witness.run("unlock", PHRASE) == 2
    assert witness.run("unlock", "--passphrase-file", "-", typed=f"{PHRASE}\n") == 0
    witness.look_at_the_process()
    assert witness.run("backup", str(backup)) == 0
    assert witness.run("backup", str(backup)) == 5
    verify = ("backup", "verify", str(backup))
    assert witness.run(*verify, "--passphrase-file", str(phrase)) == 0
    assert witness.run(*verify, "--passphrase-file", str(other)) == 4
    assert witness.run(*verify, "--words-file", str(sheet)) == 0
    change = ("passphrase", "change", "--passphrase-file", str(phrase))
    assert witness.run(*change, "--new-passphrase-file", str(other)) == 0
    for path in ("status", "keys", "casts", "deals", "peers", "outbox", "vendor", "events"):
        witness.ask("GET", f"/v1/{path}")
    witness.stop()
    witness.start("--passphrase-file", str(other))
    witness.look_at_the_process()
    assert witness.run("status") == 0
    witness.stop()

    new = tmp_path / "new"
    restore = ("restore", "--words-file", "-", "--from", str(backup))
    assert witness.run("restore", "--words", *WORDS, home=new) == 2
    assert witness.run(*restore, typed=" ".join(WORDS[:-1]), home=new) == 2
    assert witness.run(*restore, typed=" ".join([WORDS[1], WORDS[0], *WORDS[2:]]), home=new) == 2
    sealed = ("--passphrase-file", str(phrase))
    assert witness.run(*restore, *sealed, typed=" ".join(WORDS), home=new) == 0
    assert witness.run("words", "--confirm", *sealed, typed="zebra\n", home=new) == 2

    places = witness.everything()
    # The node's own two keys lie in their own file, and nowhere else.
    places |= files_of(home, but={"node.key"}) | files_of(new, but={"node.key"})
    places["one.icb"] = backup.read_bytes()
    assert {"stdout", "stderr", "home/node.log", "home/node.db", "one.icb"} <= set(places)
    assert len(places["home/node.log"]) > 0
    wanted = needles(secrets_of(ROOT, node))
    leaks = [
        f"{what} stands in {place}"
        for place, raw in places.items()
        for what, needle in wanted.items()
        if needle in raw
    ]
    assert not leaks, "\n".join(leaks)


def test_the_search_would_find_them(tmp_path: Path):
    """A leak of any form is found: otherwise an empty list would prove nothing."""
    seeds = NodeSeeds.derived(ROOT)
    wanted = needles(secrets_of(ROOT, seeds))
    planted = [
        f"key={ROOT.hex()}".encode(),
        b"\x00" + ROOT + b"\xff",
        repr({"root": ROOT}).encode(),
        json.dumps({"passphrase": PHRASE}).encode(),
        f"unlocking with {PHRASE}".encode(),
        " ".join(WORDS).encode(),
        json.dumps(WORDS).encode(),
        base64.b64encode(Keyring(ROOT).sign_seed(PROFILE_CONTEXT)),
        os.fsencode(", ".join(WORDS[5:9])),
    ]
    for raw in planted:
        assert any(needle in raw for needle in wanted.values()), raw
