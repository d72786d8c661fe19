"""What passes between market and post keeps its secrets out of logs."""

from __future__ import annotations

from node.post.letters import Discard, Known, Letter, OutgoingLetter, Parked, Recorded
from protocol.ids import LetterHash, NodeId, ObjectId
from protocol.objects.reply import Reply

OPENED = {"name": (b"s" * 16, "secret")}


def test_letters_show_nothing_of_what_they_carry():
    incoming = Letter(
        hash=LetterHash(bytes(32)),
        envelope=b"secret",
        opened=OPENED,
        mailbox=NodeId(bytes(32)),
        reader=bytes(32),
    )
    outgoing = OutgoingLetter(
        ctx=b"profile",
        envelope_id=ObjectId(bytes(32)),
        envelope=b"secret",
        opened=OPENED,
        to_key=bytes(32),
        reply=Reply(bytes(32), bytes(32), [bytes(32)], 1),
        priority=10,
        expires_at=1,
        thread=None,
        kind="offer",
    )
    recorded = Recorded(
        signer_seed=b"secret", author_box=bytes(32), envelope_id=ObjectId(bytes(32))
    )
    assert "secret" not in f"{incoming} {outgoing} {recorded}"


def test_known_is_answered_like_recorded():
    known = Known(signer_seed=b"s", author_box=b"b", envelope_id=ObjectId(b"e"))
    assert isinstance(known, Recorded)
    assert not isinstance(Parked(), Recorded)
    assert Discard(reason="not for us").reason == "not for us"
