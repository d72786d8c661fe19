"""The texts of ours have a form, and it is the one they are written in."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from node.api.documents import parts
from node.runtime.views import iso
from protocol.ids import to_text

KEY = bytes(range(32))


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (parts.Moment, iso(0)),
        (parts.Moment, iso(2**52)),
        (parts.CastId, to_text("cast", KEY)),
        (parts.OfferId, to_text("offer", KEY)),
        (parts.DealId, to_text("deal", KEY)),
        (parts.AgreementId, to_text("agreement", KEY)),
        (parts.KeyId, to_text("key", KEY)),
        (parts.NodeKey, to_text("node", KEY)),
        (parts.Nonce, KEY[:16].hex()),
        (parts.RevokedId, KEY[:16].hex()),
        (parts.RevokedId, to_text("offer", KEY)),
    ],
)
def test_what_the_node_writes_has_its_form(kind: Any, text: str):
    assert msgspec.convert(text, kind) == text
    for other in (text + "\n", text[:-1], text.swapcase(), ""):
        if other != text:
            with pytest.raises(msgspec.ValidationError):
                msgspec.convert(other, kind)
