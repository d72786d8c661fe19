"""What binds is called by enough of its name."""

from __future__ import annotations

import pytest

from node.market.bindings import check_binding
from protocol.errors import LocalProtocolError


@pytest.mark.parametrize("handle", ["offer-7K2Q-9FJX", "7k2q9fjx", " offer-7K2Q 9FJX-0000 "])
def test_a_short_name_as_it_is_shown_is_enough(handle: str):
    check_binding("offer", handle)


@pytest.mark.parametrize(
    ("handle", "code"),
    [("y", "E-HANDLE-SHORT"), ("offer-7K2Q-9FJ", "E-HANDLE-SHORT"), ("", "E-ID"), ("!", "E-ID")],
)
def test_less_is_not(handle: str, code: str):
    with pytest.raises(LocalProtocolError) as caught:
        check_binding("offer", handle)
    assert caught.value.code == code
