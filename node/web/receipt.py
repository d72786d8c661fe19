"""A receipt: what was agreed, for people, and the signed bytes, for ever.

Enters: the bytes of an agreement. Leaves: what a page shows of it. Every signature is checked anew
before a word of it is shown.
"""

from __future__ import annotations

from typing import Any

from node.runtime.verification import carried, verification
from node.web.texts import _
from protocol.objects.agreement import read_bundle


def verified(raw: bytes) -> dict[str, Any]:
    """Check every signature, reference and byte; tell what it says.

    Raises:
        RemoteProtocolError: it does not hold.
    """
    return verification(read_bundle(raw))


def receipt_values(raw: bytes) -> dict[str, Any]:
    """Give what the self-contained page needs."""
    found = verified(raw)
    title = _("Receipt: %(asked)s") % {"asked": found["asked"]}
    return {"title": title, "found": found, "agreement": carried(raw)}
