"""The forms of one request, the newest last: an amendment comes after the form it supersedes.

Enters: what is known of some forms of one request, in any order. Leaves: the same forms in one
order that does not depend on how they came. Signed times are whole minutes, so that two forms may
share one: what supersedes decides first, time only between forms that do not follow each other.
Source: docs/protocol/11-intentcast.md, "Amending and revoking".
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """One signed form of a request."""

    id: bytes
    """Its id."""
    at: int
    """Its signed time, Unix ms."""
    supersedes: bytes | None
    """The form it amends; None in the root."""


def ordered(forms: Iterable[Form]) -> list[Form]:
    """List forms of one request, the newest last.

    A form that another known one supersedes comes before it, whatever their times say. Among those
    that may come last, the latest `at` does; then any amendment rather than the root, whose
    followers may not all be known; then the greatest id, which is a rule and nothing more.
    """
    known = {form.id: form for form in forms}
    followers = Counter(form.supersedes for form in known.values())
    ends = [_rank(form) for form in known.values() if not followers[form.id]]
    heapq.heapify(ends)
    found: list[Form] = []
    while ends:
        form = known[heapq.heappop(ends)[-1]]
        found.append(form)
        before = known.get(form.supersedes or b"")
        if before is not None:
            followers[before.id] -= 1
            if not followers[before.id]:
                heapq.heappush(ends, _rank(before))
    return found[::-1]


def _rank(form: Form) -> tuple[int, bool, tuple[int, ...], bytes]:
    """Sort the newest first."""
    return -form.at, form.supersedes is None, tuple(-each for each in form.id), form.id
