"""What a person or a program is shown: verified objects as plain JSON-ready values.

Enters: rows and verified objects. Leaves: dictionaries of texts, numbers and lists; ids in text
form, amounts both in minor units and as text, times as ISO 8601 in UTC. Text written by strangers
leaves as text and is marked by its place, never interpreted.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from node.data.vocabulary import attribute_vocabulary
from node.lettering import is_blank
from node.market.buyer import Acceptable
from node.market.deals import opened_of
from node.market.drafts import AREAS_KM2
from node.market.requests import Local
from node.numerals import plural
from node.runtime.diagnosis import CAREFUL
from node.storage.audit import AuditLine
from node.storage.casts import OwnCast
from node.storage.deals import Deal as DealRow
from node.storage.threads import Thread
from protocol.ids import short_text, to_text
from protocol.market.cast import CastState
from protocol.market.constraints import Fact, fact_text, wish_text
from protocol.market.deal import DealState, Role
from protocol.market.marks import Mark, MarkCode
from protocol.market.offer_check import ConstraintVerdict, OfferVerdict, spec_of
from protocol.market.ranking import Ranked
from protocol.market.thread import ThreadState
from protocol.network.stem import Private
from protocol.objects.acceptance import Acceptance
from protocol.objects.agreement import Agreement
from protocol.objects.envelope import Verified
from protocol.objects.intentcast import Intentcast
from protocol.objects.offer import Line, Offer
from protocol.objects.profile import Profile
from protocol.values.money import format_money
from protocol.values.place import Where, resolution_of

_MS = 1000
SAME_NAME = Mark(
    code=MarkCode.SAME_NAME,
    sentence="another vendor here goes by a name that looks like this one, under another key",
)
"""Beside each of two vendors whose names cannot be told apart; a name proves nothing."""
_LAST_MS = 253_402_300_799_000
"""The last second a calendar of four-digit years can write."""


def iso(wall_ms: int | None) -> str | None:
    """Write a moment as ISO 8601, UTC, whole seconds.

    A stranger may sign a moment far beyond any calendar; it is shown as the last there is.
    """
    if wall_ms is None:
        return None
    wall_ms = min(wall_ms, _LAST_MS)
    moment = datetime.fromtimestamp(wall_ms // _MS, tz=UTC)
    return moment.isoformat().replace("+00:00", "Z")


def offline_note(waiting: int, next_at: int | None, dialled: int = 0) -> str:
    """Say that nobody is linked, why as far as it is known, and what waits for it.

    Args:
        waiting: letters.
        next_at: Unix ms of the next try of one.
        dialled: addresses that are dialled again and again.
    """
    why = "Offline: no peers."
    if dialled:
        addresses = plural(dialled, "address is", "addresses are")
        why += f" {addresses} dialled, and none answers; ask:  intentcast doctor."
    if not waiting:
        return f"{why} What you send waits here until one connects."
    letters = plural(waiting, "letter waits", "letters wait")
    when = f"; next try at {iso(next_at)}" if next_at is not None else ""
    return f"{why} {letters}{when}, and at once when a peer connects."


def lacks_way(detours: Mapping[str, str | int]) -> bool:
    """Tell whether an owner who is careful has nobody to carry to any mailbox.

    Args:
        detours: `private` of the status.
    """
    return detours["mode"] == Private.CAREFUL.value and not detours["carriers"]


def plain(value: Any) -> Any:
    """Write a body as JSON can hold it: bytes become base64url text."""
    if isinstance(value, bytes):
        return base64.urlsafe_b64encode(value).decode().rstrip("=")
    if isinstance(value, dict):
        return {key: plain(child) for key, child in value.items()}
    if isinstance(value, list):
        return [plain(child) for child in value]
    return value


def public_view(body: Intentcast) -> dict[str, Any]:
    """Give the exact public text of a request, field by field."""
    tree: dict[str, Any] = plain(msgspec.to_builtins(body, builtin_types=(bytes,)))
    tree["decide_by"] = iso(body.decide_by)
    return tree


def cast_view(
    row: OwnCast,
    local: Local,
    public: Intentcast,
    *,
    offers: int,
    seen_at: tuple[int, int],
    is_held: bool = False,
    is_cut_off: bool = False,
) -> dict[str, Any]:
    """Show one own request; it goes by its first form for ever, whatever is published anew.

    Args:
        row: the request.
        local: what nobody sees of it.
        public: what everybody sees.
        offers: vendors that answered.
        seen_at: linked peers known to hold it, and linked peers.
        is_held: whether it waits for the owner's word after keys were restored.
        is_cut_off: whether no relay carries to a mailbox, and none is asked directly.
    """
    top = local.budget_max
    name = row.root_id or row.cast_id
    return {
        "id": to_text("cast", name) if name else None,
        "handle": short_text("cast", name) if name else None,
        "form": to_text("cast", row.cast_id) if row.cast_id else None,
        "draft": row.nonce.hex(),
        "title": public.title,
        "category": public.category,
        "state": row.state.value,
        "held": is_held,
        "public": public_view(public),
        "local": {
            "budget": format_money(top[1], top[0]) if top else None,
            "disclose": sorted(local.disclose),
        },
        "created": iso(row.created_ms),
        "decide_by": iso(row.decide_by),
        "expires": iso(row.exp),
        "offers": offers,
        "reach": {"seen_at": seen_at[0], "peers": seen_at[1]},
        "note": cast_note(row, seen_at, is_cut_off=is_cut_off),
    }


def reach_view(row: OwnCast, seen_at: tuple[int, int]) -> dict[str, Any]:
    """Show how far a published request is known to have come; as `cast_view`."""
    name = row.root_id or row.cast_id
    handle = short_text("cast", name) if name else None
    return {"cast": handle, "seen_at": seen_at[0], "peers": seen_at[1]}


def cast_note(row: OwnCast, seen_at: tuple[int, int], *, is_cut_off: bool = False) -> str:
    """Say in one sentence where a request stands; as `cast_view`."""
    match row.state:
        case CastState.DRAFT if is_cut_off:
            return f"Saved, and waits: {CAREFUL}."
        case CastState.DRAFT:
            return "Saved. It will go out when a node with a mailbox is connected."
        case CastState.OPEN:
            return _reach_note(*seen_at)
        case CastState.DECIDING:
            return "The date has come; choose among the offers."
        case CastState.AWARDED:
            return "An offer is accepted; see its deal."
        case _:
            return f"This request is {row.state.value}."


def _reach_note(seen_at: int, peers: int) -> str:
    if not peers:
        return "Signed. It goes out when a peer connects."
    if not seen_at:
        return "Signed and on its way; no peer has shown it yet."
    all_of = "your one peer" if peers == 1 else f"{seen_at} of your {peers} peers"
    return f"Signed and seen at {all_of}; offers come in until the date."


def _plain_part(part: msgspec.Struct) -> dict[str, Any]:
    found: dict[str, Any] = plain(msgspec.to_builtins(part, builtin_types=(bytes,)))
    return found


def _cancel_view(offer: Offer) -> list[dict[str, Any]]:
    return [
        {"until": iso(term.until), "fee_text": format_money(term.fee, offer.cur)}
        for term in offer.cancel_terms
    ]


def _line_view(line: Line, cur: str) -> dict[str, Any]:
    return {
        "name": line.name,
        "kind": line.kind,
        "qty": f"{line.qty.n} {line.qty.unit}",
        "unit_text": format_money(line.unit, cur),
        "total": line.total,
        "total_text": format_money(line.total, cur),
        "basis": line.basis,
        "sku": line.sku,
    }


def _wish_view(cast: Intentcast, verdict: ConstraintVerdict) -> dict[str, Any]:
    key = verdict.constraint.key
    spec = spec_of(attribute_vocabulary(), cast.category, key)
    answer = verdict.answer
    stated = answer is not None and answer.value is not None
    fact = Fact(value=answer.value, unit=answer.unit) if answer is not None else None
    return {
        "item": cast.items[verdict.item].name,
        "key": key,
        "label": spec.label if spec else key,
        "wanted": wish_text(verdict.constraint),
        "status": verdict.computed.value,
        "claimed": verdict.claimed,
        "fact": fact_text(fact, spec) if fact is not None and stated else None,
        "why": verdict.why,
    }


def trust_words(deals_before: int) -> str:
    """Say only what is known of a vendor here."""
    if deals_before == 0:
        return "first contact"
    return f"{deals_before} deal{'s' if deals_before > 1 else ''} with you"


def name_of(profile: Verified[Profile], key: bytes) -> str:
    """Give a party's own word for itself; its key where nothing of that would be seen."""
    name: str = profile.body.name
    return short_text("key", key) if is_blank(name) else name


def vendor_view(profile: Verified[Profile] | None, key: bytes, deals_before: int) -> dict[str, Any]:
    """Show who a vendor says it is."""
    body = profile.body if profile else None
    return {
        "name": name_of(profile, key) if profile else "unknown",
        "key": to_text("key", key),
        "handle": short_text("key", key),
        "domain": body.domain if body else None,
        "domain_checked": False,
        "trust": trust_words(deals_before),
    }


def offer_state(thread: Thread, offer: Offer, now_ms: int) -> str:
    """Say where an offer stands for its buyer."""
    if thread.state is ThreadState.OFFERED and offer.valid_until <= now_ms:
        return "expired"
    return thread.state.value


def offer_view(  # noqa: PLR0917 - one row of one table, built in one place
    cast: Intentcast,
    offer: Verified[Offer],
    verdict: OfferVerdict,
    ranked: Ranked,
    state: str,
    vendor: dict[str, Any],
) -> dict[str, Any]:
    """Show one offer, ranked: total first, itemised, every wish answered, every mark said."""
    body = offer.body
    terms = body.terms_reply
    return {
        "id": to_text("offer", offer.id),
        "handle": short_text("offer", offer.id),
        "position": ranked.position,
        "vendor": vendor,
        "cur": body.cur,
        "total": body.total,
        "total_text": format_money(body.total, body.cur),
        "due_now_text": format_money(body.due_now, body.cur) if body.due_now else None,
        "lines": [_line_view(line, body.cur) for line in body.lines if line.kind != "optional"],
        "options": [
            {"index": i, **_line_view(body.lines[i], body.cur)} for i in body.option_indexes()
        ],
        "slots": [
            {"index": i, "start": slot.start, "end": slot.end, "tz": slot.tz}
            for i, slot in enumerate(body.fulfil.slots)
        ],
        "valid_until": iso(body.valid_until),
        "firm": body.firm,
        "state": state,
        "valid": verdict.valid,
        "problems": [
            {"reason": problem.reason.value, "sentence": problem.sentence}
            for problem in verdict.problems
        ],
        "musts": [_wish_view(cast, one) for one in verdict.musts],
        "prefers": [_wish_view(cast, one) for one in verdict.prefers],
        "musts_met": ranked.musts_met,
        "musts_total": ranked.musts_total,
        "over_budget": ranked.over_budget,
        "marks": [{"code": mark.code.value, "sentence": mark.sentence} for mark in ranked.marks],
        "score": ranked.score,
        "explain": [
            {
                "name": term.name,
                "value": term.value,
                "weight": term.weight,
                "points": term.points,
                "words": term.words,
                "best": term.best,
            }
            for term in ranked.terms
        ],
        "fulfil": _plain_part(body.fulfil),
        "pay": _plain_part(body.pay),
        "cancel": _cancel_view(body),
        "terms": (terms.accept or terms.alternative) if terms else None,
        "terms_accepted": bool(terms and terms.accept),
        "warranty_months": body.warranty_months,
        "note": body.note,
    }


_NEXT = {
    (Role.BUYER, DealState.ACCEPT_SENT): "Waiting for the vendor's confirmation until {by}.",
    (Role.BUYER, DealState.AGREED): "Both sides have signed; keep the agreement in a file.",
    (Role.BUYER, DealState.DECLINED): "The vendor said no; accept another offer.",
    (Role.BUYER, DealState.VOIDED): "No confirmation came in time; accept another offer.",
    (Role.BUYER, DealState.CANCELLED): "The vendor left for want of an acknowledgement.",
    (Role.VENDOR, DealState.OFFERED): "Confirm it, or refuse it with a reason, until {by}.",
    (Role.VENDOR, DealState.CONFIRMED): "Waiting for the buyer's acknowledgement.",
    (Role.VENDOR, DealState.AGREED): "Both sides have signed; keep the agreement in a file.",
    (Role.VENDOR, DealState.DECLINED): "Refused; nothing more is due.",
    (Role.VENDOR, DealState.VOIDED): "Voided; nothing is due from either side.",
    (Role.VENDOR, DealState.CANCELLED): "Left for want of an acknowledgement; nothing is due.",
}


def deal_view(
    row: DealRow,
    offer: Verified[Offer] | None,
    cast: Verified[Intentcast] | None,
    *,
    acceptance: Acceptance | None,
    agreement: Agreement | None,
    counterparty: str,
    history: Sequence[AuditLine],
) -> dict[str, Any]:
    """Show one deal from this side."""
    body = offer.body if offer else None
    values = {name: text for name, (_, text) in opened_of(row).items()}
    buyer = row.role is Role.BUYER
    total = acceptance.total if acceptance else body.total if body else None
    return {
        "id": to_text("deal", row.deal_id),
        "handle": short_text("deal", row.deal_id),
        "role": row.role.value,
        "state": row.state.value,
        "cast_title": cast.body.title if cast else None,
        "counterparty": counterparty,
        "offer": to_text("offer", row.offer_id),
        "total": total,
        "total_text": format_money(total, body.cur) if body and total is not None else None,
        "lines": [_line_view(line, body.cur) for line in _taken(body, acceptance)] if body else [],
        "due_now_text": format_money(body.due_now, body.cur) if body and body.due_now else None,
        "fulfil": _plain_part(body.fulfil) if body else None,
        "pay": _plain_part(body.pay) if body else None,
        "cancel": _cancel_view(body) if body else [],
        "confirm_by": iso(row.confirm_by),
        "acknowledged": row.agreed_id is not None,
        "agreement_id": to_text("agreement", agreement.id) if agreement and agreement.id else None,
        "disclosed": sorted(values) if buyer and row.agreed_id is not None else [],
        "received": {} if buyer else values,
        "history": [{"at": iso(line.at), "what": line.what} for line in history],
        "next": _NEXT[row.role, row.state].format(by=iso(row.confirm_by)),
    }


def terms_view(found: Acceptable, vendor: str | None) -> dict[str, Any]:
    """Show what a yes would mean."""
    return {
        "offer": short_text("offer", found.offer.id),
        "vendor": vendor,
        "total_text": format_money(found.total, found.offer.body.cur),
        "discloses": list(found.discloses),
    }


def _taken(offer: Offer, acceptance: Acceptance | None) -> list[Line]:
    """List the lines that were accepted; all that are no extras while nothing is."""
    if acceptance is None:
        return [line for line in offer.lines if line.kind != "optional"]
    wanted = {each.index for each in acceptance.lines}
    return [line for index, line in enumerate(offer.lines) if index in wanted]


def _area_km2(place: Where) -> int:
    size = {resolution: size for size, resolution in AREAS_KM2.items()}
    return size.get(resolution_of(place.cell), min(AREAS_KM2)) if place.cell else 0


def who_sees_what(body: Intentcast, local: Local) -> list[dict[str, Any]]:
    """Say before sending who will learn what."""
    place = body.where
    around = f" ({local.near})" if local.near else ""
    area = f"an area of about {_area_km2(place)} km2{around}, {place.radius_km} km around it"
    area = "anywhere" if place.remote else area
    public = ["title and text", f"category {body.category}", "items and wishes", area]
    public += ["dates"] if body.when else []
    public += ["budget"] if body.budget else []
    public += ["programmes you belong to"] if body.memberships else []
    public += [f"the terms you proffer: {', '.join(body.terms)}"]
    chosen = sorted(local.disclose) or ["nothing more"]
    hidden = [] if "name" in local.disclose else ["your name"]
    hidden.append("your other requests (a fresh key is used for this one)")
    hidden += ["your budget"] if local.budget_max and not body.budget else []
    return [
        {"who": "Everyone on the network", "what": public},
        {"who": "The vendor you accept, after it has confirmed", "what": chosen},
        {"who": "Nobody", "what": hidden},
    ]
