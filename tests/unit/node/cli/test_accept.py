"""`accept` shows what a yes means, signs, and waits for the other side."""

from __future__ import annotations

import pytest

from node.cli.accept import read_disclosure, summary
from node.cli.client import NodeClient
from protocol.errors import LocalProtocolError
from tests.unit.node.api.fake_citizen import CAST, MUST, FakeCitizen, offer
from tests.unit.node.cli.conftest import Shell

HANDLE = offer(1)["handle"]


@pytest.fixture(autouse=True)
def _ids(citizen: FakeCitizen) -> None:
    for one in citizen.offer_list:
        one["id"] = one["handle"] + "-CCCC"


def accepted(citizen: FakeCitizen):
    return [call for call in citizen.calls if call[0] == "accept"]


def test_shown_asked_signed(shell: Shell, citizen: FakeCitizen):
    found = shell.run("accept", HANDLE, tty=True, typed="y\n")
    assert found.code == 0
    assert found.out == "deal-9ABC-DEFG\n"
    assert "You agree to   249.00 EUR: Machine 229.00 EUR, Parcel 20.00 EUR" in found.err
    assert "vendor_1 gets  name, phone, nothing else (once it has confirmed)" in found.err
    assert "Accept? [y/N]" in found.err
    assert "✓ Signed by both sides." in found.err
    assert accepted(citizen) == [("accept", HANDLE + "-CCCC", [], None, None, False)]


@pytest.mark.parametrize("typed", ["n\n", "\n", ""])
def test_anything_but_yes_signs_nothing(shell: Shell, citizen: FakeCitizen, typed: str):
    found = shell.run("accept", HANDLE, tty=True, typed=typed)
    assert (found.code, found.out) == (0, "")
    assert "Nothing was signed." in found.err
    assert accepted(citizen) == []


def test_choices_reach_the_node(shell: Shell, citizen: FakeCitizen):
    argv = ["--option", "2", "--slot", "0", "--disclose", "name=Ana", "--anyway", "--yes"]
    found = shell.run("accept", HANDLE, *argv, "--json")
    assert found.document()["deal"]["state"] == "agreed"
    assert accepted(citizen) == [("accept", HANDLE, [2], 0, {"name": "Ana"}, True)]


def test_nothing_at_all_can_be_disclosed(shell: Shell, citizen: FakeCitizen):
    found = shell.run("accept", HANDLE, "--no-disclose", tty=True, typed="y\n")
    assert "vendor_1 gets  nothing about you\n" in found.err
    assert accepted(citizen)[0][4] == {}


@pytest.mark.parametrize(
    ("handle", "code", "exit_code"),
    [
        ("offer-ZZZZ", "E-OFFER-UNKNOWN", 7),
        ("offer-AAA", "E-AMBIGUOUS", 7),
        ("", "E-OFFER-UNKNOWN", 7),
        ("aaa1-bbbb", "E-YES", 2),
    ],
)
def test_what_goes_by_that_name(shell: Shell, handle: str, code: str, exit_code: int):
    found = shell.run("accept", handle)
    assert (found.code, f"({code})" in found.err) == (exit_code, True)


def test_a_deal_that_stands_says_how_to_keep_it(shell: Shell, citizen: FakeCitizen):
    citizen.deal_states = ["agreed"]
    found = shell.run("accept", HANDLE, "--yes")
    assert found.err.endswith(
        "✓ Signed by both sides.\n  Keep it:  intentcast deal deal-9ABC-DEFG --save FILE\n"
    )


def test_the_nodes_no_is_told(shell: Shell):
    found = shell.run("accept", "offer-GONE", "--yes")
    assert (found.code, found.out) == (5, "")
    assert "✗ That offer ended (E-OFFER-EXPIRED)." in found.err


def test_it_waits_for_the_vendor(shell: Shell, citizen: FakeCitizen):
    citizen.deal_states = ["accept_sent", "accept_sent", "agreed"]
    assert shell.run("accept", HANDLE, "--yes").code == 0
    assert [call[0] for call in citizen.calls].count("deal") == 2


@pytest.mark.parametrize(
    ("states", "timeout", "code", "words"),
    [
        (["accept_sent"], "0", 0, "the deal is accept_sent"),
        (["accept_sent"], "0.01", 6, "the deal is accept_sent"),
        (["declined"], "5", 5, "✗ The deal is declined (E-DEAL-DECLINED)."),
        (["accept_sent", "voided"], "5", 5, "(E-DEAL-VOIDED)"),
    ],
)
def test_how_it_can_end(
    shell: Shell,
    citizen: FakeCitizen,
    monkeypatch: pytest.MonkeyPatch,
    states: list[str],
    timeout: str,
    code: int,
    words: str,
):
    citizen.deal_states = states
    found = shell.run("accept", HANDLE, "--yes", "--timeout", timeout)
    assert found.code == code
    assert words in found.err
    assert "intentcast deal deal-9ABC-DEFG" in found.err


def test_waiting_follows_the_cursor(
    shell: Shell, citizen: FakeCitizen, monkeypatch: pytest.MonkeyPatch
):
    citizen.deal_states = ["accept_sent", "accept_sent", "accept_sent", "agreed"]
    asked = []

    def news(self, after, wait_s):
        asked.append(after)
        return [], after + 1 if after < 100 else 5

    monkeypatch.setattr(NodeClient, "news", news)
    assert shell.run("accept", HANDLE, "--yes").code == 0
    assert asked[1:] == [5, 6, 7]


@pytest.mark.parametrize(
    ("pairs", "none", "found"),
    [
        ([], False, None),
        ([], True, {}),
        (["name=Ana", " phone = +49 = 1 "], False, {"name": "Ana", "phone": "+49 = 1"}),
    ],
)
def test_disclosure(pairs: list[str], none: bool, found):
    assert read_disclosure(pairs, none=none) == found


@pytest.mark.parametrize(
    ("pairs", "none"),
    [(["name"], False), (["=x"], False), (["a="], False), (["a=1", "a=2"], False), (["a=1"], True)],
)
def test_disclosure_refused(pairs: list[str], none: bool):
    with pytest.raises(LocalProtocolError) as caught:
        read_disclosure(pairs, none=none)
    assert caught.value.code == "E-DISCLOSE"


def test_summary_counts_options_and_names_what_is_missing():
    found = offer(
        1,
        due_now_text="50.00 EUR",
        musts=[MUST, MUST | {"status": "unmet"}],
        over_budget=True,
    )
    lines = summary(CAST, found, [2], 0, {"name": "x"})
    text = "\n".join(lines)
    assert "309.00 EUR: Machine 229.00 EUR, Parcel 20.00 EUR, Grinder 60.00 EUR" in text
    assert "2027-03-02 to 2027-03-02 (Europe/Berlin)" in text
    assert "Due now        50.00 EUR" in text
    assert "Unmet musts    voltage: 230 V (unmet)" in text
    assert "over budget" in text
    assert "vendor_1 gets  name, nothing else" in text
    link = {"methods": ["card", "cash"], "when": "before", "link": "https://shop_one.example/a_b"}
    bad = {"pay": link, "cancel": [], "warranty_months": 24, "terms_accepted": False}
    shown = [line.split("  ", 1) for line in summary(CAST, offer(1, **bad), [], None, None)]
    rows = {name: value.strip() for name, value in shown}
    assert rows["Vendor"] == "vendor_1 key-0000-0000, first contact"
    assert rows["Payment"] == "card, cash, before delivery"
    assert rows["Payment link"] == "https://shop_one.example/a_b"
    assert rows["Leaving costs"] == "not said"
    assert rows["Warranty"] == "24 months"
    assert rows["Terms"] == "PDC-INTENT (theirs, instead of yours)"
    unsaid = {"terms": None, "pay": {"methods": []}, "cancel": offer(1)["cancel"] * 2}
    rows = dict(line.split("  ", 1) for line in summary(CAST, offer(1, **unsaid), [], None, None))
    assert rows["Leaving costs"].count("0.00 EUR until 2027-02-25") == 2
    assert rows["Warranty"].strip() == rows["Terms"].strip() == "not said"
    assert rows["Payment"].strip() == "not said"
    assert "Payment link" not in rows
    assert "Time" not in "\n".join(summary(CAST, offer(1), [], 9, None))
