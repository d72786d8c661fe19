"""The document of a close look at the node."""

from __future__ import annotations

from typing import Literal

import msgspec

from node.api.documents.parts import Count


class CheckView(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One check's answer."""

    name: str
    """Of the check; stable."""
    state: Literal["ok", "skipped", "warn", "bad"]
    """How the thing is, best first."""
    cause: str
    """One sentence: what is so."""
    proof: str
    """The numbers or words that show it; may be empty."""
    fix: str
    """What to do next; empty when nothing needs doing."""
    damaged: bool
    """Whether a file of this home is not what was written."""


class DoctorDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is wrong with the node, its proof, and what to do."""

    schema: Literal["intentcast.doctor/1"]
    """Tag of this document."""
    home: str
    """Folder that was looked at."""
    up: bool
    """Whether its node runs."""
    bad: Count
    """Checks that are bad."""
    warn: Count
    """Checks that warn."""
    damaged: bool
    """Whether any file is damaged."""
    checks: list[CheckView]
    """All answers."""
