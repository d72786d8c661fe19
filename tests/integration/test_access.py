"""The door of the API on real sockets: everything that must not pass, and what passes beside it.

Each case is bytes on a connection of its own; its refusal has a status, a code and a next step, and
nothing of it reached the node.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from node.api.contents import OPERATIONS
from node.api.server import ApiServer
from node.clock import ManualClock
from node.config import Settings
from node.daemon import Daemon
from node.entropy import SystemEntropy
from node.runtime.access import CODES_OPEN_MAX, WRONG_CODES_MAX, Access
from node.runtime.tasks import Tasks
from node.runtime.visitors import SESSION_MS, Scope
from node.storage.database import Storage
from protocol.now import DAY_MS, MINUTE_MS
from tests.integration.fair import NET
from tests.integration.intruders import FORM, JSON, OWN, OWNER, PREVIEW, REFUSED, STATUS
from tests.parties import NOW_MS
from tests.unit.node.api.fake_citizen import FakeCitizen
from tests.unit.node.api.fake_face import FakeFace


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def document(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The code of a refusal, which has a sentence and a next step as well."""
        assert self.headers["Content-Type"].startswith("application/problem+json")
        assert self.document["title"]
        assert self.document["fix"]
        assert self.document["status"] == self.status
        return str(self.document["code"])

    @property
    def cookie(self) -> str:
        """The cookie as a browser would send it back."""
        return self.headers["Set-Cookie"].split(";")[0]


async def send(port: int, raw: bytes) -> Reply:
    """Send bytes on a connection of their own."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(raw)
        await writer.drain()
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines if ": " in line)
        body = await reader.readexactly(int(headers.get("Content-Length", "0")))
        return Reply(status=int(first.split(" ")[1]), headers=headers, body=body)
    finally:
        writer.close()
        await writer.wait_closed()


class House:
    """A server with a real doorkeeper; behind it a citizen who notes what reached it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = ManualClock(wall_ms=NOW_MS)
        self.citizen = FakeCitizen()
        self.tasks = Tasks()
        self.port = 0
        self.storage: Storage
        self.access: Access
        self.server: ApiServer
        self.cookie = ""
        self.tokens: dict[str, str] = {"owner": OWNER}

    async def open(self) -> None:
        self.storage = await Storage.open(self.folder / "node.db", clock=self.clock)
        self.access = Access(
            owner_token=OWNER,
            storage=self.storage,
            clock=self.clock,
            entropy=SystemEntropy(),
            tasks=self.tasks,
            changed=lambda: None,
        )
        await self.access.load()
        self.citizen.access = self.access  # type: ignore[assignment]
        settings = Settings(api_port=0, api_names=["box.local"])
        self.server = ApiServer(self.citizen, settings, self.access, faces=[FakeFace()])
        self.port = await self.server.start()

    async def close(self) -> None:
        await self.server.stop()
        await self.tasks.close()
        await self.storage.close()

    async def ask(
        self,
        line: str,
        *headers: str,
        token: str = "",
        cookie: str = "",
        body: bytes = b"",
        host: str = "127.0.0.1:{port}",
    ) -> Reply:
        """Ask; `{port}` and `{cookie}` stand for this server's own."""
        found = [f"Host: {host}"] if host else []
        if token:
            found.append(f"Authorization: Bearer {self.tokens.get(token, token)}")
        if cookie:
            found.append(f"Cookie: {cookie}")
        if body:
            found.append(f"Content-Length: {len(body)}")
        head = "\r\n".join([f"{line} HTTP/1.1", *found, *headers, "", ""])
        head = head.replace("{port}", str(self.port)).replace("{cookie}", self.cookie)
        return await send(self.port, head.encode("latin-1") + body)

    async def log_in(self) -> str:
        """Let a browser in; give its cookie."""
        code = self.access.begin_login().code
        body = json.dumps({"code": code}).encode()
        reply = await self.ask("POST /login", JSON, OWN, body=body)
        assert reply.status == 200
        self.cookie = reply.cookie
        return self.cookie

    async def make(self, *scopes: Scope, days: int = 1) -> str:
        """Make a token over the API; give its handle. It goes by its scopes from then on."""
        body = json.dumps({"name": "x", "scopes": list(scopes), "days": days}).encode()
        reply = await self.ask("POST /v1/tokens", JSON, token="owner", body=body)
        assert reply.status == 200
        self.tokens[",".join(scopes)] = reply.document["secret"]
        return str(reply.document["token"]["handle"])


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    found = House(tmp_path)
    await found.open()
    yield found
    await found.close()


# --- one request that does not pass ---------------------------------------------------------------


@pytest.mark.parametrize("name", REFUSED)
async def test_what_does_not_pass(house: House, name: str):
    await house.log_in()
    case = REFUSED[name]
    reply = await house.ask(
        case.line,
        *case.headers,
        token=case.token,
        cookie=case.cookie,
        body=case.body,
        host=case.host,
    )
    if reply.headers["Content-Type"].startswith("text/html"):
        # A page says no as a page.
        assert case.code.encode() in reply.body
    else:
        assert reply.code == case.code
    assert reply.status == case.status
    assert "Set-Cookie" not in reply.headers
    assert "Location" not in reply.headers
    assert not [each for each in reply.headers if each.startswith("Access-Control")]
    assert house.citizen.calls == []


@pytest.mark.parametrize(
    ("host", "more"), [("", ()), ("127.0.0.1", ("Host: evil.example",)), ("a b", ())]
)
async def test_names_that_are_none_reach_nothing(house: House, host: str, more: tuple[str, ...]):
    """The parser itself refuses some of them, in its own words."""
    reply = await house.ask(STATUS, *more, token="owner", host=host)
    assert reply.status in {400, 421}
    assert house.citizen.calls == []


def test_they_are_many():
    assert len(REFUSED) >= 50


# --- scope by scope -------------------------------------------------------------------------------


@pytest.mark.parametrize("scope", Scope)
async def test_a_token_does_what_it_is_for_and_nothing_else(house: House, scope: Scope):
    await house.make(scope)
    for each in OPERATIONS:
        if each.scope is None or "/events/" in each.path:
            continue
        path = each.path.replace("{handle}", "cast-7Q4M")
        headers = (JSON,) if each.method == "POST" else ()
        body = b"[]" if each.method == "POST" else b""
        reply = await house.ask(f"{each.method} {path}", *headers, token=scope, body=body)
        if scope in {each.scope, Scope.ADMIN}:
            assert reply.status not in {401, 403}, each.name
        else:
            assert (reply.status, reply.code) == (403, "E-SCOPE"), each.name
            assert f"--scope {each.scope}" in reply.document["fix"]


# --- the life of a token, a code, a session -------------------------------------------------------


async def test_a_revoked_token_ends_at_once(house: House):
    handle = await house.make(Scope.READ)
    assert (await house.ask(STATUS, token="read")).status == 200
    body = json.dumps({"handle": handle}).encode()
    small = await house.ask("POST /v1/tokens/revoke", JSON, token="read", body=body)
    assert small.code == "E-SCOPE"
    ended = await house.ask("POST /v1/tokens/revoke", JSON, token="owner", body=body)
    assert ended.status == 200
    for _ in range(2):
        assert (await house.ask(STATUS, token="read")).code == "E-TOKEN"
    again = await house.ask("POST /v1/tokens/revoke", JSON, token="owner", body=body)
    assert (again.status, again.code) == (404, "E-NOT-FOUND")
    owner = b'{"handle": "owner"}'
    refused = await house.ask("POST /v1/tokens/revoke", JSON, token="owner", body=owner)
    assert (refused.status, refused.code) == (409, "E-REFUSED")


async def test_a_token_ends_by_its_day(house: House):
    await house.make(Scope.READ, days=2)
    house.clock.advance(2 * DAY_MS - 1)
    assert (await house.ask(STATUS, token="read")).status == 200
    house.clock.advance(1)
    assert (await house.ask(STATUS, token="read")).code == "E-TOKEN"


async def test_a_session_ends_after_thirty_days(house: House):
    cookie = await house.log_in()
    house.clock.advance(SESSION_MS - 1)
    assert (await house.ask(STATUS, cookie=cookie)).status == 200
    house.clock.advance(1)
    reply = await house.ask(STATUS, cookie=cookie)
    assert (reply.code, "intentcast open" in reply.document["fix"]) == ("E-TOKEN", True)
    page = await house.ask("GET /?a=b", "Accept: text/html", cookie=cookie)
    assert (page.status, page.headers["Location"]) == (303, "/login?next=/%3Fa%3Db")
    assert (await house.ask("GET /login", cookie=cookie)).status == 200


async def test_a_code_is_good_once(house: House):
    code = house.access.begin_login().code
    body = f"code={code.lower()}&next=%2Fcasts".encode()
    first = await house.ask("POST /login", FORM, OWN, body=body)
    assert (first.status, first.headers["Location"]) == (303, "/casts")
    assert "HttpOnly" in first.headers["Set-Cookie"]
    assert "SameSite=Strict" in first.headers["Set-Cookie"]
    again = await house.ask("POST /login", JSON, body=json.dumps({"code": code}).encode())
    assert (again.status, again.code) == (401, "E-LOGIN")
    assert (await house.ask("GET /", cookie=first.cookie)).body == b"hello browser"


async def test_cookies_that_another_port_planted_shut_nobody_out(house: House):
    ours = await house.log_in()
    name = ours.partition("=")[0]
    planted = "; ".join([*(f"{name}=planted-{each}" for each in range(9)), ours])
    assert (await house.ask(STATUS, cookie=planted)).status == 200
    assert (await house.ask("GET /", cookie=planted)).body == b"hello browser"
    assert (await house.ask("GET /", cookie=f"{name}=x; {name}=y")).status == 303
    other = await house.log_in()
    both = await house.ask(STATUS, cookie=f"{other}; {ours}")
    assert (both.status, both.code, both.document["field"]) == (400, "E-REQUEST", "Cookie")
    assert (await house.ask(STATUS, cookie=f"{other}; {ours}", token="owner")).status == 200


async def test_a_code_of_yesterday_and_one_too_many(house: House):
    old = house.access.begin_login().code
    house.clock.advance(5 * MINUTE_MS)
    pushed = house.access.begin_login().code
    for _ in range(CODES_OPEN_MAX):
        house.access.begin_login()
    for code in (old, pushed):
        reply = await house.ask("POST /login", JSON, body=json.dumps({"code": code}).encode())
        assert (reply.status, reply.code) == (401, "E-LOGIN")


async def test_whoever_tries_many_codes_waits(house: House):
    good = json.dumps({"code": house.access.begin_login().code}).encode()
    wrong = json.dumps({"code": "ACDEFGHJ"}).encode()
    for _ in range(WRONG_CODES_MAX):
        assert (await house.ask("POST /login", JSON, body=wrong)).code == "E-LOGIN"
    for _ in range(3):
        paused = await house.ask("POST /login", JSON, body=good)
        assert (paused.status, paused.code) == (429, "E-LOGIN-PAUSE")
        assert int(paused.headers["Retry-After"]) > 0
    # Those who are in stay in.
    assert (await house.ask(STATUS, token="owner")).status == 200
    house.clock.advance(MINUTE_MS)
    assert (await house.ask("POST /login", JSON, body=good)).status == 200


async def test_a_session_leaves_and_is_revoked_by_another(house: House):
    first, second = await house.log_in(), await house.log_in()
    listed = (await house.ask("GET /v1/tokens", cookie=second)).document["tokens"]
    assert [each["current"] for each in listed] == [True, False]
    body = json.dumps({"handle": listed[1]["handle"]}).encode()
    assert (await house.ask("POST /v1/tokens/revoke", JSON, OWN, cookie=second, body=body)).status
    assert (await house.ask(STATUS, cookie=first)).code == "E-TOKEN"
    out = await house.ask("POST /logout", FORM, OWN, cookie=second, body=b"")
    assert (out.status, out.headers["Location"]) == (303, "/login")
    assert "Max-Age=0" in out.headers["Set-Cookie"]
    assert (await house.ask(STATUS, cookie=second)).code == "E-TOKEN"


async def test_a_secret_of_one_kind_is_none_of_another(house: House):
    cookie = await house.log_in()
    await house.make(Scope.READ)
    as_token = await house.ask(STATUS, token=cookie.partition("=")[2])
    as_cookie = await house.ask(STATUS, cookie=f"intentcast_{house.port}={house.tokens['read']}")
    assert [as_token.code, as_cookie.code] == ["E-TOKEN", "E-TOKEN"]


# --- what passes beside all that ------------------------------------------------------------------


async def test_honest_cases_pass(house: House):
    await house.log_in()
    link = ("Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document")
    origin = "Origin: http://127.0.0.1:{port}"
    for reply in [
        await house.ask("GET /livez"),
        await house.ask(STATUS, token="owner"),
        await house.ask(STATUS, token="owner", host="localhost:9999"),
        await house.ask(STATUS, token="owner", host="BOX.local"),
        await house.ask(STATUS, cookie="{cookie}"),
        await house.ask(PREVIEW, JSON, OWN, cookie="{cookie}", body=b"{}"),
        await house.ask(PREVIEW, JSON, origin, cookie="{cookie}", body=b"{}"),
        await house.ask(PREVIEW, JSON, token="owner", body=b"{}"),
        await house.ask("GET /", *link, cookie="{cookie}"),
        await house.ask("GET /login", *link),
    ]:
        assert reply.status == 200
    assert (await house.ask("GET /", *link)).headers["Location"] == "/login?next=/"
    posted = await house.ask("POST /peers", FORM, OWN, cookie="{cookie}", body=b"address=a:1")
    assert posted.status == 303


# --- a whole node ---------------------------------------------------------------------------------


async def test_a_node_knows_its_visitors_after_a_restart(tmp_path: Path):
    settings = Settings(net=NET, api_port=0)
    daemon = Daemon(tmp_path, settings)
    ready = await daemon.start()
    port = int(ready.api_url.rsplit(":", 1)[1])
    login = ready.begin_login()
    body = json.dumps({"code": login.code}).encode()
    head = (
        f"POST /login HTTP/1.1\r\nHost: localhost\r\n{JSON}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    reply = await send(port, head.encode() + body)
    assert reply.cookie.startswith(f"intentcast_{port}=")
    secret = reply.cookie.partition("=")[2]
    made = await daemon.access.create("shop", [Scope.READ], 1)
    await daemon.stop()

    again = Daemon(tmp_path, settings)
    await again.start()
    assert again.access.visitor(None, secret) is not None
    assert again.access.visitor(made["secret"], None) is not None
    owner = await asyncio.to_thread((tmp_path / "api.token").read_text)
    visitor = again.access.visitor(owner, None)
    assert visitor is not None
    assert visitor.may(Scope.ADMIN)
    assert again.access.visitor(None, "guess") is None
    await again.stop()
    kept = await asyncio.to_thread(
        lambda: b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.is_file())
    )
    for each in (secret, made["secret"], login.code, login.code.replace("-", "")):
        assert each.encode() not in kept
