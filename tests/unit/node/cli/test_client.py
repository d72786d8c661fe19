"""The way to the node: only loopback, only while its process lives, errors in the node's words."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from node.api.kinds import ErrorKind
from node.cli import client
from node.cli.client import Answer, HttpTransport, NodeClient, handle_path
from node.cli.failures import AnsweredError
from node.errors import ConfigError, TransportError
from protocol.errors import IntentcastError
from tests.unit.node.cli.conftest import Shell


def write_address(home: Path, text: str) -> None:
    home.mkdir(exist_ok=True)
    (home / "api.json").write_text(text)


class Line:
    """A transport that gives what it was told to give, and keeps what it was asked."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[Any, ...]] = []

    def __call__(self, method, path, headers, body, timeout_s) -> Answer:
        self.asked.append((method, path, dict(headers), body, timeout_s))
        answer = self.answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        if isinstance(answer, Answer):
            return answer
        return Answer(status=200, media="application/json", body=json.dumps(answer).encode())


OK = {"schema": "intentcast.x/1"}


def node_client(*answers: Any) -> tuple[NodeClient, Line]:
    line = Line(*answers)
    return NodeClient(Path("/home/x"), line, "secret"), line


# --- finding it ---------------------------------------------------------------------------------


def test_found(shell: Shell):
    found = NodeClient.of_home(shell.home)
    assert found.get("/v1/status")["schema"] == "intentcast.status/1"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"url": "http://127.0.0.1:8420"}',
        '{"url": "http://10.0.0.1:8420", "pid": 1}',
        '{"url": "http://127.0.0.1:8420@evil.example:1", "pid": 1}',
        '{"url": "https://127.0.0.1:8420", "pid": 1}',
        '{"url": "http://127.0.0.1:8420", "pid": "x"}',
        '{"url": "http://127.0.0.1:8420", "pid": 0}',
        '{"url": "http://127.0.0.1:8420", "pid": -1}',
        '{"url": 7, "pid": 1}',
    ],
)
def test_an_address_that_is_none(tmp_path: Path, text: str):
    write_address(tmp_path / "home", text)
    with pytest.raises(TransportError) as caught:
        NodeClient.of_home(tmp_path / "home")
    assert caught.value.code == "E-NODE-DOWN"


def test_a_dead_process_is_no_node(tmp_path: Path):
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    for pid in (gone.pid, 2**70):
        write_address(tmp_path / "home", json.dumps({"url": "http://127.0.0.1:8420", "pid": pid}))
        with pytest.raises(TransportError) as caught:
            NodeClient.of_home(tmp_path / "home")
        assert caught.value.code == "E-NODE-DOWN"


def test_a_process_of_somebody_else_is_no_node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def refuse(pid: int, number: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "kill", refuse)
    write_address(tmp_path / "home", '{"url": "http://127.0.0.1:8420", "pid": 1}')
    with pytest.raises(TransportError):
        NodeClient.of_home(tmp_path / "home")


def test_a_home_that_does_not_exist_is_said(tmp_path: Path):
    with pytest.raises(TransportError) as caught:
        NodeClient.of_home(tmp_path / "none")
    assert "does not exist yet" in caught.value.sentence
    assert str(tmp_path / "none") in caught.value.fix


def test_a_home_that_is_a_file(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError) as caught:
        NodeClient.of_home(tmp_path / "file")
    assert caught.value.code == "E-HOME"


def test_a_token_that_would_break_the_header_is_dropped(
    down: Shell, monkeypatch: pytest.MonkeyPatch
):
    line = Line(OK)
    monkeypatch.setattr(client, "HttpTransport", lambda **_: line)
    down.up()
    (down.home / "api.token").write_bytes(b"a\r\nX: y\xff")
    NodeClient.of_home(down.home).get("/v1/status")
    assert line.asked[0][2] == {"Authorization": "Bearer "}


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://127.0.0.1:1", "127.0.0.1"),
        ("http://[::1]:1/", "::1"),
        ("http://localhost:1", "localhost"),
    ],
)
def test_loopback_in_every_spelling(
    down: Shell, monkeypatch: pytest.MonkeyPatch, url: str, host: str
):
    seen = []
    monkeypatch.setattr(client, "HttpTransport", lambda host, port: seen.append((host, port)))
    down.up(url=url)
    NodeClient.of_home(down.home)
    assert seen == [(host, 1)]


# --- asking it ----------------------------------------------------------------------------------


def test_get_carries_token_and_query():
    found, line = node_client(OK)
    found.get("/v1/x", a=1, b=None, c=True, d="ä b")
    assert line.asked == [
        ("GET", "/v1/x?a=1&c=true&d=%C3%A4+b", {"Authorization": "Bearer secret"}, None, 30.0)
    ]


def test_a_broken_line_is_tried_again_with_the_same_key():
    found, line = node_client(ConnectionResetError(), OK)
    found.post("/v1/casts", {"title": "x"})
    keys = [headers["Idempotency-Key"] for _, _, headers, _, _ in line.asked]
    assert len(keys) == 2
    assert keys[0] == keys[1]


def test_two_acts_have_two_keys():
    found, line = node_client(OK, OK)
    found.post("/v1/casts", {})
    found.post("/v1/casts", {})
    assert len({headers["Idempotency-Key"] for _, _, headers, _, _ in line.asked}) == 2


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (TimeoutError(), "E-TIMEOUT"),
        (ConnectionRefusedError(), "E-NODE-DOWN"),
        (http.client.BadStatusLine("x"), "E-NODE-DOWN"),
        (OSError("x"), "E-NODE-DOWN"),
    ],
)
def test_failures_of_the_line(failure: Exception, code: str):
    found, _ = node_client(failure)
    with pytest.raises(IntentcastError) as caught:
        found.get("/v1/x")
    assert caught.value.code == code
    assert caught.value.fix


@pytest.mark.parametrize("failure", [ConnectionResetError(), http.client.RemoteDisconnected("x")])
def test_a_node_that_runs_and_ends_the_connection_is_not_said_to_be_down(
    tmp_path: Path, failure: Exception
):
    write_address(tmp_path, json.dumps({"url": "http://127.0.0.1:8420", "pid": os.getpid()}))
    found = NodeClient(tmp_path, Line(failure, failure, failure), "t")
    with pytest.raises(TransportError) as caught:
        found.get("/v1/x")
    with pytest.raises(TransportError) as again:
        found.post("/v1/x", {})
    for error in (caught.value, again.value):
        assert error.code == "E-NO-ANSWER"
        assert "not running" not in error.sentence
        assert "intentcast doctor" in error.fix


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"a": 1}', b"", b"\xff"])
def test_another_program_answers(body: bytes):
    found, _ = node_client(Answer(status=200, media="text/html", body=body))
    with pytest.raises(TransportError) as caught:
        found.get("/v1/x")
    assert "Another program" in caught.value.sentence


def test_a_problem_keeps_the_nodes_words():
    problem = {"title": "no", "code": "E-X", "kind": "locked", "fix": "do", "field": "f"}
    answer = Answer(status=423, media="application/problem+json", body=json.dumps(problem).encode())
    found, _ = node_client(answer)
    with pytest.raises(AnsweredError) as caught:
        found.get_bytes("/v1/x")
    error = caught.value
    assert (error.kind, error.code, error.sentence, error.fix, error.field) == (
        ErrorKind.LOCKED,
        "E-X",
        "no",
        "do",
        "f",
    )


@pytest.mark.parametrize("body", [b"", b"[]", b'{"kind": "new", "code": "E", "title": "x"}'])
def test_a_problem_of_another_version(body: bytes):
    found, _ = node_client(Answer(status=500, media="application/problem+json", body=body))
    with pytest.raises(AnsweredError) as caught:
        found.get("/v1/x")
    assert caught.value.kind is ErrorKind.FAILED


def test_news_waits_in_slices():
    events = {"schema": "intentcast.events/1", "events": [{"n": 9}], "cursor": 9}
    found, line = node_client(events, events)
    assert found.news(3, 60) == ([{"n": 9}], 9)
    assert line.asked[0][1] == "/v1/events?after=3&wait=5.0"
    assert line.asked[0][4] > 5
    assert found.cursor() == 9


def test_a_file_goes_in_chunks(tmp_path: Path):
    (tmp_path / "feed").write_bytes(b"x" * 600_000)
    found, line = node_client(OK)
    with (tmp_path / "feed").open("rb") as file:
        found.post_file("/v1/vendor/import", file, source="feed", dry_run=False)
        _, path, headers, body, _ = line.asked[0]
        assert [len(chunk) for chunk in body] == [262_144, 262_144, 75_712]
    assert path == "/v1/vendor/import?source=feed&dry_run=false"
    assert headers["Transfer-Encoding"] == "chunked"


@pytest.mark.parametrize("handle", ["a/b", "..", "a?b", "a#b", "%2e", "ä", " "])
def test_a_handle_stays_one_segment_of_a_path(handle: str):
    found = handle_path(handle)
    assert not set(found) & set("/?#. ")


def test_http_transport_closes_its_connection(monkeypatch: pytest.MonkeyPatch):
    events: list[Any] = []

    class Connection:
        def __init__(self, host, port, timeout):
            events.append((host, port, timeout))

        def request(self, *args, **kwargs):
            raise ConnectionRefusedError

        def close(self):
            events.append("closed")

    monkeypatch.setattr(http.client, "HTTPConnection", Connection)
    with pytest.raises(ConnectionRefusedError):
        HttpTransport(host="127.0.0.1", port=1)("GET", "/", {}, None, 2.0)
    assert events == [("127.0.0.1", 1, 2.0), "closed"]
