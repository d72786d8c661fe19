"""Offers side by side, on the page."""

from __future__ import annotations

from node.web.pages.compare import COLUMNS
from tests.unit.node.api.conftest import told
from tests.unit.node.web.conftest import Browser, Neighbour, text_of, words_of
from tests.unit.node.web.papers import CAST, EVIL, EVIL_SHOWN, offer, wish

PATH = f"/casts/{CAST['handle']}"


async def test_offers_stand_as_columns(browser: Browser, neighbour: Neighbour):
    page = await browser.get(PATH)
    text = text_of(page)
    assert text.count('<th scope="col" id="offer-') == 2
    assert f"{PATH}/offers/offer-AAAA-0001/accept" in text
    assert "cheapest" in text
    assert "900" in words_of(page)
    assert neighbour.calls == [("offers", CAST["handle"], None)]
    assert text.count("<circle") == 2
    assert 'aria-label="vendor_1, 210.00 EUR, 1 Mar 2027"' in text


async def test_the_key_stands_below_the_name_and_twins_are_marked(
    browser: Browser, neighbour: Neighbour
):
    twin = [{"code": "same_name", "sentence": "another goes by that name"}]
    neighbour.offer_list = [offer(1, marks=twin), offer(2)]
    text = text_of(await browser.get(PATH))
    assert '<code class="small">key-0001</code>' in text
    assert text.count("looks like another vendor's name") == 1
    heads = told(await browser.get(f"{PATH}/compared"))["heads"]
    assert [each["key"] for each in heads] == ["key-0001", "key-0002"]
    assert [each["twin"] for each in heads] == ["looks like another vendor's name", ""]


async def test_weights_go_to_the_node_and_stay_in_the_address(
    browser: Browser, neighbour: Neighbour
):
    neighbour.offer_list = [offer(n) for n in range(1, 20)]
    page = await browser.get(f"{PATH}?w_total=5&show=differences&from=12")
    assert neighbour.calls[0][2]["total"] == 5
    text = text_of(page)
    assert 'name="w_total" type="range" min="0" max="10" value="5"' in text
    assert "w_total=5&amp;show=differences&amp;from=0" in text
    assert "Show all rows" in text


async def test_many_offers_come_a_page_at_a_time_and_none_is_hidden(
    browser: Browser, neighbour: Neighbour
):
    neighbour.offer_list = [offer(n % 28 + 1) for n in range(1, 501)]
    first = await browser.get(PATH)
    assert text_of(first).count('<th scope="col" id="offer-') == COLUMNS
    assert "500 offers" in words_of(first)
    assert "493\u2013500" in words_of(first)
    assert text_of(first).count("<circle") == 500
    last = await browser.get(f"{PATH}?from=499")
    assert text_of(last).count('<th scope="col" id="offer-') == 500 % COLUMNS
    for nonsense in ("500", "x", "-1", "9" * 40, "0" * 5_000, "\u00b2"):
        again = await browser.get(f"{PATH}?from={nonsense}")
        assert text_of(again).count('<th scope="col" id="offer-') == COLUMNS


async def test_strangers_texts_are_texts(browser: Browser, neighbour: Neighbour):
    vendor = offer(1)["vendor"] | {"name": EVIL, "domain": EVIL}
    lines = [offer(1)["lines"][0] | {"name": EVIL}]
    musts = [wish(fact=EVIL, label=EVIL, wanted=EVIL)]
    neighbour.offer_list = [
        offer(1, vendor=vendor, note=EVIL, lines=lines, musts=musts, pay={"methods": [EVIL]}),
        offer(2),
    ]
    text = text_of(await browser.get(PATH))
    assert "<script>alert" not in text
    assert "\u202e" not in text
    assert text.count(EVIL_SHOWN) >= 7


async def test_nothing_came_yet(browser: Browser, neighbour: Neighbour):
    neighbour.offer_list = []
    assert "was seen at 2 of 3 peers" in words_of(await browser.get(PATH))
    neighbour.cast_list = [CAST | {"reach": {"seen_at": 0, "peers": 3}}]
    assert "No offers yet. Your request is on its way." in words_of(await browser.get(PATH))
    neighbour.cast_list = [CAST | {"handle": None, "state": "draft"}]
    assert "goes out as soon as" in words_of(await browser.get(f"/casts/{CAST['draft']}"))


async def test_what_cannot_be_accepted_is_said(browser: Browser, neighbour: Neighbour):
    neighbour.offer_list = [offer(1, state="expired"), offer(2, valid=False)]
    assert words_of(await browser.get(PATH)).count("not possible") == 2
    neighbour.cast_list = [CAST | {"state": "awarded"}]
    assert "/accept" not in text_of(await browser.get(PATH))


async def test_a_script_is_told_what_the_page_shows(browser: Browser, neighbour: Neighbour):
    neighbour.offer_list = [offer(n, note=EVIL) for n in range(1, 15)]
    found = told(await browser.get(f"{PATH}/compared?show=differences&from=12&w_total=3"))
    assert (found["count"], found["first"], len(found["heads"])) == (14, 12, 2)
    assert neighbour.calls[0][2]["total"] == 3
    page = text_of(await browser.get(f"{PATH}?show=differences&from=12"))
    for row in found["rows"]:
        assert row["label"] in page
        assert len(row["cells"]) == 2
    assert "Warranty" not in {row["label"] for row in found["rows"]}
    assert found["heads"][0]["can_accept"]
    assert "\u202e" not in str(found)


async def test_a_script_is_told_the_picture(browser: Browser, neighbour: Neighbour):
    vendor = offer(1)["vendor"] | {"name": EVIL}
    odd = offer(15, fulfil={"mode": "pickup"})
    neighbour.offer_list = [*(offer(n, vendor=vendor) for n in range(1, 15)), odd]
    plot = told(await browser.get(f"{PATH}/compared?from=12"))["plot"]
    page = text_of(await browser.get(f"{PATH}?from=12"))
    assert len(plot["points"]) == page.count("<circle") == 14
    for point in plot["points"]:
        assert f'cx="{point["x"]}" cy="{point["y"]}"' in page
    assert [point["is_shown"] for point in plot["points"]] == [False] * 12 + [True] * 2
    assert {point["from"] for point in plot["points"]} == {0, 12}
    assert "\u202e" not in str(plot)
    assert plot["left_out"].startswith("1 offer without a day")
    assert plot["left_out"] in page
    neighbour.offer_list = [offer(1)]
    assert told(await browser.get(f"{PATH}/compared"))["plot"] is None
