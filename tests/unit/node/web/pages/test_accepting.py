"""Saying yes, and taking it back."""

from __future__ import annotations

import pytest

from node.errors import RefusedError
from tests.unit.node.web.conftest import Browser, Neighbour, text_of, words_of
from tests.unit.node.web.papers import CAST, line, offer

PATH = f"/casts/{CAST['handle']}/offers/offer-AAAA-0001/accept"


async def test_the_final_terms_and_what_is_disclosed(browser: Browser, neighbour: Neighbour):
    neighbour.offer_list = [
        offer(
            1,
            options=[line("Grinder", "optional", 6_000) | {"index": 2}],
            slots=[{"index": 0, "start": "2027-03-01", "end": "2027-03-02", "tz": "UTC"}],
            marks=[
                {"code": "pay_before", "sentence": "payment is due before delivery"},
                {"code": "same_name", "sentence": "another vendor goes by that name"},
            ],
            pay={"methods": ["card"], "when": "at", "link": "https://shop_one.example/a_b"},
            musts_met=0,
        )
    ]
    text = words_of(await browser.get(PATH))
    for words in (
        "Machine",
        "210.00 EUR",
        "payment is due before delivery",
        "Grinder, 60.00 EUR",
        "vendor_1 learns",
        "name, phone",
        "although not every must is met, also where it passes your budget",
        "signed after 10 seconds",
        "vendor_1 key-0001 , first contact",
        "looks like another vendor's name",
        "until 1 Feb 2027: 0.00 EUR",
        "12 months",
        "PDC-INTENT yours, accepted",
        "https://shop_one.example/a_b",
    ):
        assert words in text
    assert neighbour.holds is not None
    assert neighbour.holds.calls == []


@pytest.mark.parametrize(
    ("fields", "disclosed"),
    [
        ({"say": "kept"}, None),
        ({"say": "now", "disclose_name": "Ana"}, {"name": "Ana"}),
        ({"disclose_phone": " 1 "}, {"phone": "1"}),
        ({}, {}),
    ],
)
async def test_a_yes_is_held(browser: Browser, neighbour: Neighbour, fields, disclosed):
    held = await browser.post(PATH, option="2", slot="0", anyway="1", **fields)
    assert (held.status, held.headers["Location"]) == (303, "/holds/1")
    assert neighbour.holds is not None
    assert neighbour.holds.calls == [("begin", "offer-0001", 10)]
    await neighbour.holds.act()
    assert neighbour.calls[-1] == ("accept", "offer-0001", [2], 0, disclosed, True)


async def test_what_is_refused_is_said_on_the_form(
    browser: Browser, neighbour: Neighbour, monkeypatch
):
    def refuse(*_args):
        raise RefusedError("it is held already", code="E-HOLD", fix="Wait")

    monkeypatch.setattr(neighbour.holds, "begin", refuse)
    page = await browser.post(PATH, say="now", disclose_name="Ana")
    assert page.status == 409
    assert "E-HOLD" in words_of(page)
    assert 'value="Ana"' in text_of(page)
    odd = ({"slot": "99"}, {"slot": "x"}, {"option": "\u00b2"}, {"option": "0" * 5_000})
    for fields in odd:
        bad = await browser.post(PATH, **fields)
        assert (bad.status, "E-FIELD" in words_of(bad)) == (409, True)


@pytest.mark.parametrize(
    ("changes", "budget", "words"),
    [
        ({"over_budget": True}, "200.00 EUR", "Take it although it passes your budget"),
        ({"musts_met": 0}, None, "Take it although not every must is met  "),
        ({}, "200.00 EUR", None),
    ],
)
async def test_what_has_to_be_ticked_says_what_is_passed_over(
    browser: Browser, neighbour: Neighbour, monkeypatch, changes, budget, words
):
    neighbour.offer_list = [offer(1, **changes)]
    monkeypatch.setitem(CAST["local"], "budget", budget)
    text = words_of(await browser.get(PATH))
    assert (words is not None and words.strip() in text) or "Take it" not in text


async def test_extras_that_pass_the_budget_can_be_taken_all_the_same(
    browser: Browser, neighbour: Neighbour, monkeypatch
):
    async def refuse(*_args, **choice):
        if not choice["anyway"]:
            raise RefusedError("it asks 270.00 EUR", code="E-BUDGET", fix="Leave extras out")
        return {"offer": "offer-1", "vendor": None, "total_text": "270.00 EUR", "discloses": []}

    monkeypatch.setattr(neighbour, "weigh_acceptance", refuse)
    page = await browser.post(PATH, option="0")
    assert page.status == 409
    assert "E-BUDGET" in words_of(page)
    assert "Take it although it passes your budget" in words_of(page)
    assert (await browser.post(PATH, option="0", anyway="1")).status == 303


async def test_an_offer_of_another_request(browser: Browser):
    page = await browser.get(PATH.replace("0001", "0009"))
    assert page.status == 404
    assert "E-OFFER-UNKNOWN" in words_of(page)


@pytest.mark.parametrize(
    ("hold", "words"),
    [
        ({"state": "held", "left_ms": 7_400}, "It will be in 7 seconds"),
        ({"state": "signing", "left_ms": 0}, "being signed"),
        ({"state": "undone", "left_ms": 0}, "Nothing was signed"),
        (
            {
                "state": "refused",
                "left_ms": 0,
                "problem": {"code": "E-GONE", "sentence": "it ended", "fix": "Choose"},
            },
            "it ended E-GONE",
        ),
    ],
)
async def test_the_wait(browser: Browser, neighbour: Neighbour, monkeypatch, hold, words: str):
    assert neighbour.holds is not None
    found = neighbour.holds.look("1") | hold
    monkeypatch.setattr(neighbour.holds, "look", lambda _id: found)
    text = words_of(await browser.get("/holds/1"))
    assert words in text
    assert ("Undo" in text.split()) == (hold["state"] == "held")


async def test_a_signed_one_leads_to_its_deal(browser: Browser, neighbour: Neighbour, monkeypatch):
    assert neighbour.holds is not None
    found = neighbour.holds.look("1") | {"state": "done", "deal": "deal-1"}
    monkeypatch.setattr(neighbour.holds, "look", lambda _id: found)
    page = await browser.get("/holds/1")
    assert (page.status, page.headers["Location"]) == (303, "/deals/deal-1")


async def test_undo(browser: Browser, neighbour: Neighbour):
    done = await browser.post("/holds/1/undo")
    assert (done.status, done.headers["Location"]) == (303, "/holds/1")
    assert neighbour.holds is not None
    assert neighbour.holds.calls == [("undo", "1")]
