"""The cookie is this port's alone, also where others planted some of its name."""

from __future__ import annotations

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict

from node.api.cookies import PORT, Port, cookie_name, drop_cookie, put_cookie, read_cookies
from node.runtime.visitors import SESSION_MS
from protocol.now import DAY_MS


def request_with(*lines: str) -> web.Request:
    app = web.Application()
    app[PORT] = Port(8420)
    headers = CIMultiDict([("Cookie", line) for line in lines])
    return make_mocked_request("GET", "/", headers=headers, app=app)


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ((), []),
        (("",), []),
        (("intentcast_8420=abc",), ["abc"]),
        (('other=1; intentcast_8420="abc" ;x',), ["abc"]),
        (("other=1", "intentcast_8420=abc"), ["abc"]),
        (("intentcast_8421=abc; intentcast_842=abc; xintentcast_8420=abc",), []),
        (("INTENTCAST_8420=abc",), []),
        (("intentcast_8420",), []),
        (("intentcast_8420=" + "a" * 300,), ["a" * 256]),
        (("intentcast_8420=a; intentcast_8420=b; intentcast_8420=a",), ["a", "b"]),
        (("intentcast_8420=a", "intentcast_8420=a"), ["a"]),
        (tuple(f"intentcast_8420={each}" for each in "abcdef"), ["c", "d", "e", "f"]),
    ],
)
def test_reading(lines: tuple[str, ...], found: list[str]):
    assert read_cookies(request_with(*lines)) == found


def test_the_port_may_be_known_late():
    request = request_with()
    request.app[PORT].number = 9
    assert cookie_name(request.app) == "intentcast_9"


def test_what_is_put_is_taken_back():
    request, response = request_with(), web.Response()
    put_cookie(request, response, "abc")
    assert response.cookies["intentcast_8420"]["max-age"] == str(SESSION_MS // 1000)
    assert SESSION_MS % DAY_MS == 0
    drop_cookie(request, response)
    assert response.cookies["intentcast_8420"]["max-age"] == "0"
