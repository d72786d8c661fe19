"""What a receipt says is what was signed."""

from __future__ import annotations

import pytest

from node.web.receipt import receipt_values, verified
from protocol.errors import RemoteProtocolError
from tests.parties import make_agreement


def test_it_is_checked_before_a_word_is_said():
    raw = make_agreement().bundle()
    assert verified(raw)["verdict"] == "verified"
    with pytest.raises(RemoteProtocolError):
        verified(raw[:-1])


def test_the_page_has_words_and_bytes():
    found = receipt_values(make_agreement().bundle())
    assert found["title"].startswith("Receipt: ")
    assert found["found"]["total_text"]
    assert set(found["agreement"]) <= set(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=\n"
    )
