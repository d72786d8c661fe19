"""A feed comes as bytes and is gone when its import ends."""

from __future__ import annotations

import errno
from unittest.mock import Mock

import pytest

from node.api import imports
from tests.unit.node.api.conftest import Asker, told
from tests.unit.node.api.fake_citizen import FakeCitizen

MEDIA = {"Content-Type": "application/octet-stream"}
PATH = "/v1/vendor/import"


async def test_feed_and_options_reach_the_handle(asker: Asker, citizen: FakeCitizen):
    response = await asker.ask(
        "POST",
        PATH + "?source=feed.csv&dry_run=true&currency=EUR&decimal_comma=1",
        b"id,price\n1,2 EUR\n",
        MEDIA,
    )
    assert told(response)["applied"] is False
    [(_, data, options)] = citizen.calls
    assert data == b"id,price\n1,2 EUR\n"
    assert options == {
        "source": "feed.csv",
        "dry_run": True,
        "currency": "EUR",
        "decimal_comma": True,
        "category": "",
        "price_unit": "each",
        "encoding": None,
        "delimiter": None,
        "remove_most": False,
    }


async def test_the_file_is_gone_afterwards(
    asker: Asker, citizen: FakeCitizen, monkeypatch: pytest.MonkeyPatch
):
    paths = []

    async def keep(data, options):
        paths.append(data)
        raise ZeroDivisionError

    monkeypatch.setattr(citizen, "vendor_import", keep)
    asker = Asker(citizen)
    assert (await asker.ask("POST", PATH, b"x", MEDIA)).status == 500
    assert not paths[0].exists()


@pytest.mark.parametrize("media", ["application/json", "text/csv", "multipart/form-data"])
async def test_a_page_of_another_site_could_send_these(
    asker: Asker, citizen: FakeCitizen, media: str
):
    response = await asker.ask("POST", PATH, b"{}", {"Content-Type": media})
    assert (response.status, citizen.calls) == (415, [])


async def test_a_feed_has_an_end(
    asker: Asker, citizen: FakeCitizen, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(imports, "FILE_BYTES_MAX", 10)
    response = await asker.ask("POST", PATH, b"x" * 11, MEDIA)
    assert (response.status, told(response)["code"]) == (413, "E-FEED-SIZE")
    assert citizen.calls == []


@pytest.mark.parametrize("query", ["currency=euro", "source=", "path=/etc/passwd", "dry_run=2"])
async def test_bad_options(asker: Asker, citizen: FakeCitizen, query: str):
    assert (await asker.ask("POST", f"{PATH}?{query}", b"x", MEDIA)).status == 422
    assert citizen.calls == []


@pytest.mark.parametrize(
    ("number", "status", "code"),
    [
        (errno.ENOSPC, 507, "E-DISK-FULL"),
        (errno.EDQUOT, 507, "E-DISK-FULL"),
        (errno.EIO, 503, "E-FILE"),
    ],
)
@pytest.mark.parametrize("where", ["open", "write", "flush"])
async def test_a_disk_that_takes_no_feed_is_told(
    asker: Asker,
    citizen: FakeCitizen,
    monkeypatch: pytest.MonkeyPatch,
    where: str,
    number: int,
    status: int,
    code: str,
):
    def fail(*_args: object) -> None:
        raise OSError(number, "no")

    spool = Mock(**{f"{where}.side_effect": fail, "close.side_effect": fail})
    monkeypatch.setattr(imports, "_private_file", fail if where == "open" else lambda: spool)
    refused = await asker.ask("POST", PATH, b"x", MEDIA)
    assert (refused.status, told(refused)["code"]) == (status, code)
    assert citizen.calls == []
