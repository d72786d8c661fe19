"""The testnet's page: what stands on it, what its forms do, who may ask."""

from __future__ import annotations

import json
from urllib.parse import urlencode

import pytest
from aiohttp import web

from node.testnet.board import Board
from node.testnet.fault import Fault
from tests.unit.node.api.conftest import Asker
from tests.unit.node.api.fake_citizen import FakeCitizen
from tests.unit.node.api.fake_doorkeeper import token_for
from tests.unit.node.testnet.village import Village

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture
def village() -> Village:
    found = Village()
    found.link("relay-1", "relay-2")
    found.link("relay-1", "buyer-1")
    return found


@pytest.fixture
def board(village: Village) -> Asker:
    return Asker(FakeCitizen(), faces=[Board(village.scene)])


async def post(board: Asker, path: str, **fields: str) -> web.Response:
    return await board.ask("POST", path, urlencode(fields).encode(), FORM)


def faults(village: Village) -> dict[str, Fault]:
    assert village.crossing is not None
    return {f"{view.first}~{view.second}": view.fault for view in village.crossing.views()}


async def test_the_page(village: Village, board: Asker):
    village.door("buyer-1").happens("cast.open")
    village.door("alpine-wheels").happens("offer.sent")
    response = await board.ask("GET", "/")
    text = response.text or ""
    assert response.status == 200
    assert "<h1>Testnet testnet-7</h1>" in text
    assert 'aria-label="relay-1, relay, 2 links"' in text
    assert text.count("<line ") == 2
    assert 'action="/nodes/buyer-1"' in text
    assert "sent an offer" in text
    assert "style=" not in text


async def test_who_is_down_has_no_page_to_open(village: Village, board: Asker):
    village.door("relay-2").is_gone = True
    text = (await board.ask("GET", "/")).text or ""
    assert 'aria-label="relay-2, relay, not up"' in text
    assert 'action="/nodes/relay-2"' not in text


async def test_the_numbers_for_the_script(board: Asker):
    response = await board.ask("GET", "/state")
    assert isinstance(response.body, bytes)
    found = json.loads(response.body)
    assert found["schema"] == "intentcast.testnet-state/1"
    assert {link["link"] for link in found["links"]} == {"relay-1~relay-2", "buyer-1~relay-1"}


async def test_a_fault_is_set_and_lifted(village: Village, board: Asker):
    response = await post(
        board,
        "/faults",
        first="relay-1",
        second="relay-2",
        delay="300ms",
        jitter="",
        loss="5%",
        bandwidth="",
        cut="",
    )
    assert (response.status, response.headers["Location"]) == (303, "/#faults")
    assert faults(village) == {"relay-1~relay-2": Fault(delay_ms=300, loss=0.05)}
    text = (await board.ask("GET", "/")).text or ""
    assert 'class="faulty"' in text
    assert "1 link with a fault" in text
    assert "1 link without a fault" in text
    assert "delay 300 ms, 5% of connections lost each second" in text
    assert (await post(board, "/faults", heal="relay-1~relay-2")).status == 303
    assert faults(village) == {}


@pytest.mark.parametrize(
    ("cut", "words"),
    [("cut", "cut"), ("one_way", "cut one way"), ("reset", "cut, connections are reset")],
)
async def test_a_node_is_cut_off(village: Village, board: Asker, cut: str, words: str):
    assert (await post(board, "/faults", first="buyer-1", second="*", cut=cut)).status == 303
    found = faults(village)
    assert set(found) == {"buyer-1~relay-1", "buyer-1~relay-2", "alpine-wheels~buyer-1"}
    assert all(fault.words("x").startswith(words) for fault in found.values())
    await post(board, "/faults", heal="*~*")
    assert faults(village) == {}


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"delay": "soon"}, "E-FAULT"),
        ({"delay": "999s"}, "E-FAULT"),
        ({"first": "<b>nobody"}, "E-LINK"),
        ({"heal": ""}, None),
    ],
)
async def test_what_is_not_understood_changes_nothing_and_stays_in_the_form(
    village: Village, board: Asker, fields: dict[str, str], code: str | None
):
    response = await post(board, "/faults", **fields)
    if code is None:
        # An empty name heals everything, as the command without --link does.
        assert response.status == 303
        return
    text = response.text or ""
    assert response.status == 422
    assert code in text
    assert "<b>nobody" not in text
    assert faults(village) == {}
    if "delay" in fields:
        assert f'value="{fields["delay"]}"' in text


async def test_sound_lines_cannot_be_made_faulty():
    village = Village(faulty=False)
    board = Asker(FakeCitizen(), faces=[Board(village.scene)])
    text = (await board.ask("GET", "/")).text or ""
    assert "was started without --faulty" in text
    assert 'action="/faults"' not in text
    response = await post(board, "/faults", first="relay-1", second="relay-2", delay="1s")
    assert response.status == 422
    assert "E-LINK" in (response.text or "")


async def test_the_way_in_to_a_node(board: Asker):
    response = await post(board, "/nodes/buyer-1")
    text = response.text or ""
    assert 'href="http://buyer-1/login#ACDEFGHJ"' in text
    assert "ACDE-FGHJ" in text
    assert (await post(board, "/nodes/nobody")).status == 404


async def test_who_may_not(village: Village, board: Asker):
    for method, path in (("GET", "/"), ("GET", "/state"), ("POST", "/faults")):
        body = b"first=*&second=*&delay=1s" if method == "POST" else None
        response = await board.ask(method, path, body, FORM if body else None, token=None)
        assert response.status in {303, 401}, path
    reader = token_for("read")  # type: ignore[arg-type]
    assert (await board.ask("GET", "/", token=reader)).status == 200
    for path in ("/faults", "/nodes/buyer-1"):
        response = await board.ask("POST", path, b"delay=1s", FORM, token=reader)
        assert response.status == 403
    assert faults(village) == {}
    assert (await board.ask("GET", "/", host="evil.example")).status == 421
    cross = FORM | {"Origin": "http://evil.example"}
    assert (await board.ask("POST", "/faults", b"delay=1s", cross)).status == 403


async def test_without_a_visitor_the_login_page_names_the_testnets_command(board: Asker):
    response = await board.ask("GET", "/", token=None)
    assert response.headers["Location"] == "/login?next=/"
    text = (await board.ask("GET", "/login", token=None)).text or ""
    assert "intentcast testnet open" in text
