"""A checked agreement fits its document, acknowledged or not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from node.api.documents.verification import VerificationDocument
from node.runtime.verification import verification
from tests.parties import make_agreement


def test_both_verdicts_fit():
    whole = msgspec.convert(verification(make_agreement(options=[2])), VerificationDocument)
    assert (whole.verdict, len(whole.signed)) == ("verified", 6)
    half = replace(make_agreement(), agreed=None)
    found = msgspec.convert(verification(half), VerificationDocument)
    assert (found.verdict, found.agreement_id) == ("unacknowledged", None)


@pytest.mark.parametrize("change", [{"verdict": "invalid"}, {"lines": None}, {"by": "me"}])
def test_what_it_cannot_be(change: dict[str, Any]):
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(verification(make_agreement()) | change, VerificationDocument)
