"""Letters over real sockets: a mailbox, a sender, a reader, and whatever may befall them."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from node.config import Settings
from node.crashpoint import EXIT_CODE
from node.entropy import SystemEntropy
from node.network.connection import Connection
from node.runtime.network import Network
from node.storage import mailbox as served
from node.storage.outbox import OutgoingState
from protocol import limits, signing, work
from protocol.channel.messages import Message, Refused
from protocol.channel.post import BoxChallenge, BoxNonce, BoxRead, Letters, Put, PutDone, Receipt
from protocol.errors import Reason
from protocol.ids import NodeId, blake2b_256
from protocol.post import letters
from protocol.post.letters import Contents
from protocol.post.mailbox import ReadProof, put_digest
from tests.unit.node.post.town import NET, Citizen, Town, eventually

ASK_MS = 5_000
ROOT = Path(__file__).resolve().parents[2]


class Villager(Citizen):
    """A citizen behind real sockets; it keeps its port over a restart."""

    def __init__(self, town: Town, name: str, *, peers: list[Villager], **options: Any) -> None:
        super().__init__(town, name, **options)
        self.peers = peers
        self.port: int | None = 0 if options.get("serve") else None

    def make_network(self) -> Network:
        return Network(
            settings=Settings(
                net=NET,
                listen_port=self.port,
                mailbox=bool(self.options["serve"]),
                peers=[f"127.0.0.1:{peer.port}" for peer in self.peers],
            ),
            clock=self.clock,
            entropy=SystemEntropy(),
            tasks=self.tasks,
            storage=self.storage,
            transport_seed=self.keyring.transport_seed(),
            record_seed=self.keyring.record_seed(),
            on_object=lambda _object: None,
            on_message=self._asked,
            on_link_up=self._linked,
        )

    def _asked(self, link: Connection, message: Message) -> None:
        self.post.handle_message(link, message)

    def _linked(self, node_id: NodeId) -> None:
        self.post.link_up(node_id)

    async def start(self) -> None:
        await super().start()
        await self.network.start()
        self.port = self.network.port
        await eventually(lambda: len(self.network.peers()) >= sum(p.is_up for p in self.peers))

    async def stop(self) -> None:
        await self.network.stop()
        await super().stop()


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[Town]:
    found = Town(tmp_path)
    try:
        yield found
    finally:
        await found.close()


async def move_in(town: Town, name: str, *peers: Villager, **options: Any) -> Villager:
    found = Villager(town, name, peers=list(peers), **options)
    town.citizens[found.node_id] = found
    await found.start()
    return found


async def letters_at(mailbox: Villager, reader: bytes) -> int:
    state = await mailbox.storage.read(lambda db: served.load_state(db, reader))
    return state.letters


async def until_letters_at(mailbox: Villager, reader: bytes, count: int) -> None:
    async with asyncio.timeout(10):
        while await letters_at(mailbox, reader) != count:
            await asyncio.sleep(0.01)


async def test_a_letter_goes_its_receipt_comes_back_and_the_box_is_empty(town: Town):
    mia = await move_in(town, "mailbox_mia", serve=True)
    ana = await move_in(town, "buyer_ana", mia)
    bo = await move_in(town, "vendor_bo", mia)
    sent = await bo.send("an offer", ana, await ana.open_box(mia))
    row = await bo.until_acked(sent)
    assert row.put_at == (mia.node_id,)
    assert ana.recorded == [b"vendor_bo: an offer"]
    await until_letters_at(mia, ana.reader, 0)


async def test_the_reader_is_off_when_the_letter_is_put(town: Town):
    mia = await move_in(town, "mailbox_mia", serve=True)
    ana = await move_in(town, "buyer_ana", mia)
    bo = await move_in(town, "vendor_bo", mia)
    reply = await ana.open_box(mia)
    await ana.stop()
    sent = await bo.send("an offer", ana, reply)
    await bo.until_row(sent, lambda row: row.put_at)
    assert await letters_at(mia, ana.reader) == 1
    await ana.start()
    await bo.until_acked(sent)


async def test_the_sender_is_off_when_the_receipt_arrives(town: Town):
    mia = await move_in(town, "mailbox_mia", serve=True)
    ana = await move_in(town, "buyer_ana", mia)
    bo = await move_in(town, "vendor_bo", mia)
    reply = await ana.open_box(mia)
    await ana.stop()
    sent = await bo.send("an offer", ana, reply)
    await bo.until_row(sent, lambda row: row.put_at)
    await bo.stop()
    await ana.start()
    await until_letters_at(mia, ana.reader, 0)
    await ana.stop()
    await bo.start()
    await bo.until_acked(sent)
    assert len(ana.handed_over) == 1


async def test_every_side_restarts_from_its_database(town: Town):
    mia = await move_in(town, "mailbox_mia", serve=True)
    ana = await move_in(town, "buyer_ana", mia)
    bo = await move_in(town, "vendor_bo", mia)
    reply = await ana.open_box(mia)
    await ana.stop()
    sent = await bo.send("an offer", ana, reply)
    await bo.until_row(sent, lambda row: row.put_at)
    await mia.stop()
    await bo.stop()
    await mia.start()
    assert await letters_at(mia, ana.reader) == 1
    await ana.start()
    await until_letters_at(mia, ana.reader, 0)
    await mia.stop()
    await mia.start()
    await bo.start()
    await bo.until_acked(sent)
    assert ana.recorded == [b"vendor_bo: an offer"]


async def test_one_of_three_mailboxes_is_dead_and_copies_are_shown_once(town: Town):
    mia = await move_in(town, "mailbox_mia", serve=True)
    max_ = await move_in(town, "mailbox_max", mia, serve=True)
    dead = await move_in(town, "mailbox_dead", mia, serve=True)
    ana = await move_in(town, "buyer_ana", mia, max_)
    bo = await move_in(town, "vendor_bo", mia)
    reply = await ana.open_box(mia, max_, dead)
    await dead.stop()
    sent = [await bo.send(f"offer {n}", ana, reply) for n in range(5)]
    for envelope_id in sent:
        row = await bo.until_acked(envelope_id)
        assert set(row.put_at) <= {mia.node_id, max_.node_id}
    assert sorted(ana.recorded) == sorted(f"vendor_bo: offer {n}".encode() for n in range(5))
    assert len(ana.handed_over) == 5
    await until_letters_at(mia, ana.reader, 0)
    await until_letters_at(max_, ana.reader, 0)


async def test_two_dial_only_parties_find_a_mailbox_neither_is_linked_to(town: Town):
    relay = await move_in(town, "relay_rae", serve=True)
    mia = await move_in(town, "mailbox_mia", relay, serve=True)
    ana = await move_in(town, "buyer_ana", relay)
    bo = await move_in(town, "vendor_bo", relay)
    await bo.until_acked(await bo.send("an offer", ana, await ana.open_box(mia)))


async def test_a_vendor_that_can_be_dialled_is_its_own_mailbox(town: Town):
    bo = await move_in(town, "vendor_bo", serve=True, own_only=True)
    ana = await move_in(town, "buyer_ana", bo)
    reply = await bo.open_box(bo)
    sent = await ana.send("a counter", bo, reply)
    await ana.until_acked(sent)
    assert bo.recorded == [b"buyer_ana: a counter"]


async def test_a_box_that_is_not_open_takes_nothing(town: Town):
    mia = await move_in(town, "mailbox_mia", serve=True)
    ana = await move_in(town, "buyer_ana", mia)
    bo = await move_in(town, "vendor_bo", mia)
    sent = await bo.send("an offer", ana, ana.reply(ana.own_box(mia)))
    row = await bo.until_row(sent, lambda row: row.tries >= 2)
    assert row.put_at == ()
    assert row.state is OutgoingState.PENDING
    # the box opens late, and the letter still comes
    await ana.open_box(mia)
    await bo.until_acked(sent)


def a_letter(number: int) -> bytes:
    contents = Contents(envelope=b"junk")
    box = b"\x09" + bytes(31)
    return letters.seal_letter(contents, box, blake2b_256(number.to_bytes(4, "big")))


async def put(link: Any, reader: bytes, letter: bytes) -> Any:
    digest = put_digest(link.peer_id, reader, letters.letter_hash(letter))
    nonce = work.solve(digest, limits.put_bits_min, tries=1 << 20)
    assert nonce is not None
    return await link.request(Put(reader=reader, letter=letter, work=nonce), ASK_MS)


async def read(link: Any, reader: bytes, seed: bytes) -> Any:
    nonce = await link.request(BoxChallenge(reader=reader), ASK_MS)
    assert isinstance(nonce, BoxNonce)
    proof = ReadProof(
        net=NET,
        mailbox=link.peer_id,
        reader=reader,
        handshake_hash=link.handshake_hash,
        challenge=nonce.challenge,
    )
    return await link.request(BoxRead(reader=reader, signature=proof.sign(seed)), ASK_MS)


async def test_a_foreign_reader_gets_nothing_and_receipts_nothing(town: Town):
    mia = await move_in(town, "mailbox_mia", serve=True)
    ana = await move_in(town, "buyer_ana", mia)
    eve = await move_in(town, "stranger_eve", mia)
    await ana.open_box(mia)
    ana.post.unwatch(ana.reader)
    link = await eve.network.connect(mia.node_id)
    letter = a_letter(1)
    assert isinstance(await put(link, ana.reader, letter), PutDone)
    eve_seed = eve.keyring.reader_seed(eve.ctx)
    answer = await read(link, ana.reader, eve_seed)
    assert isinstance(answer, Refused)
    assert answer.reason is Reason.BAD_SIGNATURE
    answer = await read(link, signing.public_key(eve_seed), eve_seed)
    assert isinstance(answer, Refused)
    assert answer.reason is Reason.NOT_OPEN
    drop = Receipt(reader=ana.reader, letter_hash=letters.letter_hash(letter), receipt=b"")
    answer = await link.request(drop, ASK_MS)
    assert isinstance(answer, Refused)
    assert answer.reason is Reason.NOT_PARTY
    assert await letters_at(mia, ana.reader) == 1
    # ana's own proof, on her own channel, still holds
    own = await ana.network.connect(mia.node_id)
    answer = await read(own, ana.reader, ana.keyring.reader_seed(ana.ctx))
    assert isinstance(answer, Letters)
    assert answer.letters == [letter]


async def test_one_depositor_fills_no_box(town: Town):
    mia = await move_in(town, "mailbox_mia", serve=True)
    ana = await move_in(town, "buyer_ana", mia)
    eve = await move_in(town, "stranger_eve", mia)
    bo = await move_in(town, "vendor_bo", mia)
    reply = await ana.open_box(mia)
    await ana.stop()
    link = await eve.network.connect(mia.node_id)
    answers = [await put(link, ana.reader, a_letter(n)) for n in range(12)]
    assert [type(answer) for answer in answers[:8]] == [PutDone] * 8
    assert {answer.reason for answer in answers[8:]} == {Reason.QUOTA}
    sent = await bo.send("an offer", ana, reply)
    await bo.until_row(sent, lambda row: row.put_at)
    await ana.start()
    await bo.until_acked(sent)
    # what nobody can open is dropped too
    await until_letters_at(mia, ana.reader, 0)


# --- crashes -----------------------------------------------------------------------------------


def crash_points() -> list[str]:
    """Every named point of the post, as its source has them."""
    sources = [path.read_text("utf-8") for path in (ROOT / "node" / "post").glob("*.py")]
    return sorted({name for text in sources for name in re.findall(r'crashpoint\("(.+?)"\)', text)})


async def story(folder: Path) -> None:
    """One letter from a vendor to a buyer; told again, it goes on where it stopped."""
    town = Town(folder)
    mia = await town.citizen("mailbox_mia", serve=True)
    ana = await town.citizen("buyer_ana")
    bo = await town.citizen("vendor_bo")
    sent = await bo.send("an offer", ana, await ana.open_box(mia))
    await bo.until_acked(sent)
    assert ana.recorded == [b"vendor_bo: an offer"]
    await town.close()


def tell(folder: Path, **environment: str) -> int:
    code = "import asyncio, pathlib, sys; from tests.integration.test_post import story; "
    code += "asyncio.run(story(pathlib.Path(sys.argv[1])))"
    told = subprocess.run(
        [sys.executable, "-c", code, str(folder)],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=25,
        check=False,
    )
    assert told.returncode in (0, EXIT_CODE), told.stderr
    return told.returncode


def test_the_points_are_found():
    assert "post.before_put_commit" in crash_points()


@pytest.mark.slow
@pytest.mark.parametrize("point", crash_points())
def test_a_crash_loses_and_doubles_nothing(point: str, tmp_path: Path):
    assert tell(tmp_path, INTENTCAST_CRASH=point) == EXIT_CODE
    assert tell(tmp_path) == 0
