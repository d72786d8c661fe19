"""What the stages share: messages that fit, and what is known of a name."""

from __future__ import annotations

from protocol import limits
from protocol.channel.messages import Objects, encode_message
from protocol.channel.priority import Priority
from protocol.errors import Reason
from protocol.network.actions import BlamePeer
from protocol.network.carried import Carried, blame, objects_messages
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


def test_a_name_is_known_wherever_it_stands():
    state = carried()
    assert not state.knows(b"x")
    state.rejected.add(b"x")
    state.declined.add(b"y")
    assert state.knows(b"x")
    assert state.knows(b"y")
