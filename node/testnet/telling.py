"""The words of the Park City story: documents of nodes as lines of text.

Enters: documents, some texts in them written by strangers. Leaves: lines, cleaned. Decides nothing.
"""

from __future__ import annotations

import textwrap
from base64 import urlsafe_b64decode
from collections.abc import Sequence
from typing import Any

from node.testnet.lines import clean, columns
from node.testnet.proof import Proof
from protocol.ids import from_text

Document = dict[str, Any]
_INDENT = "   "
_WIDTH = 96


def _wrapped(text: str, indent: str = _INDENT) -> list[str]:
    return textwrap.wrap(clean(text), _WIDTH, initial_indent=indent, subsequent_indent=indent) or [
        indent.rstrip()
    ]


def request(draft: Document, preview: Document) -> list[str]:
    """Tell what is asked, and who will see what of it."""
    found = [*_wrapped(f'"{draft["text"]}"'), f"{_INDENT}Who will see what:"]
    for part in preview["sees"]:
        found.append(f"{2 * _INDENT}{clean(part['who'])}:")
        found += _wrapped(", ".join(part["what"]), 3 * _INDENT)
    return found


def mailboxes(public: Document, relays: Sequence[tuple[str, str]]) -> list[str]:
    """Name the relays at which answers to a public request may be left.

    Args:
        public: the request as everybody reads it; keys in base64url without padding.
        relays: name and node id of each.
    """
    names = {from_text("node", node): name for name, node in relays}
    keys = [urlsafe_b64decode(text + "=" * (-len(text) % 4)) for text in public["reply"]["at"]]
    return [names[key] for key in keys if key in names]


def comparison(offers: Sequence[Document]) -> list[str]:
    """Compare offers: a row each, then the lines of every sum."""
    heads = ("#", "vendor", "total", "musts met", "budget", "")
    rows = [heads, *(_row(offer) for offer in offers)]
    found = columns(rows, right=(0, 2), indent=_INDENT)
    for offer in offers:
        found += ["", f"{_INDENT}{offer['position']}  {clean(offer['vendor']['name'])}"]
        cells = [_line(line) for line in offer["lines"]]
        cells.append(("total", "", "", offer["total_text"], ""))
        found += columns(cells, right=(1, 2, 3), indent=2 * _INDENT)
    return found


def _row(offer: Document) -> tuple[object, ...]:
    remarks = [] if offer["valid"] else ["not valid"]
    remarks += [f"{must['label']}: {must['status']}" for must in _missed(offer)]
    return (
        offer["position"],
        offer["vendor"]["name"],
        offer["total_text"],
        f"{offer['musts_met']} of {offer['musts_total']}",
        "over" if offer["over_budget"] else "within",
        "; ".join(remarks),
    )


def _missed(offer: Document) -> list[Document]:
    return [must for must in offer["musts"] if must["status"] != "met"]


def _line(line: Document) -> tuple[object, ...]:
    each = f"{line['qty']} x {line['unit_text']}" if line["kind"] == "item" else ""
    return line["name"], "", each, line["total_text"], line["basis"] or ""


def failure(offer: Document, must: Document) -> str:
    """Tell which must an offer fails, in whose words."""
    vendor = clean(offer["vendor"]["name"])
    asked, said = clean(must["wanted"]), clean(must["fact"] or "nothing")
    return (
        f"{_INDENT}{vendor} fails a must: {clean(must['label'])}. Asked: {asked}; it says: {said}."
    )


def agreement(proof: Proof) -> list[str]:
    """Tell what a file says both sides have signed."""
    facts = [
        ("agreement", proof.agreement or "not acknowledged"),
        ("deal", proof.deal),
        ("request", f"{proof.title} ({proof.cast})"),
        ("buyer", proof.buyer),
        ("vendor", f"{proof.vendor_name} ({proof.vendor})"),
    ]
    sums = [*proof.lines, ("total", "", proof.total_text)]
    return [*columns(facts, indent=_INDENT), *columns(sums, right=(1, 2), indent=2 * _INDENT)]
