"""A quarter of a town: relays and shops that stay for a whole run, and people who move in.

Enters: a folder. Leaves: nodes over real sockets on 127.0.0.1, in this process or in ones of their
own, and the homes of buyers and shopkeepers whose pages are tried. All are ended with it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from node.testnet.plan import Part, make_plan
from node.testnet.town import Town, allow_files, running
from node.vendor.showcase import RENTALS, example_cast
from tests.e2e.browser.tab import Address
from tests.integration.fair import House, eventually
from tests.parties import NET

RELAYS = 2
SHOPS = 3
OFFERS_S = 20.0


class Quarter:
    """Relays, shops, and room for more."""

    def __init__(self, town: Town, folder: Path) -> None:
        self.town = town
        self.folder = folder
        self.houses: list[House] = []

    @classmethod
    @asynccontextmanager
    async def running(cls, folder: Path, *, processes: bool = False) -> AsyncIterator[Quarter]:
        """Bring it up for the length of a block."""
        plan = make_plan(
            net=NET, seed=None, relays=RELAYS, buyers=0, vendors=SHOPS, shops=RENTALS[:SHOPS]
        )
        allow_files(plan, processes=processes)
        async with running(Town(plan, folder, processes=processes)) as town:
            found = cls(town, folder)
            try:
                yield found
            finally:
                for house in list(found.houses):
                    await found.move_out(house)

    def addresses(self) -> list[str]:
        """List host:port of every relay."""
        return [node.facts.listen or "" for node in self.town.of(Part.RELAY)]

    async def move_in(self, name: str, **options: Any) -> House:
        """Start a home of its own, linked to the relays, in this process.

        Its clock can be pushed; `options` are settings beyond the usual ones.
        """
        home = self.folder / f"{name}-{len(list(self.folder.iterdir()))}"
        facts = {"net": NET, "peers": self.addresses()}
        house = House(name, home, [], options=facts | options)
        await house.open()
        self.houses.append(house)
        await eventually(
            lambda: len(house.up.network.mailboxes()) >= len(self.addresses()),
            f"{name} knows the relays",
        )
        return house

    async def move_out(self, house: House) -> None:
        """End a home."""
        self.houses.remove(house)
        if house.daemon is not None:
            await house.close()


def address_of(house: House) -> Address:
    """Say where a home answers its owner."""
    return Address.of(house.home)


async def rental_cast(house: House, **changes: Any) -> str:
    """Send the request the shops here answer; gives its handle."""
    found = await house.handle.create_cast({**example_cast("park-city"), **changes})
    assert found["cast"]["state"] == "open", found["cast"]["note"]
    return str(found["cast"]["handle"])


async def offers_of(house: House, handle: str, count: int = SHOPS) -> list[dict[str, Any]]:
    """Wait for so many offers, best first."""

    async def there() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await house.handle.offers(handle))["offers"]
        return found if len(found) >= count else []

    what = f"{house.name} has {count} offers"
    found: list[dict[str, Any]] = await eventually(there, what, OFFERS_S)
    return found
