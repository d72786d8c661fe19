"""What all links share: the key says who we are, and the secret is shown to nobody."""

from __future__ import annotations

from typing import Any, cast

from node.network.endpoint import _REMEMBERED, Bounds, Endpoint, Pen
from protocol import limits
from protocol.channel.messages import Ids, encode_message
from protocol.channel.noise import transport_key
from protocol.ids import NodeId

SECRET = b"\x07" * 32


def endpoint(**settings: Any) -> Endpoint:
    nothing = cast("Any", None)
    return Endpoint(
        net="test",
        static_secret=SECRET,
        hello=nothing,
        check_hello=nothing,
        handlers=nothing,
        clock=nothing,
        entropy=nothing,
        spawn=nothing,
        **settings,
    )


def test_key_follows_from_the_secret_which_is_not_shown():
    assert endpoint().node_id == transport_key(SECRET)
    assert repr(SECRET) not in repr(endpoint())
    assert "static_secret" not in repr(endpoint())


def test_bounds_are_the_protocols():
    bounds = endpoint().bounds
    assert bounds == Bounds()
    assert bounds.handshake_ms == limits.handshake_ms_max
    assert bounds.stall_ms == limits.peer_stall_ms
    assert bounds.ping_idle_ms * 3 == bounds.silence_ms == 90_000


def test_tap_is_optional():
    seen: list[tuple[NodeId, bool, bytes]] = []
    peer = NodeId(b"\x01" * 32)
    endpoint().show(peer, b"frame", inbound=True)
    endpoint(tap=lambda *what: seen.append(what)).show(peer, b"frame", inbound=False)
    assert seen == [(peer, False, b"frame")]


def test_what_many_get_is_written_once():
    pen = endpoint().pen
    message = Ids(ids=[bytes(16)])
    raw = pen.write(message)
    assert raw == encode_message(message)
    assert pen.write(message) is raw
    for number in range(9):
        assert pen.write(Ids(ids=[bytes([number]) * 16])) != raw or number == 0
    assert pen.write(message) == raw


def test_a_pen_remembers_only_the_last_few_messages():
    pen = Pen()
    first = Ids(ids=[])
    written = pen.write(first)
    assert pen.write(first) is written
    for _ in range(_REMEMBERED):
        pen.write(Ids(ids=[]))
    assert len(pen._written) == _REMEMBERED
    assert pen.write(first) is not written
    assert pen.write(first) == written
