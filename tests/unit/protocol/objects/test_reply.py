"""The way back names one to three distinct mailboxes."""

from __future__ import annotations

import msgspec
import pytest

from protocol.errors import ObjectError, Reason
from protocol.objects.reply import Reply

GOOD = {"box": b"\x01" * 32, "reader": b"\x02" * 32, "at": [b"\x03" * 32], "until": 5}


def read(**changes):
    return msgspec.convert({**GOOD, **changes}, Reply, builtin_types=(bytes,))


def test_one_to_three_mailboxes():
    for count in (1, 2, 3):
        boxes = [bytes([n]) * 32 for n in range(count)]
        read(at=boxes).check()


@pytest.mark.parametrize(
    "changes",
    [
        {"at": []},
        {"at": [bytes([n]) * 32 for n in range(4)]},
        {"at": [b"short"]},
        {"box": b"\x01" * 31},
        {"reader": b"\x01" * 33},
        {"until": -1},
        {"until": 2**52 + 1},
    ],
)
def test_other_shapes_are_refused(changes):
    with pytest.raises(msgspec.ValidationError):
        read(**changes)


def test_a_mailbox_stands_once():
    with pytest.raises(ObjectError) as caught:
        read(at=[b"\x03" * 32] * 2).check()
    assert (caught.value.reason, caught.value.field) == (Reason.OUT_OF_RANGE, "reply.at")
