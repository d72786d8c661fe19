"""What must hold, and what an agreement says of itself."""

from __future__ import annotations

from dataclasses import replace

import pytest

from node.testnet.proof import Proof, StoryError, hold
from protocol.ids import to_text
from tests.parties import make_agreement


def test_a_fact_that_does_not_hold_ends_the_story_with_its_sentence():
    hold(True, "never said")
    with pytest.raises(StoryError) as caught:
        hold(False, "the lights went out")
    assert caught.value.code == "E-DEMO"
    assert "the lights went out" in caught.value.sentence
    assert "--keep" in caught.value.fix


def test_a_proof_says_what_the_file_says():
    agreement = make_agreement()
    proof = Proof.of(agreement)
    assert proof.agreement == to_text("agreement", agreement.id or b"")
    assert proof.deal == to_text("deal", agreement.deal_id)
    assert proof.total == agreement.acceptance.body.total
    assert proof.vendor_name == agreement.profile.body.name
    kinds = [line.kind for line in agreement.offer.body.lines]
    assert len(proof.lines) == len(kinds) - kinds.count("optional")
    assert proof.document()["title"] == agreement.cast.body.title
    assert "agreement" not in proof.document()


def test_without_the_acknowledgement_there_is_no_agreement():
    assert Proof.of(replace(make_agreement(), agreed=None)).agreement is None
