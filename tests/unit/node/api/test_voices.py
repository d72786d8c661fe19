"""Two ways to say the same: JSON texts, and lines whose ids are the cursor."""

from __future__ import annotations

import json
from typing import Any

import pytest
from aiohttp.test_utils import make_mocked_request

from node.api.voices import Ending, LinesVoice, SocketVoice

EVENT = {"n": 7, "at": "2027-02-20T12:00:00Z", "what": "offer", "ids": ["aa"]}


class Ear:
    """Stands for a WebSocket and for a response."""

    def __init__(self) -> None:
        self.heard: list[Any] = []
        self.closed = False

    async def send_str(self, text: str) -> None:
        self.heard.append(text)

    async def write(self, raw: bytes) -> None:
        self.heard.append(raw.decode())

    async def write_eof(self) -> None:
        self.closed = True

    async def close(self, *, code: int, message: bytes) -> None:
        self.closed = True
        self.heard.append((code, message))


async def test_a_socket_hears_json():
    ear = Ear()
    voice = SocketVoice(ear)  # type: ignore[arg-type]
    await voice.event(EVENT)
    await voice.word("live", {"cursor": 7, "live": True})
    await voice.sign()
    assert [json.loads(text) for text in ear.heard] == [EVENT, {"cursor": 7, "live": True}]
    assert not voice.is_gone
    await voice.end(Ending.STOPPING)
    assert ear.heard[-1] == (1001, b"the node stops")
    assert voice.is_gone


async def test_curl_hears_lines():
    ear = Ear()
    request = make_mocked_request("GET", "/v1/events/stream")
    voice = LinesVoice(ear, request)  # type: ignore[arg-type]
    await voice.event(EVENT)
    await voice.word("gap", {"gap": True, "cursor": 4})
    await voice.sign()
    await voice.end(Ending.UNWELCOME)
    event, gap, sign, end = ear.heard
    assert event == f"id: 7\ndata: {json.dumps(EVENT, separators=(',', ':'))}\n\n"
    assert gap == 'id: 4\nevent: gap\ndata: {"gap":true,"cursor":4}\n\n'
    assert sign.startswith(":")
    assert end.startswith('event: end\ndata: {"code":4401,')
    assert ear.closed


@pytest.mark.parametrize("ending", list(Ending))
def test_an_ending_fits_into_a_close_frame(ending: Ending):
    assert len(ending.reason.encode()) <= 123
    assert 1000 <= ending.code <= 1013 or 4000 <= ending.code <= 4999
