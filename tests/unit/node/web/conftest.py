"""Asks the page without a socket, as a browser that is logged in, or as nobody."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlencode

import pytest
from aiohttp import web

from node.entropy import SeededEntropy
from node.web.site import Site
from tests.unit.node.api.conftest import Asker
from tests.unit.node.api.fake_citizen import FakeCitizen
from tests.unit.node.api.fake_doorkeeper import COOKIE
from tests.unit.node.web.papers import CAST, CLOCK, STATUS, deal, offer

SAME_SITE = {"Cookie": COOKIE, "Sec-Fetch-Site": "same-origin"}


class Neighbour(FakeCitizen):
    """A handle whose documents are whole."""

    def __init__(self) -> None:
        super().__init__()
        self.cast_list = [CAST]
        self.offer_list = [offer(1), offer(2)]
        self.deal_now_is = deal()

    async def status(self):
        return STATUS

    async def casts(self):
        return {"schema": "intentcast.casts/1", "casts": self.cast_list}

    async def cast(self, handle):
        return {"schema": "intentcast.cast/1", "cast": self.cast_list[0]}

    async def offers(self, cast_handle, *, weights=None):
        self.note("offers", cast_handle, weights)
        return {
            "schema": "intentcast.offers/1",
            "cast": self.cast_list[0],
            "offers": self.offer_list,
        }

    async def deals(self):
        return {"schema": "intentcast.deals/1", "deals": [self.deal_now_is]}

    async def deal(self, handle):
        return {"schema": "intentcast.deal/1", "deal": self.deal_now_is}


class Browser:
    """A browser whose cookie is known."""

    def __init__(self, citizen: Neighbour) -> None:
        self.citizen = citizen
        site = Site(citizen, SeededEntropy("page", net="test"), CLOCK)
        self.asker = Asker(citizen, faces=[site])

    async def get(self, path: str, **headers: str) -> web.Response:
        return await self.asker.ask("GET", path, None, SAME_SITE | headers, token=None)

    async def post(self, path: str, **fields: Any) -> web.Response:
        form = "application/x-www-form-urlencoded"
        body = urlencode(fields, doseq=True).encode()
        return await self.asker.ask(
            "POST", path, body, SAME_SITE | {"Content-Type": form}, token=None
        )


def text_of(response: web.Response) -> str:
    assert isinstance(response.body, bytes)
    return response.body.decode()


def words_of(response: web.Response) -> str:
    """The text without its marks, blanks run together."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", text_of(response)))


@pytest.fixture
def neighbour() -> Neighbour:
    return Neighbour()


@pytest.fixture
def browser(neighbour: Neighbour) -> Browser:
    return Browser(neighbour)
