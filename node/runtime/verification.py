"""What an agreement's file says, and the page that carries one.

Enters: the bytes of a bundle, bare or inside a receipt somebody kept as a page. Leaves: a plain
document of an agreement that was checked. Asks no node, no network, no clock.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any, Final

from node.runtime.views import iso
from protocol.ids import to_text
from protocol.objects.agreement import BUNDLE_BYTES_MAX, Agreement
from protocol.values.money import format_money

PAGE_BYTES_MAX: Final = 2 * BUNDLE_BYTES_MAX + 65_536
"""A page carries the bundle in base64, and words around it."""
_PAGE_BEGINS: Final = b"<!doctype html>"
_CARRIED: Final = re.compile(rb'<pre id="agreement">([A-Za-z0-9+/=\s]*)</pre>')
_KINDS: Final = ("cast", "profile", "offer", "acceptance", "confirmed", "agreed")
"""Order of the bundle."""


def bundle_in_page(raw: bytes) -> bytes:
    """Give the bundle a receipt's page carries; anything else is given back as it is."""
    if raw[: len(_PAGE_BEGINS)].lower() != _PAGE_BEGINS:
        return raw
    found = _CARRIED.findall(raw)
    if len(found) != 1:
        return raw
    try:
        return base64.b64decode(b"".join(found[0].split()), validate=True)
    except binascii.Error:
        return raw


def carried(raw: bytes) -> str:
    """Write a bundle as a page carries it, in lines."""
    return base64.encodebytes(raw).decode("ascii")


def verification(agreement: Agreement) -> dict[str, Any]:
    """Tell what a checked agreement says: `verified`, or `unacknowledged` without the last word."""
    offer, acceptance = agreement.offer.body, agreement.acceptance.body
    taken = [offer.lines[line.index] for line in acceptance.lines]
    return {
        "schema": "intentcast.verification/1",
        "verdict": "verified" if agreement.agreed is not None else "unacknowledged",
        "net": agreement.net,
        "agreement_id": to_text("agreement", agreement.id) if agreement.id else None,
        "deal_id": to_text("deal", agreement.deal_id),
        "asked": agreement.cast.body.title,
        "buyer": {"key": to_text("key", agreement.cast.header.key)},
        "vendor": {
            "name": agreement.profile.body.name,
            "key": to_text("key", agreement.profile.header.key),
        },
        "lines": [
            {
                "name": line.name,
                "kind": line.kind,
                "qty": f"{line.qty.n} {line.qty.unit}",
                "total_text": format_money(line.total, offer.cur),
            }
            for line in taken
        ],
        "total_text": format_money(acceptance.total, acceptance.cur),
        "due_now_text": format_money(offer.due_now, offer.cur) if offer.due_now else None,
        "discloses": sorted(field.name for field in acceptance.fields),
        "signed": [
            {"object": kind, "id": to_text(_prefix(kind), part.id), "at": iso(part.header.at)}
            for kind, part in zip(_KINDS, agreement.parts(), strict=False)
        ],
    }


def _prefix(kind: str) -> str:
    return {"acceptance": "deal", "confirmed": "event", "agreed": "event"}.get(kind, kind)
