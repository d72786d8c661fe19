"""What a form may send."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.web.forms import FIELDS_MAX, Form, form_of
from protocol.errors import LocalProtocolError


def test_fields_are_read():
    form = form_of(b"title=+two+words+&terms=A&terms=B&empty=&text=a%0D%0Ab")
    assert form.text("title") == "two words"
    assert form.texts("terms") == ["A", "B"]
    assert form.text("terms") == "B"
    assert form.text("empty", "x") == ""
    assert form.text("none", "x") == "x"
    assert form.text("text") == "a\nb"
    assert form.has("empty")
    assert not form.has("none")


def test_numbers():
    form = form_of(b"a=7&b=&c=x&d=%2B3")
    assert (form.number("a", 1), form.number("b", 1), form.number("none", 5)) == (7, 1, 5)
    assert form.number("d", 0) == 3
    with pytest.raises(LocalProtocolError) as caught:
        form.number("c", 0)
    assert (caught.value.code, caught.value.field) == ("E-FIELD", "c")
    assert form_of(b"a=-12").number("a", 0) == -12
    assert form_of(b"a=1&a=2&a=+3").numbers("a") == [1, 2, 3]


@pytest.mark.parametrize("text", ["%C2%B2", "%D9%A3", "1_0", "--1", "-", "1.0", "0" * 5_000])
def test_what_only_looks_like_a_number_is_refused(text: str):
    form = form_of(f"a=1&a={text}".encode())
    for ask in (lambda: form.number("a", 0), lambda: form.numbers("a")):
        with pytest.raises(LocalProtocolError) as caught:
            ask()
        assert caught.value.code == "E-FIELD"


@pytest.mark.parametrize(
    "raw", [b"\xff", b"a=%ff", b"&&;", b"no-equals", b"=".join([b"a"] * 2) + b"&" + b"b=1&" * 500]
)
def test_what_is_no_form_is_refused(raw: bytes):
    with pytest.raises(LocalProtocolError) as caught:
        form_of(raw)
    assert caught.value.code == "E-FORM"


def test_an_empty_form_is_one():
    assert form_of(b"") == Form({})


@given(st.binary(max_size=200))
def test_any_bytes_are_a_form_or_refused(raw: bytes):
    try:
        form = form_of(raw)
    except LocalProtocolError:
        return
    assert len(form.fields) <= FIELDS_MAX


@given(st.dictionaries(st.text(min_size=1, max_size=8), st.text(max_size=20), max_size=10))
def test_what_a_browser_sends_comes_back(fields: dict[str, str]):
    sent = {name: value.replace("\r\n", "\n") for name, value in fields.items()}
    try:
        raw = urlencode(sent).encode()
    except UnicodeEncodeError:
        return
    form = form_of(raw)
    assert {name: values[0] for name, values in form.fields.items()} == sent
