"""One way to every mailbox, our own included."""

from __future__ import annotations

import asyncio

import pytest

from node.errors import TransportError
from node.keystore import PROFILE_CONTEXT
from node.post.carrier import Carrier, LocalLink
from protocol.channel.post import BoxChallenge, BoxNonce
from protocol.ids import NodeId
from tests.unit.node.post.town import Town

CHANNEL = b"c" * 32
CTX = b"n" * 16
"""Identity context of a request."""


async def test_our_own_mailbox_needs_no_network(town: Town):
    mia = await town.citizen("mailbox_mia", serve=True)
    carrier = Carrier(mia.network, mia.post.mailbox, CHANNEL)
    link = await carrier.link(mia.node_id, CTX)
    assert link.peer_id == carrier.node_id == mia.node_id
    assert link.handshake_hash == CHANNEL
    answer = await link.request(BoxChallenge(request=3, reader=bytes(32)), 1_000)
    assert isinstance(answer, BoxNonce)
    assert mia.network.dials == 0


async def test_a_mailbox_we_do_not_serve_says_how_to(town: Town):
    ana = await town.citizen("buyer_ana")
    carrier = Carrier(ana.network, ana.post.mailbox, CHANNEL)
    with pytest.raises(TransportError) as caught:
        await carrier.link(ana.node_id, CTX)
    assert caught.value.code == "E-MAILBOX-OFF"
    assert caught.value.fix


async def test_others_are_reached_through_the_network(town: Town):
    mia = await town.citizen("mailbox_mia", serve=True)
    ana = await town.citizen("buyer_ana")
    carrier = Carrier(ana.network, ana.post.mailbox, CHANNEL)
    assert (await carrier.link(mia.node_id, CTX)).peer_id == mia.node_id
    with pytest.raises(TransportError) as caught:
        await carrier.link(NodeId(b"\x01" * 32), CTX)
    assert caught.value.code == "E-PEER-UNKNOWN"


async def test_all_who_ask_one_mailbox_at_a_time_keep_one_pace(town: Town):
    mia = await town.citizen("mailbox_mia", serve=True)
    ana = await town.citizen("buyer_ana")
    carrier = Carrier(ana.network, ana.post.mailbox, CHANNEL)
    link = await carrier.link(mia.node_id, CTX)
    assert await carrier.link(mia.node_id, CTX) is link
    await mia.stop()
    await mia.start()
    # Another channel has room of its own.
    assert await carrier.link(mia.node_id, CTX) is not link


async def test_nobody_waits_for_ever(town: Town, monkeypatch):
    mia = await town.citizen("mailbox_mia", serve=True)
    ana = await town.citizen("buyer_ana")

    async def stuck(*_args):
        await asyncio.Event().wait()

    monkeypatch.setattr("node.post.carrier._CONNECT_MS", 1)
    monkeypatch.setattr(ana.network, "connect", stuck)
    carrier = Carrier(ana.network, ana.post.mailbox, CHANNEL)
    with pytest.raises(TransportError) as caught:
        await carrier.link(mia.node_id, CTX)
    assert caught.value.code == "E-PEER-TIMEOUT"
    monkeypatch.setattr(mia.post.mailbox, "answer", stuck)
    with pytest.raises(TransportError) as caught:
        await LocalLink(mia.post.mailbox, CHANNEL).request(BoxChallenge(reader=bytes(32)), 1)
    assert caught.value.code == "E-PEER-TIMEOUT"


async def test_a_request_comes_unknown_and_a_profile_as_itself(town: Town):
    mia = await town.citizen("mailbox_mia", serve=True)
    ana = await town.citizen("buyer_ana")
    asked = []

    async def approach(mailbox, ctx):
        asked.append((mailbox, ctx))
        return await ana.network.connect(mailbox)

    carrier = Carrier(ana.network, ana.post.mailbox, CHANNEL, approach=approach)
    await carrier.link(mia.node_id, CTX)
    assert asked == [(mia.node_id, CTX)]
    await carrier.link(mia.node_id, PROFILE_CONTEXT)
    assert len(asked) == 1
