"""The real doorkeeper has the shape the API asks for, and so has the fake one."""

from __future__ import annotations

from aiohttp.test_utils import make_mocked_request

from node.api.visitors import VISITOR, Porter, visitor_of
from node.runtime.access import Access
from tests.unit.node.api.fake_doorkeeper import OWNER, FakeDoorkeeper


def test_both_doorkeepers_fit():
    names = {name for name in vars(Porter) if not name.startswith("_")} | {
        *("visitor", "begin_login", "enter", "leave")
    }
    for kind in (Access, FakeDoorkeeper):
        assert all(callable(getattr(kind, name)) for name in names)


def test_a_stranger_is_nobody():
    request = make_mocked_request("GET", "/")
    assert visitor_of(request) is None
    request[VISITOR] = OWNER
    assert visitor_of(request) == OWNER
