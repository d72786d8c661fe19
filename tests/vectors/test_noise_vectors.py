"""Public vectors: Noise XX by cacophony, X25519 by Wycheproof."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from protocol.channel.noise import PROTOCOL_NAME, HandshakeState, _shared_secret
from protocol.errors import FrameError, Reason


def read(shared: Path, name: str) -> dict:
    path = shared / "vectors" / name
    if not path.is_file():
        pytest.skip(f"no public vectors at {path}")
    return json.loads(path.read_text("utf-8"))


def test_cacophony_xx(shared: Path):
    """Handshake and transport messages byte for byte, from both ends."""
    found = read(shared, "noise-cacophony-25519-chachapoly.json")["vectors"]
    ours = [vector for vector in found if vector["protocol_name"] == PROTOCOL_NAME.decode()]
    assert len(ours) == 1
    vector = ours[0]
    ends = [
        HandshakeState(
            initiator=role == "init",
            prologue=bytes.fromhex(vector[f"{role}_prologue"]),
            static_secret=bytes.fromhex(vector[f"{role}_static"]),
            ephemeral_secret=bytes.fromhex(vector[f"{role}_ephemeral"]),
        )
        for role in ("init", "resp")
    ]
    messages = [
        (bytes.fromhex(message["payload"]), bytes.fromhex(message["ciphertext"]))
        for message in vector["messages"]
    ]
    for turn, (payload, ciphertext) in enumerate(messages[:3]):
        writer, reader = ends[turn % 2], ends[1 - turn % 2]
        assert writer.write_message(payload) == ciphertext
        assert reader.read_message(ciphertext) == payload
    assert [end.handshake_hash.hex() for end in ends] == [vector["handshake_hash"]] * 2
    (init_out, init_in), (resp_out, resp_in) = (end.split() for end in ends)
    assert len(messages) > 3
    for turn, (payload, ciphertext) in enumerate(messages[3:]):
        sending, receiving = (resp_out, init_in) if turn % 2 == 0 else (init_out, resp_in)
        assert sending.encrypt(payload) == ciphertext
        assert receiving.decrypt(ciphertext) == payload


def test_wycheproof_x25519(shared: Path):
    """Every shared secret as published, and every all-zero one refused."""
    groups = read(shared, "wycheproof-x25519_test.json")["testGroups"]
    tests = [test for group in groups for test in group["tests"]]
    zeros = 0
    for test in tests:
        secret, public = bytes.fromhex(test["private"]), bytes.fromhex(test["public"])
        if not int(test["shared"], 16):
            zeros += 1
            with pytest.raises(FrameError) as caught:
                _shared_secret(secret, public)
            assert caught.value.reason is Reason.BAD_HANDSHAKE
        else:
            assert _shared_secret(secret, public).hex() == test["shared"], test["tcId"]
    assert (len(tests), zeros) == (518, 31)
