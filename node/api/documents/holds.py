"""The document of a yes that is held back."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from node.api.documents.parts import Count, Handle
from node.runtime.holds import HoldState
from protocol import limits


class HoldProblem(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Why nothing was signed."""

    code: str
    """Stable code."""
    sentence: str
    """For people."""
    fix: str
    """The next thing to do; may be empty."""


class HoldDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How a held acceptance stands."""

    schema: Literal["intentcast.hold/1"]
    """Tag of this document."""
    id: Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]+\Z")]
    """What it is undone by."""
    offer: Handle
    """What is accepted."""
    vendor: str | None
    """From whom, as it names itself; null where its profile is gone."""
    total_text: str
    """What it costs with the extras that were chosen."""
    discloses: Annotated[list[str], msgspec.Meta(max_length=limits.opened_fields_max)]
    """Names of what the vendor will learn."""
    state: HoldState
    """What became of it."""
    left_ms: Count
    """How long it can still be undone, ms."""
    deal: Handle | None
    """Handle of the deal, once it is signed."""
    problem: HoldProblem | None
    """Why it was not signed."""
