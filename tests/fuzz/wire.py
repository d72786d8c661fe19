"""What the fuzzer of the wire calls: any bytes, through every gate between a socket and a machine.

The first byte chooses the gate, so that the fuzzer gets past signatures and seals: where a gate
asks for one, the harness signs or seals what the fuzzer wrote. Enters: bytes. Leaves: nothing; an
error that is not a `RemoteProtocolError`, or an accepted input with two spellings, is a finding.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from protocol import limits, sealing, signing, work
from protocol.channel.frames import pack_frames, unpack_frame
from protocol.channel.messages import (
    Hello,
    Objects,
    RangesAnswer,
    RangesQuery,
    RecordsAnswer,
    decode_message,
    encode_message,
)
from protocol.channel.noise import HandshakeState, prologue_for
from protocol.channel.post import BoxOpen, Put
from protocol.encoding import decode, encode
from protocol.engine import meanings
from protocol.errors import RemoteProtocolError
from protocol.ids import PeerId, blake2b_256
from protocol.network.addresses import read_record
from protocol.network.admission import PUBLIC_KINDS, check_admissible
from protocol.network.ranges import decode_ranges, encode_ranges
from protocol.objects.agreement import read_bundle
from protocol.objects.envelope import open_envelope, open_stored, read_candidate
from protocol.objects.header import Kind
from protocol.post import letters
from protocol.post.mailbox import read_box_record
from protocol.post.receipt import open_receipt

NET = "test"
NOW_MS = 1_795_305_600_000
SEED = blake2b_256(b"fuzz")
KEY = signing.public_key(SEED)
MAILBOX = blake2b_256(b"mailbox")
_PEER = PeerId(blake2b_256(b"peer"))
_PAD = limits.letter_pad_bytes


def frame(raw: bytes) -> None:
    """Take a frame's plaintext apart and read every message in it."""
    raws = unpack_frame(raw)
    assert b"".join(pack_frames(raws)) == raw
    for each in raws:
        message(each)


def message(raw: bytes) -> None:
    """Read one message, then whatever it carries."""
    found = decode_message(raw)
    assert encode_message(found) == raw
    _quietly(lambda: meanings(_PEER, found))
    match found:
        case Objects(raws=raws):
            for each in raws:
                _quietly(partial(envelope, each))
        case Hello(record=record):
            _quietly(lambda: record_of(record))
        case RecordsAnswer(records=records):
            for each in records:
                _quietly(partial(record_of, each))
        case RangesQuery(ranges=ranges) | RangesAnswer(ranges=ranges):
            _quietly(lambda: ranges_of(ranges))
        case BoxOpen(open=opened, work=done):
            _quietly(lambda: read_box_record(opened, done, net=NET, mailbox=MAILBOX))
        case Put(letter=letter):
            _quietly(lambda: letters.open_letter(letter, SEED))
        case _:
            pass


def ranges_of(raw: bytes) -> None:
    """Read ranges."""
    assert encode_ranges(decode_ranges(raw)) == raw


def _quietly(act: Callable[[], Any]) -> None:
    try:
        act()
    except RemoteProtocolError:
        return


def envelope(raw: bytes) -> None:
    """Admit as gossip does, then open as the runtime does."""
    candidate = read_candidate(raw, peer=None, bytes_max=limits.public_bytes_max)
    assert encode([candidate.signed, candidate.signature, candidate.pow]) == raw
    _quietly(lambda: check_admissible(candidate, net=NET, wall_ms=NOW_MS, kinds=PUBLIC_KINDS))
    opened = open_envelope(candidate, net=NET)
    assert opened.raw == raw
    assert encode(opened.header.fields(_body_of(opened.signed))) == opened.signed


def _body_of(signed: bytes) -> Any:
    return decode(signed, bytes_max=limits.sealed_bytes_max)[-1]


def signed(raw: bytes) -> bytes:
    """Sign any text under the kind it names and our key; gives an envelope."""
    fields = decode(raw, bytes_max=limits.sealed_bytes_max)
    if type(fields) is list and len(fields) == 12 and type(fields[3]) is bytes:
        fields[3] = bytes(KEY)
    whole = encode(fields)
    kind = fields[2] if type(fields) is list and len(fields) > 2 else None
    kinds = {each.value for each in Kind}
    tag = signing.Tag(kind) if type(kind) is str and kind in kinds else signing.Tag.EVENT
    return encode([whole, signing.sign(tag, whole, SEED), None])


def text(raw: bytes) -> None:
    """Sign the fuzzer's own text, so that bodies are read."""
    envelope_raw = signed(raw)
    opened = open_stored(envelope_raw, net=NET)
    assert encode([opened.signed, opened.signature, None]) == envelope_raw


def letter(raw: bytes) -> None:
    """Read the padded plaintext of a letter; seal and open it as well."""
    padded = letters.pad(raw, _PAD)
    found = letters.read(padded)
    assert letters.build(found) == padded
    sealed = sealing.seal(padded, sealing.box_public_key(SEED), MAILBOX)
    assert letters.open_letter(sealed, SEED) == found


def plaintext(raw: bytes) -> None:
    """Read a letter's plaintext as it stands."""
    assert letters.build(letters.read(raw)) == raw


def receipt(raw: bytes) -> None:
    """Sign the fuzzer's text as a receipt and open it."""
    whole = encode([raw, signing.sign(signing.Tag.RECEIPT, raw, SEED)])
    padded = letters.pad(whole, limits.receipt_pad_bytes)
    sealed = sealing.seal(padded, sealing.box_public_key(SEED), MAILBOX)
    assert open_receipt(sealed, SEED, signer=KEY).text() == raw


def record_of(raw: bytes) -> None:
    """Read a node record."""
    assert read_record(raw, net=NET).raw == raw


def record(raw: bytes) -> None:
    """Sign the fuzzer's text as a node record."""
    fields = decode(raw, bytes_max=limits.node_record_bytes_max)
    if type(fields) is list and len(fields) > 3:
        fields[3] = bytes(KEY)
    whole = encode(fields)
    record_of(encode([whole, signing.sign(signing.Tag.NODE_RECORD, whole, SEED)]))


def box(raw: bytes) -> None:
    """Sign the fuzzer's text as a box record, and do its work."""
    fields = decode(raw, bytes_max=limits.box_open_bytes_max)
    if type(fields) is list and len(fields) > 2:
        fields[2] = bytes(KEY)
    record_text = encode(fields)
    nonce = work.solve(blake2b_256(record_text), work.box_open_bits(NET), tries=1 << 16) or bytes(8)
    whole = encode([record_text, signing.sign(signing.Tag.BOX_OPEN, record_text, SEED)])
    read_box_record(whole, nonce, net=NET, mailbox=MAILBOX)


def bundle(raw: bytes) -> None:
    """Read an agreement."""
    assert read_bundle(raw).bundle() == raw


def handshake(raw: bytes) -> None:
    """Read a handshake message at each of its three places."""
    ends = [
        HandshakeState(
            initiator=first,
            prologue=prologue_for(NET),
            static_secret=SEED,
            ephemeral_secret=MAILBOX,
        )
        for first in (True, False)
    ]
    turn, rest = (raw[0] % 3, raw[1:]) if raw else (0, b"")
    if turn:
        hail = ends[0].write_message()
        if turn == 2:
            ends[1].read_message(hail)
            ends[1].write_message()
    ends[0 if turn == 1 else 1].read_message(rest)


def canonical(raw: bytes) -> None:
    """Read canonical bytes; whatever is read has this one spelling."""
    assert encode(decode(raw, bytes_max=limits.sealed_bytes_max)) == raw


GATES: list[Callable[[bytes], None]] = [
    *(frame, message, envelope, text, letter, plaintext, receipt),
    *(record_of, record, box, bundle, handshake, canonical),
]
"""The first byte chooses; new gates go to the end, so that kept inputs keep their meaning."""


def one_input(data: bytes) -> None:
    """Run one input of the fuzzer."""
    if not data:
        return
    gate = GATES[data[0] % len(GATES)]
    try:
        gate(bytes(data[1:]))
    except RemoteProtocolError:
        return
