"""Tokens and logins over the API: who gets in, what is answered, where a browser is sent on to."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from node.api.access import local_path, log_in, log_out
from node.runtime.visitors import Scope
from protocol.errors import LocalProtocolError
from tests.unit.node.api.conftest import Asker, told
from tests.unit.node.api.fake_citizen import FakeCitizen
from tests.unit.node.api.fake_doorkeeper import CODE, COOKIE, SECRET
from tests.unit.node.api.fake_face import FakeFace

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
OWN = {"Sec-Fetch-Site": "same-origin"}
LEADS_ELSEWHERE = [
    "",
    "casts",
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "/a\\b",
    "\\\\evil.example",
    "https://evil.example/",
    "http:/evil.example",
    "javascript:alert(1)",
    "/a\r\nSet-Cookie: x=y",
    "/a\nb",
    "/\t/evil.example",
    " /a",
    "/a b",
    "/é",
    "/" + "a" * 1024,
    "@evil.example",
]


def cookie_of(response: web.Response) -> str:
    return response.cookies["intentcast_8420"].OutputString()


# --- in -------------------------------------------------------------------------------------------


async def test_a_code_is_taken_for_a_cookie(asker: Asker):
    body = b'{"code": "ACDE-FGHJ"}'
    response = await asker.ask("POST", "/login", body, token=None)
    assert (response.status, told(response)["schema"]) == (200, "intentcast.login/1")
    cookie = cookie_of(response)
    assert cookie.startswith(f"intentcast_8420={SECRET};")
    for word in ("HttpOnly", "Max-Age=2592000", "Path=/", "SameSite=Strict"):
        assert word in cookie
    assert "Domain" not in cookie
    again = await asker.ask("POST", "/login", body, token=None)
    assert (again.status, told(again)["code"]) == (401, "E-LOGIN")
    assert "intentcast open" in told(again)["fix"]
    assert not again.cookies


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        ("", "browser"),
        ("curl/8.0", "browser"),
        (
            "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
            "Firefox on Linux",
        ),
        ("Mozilla/5.0 (Linux; Android 15) AppleWebKit Chrome/140 Safari/537", "Chrome on Android"),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/140 Safari/537 Edg/140", "Edge on Windows"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X) Version/18 Safari/605", "Safari on macOS"),
        ("<script>Firefox/</script>", "Firefox"),
    ],
)
async def test_a_browser_is_named_in_words_of_ours(asker: Asker, agent: str, name: str):
    headers = {"User-Agent": agent}
    await asker.ask("POST", "/login", b'{"code": "ACDE-FGHJ"}', headers, token=None)
    assert asker.door.calls == [("enter", CODE, name)]


async def test_a_form_is_sent_on(asker: Asker):
    body = b"code=ACDE-FGHJ&next=%2Fcasts%3Fpage%3D2"
    response = await asker.ask("POST", "/login", body, FORM | OWN, token=None)
    assert (response.status, response.headers["Location"]) == (303, "/casts?page=2")
    assert SECRET in cookie_of(response)


@pytest.mark.parametrize("body", [b"code=ACDE-FGHJ", b"code=ACDE-FGHJ&next="])
async def test_a_form_without_a_way_goes_home(asker: Asker, body: bytes):
    response = await asker.ask("POST", "/login", body, FORM, token=None)
    assert response.headers["Location"] == "/"


@pytest.mark.parametrize("path", LEADS_ELSEWHERE[1:])
async def test_nobody_is_sent_elsewhere_and_the_code_stays_good(asker: Asker, path: str):
    body = urlencode({"code": CODE, "next": path}).encode()
    response = await asker.ask("POST", "/login", body, FORM, token=None)
    assert (response.status, told(response)["field"]) == (422, "next")
    assert "Location" not in response.headers
    assert not response.cookies
    assert CODE in asker.door.codes


@pytest.mark.parametrize(
    ("body", "headers", "code"),
    [
        (b"code=ACDE-FGHJ&code=ACDE-FGHJ", FORM, "E-FIELD"),
        (b"code=ACDE-FGHJ&other=1", FORM, "E-FIELD"),
        (b"", FORM, "E-FIELD"),
        (b"code=%ff", FORM, "E-FIELD"),
        (b"code", FORM, "E-FIELD"),
        (b"\xff", FORM, "E-FIELD"),
        (b"&".join([b"a=1"] * 1_001), FORM, "E-FIELD"),
        (b"code=" + b"A" * 41, FORM, "E-FIELD"),
        (b"{}", {}, "E-FIELD"),
        (b'{"code": 7}', {}, "E-FIELD"),
        (b'"ACDE-FGHJ"', {}, "E-FIELD"),
        (b'{"code": "ACDE-FGHJ"', {}, "E-JSON"),
        (b"ACDE-FGHJ", {"Content-Type": "text/plain"}, "E-MEDIA"),
        (b"code=ACDE-FGHJ", {"Content-Type": "multipart/form-data; boundary=x"}, "E-MEDIA"),
        (b'{"code": "ACDE-FGHJ"}', {"Sec-Fetch-Site": "cross-site"}, "E-ORIGIN"),
        (b"code=ACDE-FGHJ", FORM | {"Origin": "null"}, "E-ORIGIN"),
    ],
)
async def test_what_is_no_login(asker: Asker, body: bytes, headers: dict[str, str], code: str):
    response = await asker.ask("POST", "/login", body, headers, token=None)
    assert told(response)["code"] == code
    assert told(response)["fix"]
    assert asker.door.calls == []


async def test_a_code_in_the_query_is_none(asker: Asker):
    response = await asker.ask("POST", "/login?code=ACDE-FGHJ", b"{}", token=None)
    assert (response.status, asker.door.calls) == (422, [])


async def test_too_many_wrong_codes(asker: Asker):
    asker.door.paused = True
    response = await asker.ask("POST", "/login", b'{"code": "x"}', token=None)
    assert (response.status, told(response)["code"]) == (429, "E-LOGIN-PAUSE")
    assert response.headers["Retry-After"] == "60"


async def test_a_form_that_fails_is_answered_by_the_face(citizen: FakeCitizen):
    asker = Asker(citizen, faces=[FakeFace()])
    response = await asker.ask("POST", "/login", b"code=x", FORM, token=None)
    assert (response.status, response.content_type) == (401, "text/html")
    assert response.body == b"<h1>E-LOGIN</h1><p>/login</p>"


# --- out ------------------------------------------------------------------------------------------


async def test_out_by_document_and_by_form(asker: Asker):
    headers = OWN | {"Cookie": COOKIE}
    left = await asker.ask("POST", "/logout", b"{}", headers, token=None)
    assert told(left) == {"schema": "intentcast.logout/1", "left": True}
    assert "Max-Age=0" in cookie_of(left)
    over = await asker.ask("POST", "/logout", b"{}", headers, token=None)
    assert over.status == 401
    asker.door.is_session_open = True
    form = await asker.ask("POST", "/logout", b"", FORM | headers, token=None)
    assert (form.status, form.headers["Location"]) == (303, "/login")
    assert asker.door.calls == [("leave", "session-0000-1111")] * 2


async def test_a_form_that_says_more_leaves_nothing(asker: Asker):
    response = await asker.ask("POST", "/logout", b"all=1", FORM)
    assert (response.status, told(response)["field"]) == (422, "all")


async def test_a_program_has_no_session_to_leave(asker: Asker):
    left = await asker.ask("POST", "/logout", b"{}", {"Cookie": COOKIE})
    assert told(left)["left"] is False
    assert asker.door.is_session_open


async def test_another_site_logs_nobody_out(asker: Asker):
    headers = FORM | {"Cookie": COOKIE}
    response = await asker.ask("POST", "/logout", b"", headers, token=None)
    assert (response.status, asker.door.is_session_open) == (403, True)


async def test_pages_call_the_same_functions(asker: Asker):
    await asker.ask("GET", "/livez")
    assert asker.last is not None
    response = await log_in(asker.last, CODE, "/casts")
    assert (response.status, response.headers["Location"]) == (303, "/casts")
    assert (await log_out(asker.last)).headers["Location"] == "/login"


# --- tokens ---------------------------------------------------------------------------------------


async def test_tokens_are_made_listed_and_ended(asker: Asker):
    body = b'{"name": " shop script ", "scopes": ["read", "draft"], "days": 7}'
    made = await asker.ask("POST", "/v1/tokens", body)
    listed = await asker.ask("GET", "/v1/tokens")
    ended = await asker.ask("POST", "/v1/tokens/revoke", b'{"handle": "token-7Q4M-K2XD"}')
    assert [told(each)["schema"] for each in (made, listed, ended)] == [
        "intentcast.token/1",
        "intentcast.tokens/1",
        "intentcast.token-revoked/1",
    ]
    assert asker.door.calls == [
        ("create", "shop script", [Scope.READ, Scope.DRAFT], 7),
        ("tokens", "owner"),
        ("revoke", "token-7Q4M-K2XD"),
    ]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b'{"scopes": ["read"]}', ""),
        (b'{"name": "", "scopes": ["read"]}', "name"),
        (b'{"name": "   ", "scopes": ["read"]}', "name"),
        (b'{"name": "a\\u0000b", "scopes": ["read"]}', "name"),
        (b'{"name": "' + b"a" * 41 + b'", "scopes": ["read"]}', "name"),
        (b'{"name": "a", "scopes": []}', "scopes"),
        (b'{"name": "a", "scopes": ["everything"]}', "scopes[0]"),
        (b'{"name": "a", "scopes": ["read", "read", "read", "read", "read", "read"]}', "scopes"),
        (b'{"name": "a", "scopes": ["read"], "days": 0}', "days"),
        (b'{"name": "a", "scopes": ["read"], "days": 3651}', "days"),
        (b'{"name": "a", "scopes": ["read"], "day": 1}', "day"),
    ],
)
async def test_what_is_no_token(asker: Asker, body: bytes, field: str):
    response = await asker.ask("POST", "/v1/tokens", body)
    assert (response.status, told(response)["code"]) == (422, "E-FIELD")
    assert told(response).get("field", "") == field
    assert asker.door.calls == []


async def test_a_login_link_leads_where_the_request_came(asker: Asker):
    response = await asker.ask("POST", "/v1/login", b"{}", host="localhost:9000")
    assert told(response)["link"] == "http://localhost:9000/login#ACDEFGHJ"


async def test_a_node_without_a_porter(asker: Asker, citizen: FakeCitizen):
    citizen.access = None
    for method, path in (("GET", "/v1/tokens"), ("POST", "/v1/login")):
        response = await asker.ask(method, path, b"{}")
        assert (response.status, told(response)["code"]) == (404, "E-NOT-FOUND")


# --- the way on -----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", LEADS_ELSEWHERE)
def test_ways_that_lead_elsewhere(path: str):
    with pytest.raises(LocalProtocolError):
        local_path(path)


@pytest.mark.parametrize("path", ["/", "/casts", "/casts/cast-7Q4M?a=b&c=%2F#x", "/a//b", "/."])
def test_ways_that_lead_here(path: str):
    assert local_path(path) == path


@given(st.text(max_size=20))
def test_whatever_passes_stays_in_one_line_and_on_this_server(text: str):
    try:
        path = local_path("/" + text)
    except LocalProtocolError:
        return
    assert not path.startswith(("//", "/\\"))
    assert path.isascii()
    assert path.isprintable()
