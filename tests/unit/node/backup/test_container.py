"""The stream of a backup: read back to the byte, and everything wrong with it told apart."""

from __future__ import annotations

import io
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.backup import container
from node.backup.container import BLOCK_BYTES, Head, read_head, read_stream, write_stream
from protocol.errors import IntentcastError

KEY = bytes(range(32))


def head_of(size: int) -> Head:
    return Head(
        at=1_790_000_000_000,
        net="test",
        schema=3,
        program="0.1.0",
        holds=["database"],
        size=size,
        salt=bytes(16),
        key=b"name of the root",
    )


def written(plain: Iterable[bytes], size: int) -> bytes:
    file = io.BytesIO()
    write_stream(file, head_of(size), KEY, plain)
    return file.getvalue()


def read(raw: bytes, key: bytes = KEY) -> bytes:
    file = io.BytesIO(raw)
    head, prefix = read_head(file)
    return b"".join(read_stream(file, head, prefix, key))


def code_of(raw: bytes, key: bytes = KEY) -> str:
    with pytest.raises(IntentcastError) as refused:
        read(raw, key)
    assert refused.value.fix
    return refused.value.code


PLAIN = bytes(range(256)) * 600
RAW = written([PLAIN], len(PLAIN))


@pytest.mark.parametrize(
    "size", [0, 1, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, 3 * BLOCK_BYTES]
)
def test_what_is_written_is_read(size: int):
    plain = (PLAIN * 2)[:size]
    assert read(written([plain], size)) == plain


@given(st.lists(st.binary(max_size=200_000), max_size=6))
@settings(max_examples=30)
def test_pieces_of_any_size_make_the_same_stream(pieces: list[bytes]):
    plain = b"".join(pieces)
    raw = written(pieces, len(plain))
    assert read(raw) == plain
    assert len(raw) == len(written([plain], len(plain)))


def test_the_head_is_readable_and_nothing_else_is():
    head, _ = read_head(io.BytesIO(RAW))
    assert head == head_of(len(PLAIN))
    assert PLAIN[:32] not in RAW


def test_two_files_of_one_key_share_no_block():
    other = written([PLAIN], len(PLAIN))
    assert RAW[:60] == other[:60]
    assert RAW[-1_000:] != other[-1_000:]


def test_a_cut_file_is_called_cut_wherever_it_is_cut():
    for length in (1, 15, 20, 21, 22, 100, 180, 190, 220, 70_000, len(RAW) - 1):
        assert code_of(RAW[:length]) == "E-BACKUP-CUT", length


def test_a_file_cut_between_two_blocks_is_called_cut():
    _, prefix = read_head(io.BytesIO(RAW))
    start = len(prefix) + 24
    for blocks in (0, 1, 2):
        assert code_of(RAW[: start + blocks * (BLOCK_BYTES + 17)]) == "E-BACKUP-CUT"


def test_every_flipped_byte_is_found():
    places = [*range(300), *range(300, len(RAW), 997), *range(len(RAW) - 60, len(RAW))]
    for place in places:
        altered = bytearray(RAW)
        altered[place] ^= 0x40
        assert code_of(bytes(altered)) in (
            "E-BACKUP-DAMAGED",
            "E-BACKUP-CUT",
            "E-BACKUP-FILE",
            "E-BACKUP-NEWER",
        ), place
        if place >= 22:
            assert code_of(bytes(altered)) == "E-BACKUP-DAMAGED", place


def test_blocks_in_another_order_are_found():
    _, prefix = read_head(io.BytesIO(RAW))
    start, step = len(prefix) + 24, BLOCK_BYTES + 17
    one, two = RAW[start : start + step], RAW[start + step : start + 2 * step]
    assert code_of(RAW[:start] + two + one + RAW[start + 2 * step :]) == "E-BACKUP-DAMAGED"


def test_a_head_put_before_another_stream_is_found():
    _, prefix = read_head(io.BytesIO(RAW))
    other = io.BytesIO()
    renamed = Head(
        **{
            **{n: getattr(head_of(0), n) for n in Head.__struct_fields__},
            "net": "main",
            "size": len(PLAIN),
        }
    )
    write_stream(other, renamed, KEY, [PLAIN])
    _, others = read_head(io.BytesIO(other.getvalue()))
    assert code_of(others + RAW[len(prefix) :]) == "E-BACKUP-DAMAGED"


def test_another_key_opens_nothing():
    assert code_of(RAW, KEY[::-1]) == "E-BACKUP-DAMAGED"


def test_what_stands_behind_the_end_is_found():
    assert code_of(RAW + b"x") == "E-BACKUP-DAMAGED"


def test_an_end_too_early_is_found():
    """A writer that ends early with a good tag, under a head that promises more."""
    file = io.BytesIO()
    write_stream(file, head_of(BLOCK_BYTES + 5), KEY, [PLAIN[:BLOCK_BYTES]])
    assert code_of(file.getvalue() + bytes(22)) == "E-BACKUP-DAMAGED"


def test_what_is_no_backup():
    assert code_of(b"") == "E-BACKUP-FILE"
    assert code_of(b"SQLite format 3\0 and more of it") == "E-BACKUP-FILE"
    assert code_of(b"intentcast backup 2\nanything") == "E-BACKUP-NEWER"


def test_a_head_that_breaks_its_own_rules():
    def with_head(raw: bytes) -> bytes:
        body = b"intentcast backup 1\n" + len(raw).to_bytes(2, "big") + raw
        return body + container._check(body)

    assert code_of(with_head(b"\xc1")) == "E-BACKUP-DAMAGED"
    assert code_of(with_head(b"\x80")) == "E-BACKUP-DAMAGED"
    assert code_of(b"intentcast backup 1\n\xff\xff" + bytes(70_000)) == "E-BACKUP-DAMAGED"


def test_a_head_too_long_is_never_written():
    long = Head(
        **{**{n: getattr(head_of(0), n) for n in Head.__struct_fields__}, "net": "x" * 3_000}
    )
    with pytest.raises(ValueError, match="too long"):
        write_stream(io.BytesIO(), long, KEY, [])


@given(st.binary(max_size=400))
def test_any_bytes_give_a_refusal(raw: bytes):
    for given_bytes in (raw, b"intentcast backup 1\n" + raw):
        assert code_of(given_bytes).startswith("E-BACKUP-")
