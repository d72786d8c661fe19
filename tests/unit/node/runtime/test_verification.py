"""What an agreement's file says, bare or inside a page."""

from __future__ import annotations

import pytest

from node.runtime.verification import bundle_in_page, carried, verification
from tests.parties import make_agreement

RAW = make_agreement().bundle()


def page(inside: str) -> bytes:
    return f"<!doctype html>\n<title>x</title>{inside}".encode()


def test_a_bundle_is_found_in_a_page():
    assert bundle_in_page(page(f'<pre id="agreement">\n{carried(RAW)}</pre>')) == RAW
    windows = carried(RAW).replace("\n", "\r\n")
    assert bundle_in_page(page(f'<pre id="agreement">{windows}</pre>')) == RAW


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        RAW,
        page(""),
        page('<pre id="agreement">AAA</pre>'),
        page('<pre id="agreement">AAAA</pre><pre id="agreement">AAAA</pre>'),
        page('<pre id="agreement"><b>AAAA</b></pre>'),
    ],
)
def test_anything_else_is_given_back(raw: bytes):
    assert bundle_in_page(raw) == raw


def test_what_it_says():
    found = verification(make_agreement())
    assert found["verdict"] == "verified"
    assert [each["object"] for each in found["signed"]] == [
        "cast",
        "profile",
        "offer",
        "acceptance",
        "confirmed",
        "agreed",
    ]
