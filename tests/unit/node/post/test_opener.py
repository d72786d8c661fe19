"""A box is asked for with signature and work, and a mailbox's answer is not taken on trust."""

from __future__ import annotations

import pytest

from node.errors import TransportError
from node.post.opener import NotOpened, Opened
from protocol.channel.post import BoxOpened
from protocol.errors import Reason
from protocol.ids import NodeId
from tests.unit.node.post.town import DAY_MS, Town


async def test_a_mailbox_that_serves_opens(town: Town):
    mia = await town.citizen("mailbox_mia", serve=True)
    ana = await town.citizen("buyer_ana")
    until = ana.now_ms() + DAY_MS
    opener = ana.post._opener
    assert opener.reader_key(ana.ctx) == ana.reader
    assert await opener.open(ana.ctx, mia.node_id, until) == Opened(until=until)


async def test_a_refusal_is_an_outcome(town: Town):
    bo = await town.citizen("vendor_bo", own_only=True)
    ana = await town.citizen("buyer_ana")
    result = await ana.post._opener.open(ana.ctx, bo.node_id, ana.now_ms() + DAY_MS)
    assert result == NotOpened(reason=Reason.POLICY)


async def test_less_time_than_asked_is_a_no(town: Town, monkeypatch):
    mia = await town.citizen("mailbox_mia", serve=True)
    ana = await town.citizen("buyer_ana")

    async def short(_session, ask):
        return BoxOpened(request=ask.request, until=1)

    monkeypatch.setattr(mia.post.mailbox, "answer", short)
    result = await ana.post._opener.open(ana.ctx, mia.node_id, ana.now_ms() + DAY_MS)
    assert result == NotOpened(reason=Reason.UNEXPECTED)


async def test_no_work_is_done_for_a_mailbox_that_is_not_there(town: Town, monkeypatch):
    ana = await town.citizen("buyer_ana")

    async def work(*_args):
        raise AssertionError

    monkeypatch.setattr("node.post.opener.labour", work)
    with pytest.raises(TransportError):
        await ana.post._opener.open(ana.ctx, NodeId(b"\x01" * 32), ana.now_ms() + DAY_MS)
