"""The words of the story."""

from __future__ import annotations

from base64 import urlsafe_b64encode

from node.testnet import telling
from node.testnet.proof import Proof
from protocol.ids import to_text
from tests.parties import make_agreement
from tests.unit.node.testnet.stories import forcing, line, offer


def test_a_request_is_told_with_who_sees_what():
    preview = {"sees": [{"who": "Everyone", "what": ["title", "dates"]}]}
    found = telling.request({"text": "A car, please. " * 20}, preview)
    assert found[0].startswith('   "A car, please.')
    assert max(len(text) for text in found) <= 96
    assert [text.strip() for text in found[-2:]] == ["Everyone:", "title, dates"]


def test_a_request_without_text_is_told_too():
    assert telling.request({"text": ""}, {"sees": []})[0].strip() == '""'


def test_mailboxes_are_named_by_relay_and_strangers_left_out():
    keys = [bytes([n]) * 32 for n in range(3)]
    at = [urlsafe_b64encode(key).decode().rstrip("=") for key in keys]
    relays = [(f"relay-{n}", to_text("node", keys[n])) for n in (0, 2)]
    assert telling.mailboxes({"reply": {"at": at}}, relays) == ["relay-0", "relay-2"]


def test_a_comparison_has_every_total_and_every_line():
    found = telling.comparison([offer(1), forcing(2), offer(3, over_budget=True, valid=False)])
    text = "\n".join(found)
    assert [text.count(f"vendor_{n}") for n in (1, 2, 3)] == [2, 2, 2]
    assert text.count("110.00 USD") == 6
    assert text.count("5 DAY x 20.00 USD") == 3
    assert "0 of 1" in text
    assert "Vendor's insurance required: unmet" in text
    assert "over" in found[3]
    assert "not valid" in found[3]


def test_names_of_strangers_cannot_move_the_cursor():
    rude = offer(1, vendor={"name": "\x1b[2Jrude", "key": "k"}, lines=[line("\x1b[1A", 11_000)])
    assert "\x1b" not in "".join(telling.comparison([rude]))
    assert "\x1b" not in telling.failure(rude, rude["musts"][0])


def test_a_failure_says_what_was_asked_and_what_was_answered():
    found = telling.failure(forcing(2), forcing(2)["musts"][0])
    assert found.strip() == (
        "vendor_2 fails a must: Vendor's insurance required. Asked: none; it says: yes."
    )
    silent = forcing(2)["musts"][0] | {"fact": None}
    assert telling.failure(forcing(2), silent).endswith("it says: nothing.")


def test_an_agreement_is_told_with_parties_lines_total_and_ids():
    proof = Proof.of(make_agreement())
    text = "\n".join(telling.agreement(proof))
    for said in (proof.deal, proof.buyer, proof.vendor, proof.vendor_name, proof.total_text):
        assert said in text
    assert all(name in text for name, _, _ in proof.lines)
