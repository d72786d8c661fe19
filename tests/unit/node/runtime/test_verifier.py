"""A verify process answers each run with a byte for every signature, until its pipe ends."""

from __future__ import annotations

import io

import msgspec

from node.runtime.verifier import HEAD_BYTES, checked, serve
from protocol.objects.envelope import read_candidate, signature_of
from tests.parties import NET, make_cast, make_profile


def signature(raw: bytes, **changes: bytes):
    found = list(signature_of(read_candidate(raw, peer=None, bytes_max=1 << 16), net=NET))
    for number, value in changes.items():
        found[int(number.removeprefix("part_"))] = value
    return tuple(found)


def run_of(*signatures: tuple[object, ...]) -> bytes:
    return msgspec.msgpack.encode(signatures)


CAST, PROFILE = make_cast().raw, make_profile().raw


def test_each_signature_is_told():
    run = run_of(
        signature(CAST),
        signature(CAST, part_2=bytes(64)),
        signature(PROFILE),
        signature(PROFILE, part_0=b"offer".decode()),  # type: ignore[arg-type]
        signature(CAST, part_3=bytes(32)),
        signature(CAST, part_2=b"short"),
    )
    assert checked(run) == bytes([1, 0, 1, 0, 0, 0])
    assert checked(run_of()) == b""


def test_runs_are_answered_in_their_order_until_the_source_ends():
    runs = [run_of(signature(CAST)), run_of(signature(CAST, part_2=bytes(64)), signature(CAST))]
    source = io.BytesIO(b"".join(len(run).to_bytes(HEAD_BYTES, "big") + run for run in runs))
    sink = io.BytesIO()
    serve(source, sink)
    assert sink.getvalue() == b"\0\0\0\x01\x01" + b"\0\0\0\x02\x00\x01"
