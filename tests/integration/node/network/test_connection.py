"""Links over real sockets: what arrives, what is refused, and how they end."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import msgpack
import pytest

from node.errors import TransportError
from node.network.connection import FRAMES_PER_TURN, REQUEST_FIRST, Connection
from node.network.endpoint import Bounds
from node.network.pipe import Pipe
from protocol import limits
from protocol.channel.frames import FRAME_BYTES_MAX, pack_frames, unpack_frame
from protocol.channel.messages import (
    Bye,
    Hello,
    Ids,
    Message,
    Objects,
    Ping,
    Pong,
    Refused,
    WhoIs,
    WhoIsAnswer,
    decode_message,
    encode_message,
)
from protocol.channel.post import PutDone
from protocol.channel.priority import Priority
from protocol.errors import LocalProtocolError, Reason, RemoteProtocolError

KEY = bytes(32)
A_FEW_TURNS = 20


def numbered(number: int) -> Ids:
    return Ids(ids=[number.to_bytes(16, "big")])


def frame_of(*messages: Message) -> bytes:
    [frame] = pack_frames(map(encode_message, messages))
    return frame


async def pair(town, **settings):
    """Two citizens and the link that the first dialled, seen from both ends."""
    ana, bo = town("ana", **settings), await town("bo", **settings).listen()
    out = await ana.dialer.dial(bo.address, bo.id)
    await ana.until(lambda: ana.opened)
    await bo.until(lambda: bo.opened)
    return ana, bo, out, bo.opened[0]


async def turns() -> None:
    for _ in range(A_FEW_TURNS):
        await asyncio.sleep(0)


async def test_both_ends_know_each_other(town):
    ana, bo, out, into = await pair(town)
    assert (out.peer_id, into.peer_id) == (bo.id, ana.id)
    assert out.handshake_hash == into.handshake_hash
    assert (out.outbound, into.outbound) == (True, False)
    assert (out.remote_host, into.remote_host) == ("127.0.0.1", "127.0.0.1")
    assert into.remote_hello.record == b"record of ana"
    assert out.remote_hello.record == b"record of bo"
    assert out.version == 1
    assert repr(out) == "<Connection to 127.0.0.1>"
    assert repr(into) == "<Connection from 127.0.0.1>"


async def test_a_thousand_messages_each_way_in_order_and_in_few_frames(town):
    ana, bo, out, into = await pair(town)
    sent = [numbered(number) for number in range(1000)]
    for message in sent:
        assert out.send(message)
        assert into.send(message)
    await bo.until(lambda: len(bo.messages) == 1000)
    await ana.until(lambda: len(ana.messages) == 1000)
    assert ana.messages == bo.messages == sent
    assert len([frame for _, inbound, frame in bo.frames if inbound]) < 10


async def test_a_thousand_letters_as_the_peer_takes_them(town):
    """More bytes than the queue holds: the sender waits its turn, nothing is lost or reordered."""
    _, bo, out, _ = await pair(town, bounds=Bounds(queue_bytes=1024 * 1024))
    for number in range(1000):
        message = Objects(raws=[number.to_bytes(2, "big") * 4_000])
        while not out.send(message, Priority.LETTERS):
            await asyncio.sleep(0)
    await bo.until(lambda: len(bo.messages) == 1000)
    assert [int.from_bytes(message.raws[0][:2], "big") for message in bo.messages] == [*range(1000)]


async def test_all_of_one_turn_goes_in_one_frame(town):
    ana, bo, out, _ = await pair(town)
    await turns()
    ana.frames.clear()
    for number in range(50):
        out.send(numbered(number))
    await bo.until(lambda: len(bo.messages) == 50)
    [frame] = [frame for _, inbound, frame in ana.frames if not inbound]
    assert len(unpack_frame(frame)) == 50


async def test_urgent_messages_overtake(town):
    _, bo, out, _ = await pair(town)
    push, letter = Objects(raws=[b"push"]), Objects(raws=[b"letter"])
    for message, priority in ((push, None), (letter, Priority.LETTERS), (numbered(1), None)):
        out.send(message, priority)
    out.send(WhoIs(key=KEY))
    await bo.until(lambda: len(bo.messages) == 4)
    assert bo.messages == [WhoIs(key=KEY), letter, numbered(1), push]


async def test_tap_sees_every_frame_in_the_clear(town):
    ana, bo, out, _ = await pair(town)
    out.send(numbered(7))
    await bo.until(lambda: bo.messages)
    [first, *_] = [frame for peer, inbound, frame in ana.frames if inbound and peer == bo.id]
    assert isinstance(decode_message(unpack_frame(first)[0]), Hello)
    seen = [raw for _, inbound, frame in bo.frames if inbound for raw in unpack_frame(frame)]
    assert encode_message(numbered(7)) in seen


# --- questions -----------------------------------------------------------------------------------


async def test_question_and_answer(town):
    _, bo, out, _ = await pair(town)
    bo.on_message = lambda link, ask: link.send(WhoIsAnswer(request=ask.request, record=b"r"))
    first, second = await asyncio.gather(
        out.request(WhoIs(key=KEY), 5_000), out.request(WhoIs(key=KEY), 5_000)
    )
    assert (first.record, second.record) == (b"r", b"r")
    assert (first.request, second.request) == (REQUEST_FIRST, REQUEST_FIRST + 1)


async def test_refusal_is_an_answer(town):
    _, bo, out, _ = await pair(town)
    bo.on_message = lambda link, ask: link.send(
        Refused(request=ask.request, reason=Reason.QUOTA, detail="no room")
    )
    answer = await out.request(WhoIs(key=KEY), 5_000)
    assert isinstance(answer, Refused)
    assert answer.reason is Reason.QUOTA


async def test_no_answer_in_time_and_one_too_late(town):
    ana, bo, out, into = await pair(town)
    with pytest.raises(TransportError, match="did not answer WhoIs within 1 ms") as caught:
        await out.request(WhoIs(key=KEY), 1)
    assert caught.value.code == "E-PEER-TIMEOUT"
    await bo.until(lambda: bo.messages)
    into.send(WhoIsAnswer(request=bo.messages[0].request))
    into.send(numbered(1))
    await ana.until(lambda: ana.messages)
    assert ana.messages == [numbered(1)]
    assert out.is_open


async def test_link_lost_while_waiting(town):
    _, bo, out, into = await pair(town)
    bo.on_message = lambda link, _: link.close(Reason.SHUTDOWN)
    with pytest.raises(TransportError, match="ended before") as caught:
        await out.request(WhoIs(key=KEY), 5_000)
    assert caught.value.code == "E-PEER-LOST"
    with pytest.raises(TransportError, match="ended before"):
        await out.request(WhoIs(key=KEY), 5_000)
    assert into.ending.reason is Reason.SHUTDOWN


async def test_two_answers_in_one_frame_count_once(town):
    _, bo, out, _ = await pair(town)

    def answer_twice(link, ask):
        link.send(WhoIsAnswer(request=ask.request, record=b"1"))
        link.send(WhoIsAnswer(request=ask.request, record=b"2"))

    bo.on_message = answer_twice
    answer = await out.request(WhoIs(key=KEY), 5_000)
    assert answer.record == b"1"
    await turns()
    assert out.is_open


async def test_answer_and_goodbye_in_one_frame(town, stranger):
    bo = await town("bo").listen()
    hasty = await stranger(bo)
    await hasty.shake()
    await bo.until(lambda: bo.opened)
    asking = bo.tasks.spawn(bo.opened[0].request(WhoIs(key=KEY), 5_000), "asks")
    while not (asked := [m for m in await hasty.hear() if isinstance(m, WhoIs)]):
        pass
    answer = WhoIsAnswer(request=asked[0].request, record=b"r")
    await hasty.say(frame_of(answer, Bye(reason=Reason.SHUTDOWN)))
    assert await asking == answer
    await bo.until(lambda: bo.closed)


async def test_flood_of_small_frames_leaves_others_their_turn(town, stranger):
    """However much lies in the buffer, the loop turns after a few frames."""
    bo = await town("bo").listen()
    busy = await stranger(bo)
    await busy.shake()
    await bo.until(lambda: bo.opened)
    turns_seen = 0

    async def count_turns() -> None:
        nonlocal turns_seen
        while True:
            await asyncio.sleep(0)
            turns_seen += bool(bo.messages)

    counting = bo.tasks.spawn(count_turns(), "counts")
    sealed = [busy.sending.encrypt(frame_of(numbered(n))) for n in range(1_000)]
    for frame in sealed:
        await busy.socket.send_bytes(frame)
    await bo.until(lambda: len(bo.messages) == 1_000)
    counting.cancel()
    assert turns_seen > 1_000 // FRAMES_PER_TURN // 2


async def test_answer_of_another_kind_is_a_fault(town):
    _, bo, out, _ = await pair(town)
    bo.on_message = lambda link, ask: link.send(PutDone(request=ask.request, letter_hash=KEY))
    with pytest.raises(TransportError, match="ended before"):
        await out.request(WhoIs(key=KEY), 5_000)
    assert out.ending.reason is Reason.UNEXPECTED
    assert out.ending.fault is not None
    assert "PutDone" in out.ending.detail


async def test_answers_to_the_machines_own_questions_are_handed_on(town):
    ana, _, _, into = await pair(town)
    sent = [WhoIs(request=REQUEST_FIRST, key=KEY), WhoIsAnswer(request=5)]
    for message in sent:
        into.send(message)
    await ana.until(lambda: len(ana.messages) == 2)
    assert ana.messages == sent


async def test_open_questions_are_capped(town, monkeypatch):
    _, _, out, _ = await pair(town)
    monkeypatch.setattr(limits, "requests_open_max", 0)
    with pytest.raises(TransportError, match="too many questions") as caught:
        await out.request(WhoIs(key=KEY), 5_000)
    assert caught.value.code == "E-PEER-BUSY"


# --- back-pressure -------------------------------------------------------------------------------


async def fill(link: Connection) -> int:
    """Push until the queue says no, letting the writer work in between."""
    count = 0
    while link.send(Objects(raws=[bytes(8_000)])):
        count += 1
        await asyncio.sleep(0)
        assert count < 10_000
    return count


async def test_peer_that_does_not_read(town, stranger):
    bo = await town("bo", bounds=Bounds(queue_bytes=100_000, stall_ms=300)).listen()
    mute = await stranger(bo)
    await mute.shake()
    await bo.until(lambda: bo.opened)
    [link] = bo.opened
    mute.stop_reading()
    await fill(link)
    assert link.bytes_waiting <= 50_000
    assert link.send(numbered(1))
    assert link.send(WhoIs(key=KEY))
    await bo.until(lambda: bo.closed)
    assert bo.closed == [(link, Reason.STALLED)]
    assert link.bytes_waiting == 0
    assert not link.send(numbered(2))
    await link.wait_closed()
    assert not list(bo.links)


async def test_no_room_even_for_urgent_messages_ends_the_link(town, stranger):
    bo = await town("bo", bounds=Bounds(queue_bytes=60_000)).listen()
    mute = await stranger(bo)
    await mute.shake()
    await bo.until(lambda: bo.opened)
    [link] = bo.opened
    mute.stop_reading()
    await fill(link)
    while link.send(WhoIs(key=KEY)):
        assert link.bytes_waiting <= 60_000
    assert not link.is_open
    await bo.until(lambda: bo.closed)
    assert bo.closed == [(link, Reason.STALLED)]


async def test_question_that_finds_no_room(town):
    _, _, out, _ = await pair(town)
    out._queue._bytes_max = 0
    with pytest.raises(TransportError, match="queue to this peer is full") as caught:
        await out.request(WhoIs(key=KEY), 5_000)
    assert caught.value.code == "E-PEER-BUSY"


async def test_peer_is_never_sent_larger_frames_than_it_takes(town, stranger):
    bo = await town("bo").listen()
    narrow = await stranger(bo)
    await narrow.shake(
        msgpack.packb([[1, [1], b"r", 0, [limits.frame_bytes_min], "", 0, None]], use_bin_type=True)
    )
    await bo.until(lambda: bo.opened)
    for _ in range(30):
        bo.opened[0].send(Objects(raws=[bytes(8_000)]))
    seen = 0
    while seen < 30:
        sealed = await narrow.socket.receive_bytes()
        assert len(sealed) <= limits.frame_bytes_min
        messages = unpack_frame(narrow.receiving.decrypt(sealed))
        seen += sum(isinstance(decode_message(raw), Objects) for raw in messages)


async def test_what_breaks_our_own_rules_is_not_queued(town):
    _, _, out, _ = await pair(town)
    with pytest.raises(LocalProtocolError):
        out.send(Ids(ids=[b"short"]))
    assert out.is_open


# --- bad peers -----------------------------------------------------------------------------------

BAD_FRAMES = {
    "empty": (b"\x90", Reason.BAD_ENCODING),
    "no array": (b"\x01", Reason.BAD_ENCODING),
    "noise": (b"\xc1\xc1\xc1", Reason.BAD_ENCODING),
    "long head": (b"\xdc\x00\x01\x92\x03\x01", Reason.NOT_CANONICAL),
    "unknown kind": (msgpack.packb([[99, 1]]), Reason.UNKNOWN_KIND),
    "out of range": (msgpack.packb([[3, 2**40]]), Reason.OUT_OF_RANGE),
    "bad shape": (msgpack.packb([[3]]), Reason.BAD_SHAPE),
    "second hello": (
        msgpack.packb([[1, [1], b"r", 0, [65_536], "", 0, None]], use_bin_type=True),
        Reason.UNEXPECTED,
    ),
}


@pytest.mark.parametrize("name", BAD_FRAMES)
async def test_malformed_input_is_answered_with_its_reason(town, stranger, name: str):
    frame, reason = BAD_FRAMES[name]
    bo = await town("bo").listen()
    bad = await stranger(bo)
    await bad.shake()
    await bad.say(frame)
    bye = await bad.farewell()
    assert bye.reason is reason
    assert await bad.is_cut()
    await bo.until(lambda: bo.closed)
    [(link, told)] = bo.closed
    assert told is reason
    assert isinstance(link.ending.fault, RemoteProtocolError)
    assert not link.ending.by_peer
    assert bo.messages == []


async def test_good_messages_before_a_bad_one_are_handed_on(town, stranger):
    bo = await town("bo").listen()
    bad = await stranger(bo)
    await bad.shake()
    await bad.say(b"\x93" + encode_message(numbered(1)) + b"\x91\x63" + encode_message(numbered(2)))
    assert (await bad.farewell()).reason is Reason.UNKNOWN_KIND
    assert bo.messages == [numbered(1)]


async def test_altered_replayed_and_oversize_frames(town, stranger):
    bo = await town("bo").listen()
    for spoil in ("altered", "replayed", "short"):
        bad = await stranger(bo)
        await bad.shake()
        sealed = bad.sending.encrypt(frame_of(Ping(nonce=1)))
        if spoil == "replayed":
            await bad.socket.send_bytes(sealed)
        elif spoil == "altered":
            sealed = sealed[:-1] + bytes([sealed[-1] ^ 1])
        else:
            sealed = sealed[:3]
        await bad.socket.send_bytes(sealed)
        assert (await bad.farewell()).reason is Reason.BAD_SEAL
    large = await stranger(bo)
    await large.shake()
    await large.socket.send_bytes(bytes(FRAME_BYTES_MAX + 1))
    await bo.until(lambda: len(bo.closed) == 4)
    assert bo.closed[-1][1] is Reason.TOO_LARGE


async def test_largest_frame_is_taken(town, stranger):
    bo = await town("bo").listen()
    good = await stranger(bo)
    await good.shake()
    raws = [bytes(8_000)] * 8 + [bytes(1_464)]
    frame = b"\x99" + b"".join(encode_message(Objects(raws=[raw])) for raw in raws)
    assert len(frame) + 16 == FRAME_BYTES_MAX
    await good.say(frame)
    await bo.until(lambda: len(bo.messages) == 9)


async def test_text_frames_are_refused(town, stranger):
    bo = await town("bo").listen()
    bad = await stranger(bo)
    await bad.shake()
    await bad.socket.send_str("hello?")
    assert (await bad.farewell()).reason is Reason.BAD_ENCODING


@pytest.mark.parametrize("word", ["ping", "pong"])
async def test_pings_of_the_websocket_are_refused(town, stranger, word: str):
    bo = await town("bo").listen()
    bad = await stranger(bo)
    await bad.shake()
    await getattr(bad.socket, word)()
    assert (await bad.farewell()).reason is Reason.UNEXPECTED


async def test_handler_may_find_a_fault(town, stranger):
    bo = await town("bo").listen()

    def refuse(_link, _message):
        raise RemoteProtocolError(Reason.OVER_BUDGET, "too much\x1b[2J at once")

    bo.on_message = refuse
    bad = await stranger(bo)
    await bad.shake()
    await bad.say(frame_of(numbered(1)))
    assert await bad.farewell() == Bye(reason=Reason.OVER_BUDGET, detail="too much?[2J at once")


@pytest.mark.parametrize("is_paced", [True, False])
async def test_who_sends_too_much_is_read_more_slowly(town, is_paced: bool):
    _, bo, out, _ = await pair(town, bounds=Bounds(is_paced=is_paced))
    begun = asyncio.get_running_loop().time()
    many = limits.messages_burst + limits.messages_per_s // 2
    for number in range(many):
        assert out.send(numbered(number))
    await bo.until(lambda: len(bo.messages) == many)
    assert out.send(numbered(many))
    await bo.until(lambda: len(bo.messages) > many)
    took_s = asyncio.get_running_loop().time() - begun
    assert (took_s >= 0.4) is is_paced
    assert out.is_open


async def test_bug_in_a_handler_ends_the_link_and_is_counted(town, caplog):
    _, bo, out, into = await pair(town)

    def stumble(_link, _message):
        raise ZeroDivisionError

    bo.on_message = stumble
    bo.failures_expected = 1
    out.send(numbered(1))
    await bo.until(lambda: bo.closed)
    await out.wait_closed()
    assert into.ending.fault is None
    await turns()
    assert "ZeroDivisionError" in caplog.text


# --- endings -------------------------------------------------------------------------------------


async def test_goodbye_reaches_the_peer(town):
    ana, bo, out, into = await pair(town)
    out.close(Reason.POLICY, "going\nelsewhere")
    await bo.until(lambda: bo.closed)
    assert into.ending.reason is Reason.POLICY
    assert into.ending.detail == "going?elsewhere"
    assert into.ending.by_peer
    assert not into.ending.broke, "it said goodbye"
    await out.wait_closed()
    await into.wait_closed()
    assert ana.closed == [(out, Reason.POLICY)]
    assert bo.closed == [(into, Reason.POLICY)]
    assert not out.is_open
    assert not out.send(numbered(1))
    out.close(Reason.SHUTDOWN)
    assert out.ending.reason is Reason.POLICY
    assert (len(ana.links), len(bo.links)) == (0, 0)


async def test_answers_given_go_out_before_the_goodbye_and_payload_does_not(town):
    _, bo, out, _ = await pair(town)
    out.send(WhoIs(key=KEY))
    out.send(Objects(raws=[b"payload"]))
    out.close()
    await bo.until(lambda: bo.closed)
    assert bo.messages == [WhoIs(key=KEY)]


async def test_nothing_is_handed_on_after_the_end(town):
    _, bo, out, _ = await pair(town)
    bo.on_message = lambda link, _: link.close(Reason.QUOTA)
    for number in range(3):
        out.send(numbered(number))
    await bo.until(lambda: bo.closed)
    await out.wait_closed()
    assert bo.messages == [numbered(0)]


async def test_peer_that_vanishes(town, stranger):
    bo = await town("bo").listen()
    gone = await stranger(bo)
    await gone.shake()
    await bo.until(lambda: bo.opened)
    gone.abort()
    await bo.until(lambda: bo.closed)
    [(link, reason)] = bo.closed
    assert reason is Reason.CLOSED
    assert link.ending.by_peer
    assert link.ending.broke


async def test_cancelled_link_lets_go_of_its_socket(town):
    ana, bo, out, _ = await pair(town)
    await ana.tasks.close()
    await bo.until(lambda: bo.closed)
    await turns()
    assert ana.closed == [(out, out.ending.reason)]
    assert not list(ana.links)


async def test_a_link_cancelled_in_its_first_turn_is_given_back(town):
    ana, bo = town("ana"), await town("bo").listen()
    out = await ana.dialer.dial(bo.address, bo.id)
    # One turn of the loop: it has begun, and nothing is written or read yet.
    await asyncio.sleep(0)
    assert ana.opened == []
    await ana.tasks.close()
    async with asyncio.timeout(5):
        await out.wait_closed()
    assert not out.is_open


async def test_idle_peer_is_asked_and_answers(town):
    ana, bo, out, _ = await pair(town, bounds=Bounds(ping_idle_ms=30))
    before = len(bo.frames)

    def pings() -> list[Ping]:
        raws = [raw for _, inbound, f in bo.frames[before:] if inbound for raw in unpack_frame(f)]
        return [message for message in map(decode_message, raws) if isinstance(message, Ping)]

    async with asyncio.timeout(5):
        while len(pings()) < 3:
            await asyncio.sleep(0.01)
    assert ana.messages == []
    assert out.is_open
    assert out.rtt_ms is not None
    assert 0 <= out.rtt_ms < 1_000


async def test_peer_that_says_nothing_is_let_go(town, stranger):
    bo = await town("bo", bounds=Bounds(ping_idle_ms=30)).listen()
    silent = await stranger(bo)
    await silent.shake()
    await bo.until(lambda: bo.opened)
    bo.clock.advance(90_000)
    bye = await silent.farewell()
    assert bye.reason is Reason.STALLED


async def test_wrong_pong_measures_nothing(town, stranger):
    bo = await town("bo").listen()
    liar = await stranger(bo)
    await liar.shake()
    await bo.until(lambda: bo.opened)
    await liar.say(frame_of(Pong(nonce=77), numbered(1)))
    await bo.until(lambda: bo.messages)
    assert bo.opened[0].rtt_ms is None


async def test_nothing_is_known_before_the_handshake(town):
    ana = town("ana")
    socket = cast("Any", None)
    pipe = Pipe(socket, abort=lambda: None, remote_host="::ffff:192.0.2.1", outbound=True)
    link = Connection(ana.endpoint, pipe)
    assert link.remote_host == "192.0.2.1"
    assert not link.is_open
    assert not link.send(numbered(1))
    with pytest.raises(TransportError, match="not open yet"):
        _ = link.peer_id
