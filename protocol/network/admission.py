"""Admission: the cheap questions asked of every candidate before any signature is checked.

Enters: a candidate, the moment, what this node carries. Leaves: its header, or the reason it is not
taken, and what that reason means for its id and for the peer that sent it. Never here: a signature,
and never an id condemned for its work nonce, which is no part of it.
Source: docs/protocol/06-gossip.md, "The way in".
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from protocol.errors import ObjectError, Reason, RemoteProtocolError, Severity
from protocol.objects.envelope import Candidate, check_time, check_work, read_header_of
from protocol.objects.header import ALWAYS_PUBLIC, Header, Kind

PUBLIC_KINDS: Final = ALWAYS_PUBLIC | {Kind.REVOKE}
"""What a relay carries."""


class Memory(StrEnum):
    """What is remembered of an id that was not taken."""

    REJECTED = "rejected"
    """Provably bad for ever: whoever sends it again is at fault again."""
    DECLINED = "declined"
    """Not for us, nobody's fault: not asked for again."""
    NOTHING = "nothing"
    """Another copy or another moment may do."""


_OF_THE_MOMENT: Final = frozenset(
    {Reason.EXPIRED, Reason.NOT_YET, Reason.BAD_WORK, Reason.OVER_BUDGET}
)


def memory_of(reason: Reason) -> Memory:
    """Tell what a refusal means for the id."""
    if reason in _OF_THE_MOMENT:
        return Memory.NOTHING
    return Memory.REJECTED if points_of(reason) else Memory.DECLINED


def points_of(reason: Reason) -> int:
    """Tell what a refusal costs the peer that sent the bytes."""
    return int(RemoteProtocolError(reason).severity)


PROMISE_POINTS: Final = int(Severity.PROMISE)
"""What announcing and not serving costs."""


def check_admissible(
    candidate: Candidate, *, net: str, wall_ms: int, kinds: frozenset[Kind]
) -> Header:
    """Ask everything that needs no signature.

    Args:
        candidate: split and named.
        net: network id.
        wall_ms: the moment.
        kinds: what this node carries.

    Raises:
        ObjectError: a fault of the header; UNEXPECTED for a sealed object; POLICY for a kind this
            node does not carry; NOT_YET, EXPIRED; BAD_WORK.
    """
    header = read_header_of(candidate, net=net)
    if not header.public:
        raise ObjectError(Reason.UNEXPECTED, "a sealed object was gossiped", field="to")
    if header.kind not in kinds:
        raise ObjectError(Reason.POLICY, "this node does not carry the kind", field="kind")
    check_time(header, wall_ms)
    check_work(candidate, header)
    return header
