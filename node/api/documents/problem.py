"""The document of a failure: RFC 9457, with a stable code and the next step."""

from __future__ import annotations

from typing import Annotated

import msgspec

from node.api.kinds import ErrorKind


class Problem(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Why nothing was done."""

    type: Annotated[str, msgspec.Meta(pattern=r"\Aurn:intentcast:problem:E-[A-Z0-9-]+\Z")]
    """The code again, as a name."""
    title: str
    """One sentence."""
    status: Annotated[int, msgspec.Meta(ge=400, le=599)]
    """Of the answer."""
    code: Annotated[str, msgspec.Meta(pattern=r"\AE-[A-Z0-9-]+\Z")]
    """Stable; docs/reference/errors.md lists all."""
    kind: ErrorKind
    """What sort of failure it is."""
    fix: str
    """The next thing to do; may be empty."""
    field: str | None = None
    """The member, parameter or header at fault; left out when none is."""
