"""Who else reads a box."""

from __future__ import annotations

import pytest

from node.post import readership
from node.post.readership import Readership
from protocol.ids import NodeId

BOX, OTHER_BOX = b"a" * 32, b"b" * 32
HERE, THERE, ELSEWHERE = (NodeId(bytes([number]) * 32) for number in range(3))


def test_a_reader_alone_hears_of_nobody():
    kept = Readership()
    assert [kept.note(BOX, HERE, at) for at in (1, 2, 3)] == [0, 0, 0]


def test_each_hears_when_another_last_read():
    kept = Readership()
    kept.note(BOX, HERE, 1)
    assert kept.note(BOX, THERE, 2) == 1
    assert kept.note(BOX, HERE, 3) == 2
    assert kept.note(BOX, ELSEWHERE, 4) == 3
    assert kept.note(OTHER_BOX, THERE, 5) == 0


def test_boxes_and_nodes_are_bounded(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(readership, "_READERS_MAX", 1)
    monkeypatch.setattr(readership, "_NODES_MAX", 2)
    kept = Readership()
    for number in range(5):
        kept.note(BOX, NodeId(bytes([number]) * 32), number)
    assert len(kept._boxes[BOX]) == 2
    kept.note(OTHER_BOX, HERE, 9)
    assert list(kept._boxes) == [OTHER_BOX]
