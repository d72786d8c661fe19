"""The Park City story, played by real nodes: asked, offered, compared, accepted, signed, verified.

Enters: where to keep the homes, if anywhere, and whether each node is a process. Leaves: the story
as text or one JSON document. It ends well only when every step was seen to happen; what did not
happen ends it with a sentence that says so. All times are measured.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any, Final

from node.clock import SystemClock
from node.numerals import plural
from node.testnet import lines, telling
from node.testnet.bots import is_good
from node.testnet.door import Document, Door
from node.testnet.interrupt import run_to_end
from node.testnet.nodes import Node
from node.testnet.plan import Part, Plan, make_plan
from node.testnet.proof import Proof, StoryError, hold
from node.testnet.town import Town, allow_files, logged, town_folder
from node.vendor.showcase import RENTALS, example_cast
from protocol.errors import RemoteProtocolError
from protocol.objects.agreement import read_bundle

SCHEMA: Final = "intentcast.demo/1"
AGREEMENT_FILE: Final = "park-city.agreement"
_RELAYS: Final = 5
_VENDORS_MIN: Final = 3
_FORCED: Final = "insurance-required"
"""The must that one shop cannot meet."""
_STORY_S: Final = 120.0
"""A whole run takes seconds; beyond this something hangs."""
_OFFERS_S: Final = 20.0
_AGREED_S: Final = 30.0
_LOOK_S: Final = 0.5
_MS: Final = 1_000


def run(*, processes: bool, keep: str | None, as_json: bool) -> int:
    """Play the story.

    Returns:
        0, when all of it happened.

    Raises:
        StoryError: E-DEMO, the first thing that did not happen.
        RefusedError: E-FILES, or E-FILE-EXISTS for the folder to keep.
        IntentcastError: a node could not come up.
        KeyboardInterrupt: Ctrl-C, after everything is cleared away.
    """
    plan = make_plan(
        net="demo", seed=None, relays=_RELAYS, buyers=1, vendors=len(RENTALS), shops=RENTALS
    )
    allow_files(plan, processes=processes)
    with town_folder(keep) as folder, logged(folder):
        story = Story(plan, folder, processes=processes, as_json=as_json)
        if not run_to_end(story.play()):
            raise KeyboardInterrupt
        story.verify()
        story.close(kept=keep is not None)
    return 0


class Story:
    """One telling."""

    def __init__(self, plan: Plan, folder: Path, *, processes: bool, as_json: bool) -> None:
        """Prepare; then `play`, `verify` and `close`."""
        self._town = Town(plan, folder, processes=processes, on_up=self._came_up)
        self._folder = folder
        self._draft = example_cast("park-city")
        self._as_json = as_json
        self._clock = SystemClock()
        self._started_ms = self._clock.now().mono_ms
        self._steps: list[tuple[str, int]] = []
        self._found: Document = {"schema": SCHEMA, "processes": processes}

    def _now_ms(self) -> int:
        return self._clock.now().mono_ms - self._started_ms

    def _say(self, *texts: str) -> None:
        for text in texts:
            lines.say(text, lines.talk(as_json=self._as_json))

    def _begin(self, name: str, words: str) -> None:
        """Begin a step."""
        self._steps.append((name, self._now_ms()))
        self._say("", f"[{lines.seconds(self._steps[-1][1]):>7}] {words}")

    def _came_up(self, node: Node) -> None:
        facts = node.facts
        listen = facts.listen or "dials only"
        self._say(f"   {node.plan.part.value:<7} {node.plan.name:<14} {listen:<16} {facts.node}")

    @property
    def _buyer(self) -> Door:
        return self._town.of(Part.BUYER)[0].door

    # --- the steps --------------------------------------------------------------------------

    async def play(self) -> None:
        """Play it to the point where only the agreement is left.

        Raises:
            StoryError: what did not happen.
        """
        try:
            async with asyncio.timeout(_STORY_S):
                await self._live()
        except TimeoutError as error:
            raise StoryError(f"the story is not over after {_STORY_S:.0f} s") from error

    async def _live(self) -> None:
        """Everything that needs nodes; none is left at its end."""
        self._say("Park City: five relays, four car rentals, one buyer, and nobody in the middle.")
        self._begin("up", "Ten nodes start, each with keys, a home and sockets of its own.")
        try:
            await self._town.start()
            self._note_nodes()
            cast = await self._ask()
            await self._kill_a_relay(cast)
            best = await self._choose(await self._offers(cast))
            await self._agree(best)
            self._begin("stop", "All nodes stop. What is left is one file.")
        finally:
            await self._town.stop()

    def _note_nodes(self) -> None:
        self._found["nodes"] = [
            {
                "name": name,
                "role": node.plan.part.value,
                "node": node.facts.node,
                "listen": node.facts.listen,
            }
            for name, node in self._town.nodes.items()
        ]
        self._say("   All are linked, and the four shops have read their price lists.")

    async def _ask(self) -> Document:
        self._begin("cast", "The buyer says once what is wanted.")
        preview = await self._buyer.preview_cast(self._draft)
        self._say(*telling.request(self._draft, preview))
        began_ms = self._now_ms()
        cast: Document = (await self._buyer.create_cast(self._draft))["cast"]
        hold(cast["id"] is not None, f"the request was not sent: {cast['note']}")
        relays = [(node.plan.name, node.facts.node) for node in self._town.of(Part.RELAY)]
        boxes = telling.mailboxes(cast["public"], relays)
        hold(bool(boxes), "the request names no mailbox")
        self._say(
            f"   Signed as {cast['handle']} with a key made for it alone; answers may be left at "
            f"{', '.join(boxes)}."
        )
        self._found["cast"] = {
            "id": cast["id"],
            "title": cast["title"],
            "sees": preview["sees"],
            "mailboxes": boxes,
            "signed_ms": self._now_ms() - began_ms,
        }
        return cast | {"began_ms": began_ms}

    async def _kill_a_relay(self, cast: Document) -> None:
        """Kill one of the mailboxes the request names, if it names another one as well."""
        boxes = self._found["cast"]["mailboxes"]
        spare = [node.plan.name for node in self._town.of(Part.RELAY)]
        others = [name for name in spare if name not in boxes]
        victim = boxes[0] if len(boxes) > 1 else others[0]
        address = self._town.nodes[victim].facts.listen or ""
        self._begin("kill", f"{victim} is killed, without a word to anybody.")
        await self._town.kill(victim)
        hold(not await _answers(address), f"{victim} was killed and still answers at {address}")
        was_box = victim in boxes
        role = f"one of the {len(boxes)} mailboxes of {cast['handle']}" if was_box else "a relay"
        self._say(f"   It was {role}; {address} answers no more.")
        self._found["killed"] = {"name": victim, "address": address, "was_mailbox": was_box}

    async def _offers(self, cast: Document) -> list[Document]:
        """Wait for every shop's offer; a few may stay out."""
        self._begin("offers", "Offers arrive, each sealed to the buyer alone.")
        arrived: dict[str, int] = {}
        wanted = len(self._town.of(Part.VENDOR))
        cursor = 0
        end_ms = self._now_ms() + _OFFERS_S * _MS
        while True:
            found: list[Document] = (await self._buyer.offers(cast["handle"]))["offers"]
            for offer in found:
                if offer["id"] not in arrived:
                    arrived[offer["id"]] = self._now_ms() - cast["began_ms"]
                    after = lines.seconds(arrived[offer["id"]])
                    vendor = lines.clean(offer["vendor"]["name"])
                    self._say(f"   {after} after the asking  {vendor}  {offer['total_text']}")
            if len(arrived) >= wanted or self._now_ms() >= end_ms:
                break
            cursor = await self._buyer.wait_changed(cursor, _LOOK_S)
        self._check_offers(found)
        self._found["first_offer_ms"] = min(arrived.values())
        return found

    def _check_offers(self, found: list[Document]) -> None:
        """Hold the offers to what the story promises of them."""
        vendors = {offer["vendor"]["key"] for offer in found}
        hold(
            len(vendors) >= _VENDORS_MIN,
            f"only {plural(len(vendors), 'vendor')} offered within {_OFFERS_S:.0f} s",
        )
        for offer in found:
            total = sum(line["total"] for line in offer["lines"])
            name = offer["vendor"]["name"]
            hold(bool(offer["lines"]), f"the offer of {name} is not itemised")
            hold(total == offer["total"], f"the lines of {name} do not add up to its total")
        positions = [offer["position"] for offer in found]
        hold(positions == list(range(1, len(found) + 1)), "the offers are not ranked")

    async def _choose(self, found: list[Document]) -> Document:
        self._begin(
            "compare", f"{plural(len(found), 'offer')}, compared like with like; the best first."
        )
        self._say(*telling.comparison(found))
        unmet = [
            (offer, must)
            for offer in found
            for must in offer["musts"]
            if must["key"] == _FORCED and must["status"] == "unmet"
        ]
        hold(bool(unmet), "no vendor was seen to fail the must about insurance")
        self._say("", *(telling.failure(offer, must) for offer, must in unmet))
        self._found["offers"] = found
        self._found["failed_musts"] = [
            {"vendor": offer["vendor"]["name"], **must} for offer, must in unmet
        ]
        best = next(filter(is_good, found), None)
        if best is None:
            raise StoryError("no offer meets every must within the budget")
        return best

    async def _agree(self, best: Document) -> None:
        name = lines.clean(best["vendor"]["name"])
        self._begin("accept", f"The buyer accepts {name} at {best['total_text']}.")
        deal = (
            await self._buyer.accept(
                best["handle"], options=[], slot=None, disclose=None, anyway=False
            )
        )["deal"]
        mine = await self._agreed(self._buyer, deal["id"], "the buyer")
        shown = ", ".join(mine["disclosed"])
        self._say(f"   The vendor has confirmed; now, and not before, it learns: {shown}.")
        vendor, theirs = await self._at_vendor(deal["id"])
        same = mine["agreement_id"] == theirs["agreement_id"] is not None
        hold(same, "the two sides do not hold the same agreement")
        self._say(f"   Both sides hold {mine['agreement_id']}.")
        _, raw = await self._buyer.agreement(deal["id"])
        _, copy = await vendor.agreement(deal["id"])
        hold(raw == copy, "the two sides' files differ")
        await asyncio.to_thread((self._folder / AGREEMENT_FILE).write_bytes, raw)
        self._found["accepted"] = {
            "offer": best["id"],
            "vendor": best["vendor"]["name"],
            "total": best["total"],
            "total_text": best["total_text"],
        }
        self._found["agreement"] = {
            "id": mine["agreement_id"],
            "deal": mine["id"],
            "disclosed": mine["disclosed"],
            "received": sorted(theirs["received"]),
        }

    async def _at_vendor(self, deal_id: str) -> tuple[Door, Document]:
        """Find whose deal it is, and wait for that side as well."""
        for node in self._town.of(Part.VENDOR):
            deals = (await node.door.deals())["deals"]
            if any(deal["id"] == deal_id for deal in deals):
                return node.door, await self._agreed(node.door, deal_id, node.plan.name)
        raise StoryError("no vendor knows of the deal")

    async def _agreed(self, door: Door, deal_id: str, who: str) -> Document:
        """Wait until one side has the agreement."""
        cursor = 0
        deal: Document = {}
        end_ms = self._now_ms() + _AGREED_S * _MS
        while self._now_ms() < end_ms:
            deal = (await door.deal(deal_id))["deal"]
            if deal["state"] == "agreed":
                return deal
            cursor = await door.wait_changed(cursor, _LOOK_S)
        raise StoryError(f"after {_AGREED_S:.0f} s the deal is {deal.get('state')} for {who}")

    # --- after the nodes --------------------------------------------------------------------

    def verify(self) -> None:
        """Check the file with nothing but the file.

        Raises:
            StoryError: it does not say what was told.
        """
        self._begin("verify", f"{AGREEMENT_FILE} is read back: no node runs, nobody is asked.")
        raw = (self._folder / AGREEMENT_FILE).read_bytes()
        try:
            agreement = read_bundle(raw)
        except RemoteProtocolError as error:
            raise StoryError(f"the agreement does not verify: {error}") from error
        proof = Proof.of(agreement)
        told = self._found["agreement"]
        hold(proof.agreement == told["id"], "the file holds another agreement")
        hold(proof.deal == told["deal"], "the file holds another deal")
        hold(proof.cast == self._found["cast"]["id"], "the file is about another request")
        hold(proof.total == self._found["accepted"]["total"], "the file says another total")
        self._say(*telling.agreement(proof))
        self._say("   verified")
        self._found["agreement"] |= proof.document() | {"bytes": len(raw)}
        self._found["verified"] = True

    def close(self, *, kept: bool) -> None:
        """Tell how long it took, and print the document if one was asked for."""
        total_ms = self._now_ms()
        starts = [at_ms for _, at_ms in self._steps]
        spans = zip(self._steps, [*starts[1:], total_ms], strict=True)
        steps: list[dict[str, Any]] = [
            {"name": name, "at_ms": at_ms, "took_ms": end_ms - at_ms}
            for (name, at_ms), end_ms in spans
        ]
        took = ", ".join(f"{each['name']} {lines.seconds(each['took_ms'])}" for each in steps)
        self._say("", f"It took {lines.seconds(total_ms)}: {took}.")
        file = str(self._folder / AGREEMENT_FILE) if kept else None
        if file is not None:
            self._say(f"Everything is kept. Check it yourself:  intentcast verify {file}")
        else:
            self._say(
                "Nothing of it is kept. To look at every home and check the agreement yourself:  "
                "intentcast demo --keep story"
            )
        if self._as_json:
            whole = self._found | {"steps": steps, "elapsed_ms": total_ms, "file": file}
            lines.say(json.dumps(whole, indent=2), sys.stdout)


async def _answers(address: str) -> bool:
    """Tell whether anything takes a connection there."""
    host, _, port = address.rpartition(":")
    try:
        _, writer = await asyncio.open_connection(host, int(port))
    except OSError:
        return False
    writer.close()
    return True
