"""Offers side by side."""

from __future__ import annotations

import pytest

from node.web.comparison import UNKNOWN, best_in, comparison, when_text
from tests.unit.node.web.papers import line, offer, term, wish


def row(offers, label):
    (found,) = [each for each in comparison(offers) if each.label == label]
    return found


def test_no_offers_no_rows():
    assert comparison([]) == []


def test_the_total_comes_first_and_is_itemised():
    rows = comparison([offer(1), offer(2, over_budget=True)])
    assert [each.label for each in rows[:3]] == ["Total", "Goods and services", "Delivery"]
    first, second = rows[0].cells
    assert (first.text, first.note, first.tone) == ("210.00 EUR", "cheapest", "good")
    assert (second.note, second.tone) == ("over budget", "bad")
    assert rows[1].cells[0].parts == ("Machine: 190.00 EUR",)


def test_what_is_not_said_is_never_a_zero():
    silent = offer(
        2,
        lines=[line("Machine", "item", 1_000)],
        fulfil={"mode": "pickup"},
        warranty_months=None,
        cancel=[],
        terms=None,
        pay={"methods": []},
        musts=[wish("unknown", None)],
    )
    offers = [offer(1), silent]
    # All lines make the total: one that is not there is none, and no secret.
    assert row(offers, "Delivery").cells[1].text == "none"
    for label in ("When", "Warranty", "Cancelling", "Terms", "Payment"):
        cell = row(offers, label).cells[1]
        assert (cell.text, cell.tone) == (UNKNOWN, "unknown"), label
    must = row(offers, "Voltage 230 V").cells
    assert [(cell.text, cell.note) for cell in must] == [
        ("230 V", "meets it"),
        (UNKNOWN, "unknown"),
    ]


def test_several_lines_of_a_kind_are_summed_and_listed():
    found = offer(1, lines=[line("A", "discount", -500), line("B", "discount", -250)])
    cell = row([found], "Discount").cells[0]
    assert (cell.text, cell.parts) == (
        "-7.50 EUR",
        ("A: -5.00 EUR", "B: -2.50 EUR"),
    )


def test_lines_of_a_kind_nobody_foresaw_have_a_row_too():
    assert row([offer(1, lines=[line("X", "levy", 5)])], "levy").cells[0].text == "0.05 EUR"


def test_options_and_cancelling_are_listed():
    found = offer(
        1,
        options=[line("Grinder", "optional", 6_000)],
        cancel=[
            {"until": "2027-02-01T00:00:00Z", "fee_text": "0.00 EUR"},
            {"until": "2027-02-05T00:00:00Z", "fee_text": "60.00 EUR"},
        ],
    )
    offers = [found, offer(2)]
    assert [cell.text for cell in row(offers, "Options").cells] == ["1 to choose", "none"]
    cancelling = row(offers, "Cancelling").cells[0]
    assert (cancelling.text, cancelling.parts) == (
        "until 1 Feb 2027: 0.00 EUR",
        ("until 5 Feb 2027: 60.00 EUR",),
    )


@pytest.mark.parametrize("wants", [False, True])
def test_differences_only(wants: bool):
    labels = [each.label for each in comparison([offer(1), offer(2)], only_different=wants)]
    assert "Total" in labels
    assert "When" in labels
    assert ("Warranty" in labels) is not wants


def test_what_is_not_met_differs_from_what_is_not_known():
    silent, failing = [wish("unknown", None)], [wish("unmet", None)]
    offers = [offer(1, musts=silent), offer(2, musts=failing)]
    labels = [each.label for each in comparison(offers, only_different=True)]
    assert "Voltage 230 V" in labels
    same = [offer(1, musts=silent), offer(2, musts=silent)]
    assert "Voltage 230 V" not in [r.label for r in comparison(same, only_different=True)]


def test_a_wish_names_its_item_where_there_are_several():
    musts = [wish(item="machine"), wish(item="grinder", fact="110 V", status="unmet")]
    found = [offer(1, musts=musts), offer(2, musts=musts)]
    assert row(found, "machine: Voltage 230 V").cells[0].text == "230 V"
    assert row(found, "grinder: Voltage 230 V").cells[1].text == "110 V"
    apart = offer(1, musts=[wish(item="machine")], prefers=[wish(item="grinder")])
    assert row([apart], "grinder: Voltage 230 V").group == "prefer"


def test_equal_wishes_of_items_of_one_name_keep_a_row_each():
    twice = [wish(), wish(fact="110 V", status="unmet")]
    found = comparison([offer(1, musts=twice), offer(2, musts=twice)])
    rows = [each for each in found if each.label == "Voltage 230 V"]
    assert [each.cells[0].text for each in rows] == ["230 V", "110 V"]


def test_how_it_is_paid_stands_in_the_vendors_own_signs():
    link = "https://pay.example/a_b_c?x=_"
    pay = {"methods": ["bank_transfer", "at"], "when": "at", "link": link}
    cell = row([offer(1, pay=pay)], "Payment").cells[0]
    assert (cell.text, cell.parts) == ("bank_transfer, at; at delivery", (link,))
    only = row([offer(1, pay={"methods": [], "link": link})], "Payment").cells[0]
    assert (only.text, only.parts) == ("", (link,))


def test_one_alone_differs_in_nothing_but_its_total_stands():
    assert [each.label for each in comparison([offer(1)], only_different=True)] == ["Total"]


def test_a_wish_one_of_them_does_not_answer():
    extra = wish(key="colour", label="Colour", wanted="red", fact="red")
    offers = [offer(1, prefers=[extra]), offer(2)]
    found = row(offers, "Colour red")
    assert found.group == "prefer"
    assert [cell.text for cell in found.cells] == ["red", UNKNOWN]


def test_best_is_said_in_words():
    found = offer(1, explain=[term("total", 1, best=True), term("date", 1, best=True)])
    assert best_in(found) == ["cheapest", "soonest"]
    assert best_in(offer(1, explain=[term("trust", 1, best=True)])) == []
    assert row([found, offer(2)], "When").cells[0].note == "soonest"


def test_problems_and_marks_are_told():
    found = offer(
        1,
        valid=False,
        problems=[{"reason": "expired", "sentence": "it ended"}],
        marks=[{"code": "pay_before", "sentence": "pay before"}],
    )
    cell = row([found], "State").cells[0]
    assert (cell.text, cell.tone, cell.parts) == ("not valid", "bad", ("it ended", "pay before"))


def test_a_domain_is_no_proof():
    vendor = offer(1)["vendor"] | {"domain": "shop.example"}
    assert "not checked" in row([offer(1, vendor=vendor)], "Known of it").cells[0].note


def test_terms_say_whose_they_are():
    cells = row([offer(1), offer(2, terms="TPR", terms_accepted=False)], "Terms").cells
    assert [cell.note for cell in cells] == ["yours, accepted", "theirs, instead of yours"]


def test_when():
    assert when_text(offer(3)) == "3 Mar 2027"
    window = {"start": "2027-03-01", "end": "2027-03-04"}
    assert when_text(offer(1, fulfil={"mode": "pickup", "window": window})) == (
        "1 Mar 2027 to 4 Mar 2027"
    )
    assert when_text(offer(1, fulfil={"mode": "pickup", "window": None})) == UNKNOWN


def test_a_total_far_below_the_others_is_not_praised():
    mark = {"code": "far_below", "sentence": "far below the others"}
    cell = comparison([offer(1, marks=[mark]), offer(2)])[0].cells[0]
    assert (cell.note, cell.tone) == ("cheapest, far below the others", "")
