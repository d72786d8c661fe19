"""What people and programs are shown: plain values, amounts twice, ids in text form."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from node.data.vocabulary import attribute_vocabulary
from node.market.drafts import read_request
from node.market.requests import read_local, write_local
from node.runtime import views
from node.storage.audit import AuditLine
from node.storage.casts import OwnCast
from node.storage.deals import Deal
from node.storage.threads import Thread
from protocol.ids import short_text, to_text
from protocol.market.cast import CastState
from protocol.market.deal import DealState, Role
from protocol.market.offer_check import check_offer
from protocol.market.ranking import RankInput, rank
from protocol.market.thread import ThreadState
from protocol.now import DAY_MS, HOUR_MS
from protocol.objects.offer import CancelTerm, TermsReply
from tests.parties import NOW_MS, make_agreement, make_cast, make_offer, make_profile, vendor_bo
from tests.unit.node.market.booth import DRAFT


@pytest.mark.parametrize(
    ("wall_ms", "text"),
    [
        (None, None),
        (NOW_MS, "2026-11-22T00:00:00Z"),
        (NOW_MS + 999, "2026-11-22T00:00:00Z"),
        # A stranger's offer may name it, as the date up to which leaving is free.
        (2**52, "9999-12-31T23:59:59Z"),
    ],
)
def test_moments_are_iso_in_utc(wall_ms: int | None, text: str | None):
    assert views.iso(wall_ms) == text


def test_bytes_become_text_wherever_they_stand():
    assert views.plain({"a": [b"\xff\xfe", 1, None], "b": "x"}) == {
        "a": ["__4", 1, None],
        "b": "x",
    }


# --- requests ------------------------------------------------------------------------------------


def own_cast(state: CastState = CastState.OPEN, **changes: Any) -> OwnCast:
    row = OwnCast(
        nonce=bytes(16),
        cast_id=make_cast().id,
        root_id=make_cast().id,
        state=state,
        draft="{}",
        created_ms=NOW_MS,
        decide_by=NOW_MS + DAY_MS,
        exp=NOW_MS + 2 * DAY_MS,
    )
    return replace(row, **changes)


def local_of(**changes: Any) -> Any:
    return read_local(write_local(read_request({**DRAFT, **changes}, NOW_MS)))


@pytest.mark.parametrize("state", list(CastState))
def test_every_state_of_a_request_has_its_sentence(state: CastState):
    note = views.cast_note(own_cast(state), (3, 3))
    assert note.endswith(".")
    if state is CastState.OPEN:
        assert "3 peers" in note


def test_a_draft_of_a_careful_node_says_what_it_waits_for():
    draft = own_cast(CastState.DRAFT)
    assert "three that this node dialled" in views.cast_note(draft, (0, 0), is_cut_off=True)
    assert "mailbox is connected" in views.cast_note(draft, (0, 0))
    assert views.lacks_way({"mode": "careful", "carriers": 0})
    assert not views.lacks_way({"mode": "careful", "carriers": 1})
    assert not views.lacks_way({"mode": "normal", "carriers": 0})


def test_a_request_shows_its_public_and_its_local_side():
    cast = make_cast()
    shown = views.cast_view(own_cast(), local_of(), cast.body, offers=2, seen_at=(2, 3))
    assert shown["id"] == to_text("cast", cast.id)
    assert shown["id"].startswith(shown["handle"])
    assert shown["local"] == {"budget": "300.00 USD", "disclose": ["name"]}
    assert (shown["offers"], shown["reach"]) == (2, {"seen_at": 2, "peers": 3})
    assert shown["public"]["decide_by"] == views.iso(cast.body.decide_by)
    assert shown["created"] == "2026-11-22T00:00:00Z"
    assert json.loads(json.dumps(shown)) == shown


@pytest.mark.parametrize(
    ("seen_at", "note"),
    [
        ((0, 0), "Signed. It goes out when a peer connects."),
        ((0, 3), "Signed and on its way; no peer has shown it yet."),
        ((1, 1), "Signed and seen at your one peer; offers come in until the date."),
        ((2, 3), "Signed and seen at 2 of your 3 peers; offers come in until the date."),
    ],
)
def test_no_more_is_said_of_reach_than_is_known(seen_at: tuple[int, int], note: str):
    assert views.cast_note(own_cast(), seen_at) == note


def test_a_request_keeps_its_name_when_it_is_published_anew():
    first, newer = make_cast(), make_cast(title="Camera with a flash")
    row = own_cast(cast_id=newer.id, root_id=first.id)
    shown = views.cast_view(row, local_of(), newer.body, offers=0, seen_at=(0, 0), is_held=True)
    assert shown["id"] == to_text("cast", first.id)
    assert shown["form"] == to_text("cast", newer.id)
    assert shown["held"]


def test_a_draft_without_a_budget_has_neither_id_nor_amount():
    row = own_cast(CastState.DRAFT, cast_id=None, root_id=None)
    shown = views.cast_view(
        row, local_of(budget=None, disclose={}), make_cast().body, offers=0, seen_at=(0, 0)
    )
    assert (shown["id"], shown["handle"]) == (None, None)
    assert shown["local"] == {"budget": None, "disclose": []}


def sees(**changes: Any) -> list[list[str]]:
    local = local_of(**changes)
    return [each["what"] for each in views.who_sees_what(local.body, local)]


def test_who_sees_what_is_said_before_sending():
    everyone, accepted, nobody = sees(
        where={"near": "Park City, UT", "radius_km": 25},
        when=[{"start": "+5d", "end": "+6d"}],
        memberships=["Avis Wizard"],
    )
    assert "dates" in everyone
    assert "programmes you belong to" in everyone
    assert any("25 km around it" in each for each in everyone)
    assert "budget" not in everyone
    assert accepted == ["name"]
    assert "your budget" in nobody


def test_a_public_budget_is_said_to_be_public():
    everyone, accepted, nobody = sees(
        budget={"max": "300 USD", "visibility": "public"}, disclose={}
    )
    assert "budget" in everyone
    assert "anywhere" in everyone
    assert accepted == ["nothing more"]
    assert "your budget" not in nobody
    assert "your name" in nobody


# --- offers ------------------------------------------------------------------------------------


def shown_offer(**changes: Any) -> dict[str, Any]:
    cast = make_cast(category="electronics/cameras/digital-cameras")
    profile = make_profile()
    offer = make_offer(cast, profile, **changes)
    now_ms = NOW_MS + HOUR_MS
    verdict = check_offer(cast, offer, profile, attribute_vocabulary(), now_ms)
    (ranked,) = rank([RankInput(offer=offer, verdict=verdict, first_contact=True)])
    vendor = views.vendor_view(profile, vendor_bo.key, 0)
    return views.offer_view(cast.body, offer, verdict, ranked, "offered", vendor)


def test_an_offer_shows_its_total_first_its_lines_and_its_options():
    shown = shown_offer()
    assert (shown["total"], shown["total_text"], shown["due_now_text"]) == (
        27_000,
        "270.00 USD",
        None,
    )
    assert [line["name"] for line in shown["lines"]] == ["Camera X1", "Sales tax"]
    assert shown["lines"][0]["qty"] == "1 each"
    assert [(each["index"], each["total_text"]) for each in shown["options"]] == [(2, "15.00 USD")]
    assert shown["slots"][0] == {
        "index": 0,
        "start": "2026-12-02",
        "end": "2026-12-02",
        "tz": "America/Denver",
    }
    assert json.loads(json.dumps(shown)) == shown


def test_every_wish_is_answered_and_every_term_of_the_sum_is_shown():
    shown = shown_offer()
    assert [(each["key"], each["status"]) for each in shown["musts"]] == [
        ("resolution", "met"),
        ("insurance", "unknown"),
    ]
    assert shown["musts"][0]["fact"]
    assert shown["musts"][0]["item"] == "camera"
    assert [each["key"] for each in shown["prefers"]] == ["colour", "weight"]
    assert (shown["musts_met"], shown["musts_total"]) == (1, 2)
    assert {"name", "value", "weight", "points", "words", "best"} == set(shown["explain"][0])
    assert "first_contact" in [mark["code"] for mark in shown["marks"]]


def test_an_answer_that_was_not_given_has_no_fact():
    shown = shown_offer(answers=[])
    assert [each["fact"] for each in shown["musts"]] == [None, None]
    assert not shown["valid"]
    assert shown["problems"][0]["sentence"]


def test_a_deposit_leaving_and_other_terms_are_said():
    shown = shown_offer(
        due_now=5_000,
        cancel_terms=[CancelTerm(until=NOW_MS + DAY_MS, fee=700)],
        terms_reply=TermsReply(alternative="SD-BASE"),
    )
    assert shown["due_now_text"] == "50.00 USD"
    assert shown["cancel"] == [{"until": "2026-11-23T00:00:00Z", "fee_text": "7.00 USD"}]
    assert (shown["terms"], shown["terms_accepted"]) == ("SD-BASE", False)
    plain = shown_offer(terms_reply=None)
    assert (plain["terms"], plain["terms_accepted"]) == (None, False)
    assert shown_offer()["terms_accepted"]


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "first contact"), (1, "1 deal with you"), (2, "2 deals with you")],
)
def test_only_what_is_known_of_a_vendor_is_said(count: int, words: str):
    assert views.trust_words(count) == words


def test_a_vendor_without_a_profile_is_unknown():
    shown = views.vendor_view(None, vendor_bo.key, 0)
    assert (shown["name"], shown["domain"], shown["domain_checked"]) == ("unknown", None, False)
    named = views.vendor_view(make_profile(), vendor_bo.key, 0)
    assert (named["name"], named["domain"]) == ("Bo's cameras", "bo.example")


@pytest.mark.parametrize("name", ["\u3164", "\u200b \u2800", " "])
def test_a_name_of_which_nothing_is_seen_gives_way_to_its_key(name: str):
    shown = views.vendor_view(make_profile(name=name), vendor_bo.key, 0)
    assert shown["name"] == shown["handle"] == short_text("key", vendor_bo.key)


@pytest.mark.parametrize(
    ("state", "late", "word"),
    [
        (ThreadState.OFFERED, False, "offered"),
        (ThreadState.OFFERED, True, "expired"),
        (ThreadState.ACCEPTED, True, "accepted"),
        (ThreadState.WITHDRAWN, True, "withdrawn"),
    ],
)
def test_an_offer_stands_where_its_thread_does(state: ThreadState, word: str, *, late: bool):
    offer = make_offer(make_cast(), make_profile())
    thread = Thread(
        cast_id=make_cast().id,
        role=Role.BUYER,
        own_ctx=bytes(16),
        other_key=vendor_bo.key,
        state=state,
        updated_ms=0,
    )
    now_ms = offer.body.valid_until if late else NOW_MS
    assert views.offer_state(thread, offer.body, now_ms) == word


# --- deals --------------------------------------------------------------------------------------


def deal_row(**changes: Any) -> Deal:
    agreement = make_agreement()
    row = Deal(
        deal_id=agreement.acceptance.id,
        role=Role.BUYER,
        own_ctx=bytes(16),
        cast_id=agreement.cast.id,
        offer_id=agreement.offer.id,
        other_key=vendor_bo.key,
        state=DealState.AGREED,
        confirm_by=NOW_MS + HOUR_MS,
        agreed_id=agreement.agreed.id if agreement.agreed else None,
        opened={"name": ["00" * 16, "Ana"]},
        created_ms=NOW_MS,
        updated_ms=NOW_MS,
    )
    return replace(row, **changes)


def shown_deal(row: Deal) -> dict[str, Any]:
    found = make_agreement()
    line = AuditLine(seq=1, at=NOW_MS, what="deal.agreed", ids=(row.deal_id,), detail={})
    return views.deal_view(
        row,
        found.offer,
        found.cast,
        acceptance=found.acceptance.body,
        agreement=found,
        counterparty="Bo's cameras",
        history=[line],
    )


def test_a_deal_shows_what_was_told_from_each_side():
    ours = shown_deal(deal_row())
    assert (ours["disclosed"], ours["received"]) == (["name"], {})
    assert ours["acknowledged"]
    assert ours["agreement_id"].startswith("agreement-")
    assert ours["history"] == [{"at": "2026-11-22T00:00:00Z", "what": "deal.agreed"}]
    theirs = shown_deal(deal_row(role=Role.VENDOR))
    assert (theirs["disclosed"], theirs["received"]) == ([], {"name": "Ana"})
    assert json.loads(json.dumps([ours, theirs])) == [ours, theirs]


def test_nothing_is_shown_as_told_before_it_was():
    waiting = shown_deal(deal_row(state=DealState.ACCEPT_SENT, agreed_id=None))
    assert waiting["disclosed"] == []
    assert not waiting["acknowledged"]
    assert "until 2026-11-22T01:00:00Z" in waiting["next"]


def test_a_deal_without_its_parts_is_shown_bare():
    bare = views.deal_view(
        deal_row(),
        None,
        None,
        acceptance=None,
        agreement=None,
        counterparty="key",
        history=[],
    )
    assert (bare["total"], bare["total_text"], bare["lines"]) == (None, None, [])
    assert (bare["cast_title"], bare["agreement_id"]) == (None, None)


REACHABLE = [
    *((Role.BUYER, state) for state in set(DealState) - {DealState.OFFERED, DealState.CONFIRMED}),
    *((Role.VENDOR, state) for state in set(DealState) - {DealState.ACCEPT_SENT}),
]


@pytest.mark.parametrize(("role", "state"), sorted(REACHABLE))
def test_every_end_of_a_deal_says_what_is_next(role: Role, state: DealState):
    said = shown_deal(deal_row(role=role, state=state))["next"]
    assert said.endswith(".")
    # Faces know how their people say it: an option alone is nothing to type.
    assert "--" not in said
    assert "deal DEAL" not in said


@pytest.mark.parametrize(
    ("waiting", "next_at", "said"),
    [
        (0, None, "What you send waits"),
        (1, 0, "1 letter waits; next try at 1970-01-01T00:00:00Z, and at once"),
        (2, None, "2 letters wait, and at once"),
    ],
)
def test_being_offline_is_said_with_what_waits(waiting: int, next_at: int | None, said: str):
    note = views.offline_note(waiting, next_at)
    assert note.startswith("Offline: no peers. ")
    assert said in note
    why = views.offline_note(waiting, next_at, 2)
    assert why.startswith("Offline: no peers. 2 addresses are dialled, and none answers; ask:")
    assert said in why
