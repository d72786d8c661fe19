"""JSON that two readers could read in two ways is refused."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.api.strict_json import DEPTH_MAX, VALUES_MAX, read_json
from protocol.errors import LocalProtocolError

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=20,
)


@given(VALUES)
def test_reads_what_was_written(value):
    assert read_json(json.dumps(value).encode()) == value


@given(st.binary(max_size=200))
def test_any_bytes_give_a_value_or_one_sentence(raw: bytes):
    with contextlib.suppress(LocalProtocolError):
        read_json(raw)


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b'{"a": 1, "a": 2}', "'a' stands twice"),
        (b'{"a": {"b": 1, "b": 1}}', "'b' stands twice"),
        (b"[NaN]", "NaN"),
        (b"[-Infinity]", "-Infinity"),
        (b"[1e999]", "out of range"),
        (b"[" + b"9" * 5_000 + b"]", "out of range"),
        (b"[0." + b"9" * 5_000 + b"]", "out of range"),
        (b"[" * 100_000, "nested"),
        (b'{"a":' * 100_000, "nested"),
        (b"[" + b"1," * (VALUES_MAX + 1) + b"1]", "values"),
        (b'["\\ud800"]', "surrogate"),
        (b'{"\\udfff": 1}', "surrogate"),
        (b"\xff", "UTF-8"),
        (b'\xef\xbb\xbf{"a": 1}', "BOM"),
        (b'{"a": }', "line 1, column 7"),
        (b"", "not JSON"),
        (b"{} {}", "Extra data"),
    ],
)
def test_refused(raw: bytes, words: str):
    with pytest.raises(LocalProtocolError) as caught:
        read_json(raw)
    assert words in caught.value.sentence
    assert len(caught.value.sentence) < 200


def test_brackets_inside_texts_are_no_nesting():
    deep = "[{" * 1_000
    assert read_json(json.dumps([deep, deep + '"']).encode()) == [deep, deep + '"']
    assert read_json(b"[" * DEPTH_MAX + b"]" * DEPTH_MAX)


def test_quotes_without_end_cost_one_pass():
    with pytest.raises(LocalProtocolError):
        read_json(b'"\\' * 120_000)
