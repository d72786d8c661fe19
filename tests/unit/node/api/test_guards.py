"""Every request passes the guards, whatever its path."""

from __future__ import annotations

import pytest
from aiohttp.test_utils import make_mocked_request

from node.api.guards import BODY_BYTES_MAX, HEADERS, check_target, host_name, put_headers
from node.api.problems import GateError
from node.config import Settings
from tests.unit.node.api.conftest import TOKEN, Asker, told
from tests.unit.node.api.fake_citizen import FakeCitizen

PATHS = ["/v1/status", "/v1/casts", "/v1/nothing", "/", "/v1/events"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1.evil.example", "evil.example:8420", "10.0.0.1", "", "localhost."],
)
async def test_foreign_names_are_misdirected(asker: Asker, path: str, host: str):
    response = await asker.ask("GET", path, host=host)
    assert response.status == 421
    assert told(response)["code"] == "E-HOST"
    assert "api_names" in told(response)["fix"]


@pytest.mark.parametrize("path", ["http://evil.example/v1/status", "*"])
def test_a_request_names_a_path(path: str):
    with pytest.raises(GateError):
        check_target(path)
    check_target("/v1/status")


@pytest.mark.parametrize("host", ["127.0.0.1:8420", "localhost:9000", "[::1]:8420", "LOCALHOST"])
async def test_loopback_names_hold_on_any_port(asker: Asker, host: str):
    assert (await asker.ask("GET", "/v1/status", host=host)).status == 200


async def test_a_name_the_owner_added_holds(citizen: FakeCitizen):
    asker = Asker(citizen, Settings(api_names=["Home.Example"]))
    assert (await asker.ask("GET", "/v1/status", host="home.example:8420")).status == 200
    assert (await asker.ask("GET", "/v1/status", host="other.example")).status == 421


async def test_a_name_that_would_break_the_line_is_cleaned(asker: Asker):
    response = await asker.ask("GET", "/v1/status", host='a"]\x1b[2Jb')
    assert "\x1b" not in told(response)["fix"]
    assert 'a"]' not in told(response)["fix"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:9999"},
        {"Origin": ""},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
@pytest.mark.parametrize("path", [*PATHS, "/livez"])
async def test_pages_of_other_sites_are_refused(asker: Asker, headers: dict[str, str], path: str):
    response = await asker.ask("GET", path, headers=headers)
    assert (response.status, told(response)["code"]) == (403, "E-ORIGIN")


async def test_its_own_origin_passes(asker: Asker):
    headers = {"Origin": "http://127.0.0.1:8420", "Sec-Fetch-Site": "same-origin"}
    assert (await asker.ask("GET", "/v1/status", headers=headers)).status == 200


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("token", [None, "", "wrong", TOKEN + "x", TOKEN[:-1], "é"])
async def test_a_wrong_token_learns_nothing(
    asker: Asker, citizen: FakeCitizen, path: str, token: str | None
):
    response = await asker.ask("GET", path, token=token)
    assert (response.status, told(response)["code"]) == (401, "E-TOKEN")
    assert citizen.calls == []


async def test_other_schemes_are_no_token(asker: Asker):
    headers = {"Authorization": f"Basic {TOKEN}"}
    assert (await asker.ask("GET", "/v1/status", headers=headers, token=None)).status == 401


@pytest.mark.parametrize("name", ["Host", "Origin", "Authorization", "Sec-Fetch-Site"])
async def test_a_header_that_stands_twice_is_refused(asker: Asker, name: str):
    value = {"Host": "127.0.0.1", "Authorization": f"Bearer {TOKEN}"}.get(name, "none")
    response = await asker.ask("GET", "/v1/status", headers=[(name, value), (name, value)])
    assert (response.status, told(response)["field"]) == (400, name)


async def test_livez_needs_no_token_and_says_only_that(asker: Asker):
    response = await asker.ask("GET", "/livez", token=None)
    assert told(response) == {"schema": "intentcast.live/1", "live": True}


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "multipart/form-data; boundary=x"},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
    ],
)
async def test_only_plain_json_comes_in(asker: Asker, headers: dict[str, str]):
    response = await asker.ask("POST", "/v1/casts", b"{}", headers)
    assert (response.status, told(response)["code"]) == (415, "E-MEDIA")


async def test_a_body_has_an_end(asker: Asker):
    large = b"[" + b" " * BODY_BYTES_MAX + b"]"
    said = await asker.ask("POST", "/v1/casts", large, {"Content-Length": str(len(large))})
    unsaid = await asker.ask("POST", "/v1/casts", large)
    assert [said.status, unsaid.status] == [413, 413]


async def test_what_the_router_refuses_has_the_same_form(asker: Asker):
    nothing = await asker.ask("GET", "/v1/nothing")
    method = await asker.ask("PUT", "/v1/casts", b"{}")
    assert (nothing.status, told(nothing)["code"]) == (404, "E-NOT-FOUND")
    assert (method.status, told(method)["code"]) == (405, "E-METHOD")
    assert "GET, POST" in told(method)["fix"].replace("HEAD, ", "")
    assert method.headers["Allow"] == "GET, HEAD, POST"


async def test_a_method_is_judged_before_the_body_that_comes_with_it(asker: Asker):
    headers = {"Content-Type": "text/plain"}
    assert (await asker.ask("DELETE", "/v1/casts", b"x", headers)).status == 405
    assert (await asker.ask("POST", "/v1/nothing", b"x", headers)).status == 404


async def test_a_bug_is_no_traceback(asker: Asker, citizen: FakeCitizen):
    citizen.fails = ZeroDivisionError("inside")
    response = await asker.ask("GET", "/v1/status")
    assert (response.status, told(response)["code"]) == (500, "E-INTERNAL")
    assert "inside" not in str(response.body)


async def test_every_answer_carries_the_headers(asker: Asker):
    response = await asker.ask("GET", "/v1/status")
    await put_headers(make_mocked_request("GET", "/"), response)
    assert {name: response.headers[name] for name in HEADERS} == HEADERS


@pytest.mark.parametrize(
    ("host", "name"),
    [("a:1", "a"), ("a", "a"), ("[::1]:8", "[::1]"), ("[::1]", "[::1]")],
)
def test_host_name(host: str, name: str):
    assert host_name(host) == name
