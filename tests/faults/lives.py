"""Scenarios of keys and homes: backups, second lives, copies that meet, invites, boxes that move.

Enters: a street and a cell. Leaves: how often the point was hit, and what the judge found. What a
command does in a process of its own (`restore`) is struck there; everything else in the node.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path

from node.crashpoint import EXIT_CODE
from protocol.ids import to_text
from tests.faults import keeping
from tests.faults.checker import ask_disk
from tests.faults.homes import Found
from tests.faults.house import AnsweredError, DiedError, Document, House, environment, key_of
from tests.faults.points import BUYER, Cell
from tests.faults.stories import Story, deal
from tests.faults.street import BASE, NET, Street, Watch, write_rules


async def command(home: Path, *words: str, crash: str = "") -> tuple[int, Document]:
    """Run one command of the command line in a process of its own; give its code and document."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "node.cli.main", "--home", str(home), "--json", *words),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment(crash),
    )
    said, _ = await process.communicate()
    code = await process.wait()
    return code, json.loads(said) if said.strip().startswith(b"{") else {}


@asynccontextmanager
async def dying(house: House, cell: Cell) -> AsyncIterator[Watch]:
    """Let a house die at the cell's point and come up again, until this is over."""
    if house.process is not None:
        await house.kill()
    with suppress(DiedError):
        await house.start(crash=cell.point)
    starts = ("start.after_storage", "start.after_post")[: cell.seed - 1]
    watch = Watch(house, again=starts)
    try:
        yield watch
    finally:
        await watch.let_go()


def hits_of(house: House, faults: list[str]) -> Found:
    hits = house.ended.count(EXIT_CODE)
    return hits, faults + ([] if hits else ["the point was never reached"])


@asynccontextmanager
async def small_street(street: Street, cell: Cell, mailboxes: int = 2) -> AsyncIterator[Street]:
    """Build a street of its own for what leaves identities unfit for others."""
    built = Street(street.folder / f"{cell.point}-{cell.side}-{cell.seed}", mailboxes)
    try:
        await built.open()
        yield built
    finally:
        await built.close()


# --- backups and second lives --------------------------------------------------------------------


async def backup(street: Street, cell: Cell) -> Found:
    """A backup is whole or not there, and another can be made: of a node that runs, and of none."""
    buyer = street.buyer
    before = len(buyer.ended)
    target = street.folder / f"{cell.point}-{cell.seed}.icb"
    async with dying(buyer, cell):
        await backed_up(buyer, target)
        second = target.with_suffix(".second.icb")
        await backed_up(buyer, second)
        await deal(Story(street, f"{cell}"))
    faults = [
        f"{path.name} is no sound backup"
        for path in (target, second)
        if (await command(buyer.home, "backup", "verify", str(path)))[0]
    ]
    faults += [f"{path.name} was left" for path in target.parent.glob("*.partial")]
    hits = buyer.ended[before:].count(EXIT_CODE)
    alone, further = await keeping.backup(street, cell)
    return min(hits, alone), faults + further + await street.settled_verdict()


async def backed_up(house: House, target: Path) -> None:
    """Write a backup; one that was written before its answer was lost is there already."""
    try:
        await house.post("/v1/backups", {"path": str(target)}, key=key_of(target.name))
    except AnsweredError as error:
        if error.code != "E-FILE-EXISTS":
            raise


async def words_of(house: House) -> Path:
    """Write down a home's words."""
    code, found = await command(house.home, "words", "--yes-show-them")
    assert code == 0, "the words were not shown"
    paper = house.home.parent / f"{house.name}.words"
    paper.write_text(" ".join(found["words"]), encoding="ascii")
    return paper


async def restore(street: Street, cell: Cell) -> Found:
    """A restored home is whole or not there; asked again, it is made."""
    await deal(Story(street, f"{cell}"))
    paper, file = await words_of(street.buyer), street.folder / f"{cell.point}-{cell.seed}.icb"
    await backed_up(street.buyer, file)
    home = street.folder / f"second-{cell.point}-{cell.seed}"
    words = ("restore", "--words-file", str(paper), "--from", str(file), "--net", NET)
    code, _found = await command(home, *words, crash=cell.point)
    hits = int(code == EXIT_CODE)
    is_there = (home / "node.db").exists()
    code, _found = await command(home, *words)
    faults = [] if code == (5 if is_there else 0) else [f"restore ended with {code} in the end"]
    # Its identity lives elsewhere too.
    house = House("second", home, dict(BASE))
    # It knows addresses of the street: while it is up it reads what its other copy left for it.
    street.elsewhere.append(house)
    await house.start()
    told = (await house.get("/v1/deals"))["deals"]
    await house.kill()
    # The first life believes that it was followed, and signs nothing until its owner says so.
    await street.buyer.post("/v1/identity/this-one", {}, key=key_of(cell, "this"))
    kept = ask_disk(street.buyer.home, "SELECT 1 FROM deals")
    if len(told) != len(kept):
        faults.append(f"{len(told)} of {len(kept)} deals came back")
    left = [path.name for path in home.parent.glob(f".{home.name}*")]
    alone, further = await keeping.restore(street, cell)
    return min(hits, alone), faults + further + [f"{name} was left behind" for name in left]


async def second_life(street: Street, name: str, *, with_backup: Path | None) -> House:
    """Let the buyer's machine be lost, and give its second life, not yet started."""
    old = street.buyer
    paper = await words_of(old)
    if old.process is not None:
        await old.kill()
    house = street.house(name)
    source = () if with_backup is None else ("--from", str(with_backup))
    words = ("restore", "--words-file", str(paper), *source, "--net", NET)
    code, _ = await command(house.home, *words)
    assert code == 0, f"restore ended with {code}"
    if with_backup is not None:
        # What was acknowledged before the backup binds the second life as it did the first.
        house.acks = [replace(ack, house=name) for ack in old.acks]
    street.lost(old)
    street.buyers.append(house)
    return house


async def reclaim(street: Street, cell: Cell) -> Found:
    """A home made from words finds its request at a relay, dies, and holds it once."""
    async with small_street(street, cell) as own:
        story = Story(own, f"{cell}")
        nonce = await story.cast()
        await story.offer(nonce)
        house = await second_life(own, "second", with_backup=None)
        async with dying(house, cell):
            sql = "SELECT 1 FROM casts WHERE nonce = ? AND state = 'open'"
            await own.until(lambda: bool(_ask(house, sql, nonce)), "the request is found")
            await house.post("/v1/reopen", {"sure": True, "wait_s": 5}, key=key_of(cell, "reopen"))
            await deal(Story(own, f"{cell} again"))
        rows = _ask(house, "SELECT 1 FROM casts WHERE nonce = ?", nonce)
        faults = [] if len(rows) == 1 else [f"the request was found {len(rows)} times"]
        return hits_of(house, faults + await own.settled_verdict())


async def reclaim_revoke(street: Street, cell: Cell) -> Found:
    """A home from an older backup hears that its request was taken back, and dies over it."""
    async with small_street(street, cell) as own:
        nonce = await Story(own, f"{cell}").cast()
        file = own.folder / "before.icb"
        await backed_up(own.buyer, file)
        row = ask_disk(own.buyer.home, "SELECT cast_id FROM casts WHERE nonce = ?", nonce)[0]
        body = {"handle": to_text("cast", row["cast_id"])}
        await own.buyer.post("/v1/revoke", body, key=key_of(cell, "revoke"))
        await own.until(own.is_settled, "the first life has nothing on its way")
        house = await second_life(own, "second", with_backup=file)
        async with dying(house, cell):
            sql = "SELECT 1 FROM casts WHERE nonce = ? AND state = 'revoked'"
            await own.until(lambda: bool(_ask(house, sql, nonce)), "the revoke is heard")
            await house.post("/v1/reopen", {"sure": True, "wait_s": 5}, key=key_of(cell, "reopen"))
            await deal(Story(own, f"{cell} again"))
        return hits_of(house, await own.settled_verdict())


async def reopen(street: Street, cell: Cell) -> Found:
    """A deal goes on in a second life that asks the shop first, and dies while doing so."""
    async with small_street(street, cell) as own:
        write_rules(own.vendor.home, firm=False)
        story = Story(own, f"{cell}")
        deal_id = await story.accept(await story.offer(await story.cast()))
        await story.until_deal(own.vendor, deal_id, "offered")
        file = own.folder / "before.icb"
        await backed_up(own.buyer, file)
        house = await second_life(own, "second", with_backup=file)
        path = f"/v1/deals/{to_text('deal', deal_id)}/decide"
        await own.vendor.post(path, {"confirm": True}, key=key_of(cell, "decide"))
        async with dying(house, cell):
            body = {"sure": True, "wait_s": 10}
            await house.post("/v1/reopen", body, key=key_of(cell, "reopen"))
            await story.agreed(deal_id, buyer=house)
        return hits_of(house, await own.settled_verdict())


async def two_copies(street: Street, cell: Cell) -> Found:
    """A second life meets the first, which dies when it notices; its owner lets it go on."""
    async with small_street(street, cell) as own:
        first = await _moved_in_before(own, 30 * 60_000)
        await Story(own, f"{cell}").cast()
        await own.until(own.is_settled, "the offer has arrived")
        second = await second_life(own, "second", with_backup=None)
        own.buyers, own.elsewhere = [first], [*own.elsewhere[:1], second]
        async with dying(first, cell):
            await second.start()
            await second.post("/v1/reopen", {"sure": True, "wait_s": 2}, key=key_of(cell, "open"))
            await Story(own, f"{cell} elsewhere").cast(second)
            await own.until(lambda: bool(_ask(first, "SELECT 1 FROM copies")), "the copies met")
            if cell.point != "copies.after_choice":
                await own.until(lambda: EXIT_CODE in first.ended, "it has died over it", 30)
            await second.kill()
            await first.post("/v1/identity/this-one", {}, key=key_of(cell, "this"))
            await deal(Story(own, f"{cell} again"))
        return hits_of(first, await own.settled_verdict())


async def _moved_in_before(street: Street, age_ms: int) -> House:
    """Give a buyer whose home is older than the clocks of others may differ."""
    house = street.house("buyer_who_was_first")
    house.settings["clock_offset_ms"] = -age_ms
    await house.start()
    await house.kill()
    del house.settings["clock_offset_ms"]
    await house.start()
    await street.buyer.kill()
    street.lost(street.buyer)
    street.buyers.append(house)
    return house


def _ask(house: House, sql: str, *parameters: object) -> list[object]:
    return list(ask_disk(house.home, sql, *parameters)) if (house.home / "node.db").exists() else []


# --- the shop's key ------------------------------------------------------------------------------


async def rotate(street: Street, cell: Cell) -> Found:
    """A shop goes on under its next key, and dies on the way; it is one step."""
    async with small_street(street, cell) as own:
        await deal(Story(own, f"{cell} before"))
        async with dying(own.vendor, cell):
            with suppress(AnsweredError):
                # Refused where the step was taken before the answer was lost.
                body = {"generation": 0}
                await own.vendor.post("/v1/identity/rotate", body, key=key_of(cell))
            await own.vendor.is_up.wait()
            await deal(Story(own, f"{cell} after"))
        rows = ask_disk(own.vendor.home, "SELECT generation FROM generations")
        faults = [] if [row[0] for row in rows] == [1] else [f"{len(rows)} steps were taken"]  # type: ignore[index]
        return hits_of(own.vendor, faults + await own.settled_verdict())


async def end_key(street: Street, cell: Cell) -> Found:
    """A shop ends its key, and dies on the way; what was agreed before stays agreed."""
    async with small_street(street, cell) as own:
        await deal(Story(own, f"{cell} before"))
        async with dying(own.vendor, cell):
            await own.vendor.post(
                "/v1/identity/revoke", {"reason": "compromised"}, key=key_of(cell)
            )
        sql = "SELECT 1 FROM objects WHERE kind = 'revocation' AND own = 1"
        rows = ask_disk(own.vendor.home, sql)
        faults = [] if len(rows) == 1 else [f"{len(rows)} revocations were signed"]
        return hits_of(own.vendor, faults + await own.settled_verdict())


# --- neighbours ----------------------------------------------------------------------------------


async def invite(street: Street, cell: Cell) -> Found:
    """An invite for one lets one in, whoever dies meanwhile."""
    relay = street.relay
    guests = [street.house(f"{cell.point}_{cell.seed}_{n}") for n in (1, 2)]
    for guest in guests:
        guest.settings["peers"] = []
    victim = relay if cell.side == "relay" else guests[0]
    before = len(victim.ended)
    try:
        async with dying(victim, cell):
            if victim is relay:
                await guests[0].start()
            await guests[1].start()
            link = (await relay.post("/v1/invites", {"single": True}, key="invite"))["link"]
            if cell.point == "invite.after_allow_commit":
                body = {"node": relay.ready["node"]}
                await guests[0].post("/v1/nearby/allow", body, key="allow")
            await _join(guests[0], link)
            refused = ""
            try:
                await _join(guests[1], link)
            except AnsweredError as error:
                refused = error.code
        sql = "SELECT 1 FROM neighbours WHERE standing = 'kept'"
        faults = [] if ask_disk(guests[0].home, sql) else ["the guest does not know its host"]
        if refused != "E-INVITE-USED":
            faults.append(f"a second guest was told {refused or 'to come in'}")
        hits = victim.ended[before:].count(EXIT_CODE)
        return hits, faults + await street.settled_verdict()
    finally:
        for guest in guests:
            await guest.kill()


async def _join(guest: House, link: str) -> None:
    """Follow an invite, again where its host was gone in the middle of it."""
    async with asyncio.timeout(60):
        while True:
            try:
                await guest.post("/v1/join", {"link": link}, key="join")
            except AnsweredError as error:
                if not error.code.startswith("E-PEER"):
                    raise
                await asyncio.sleep(0.2)
            else:
                return


# --- boxes that move -----------------------------------------------------------------------------


async def move(street: Street, cell: Cell) -> Found:
    """Two mailboxes are gone for good; whoever has a box there moves it, dies, and trades on."""
    async with small_street(street, cell, mailboxes=5) as own:
        victim = own.buyer if cell.side == BUYER else own.vendor
        story = Story(own, f"{cell}")
        nonce = await story.cast()
        offer_id = await story.offer(nonce)
        await own.until(own.is_settled, "the offer has arrived")
        # On a busy machine a mailbox that lives may be silent for some seconds: it is no lost one.
        victim.settings["mailbox_lost_ms"] = 5_000
        async with dying(victim, cell):
            gone = await _mailboxes_lost(own, victim)
            sql = "SELECT mailboxes FROM boxes_own WHERE closed = 0"

            def has_moved() -> bool:
                return not any(
                    key in row["mailboxes"] for row in ask_disk(victim.home, sql) for key in gone
                )

            await own.until(has_moved, f"the box of {victim.name} has moved", 90)
            await own.until(lambda: EXIT_CODE in victim.ended, "it has died on the way", 30)
            await story.agreed(await story.accept(offer_id))
            await deal(Story(own, f"{cell} again"))
        return hits_of(victim, await own.settled_verdict())


async def _mailboxes_lost(street: Street, house: House) -> list[str]:
    """End two mailboxes at which a house has its box; give their keys, as its row names them."""
    row = ask_disk(house.home, "SELECT mailboxes FROM boxes_own WHERE closed = 0")[0]
    gone: list[str] = json.loads(row["mailboxes"])[:2]
    nodes = {to_text("node", bytes.fromhex(key)) for key in gone}
    for relay in [each for each in street.relays if each.ready["node"] in nodes]:
        await relay.kill()
    return gone


SCENARIOS: dict[str, Callable[[Street, Cell], Awaitable[Found]]] = {
    "backup": backup,
    "end_key": end_key,
    "invite": invite,
    "move": move,
    "reclaim": reclaim,
    "reclaim_revoke": reclaim_revoke,
    "reopen": reopen,
    "restore": restore,
    "rotate": rotate,
    "two_copies": two_copies,
}
