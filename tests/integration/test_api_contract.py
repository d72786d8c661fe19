"""The API keeps what its description says: whole nodes, asked within its bounds and beyond.

No failure of the server's own, no status, content type or document that is not described, and
nothing taken that the description forbids. INTENTCAST_LONG=1 asks every operation at all its
bounds, and 300 drawn cases of each sort, instead of a few.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
from base64 import b64encode
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from node.api.contents import OPERATIONS
from node.api.operations import Operation
from node.home import ADDRESS_FILE, TOKEN_FILE
from node.keyfile import Cost
from node.runtime.invitations import InviteWish
from node.runtime.visitors import EVERY_SCOPE, Scope, Visitor, VisitorKind
from protocol.ids import to_text
from protocol.market.deal import DealState
from protocol.now import HOUR_MS
from tests.integration.fair import (
    CATEGORY,
    DRAFT,
    FEED,
    Fair,
    House,
    accept,
    cast,
    eventually,
    offers,
)
from tests.integration.interview import Door, Interviewer
from tests.parties import make_agreement

LONG = bool(os.environ.get("INTENTCAST_LONG"))
DRAWN = 300 if LONG else 2
BOUNDS = None if LONG else 24
PHRASE = "correct horse battery"
CHEAP = Cost(passes=1, memory_kib=8 * 1024)
pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(1_800 if LONG else 60),
]

SHOPS_OWN = {
    *("get_vendor", "list_articles", "list_offers_sent", "get_vendor_inbox", "import_feed"),
    *("decide_deal", "rotate_key", "revoke_key"),
}
"""Asked of a shop that nobody else needs: they empty its shelf and end its key."""
KEYS_OWN = {"unlock_keys", "lock_keys", "set_passphrase"}
"""Asked of a home that nobody else needs: they lock it."""
WELL = {"open_event_socket": 426}
"""Operation -> what a good question is answered with, where that is not 200: it speaks WebSocket,
and is tried by test_live.py."""
SHOPS_GOOD = {
    "decide_deal": {"confirm": True},
    "import_feed": FEED.format(price="250.00 USD", stock=3).encode(),
    "rotate_key": {"generation": 0},
}
KEYS_GOOD = {
    "unlock_keys": {"passphrase": PHRASE},
    "set_passphrase": {"old": PHRASE, "new": PHRASE},
}
_NUMBERS = itertools.count()


class Town:
    """The nodes that are asked."""

    def __init__(self, buyer: Door, shop: Door, keys: Door) -> None:
        self.buyer = buyer
        self.shop = shop
        self.keys = keys
        self.well: dict[str, int | Exception] = {}
        """Operation -> how its good question was answered, or what was wrong with the answer."""

    def door_for(self, name: str) -> Door:
        if name in SHOPS_OWN:
            return self.shop
        return self.keys if name in KEYS_OWN else self.buyer

    async def ask_well(self, interviewer: Interviewer) -> None:
        """Ask every good question once, in order, before cases end keys and use up names."""
        for each in OPERATIONS:
            try:
                self.well[each.name] = await asyncio.to_thread(
                    interviewer.ask_well, each.name, self.door_for(each.name)
                )
            except Exception as error:  # noqa: BLE001 - told by the operation's own test
                self.well[each.name] = error


def door(house: House, good: dict[str, Any], handles: dict[str, list[str]] | None = None) -> Door:
    address = json.loads((house.home / ADDRESS_FILE).read_text("utf-8"))
    token = (house.home / TOKEN_FILE).read_text("utf-8").strip()
    folder = house.home.parent / f"{house.name}_files"
    folder.mkdir(exist_ok=True)
    return Door(url=address["url"], token=token, folder=folder, handles=handles or {}, good=good)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def town(
    tmp_path_factory: pytest.TempPathFactory, interviewer: Interviewer
) -> AsyncIterator[Town]:
    """Two relays, a firm shop and one that asks its owner, a buyer with offers and two deals."""
    fair = Fair(tmp_path_factory.mktemp("contract"))
    for number in range(2):
        await fair.relay(f"relay_{number}")
    await fair.stall("vendor_firm", stock=100)
    slow = await fair.stall("vendor_slow", firm=False, price="250.00 USD")
    buyer = await fair.visitor("buyer_ana")
    keys = await fair.visitor("buyer_cy")
    keys.handle.custody._cost = CHEAP
    await keys.handle.custody.set_passphrase(None, PHRASE)
    handles = await _trade(buyer)
    await slow.until_deal(DealState.OFFERED)
    waiting = [each["handle"] for each in (await slow.handle.deals())["deals"]]
    found = Town(
        buyer=door(buyer, await _good(buyer, fair), handles),
        shop=door(slow, SHOPS_GOOD, {"decide_deal": waiting}),
        keys=door(keys, KEYS_GOOD),
    )
    await found.ask_well(interviewer)
    yield found
    await fair.close()


async def _trade(buyer: House) -> dict[str, list[str]]:
    """Ask, and say yes to each shop once; give the names of what there is then.

    Of one request one offer can be had: what is accepted and what is held are offers to two.
    """
    deals, casts, offered = [], [], list[list[str]]()
    for name in ("vendor_firm", "vendor_slow", "nobody", "nobody again"):
        handle = await cast(buyer)
        found = await offers(buyer, handle, 2)
        casts.append(handle)
        if taken := [each for each in found if each["vendor"]["name"] == name]:
            deals.append(await accept(buyer, taken[0]))
        else:
            # The firm shop's first: the other one's key ends in these tests.
            found.sort(key=lambda each: str(each["vendor"]["name"]))
            offered.append([each["handle"] for each in found])
    await eventually(lambda: _agreed(buyer), "the firm shop agreed")
    return {
        "get_cast": casts,
        "list_offers": casts[::-1],
        "accept_offer": offered[0],
        "hold_offer": offered[1],
        "get_hold": [_held(buyer)],
        "undo_hold": [_held(buyer)],
        "get_deal": deals,
        "get_agreement": deals,
    }


async def _agreed(buyer: House) -> bool:
    return DealState.AGREED in {deal.state for deal in await buyer.deals()}


def _held(buyer: House) -> str:
    """A yes that nobody carries out while it is asked about."""

    async def never() -> dict[str, Any]:
        raise AssertionError("a hold of a minute is over")

    terms: dict[str, Any] = {
        "offer": f"offer-{next(_NUMBERS)}",
        "vendor": None,
        "total_text": "1.00 USD",
        "discloses": [],
    }
    owner = Visitor(id="owner", name="api.token", kind=VisitorKind.OWNER, scopes=EVERY_SCOPE)
    return str(buyer.handle.holds.begin(terms, {}, 3_600, never, owner)["id"])


async def _good(buyer: House, fair: Fair) -> dict[str, Any]:
    """Bodies the buyer can do something with."""
    relay, inviter = fair.houses[:2]
    node = to_text("node", relay.up.network.node_id)
    wish = InviteWish(single=True, for_ms=HOUR_MS, address=f"127.0.0.1:{inviter.port}")
    invite = await inviter.handle.neighbours.invite(wish)
    folder = buyer.home.parent / f"{buyer.name}_files"
    folder.mkdir()
    await buyer.handle.custody.backup(str(folder / "first.icb"))
    keys = [{"key": to_text("key", bytes([number]) * 32)} for number in range(2)]
    await buyer.handle.people.block(keys[1]["key"])
    stranger = to_text("node", fair.houses[-1].up.network.node_id)
    await buyer.handle.neighbours.refuse(stranger)
    token = await buyer.handle.access.create("shop script", [Scope.READ], 1)
    return {
        "create_cast": DRAFT | {"title": "Asked over the API"},
        "preview_cast": DRAFT,
        "revoke": {"handle": await cast(buyer, title="To be revoked")},
        "add_peer": {"address": f"127.0.0.1:{relay.port}"},
        "allow_neighbour": {"node": node},
        "refuse_neighbour": {"node": node},
        "forget_neighbour": {"node": stranger},
        "create_invite": {"address": "relay.example.org:9401"},
        "join": {"link": invite["link"]},
        "block_shop": keys[0],
        "unblock_shop": keys[1],
        "make_backup": {"path": str(folder / "second.icb")},
        "verify_backup": {"path": str(folder / "first.icb")},
        "create_token": {"name": "other script", "scopes": ["read"]},
        "revoke_token": {"handle": token["token"]["handle"]},
        "get_category": {"path": CATEGORY},
        "verify_agreement": {"agreement": b64encode(make_agreement().bundle()).decode("ascii")},
        "log_in": lambda: {"code": buyer.handle.access.begin_login().code},
    }


@pytest.fixture(scope="module")
def interviewer() -> Interviewer:
    return Interviewer()


@pytest.mark.parametrize("each", OPERATIONS, ids=lambda each: each.name)
async def test_an_operation_keeps_its_description(
    town: Town, interviewer: Interviewer, each: Operation
):
    well = town.well[each.name]
    if isinstance(well, Exception):
        raise well
    assert well == WELL.get(each.name, 200)
    where = town.door_for(each.name)
    seen = await asyncio.to_thread(interviewer.ask_every_bound, each.name, where, most=BOUNDS)
    seen += await asyncio.to_thread(
        interviewer.ask_drawn, each.name, where, count=DRAWN, is_fixed=not LONG
    )
    print(f"{each.name}: {sum(seen.values())} asked, {dict(sorted(seen.items()))}")


async def test_every_operation_is_asked(interviewer: Interviewer):
    assert interviewer.names() == [each.name for each in OPERATIONS]
