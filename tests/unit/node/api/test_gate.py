"""The door: who is let in, how far, and how a no is said to programs and to people."""

from __future__ import annotations

import pytest
from aiohttp import web

from node.api.contents import OPERATIONS
from node.api.guards import put_headers
from node.runtime.visitors import Scope
from tests.unit.node.api.conftest import TOKEN, Asker, told
from tests.unit.node.api.fake_citizen import FakeCitizen
from tests.unit.node.api.fake_doorkeeper import COOKIE, token_for
from tests.unit.node.api.fake_face import CSP, FakeFace

OWN = {"Sec-Fetch-Site": "same-origin"}
HTML = {"Accept": "text/html,application/xhtml+xml"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
LINK = {
    "Sec-Fetch-Site": "cross-site",
    "Sec-Fetch-Mode": "navigate",
    "Sec-Fetch-Dest": "document",
}


@pytest.fixture
def face() -> FakeFace:
    return FakeFace()


@pytest.fixture
def browser(citizen: FakeCitizen, face: FakeFace) -> Asker:
    return Asker(citizen, faces=[face])


def words(response: web.Response) -> str:
    assert isinstance(response.body, bytes)
    return response.body.decode()


# --- scopes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: each.name)
async def test_every_operation_asks_for_its_scope(asker: Asker, operation):
    path = operation.path.replace("{handle}", "cast-7Q4M")
    if operation.scope is None:
        assert (await asker.ask(operation.method, path, b"{}", token=None)).status != 403
        return
    others = [each for each in Scope if each not in {operation.scope, Scope.ADMIN}]
    refused = await asker.ask(operation.method, path, b"{}", token=token_for(*others))
    assert (refused.status, told(refused)["code"]) == (403, "E-SCOPE")
    assert f"'{operation.scope}'" in told(refused)["title"]
    assert f"token new NAME --scope {operation.scope}" in told(refused)["fix"]
    for scope in (operation.scope, Scope.ADMIN):
        passed = await asker.ask(operation.method, path, b"{}", token=token_for(scope))
        assert passed.status not in {401, 403}


async def test_a_token_without_scopes_may_nothing(asker: Asker):
    refused = await asker.ask("GET", "/v1/status", token=token_for())
    assert told(refused)["title"].endswith("has: none")


# --- cookies --------------------------------------------------------------------------------------


async def test_a_cookie_reads(asker: Asker):
    response = await asker.ask("GET", "/v1/status", headers={"Cookie": COOKIE}, token=None)
    assert response.status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "http://127.0.0.1:8420"},
        {"Sec-Fetch-Site": "same-origin", "Origin": "http://127.0.0.1:8420"},
    ],
)
async def test_a_cookie_changes_something_from_its_own_page(asker: Asker, headers: dict[str, str]):
    found = headers | {"Cookie": COOKIE}
    response = await asker.ask("POST", "/v1/casts/preview", b"{}", found, token=None)
    assert response.status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "null"},
        {"Origin": "null", "Sec-Fetch-Site": "same-origin"},
        {"Origin": "http://127.0.0.1:3000", "Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Origin": "https://evil.example"},
        {"Referer": "http://127.0.0.1:8420/"},
    ],
)
async def test_a_cookie_alone_changes_nothing(
    asker: Asker, citizen: FakeCitizen, headers: dict[str, str]
):
    found = headers | {"Cookie": COOKIE}
    response = await asker.ask("POST", "/v1/casts/preview", b"{}", found, token=None)
    assert (response.status, told(response)["code"]) == (403, "E-ORIGIN")
    assert citizen.calls == []


async def test_a_token_beside_a_cookie_decides(asker: Asker):
    cookie = {"Cookie": COOKIE}
    reader = token_for(Scope.READ)
    wrong = await asker.ask("GET", "/v1/status", headers=cookie, token="wrong")
    small = await asker.ask("POST", "/v1/casts", b"{}", cookie | OWN, token=reader)
    assert (wrong.status, small.status) == (401, 403)
    assert told(small)["code"] == "E-SCOPE"
    # A program's token needs no page.
    free = await asker.ask("POST", "/v1/casts/preview", b"{}", cookie, token=TOKEN)
    assert free.status == 200


@pytest.mark.parametrize(
    "cookie",
    ["intentcast_8421=secret-of-a-session", "intentcast_8420=other", "intentcast_8420=", "x", ""],
)
async def test_other_cookies_say_nothing(asker: Asker, cookie: str):
    response = await asker.ask("GET", "/v1/status", headers={"Cookie": cookie}, token=None)
    assert (response.status, told(response)["code"]) == (401, "E-TOKEN")


async def test_a_cookie_that_was_planted_beside_ours_changes_nothing(asker: Asker):
    twice = {"Cookie": f"intentcast_8420=planted; {COOKIE}"}
    response = await asker.ask("GET", "/v1/status", headers=twice, token=None)
    assert response.status == 200


# --- faces ----------------------------------------------------------------------------------------


async def test_a_page_is_behind_the_same_door(browser: Asker):
    stranger = await browser.ask("GET", "/?a=b", headers=HTML, token=None)
    assert (stranger.status, stranger.headers["Location"]) == (303, "/login?next=/%3Fa%3Db")
    known = await browser.ask("GET", "/", headers=HTML | {"Cookie": COOKIE}, token=None)
    assert words(known) == "hello browser"


async def test_a_very_long_way_back_is_forgotten(browser: Asker):
    stranger = await browser.ask("GET", "/?" + "a" * 1024, token=None)
    assert stranger.headers["Location"] == "/login"


async def test_what_needs_no_visitor_needs_none(browser: Asker):
    for cookie in ({}, {"Cookie": "intentcast_8420=old"}, {"Cookie": f"{COOKIE}x; {COOKIE}y"}):
        page = await browser.ask("GET", "/login", headers=cookie, token=None)
        assert words(page) == "code? None"
    page = await browser.ask("GET", "/login", headers={"Cookie": COOKIE}, token=None)
    assert words(page) == "code? browser"


async def test_a_wrong_token_is_not_sent_to_log_in(browser: Asker):
    assert (await browser.ask("GET", "/", token="wrong")).status == 401


async def test_a_link_of_another_site_leads_to_a_page_and_to_nothing_else(browser: Asker):
    assert (await browser.ask("GET", "/login", headers=LINK, token=None)).status == 200
    for path, headers in [
        ("/v1/status", LINK),
        ("/livez", LINK),
        ("/login", LINK | {"Sec-Fetch-Dest": "iframe"}),
        ("/static/app.css", LINK | {"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "style"}),
        ("/", LINK | {"Origin": "https://evil.example"}),
    ]:
        refused = await browser.ask("GET", path, headers=headers)
        assert refused.status == 403, path
    posted = await browser.ask("POST", "/peers", b"a=b", LINK | FORM | {"Cookie": COOKIE})
    assert posted.status == 403


async def test_a_form_comes_in_on_a_page_alone(browser: Asker, face: FakeFace):
    found = FORM | OWN | {"Cookie": COOKIE}
    taken = await browser.ask("POST", "/peers", b"address=a%3A1", found, token=None)
    assert (taken.status, face.forms) == (303, [{"address": "a:1"}])
    other = await browser.ask("POST", "/v1/peers", b"address=a%3A1", found, token=None)
    assert (other.status, "E-MEDIA" in words(other)) == (415, True)
    alone = await browser.ask("POST", "/peers", b"address=b", FORM | {"Cookie": COOKIE}, token=None)
    assert (alone.status, len(face.forms)) == (403, 1)


async def test_a_pages_refusals_are_pages(browser: Asker):
    small = await browser.ask("POST", "/peers", b"a=b", FORM | OWN, token=token_for(Scope.READ))
    assert (small.status, small.content_type) == (403, "text/html")
    assert "E-SCOPE" in words(small)
    nowhere = await browser.ask("GET", "/nowhere", headers=HTML)
    assert (nowhere.status, words(nowhere)) == (404, "<h1>E-NOT-FOUND</h1><p>/nowhere</p>")
    stranger = await browser.ask("GET", "/nowhere", headers=HTML, token=None)
    assert (stranger.status, "E-TOKEN" in words(stranger)) == (401, True)


async def test_programs_hear_a_document(browser: Asker):
    nowhere = await browser.ask("GET", "/nowhere", headers={"Accept": "*/*"})
    assert told(nowhere)["code"] == "E-NOT-FOUND"
    careless = await browser.ask("POST", "/v1/casts", b"{}", FORM | {"Accept": "*/*"})
    assert (careless.status, careless.content_type) == (415, "application/problem+json")


async def test_a_bug_in_a_page_is_no_traceback(browser: Asker):
    response = await browser.ask("GET", "/broken", token=None)
    assert (response.status, "E-INTERNAL" in words(response)) == (500, True)
    assert "inside" not in words(response)


async def test_a_refusal_that_fails_hides_nothing(browser: Asker, face: FakeFace, monkeypatch):
    monkeypatch.setattr(face, "refusal", None)
    response = await browser.ask("GET", "/broken")
    assert (response.status, told(response)["code"]) == (500, "E-INTERNAL")


async def headers_of(browser: Asker, path: str, **headers: str) -> dict[str, str]:
    """The headers an answer leaves with; the request is asked as the server would."""
    seen = []

    async def keep(request: web.Request, response: web.StreamResponse) -> None:
        await put_headers(request, response)
        seen.append(dict(response.headers))

    response = await browser.ask("GET", path, headers=headers, token=TOKEN)
    assert browser.last is not None
    await keep(browser.last, response)
    return seen[0]


async def test_a_faces_answers_carry_its_headers(browser: Asker):
    page = await headers_of(browser, "/")
    assert (page["Content-Security-Policy"], page["Cache-Control"]) == (CSP, "no-store")
    assert (page["Referrer-Policy"], page["Server"]) == ("same-origin", "intentcast")
    css = await headers_of(browser, "/static/app.css")
    assert css["Cache-Control"] == "max-age=60"
    nowhere = await headers_of(browser, "/nowhere", Accept="text/html")
    assert nowhere["Content-Security-Policy"] == CSP
    api = await headers_of(browser, "/v1/status")
    assert api["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"


async def test_a_page_that_refuses_says_when_to_come_again_and_what_is_allowed(browser: Asker):
    browser.door.paused = True
    form = FORM | {"Accept": "text/html", "Sec-Fetch-Site": "same-origin"}
    paused = await browser.ask("POST", "/login", b"code=ACDEFGHJ", form, token=None)
    assert (paused.status, paused.headers["Retry-After"]) == (429, "60")
    assert paused.content_type != "application/problem+json"
    method = await browser.ask("PUT", "/peers", headers={"Accept": "text/html"})
    assert (method.status, method.headers["Allow"]) == (405, "POST")
    assert method.content_type != "application/problem+json"
