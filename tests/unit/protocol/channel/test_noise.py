"""Noise XX: both ends agree, and nothing altered, repeated or foreign gets through."""

from __future__ import annotations

import pytest

from protocol.channel.noise import (
    NONCE_MAX,
    CipherState,
    HandshakeState,
    prologue_for,
    transport_key,
)
from protocol.errors import FrameError, LocalProtocolError, Reason

ANA, BO = b"\x11" * 32, b"\x22" * 32
LOW_ORDER = [
    bytes(32),
    (1).to_bytes(32, "little"),
    bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
    (2**255 - 19).to_bytes(32, "little"),
]


def pair(net: str = "test", other_net: str = "test") -> tuple[HandshakeState, HandshakeState]:
    ana = HandshakeState(
        initiator=True,
        prologue=prologue_for(net),
        static_secret=ANA,
        ephemeral_secret=b"\x33" * 32,
    )
    bo = HandshakeState(
        initiator=False,
        prologue=prologue_for(other_net),
        static_secret=BO,
        ephemeral_secret=b"\x44" * 32,
    )
    return ana, bo


def shaken() -> tuple[HandshakeState, HandshakeState]:
    ana, bo = pair()
    bo.read_message(ana.write_message())
    ana.read_message(bo.write_message())
    bo.read_message(ana.write_message())
    return ana, bo


def test_both_ends_agree():
    ana, bo = shaken()
    assert ana.is_finished
    assert bo.is_finished
    assert ana.handshake_hash == bo.handshake_hash
    assert len(ana.handshake_hash) == 64
    assert ana.remote_static == transport_key(BO)
    assert bo.remote_static == transport_key(ANA)


def test_each_direction_has_its_own_key():
    (ana_out, ana_in), (bo_out, bo_in) = (end.split() for end in shaken())
    assert bo_in.decrypt(ana_out.encrypt(b"to bo")) == b"to bo"
    assert ana_in.decrypt(bo_out.encrypt(b"to ana")) == b"to ana"
    with pytest.raises(FrameError, match="bad_seal"):
        ana_in.decrypt(ana_out.encrypt(b"an echo"))


def test_payloads_travel():
    ana, bo = pair()
    assert bo.read_message(ana.write_message(b"one")) == b"one"
    assert ana.read_message(bo.write_message(b"two")) == b"two"
    assert bo.read_message(ana.write_message(b"three")) == b"three"


def test_another_ephemeral_gives_another_channel():
    ana, _ = shaken()
    other, bo = pair()
    other._ephemeral = b"\x55" * 32
    bo.read_message(other.write_message())
    other.read_message(bo.write_message())
    bo.read_message(other.write_message())
    assert other.handshake_hash != ana.handshake_hash


@pytest.mark.parametrize("size", [0, 31, 32, 33, 95, 96])
def test_first_messages_of_any_length(size: int):
    """Only 32 bytes and a payload can open a handshake, and what follows never fits another's."""
    _, bo = pair()
    if size < 32:
        with pytest.raises(FrameError) as caught:
            bo.read_message(b"\x09" * size)
        assert caught.value.reason is Reason.BAD_HANDSHAKE
    else:
        assert bo.read_message(b"\x09" * size) == b"\x09" * (size - 32)


def test_alteration_of_any_byte_is_noticed():
    """The first message has no tag: its alteration is noticed in the second."""
    ana, bo = pair()
    first = ana.write_message()
    bo.read_message(first)
    second = bo.write_message()
    ana.read_message(second)
    third = ana.write_message()
    for turn, message in enumerate((first, second, third)):
        for place in range(len(message)):
            altered = bytearray(message)
            altered[place] ^= 0x01
            ana, bo = pair()
            with pytest.raises(FrameError) as caught:  # noqa: PT012 - the alteration moves
                sent = [first, second, third]
                sent[turn] = bytes(altered)
                ana.write_message()
                bo.read_message(sent[0])
                answer = bo.write_message()
                ana.read_message(answer if turn == 0 else sent[1])
                ana.write_message()
                bo.read_message(sent[2])
            assert caught.value.reason is Reason.BAD_HANDSHAKE


@pytest.mark.parametrize("cut", [0, 1, 31, 32, 63, 79, 80, 95])
def test_second_message_cut_short(cut: int):
    ana, bo = pair()
    bo.read_message(ana.write_message())
    second = bo.write_message()
    assert len(second) == 96
    with pytest.raises(FrameError, match="bad_handshake"):
        ana.read_message(second[:cut])


def test_handshake_cannot_be_replayed():
    """A recorded handshake does not fit a responder with another ephemeral key."""
    ana, bo = pair()
    first = ana.write_message()
    bo.read_message(first)
    ana.read_message(bo.write_message())
    third = ana.write_message()
    fresh = HandshakeState(
        initiator=False,
        prologue=prologue_for("test"),
        static_secret=BO,
        ephemeral_secret=b"\x66" * 32,
    )
    fresh.read_message(first)
    fresh.write_message()
    with pytest.raises(FrameError, match="bad_handshake"):
        fresh.read_message(third)


def test_another_net_is_noticed_at_the_second_message():
    ana, bo = pair("test", "main")
    bo.read_message(ana.write_message())
    with pytest.raises(FrameError, match="bad_handshake"):
        ana.read_message(bo.write_message())


def test_prologue_names_protocol_and_net():
    assert prologue_for("main") == b"intentcast/1\0main"


@pytest.mark.parametrize("key", LOW_ORDER, ids=["zero", "one", "order 8", "p"])
def test_keys_of_small_order_are_refused(key: bytes):
    _, bo = pair()
    bo.read_message(key)
    with pytest.raises(FrameError) as caught:
        bo.write_message()
    assert caught.value.reason is Reason.BAD_HANDSHAKE
    with pytest.raises(LocalProtocolError):
        bo.write_message()


def test_failed_handshake_is_dead():
    ana, bo = pair()
    bo.read_message(ana.write_message())
    good = bo.write_message()
    with pytest.raises(FrameError):
        ana.read_message(good[:-1] + bytes([good[-1] ^ 1]))
    assert not ana.is_finished
    for step in (ana.write_message, lambda: ana.read_message(good), ana.split):
        with pytest.raises(LocalProtocolError):
            step()
    with pytest.raises(LocalProtocolError):
        _ = ana.remote_static


def test_turns_are_kept():
    ana, bo = pair()
    with pytest.raises(LocalProtocolError, match="turn"):
        bo.write_message()
    with pytest.raises(LocalProtocolError, match="turn"):
        ana.read_message(b"")
    with pytest.raises(LocalProtocolError):
        ana.split()
    with pytest.raises(LocalProtocolError):
        _ = ana.handshake_hash
    with pytest.raises(LocalProtocolError):
        _ = ana.remote_static
    ana, bo = shaken()
    with pytest.raises(LocalProtocolError):
        ana.write_message()
    with pytest.raises(LocalProtocolError):
        bo.read_message(b"")


def test_frames_cannot_be_replayed_reordered_or_cut():
    (sending, _), (_, receiving) = (end.split() for end in shaken())
    one, two = sending.encrypt(b"one"), sending.encrypt(b"two")
    with pytest.raises(FrameError, match="bad_seal"):
        receiving.decrypt(two)
    assert receiving.decrypt(one) == b"one"
    with pytest.raises(FrameError, match="bad_seal"):
        receiving.decrypt(one)
    for cut in (b"", two[:15], two[:-1]):
        with pytest.raises(FrameError, match="bad_seal"):
            receiving.decrypt(cut)
    assert receiving.decrypt(two) == b"two"


def test_every_byte_of_a_frame_is_protected():
    (sending, _), (_, receiving) = (end.split() for end in shaken())
    frame = sending.encrypt(b"a frame")
    for place in range(len(frame)):
        altered = bytearray(frame)
        altered[place] ^= 0x80
        with pytest.raises(FrameError, match="bad_seal"):
            receiving.decrypt(bytes(altered))
    assert receiving.decrypt(frame) == b"a frame"


def test_counter_does_not_run_over():
    last = CipherState(b"k" * 32, NONCE_MAX - 1)
    frame = last.encrypt(b"the last one")
    with pytest.raises(LocalProtocolError, match="used up"):
        last.encrypt(b"one more")
    reader = CipherState(b"k" * 32, NONCE_MAX - 1)
    assert reader.decrypt(frame) == b"the last one"
    with pytest.raises(FrameError, match="used up"):
        reader.decrypt(frame)
