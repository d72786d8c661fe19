"""What the stages share: messages that fit, and pushes that skip who has it."""

from __future__ import annotations

from protocol import limits
from protocol.channel.messages import Objects, encode_message
from protocol.channel.priority import Priority
from protocol.errors import Reason
from protocol.network.actions import BlamePeer
from protocol.network.carried import Carried, Pushes, blame, objects_messages
from tests.parties import NET
from tests.unit.protocol.network.driver import peer

ONE = peer("one")


def carried() -> Carried:
    return Carried(net=NET, objects_max=10, pending_max=10, rejected_max=10)


def test_messages_hold_as_much_as_fits():
    raws = [bytes([n]) * limits.public_bytes_max for n in range(20)]
    messages = objects_messages(ONE, raws, Priority.PULL)
    found = [
        raw for each in messages if isinstance(each.message, Objects) for raw in each.message.raws
    ]
    assert found == raws
    assert len(messages) == 3
    assert all(len(encode_message(each.message)) <= limits.message_bytes_max for each in messages)
    small = objects_messages(ONE, [b"x"] * (limits.objects_per_message_max + 1), Priority.PUSH)
    assert [each.priority for each in small] == [Priority.PUSH] * 2
    assert objects_messages(ONE, [], Priority.PUSH) == []


def test_blame_is_for_provable_faults():
    assert blame(ONE, Reason.BAD_SIGNATURE) == [
        BlamePeer(peer=ONE, reason=Reason.BAD_SIGNATURE, points=10)
    ]
    assert blame(ONE, Reason.QUOTA) == []


def test_pushes_skip_who_is_known_to_hold_it():
    state = carried()
    for who in ("one", "two", "three"):
        state.peers[peer(who)] = None
    state.note_holder(b"x", peer("two"))
    state.note_holder(b"x", peer("stranger"))
    pushes = Pushes(state)
    pushes.add(b"x", b"first")
    pushes.add(b"y", b"second")
    sent = {
        action.peer: action.message.raws
        for action in pushes.actions()
        if isinstance(action.message, Objects)
    }
    assert sent == {
        peer("one"): [b"first", b"second"],
        peer("two"): [b"second"],
        peer("three"): [b"first", b"second"],
    }
    assert state.holders.of(b"x") == {peer("two")}


def test_a_name_is_known_wherever_it_stands():
    state = carried()
    assert not state.knows(b"x")
    state.rejected.add(b"x")
    state.declined.add(b"y")
    assert state.knows(b"x")
    assert state.knows(b"y")
