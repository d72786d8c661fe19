"""Readers of what peers send: frames, messages, objects, letters, receipts, records, agreements.

Where a reader looks behind a signature or a seal, the bent text is signed or sealed here first, so
that the fault reaches it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from protocol import limits, sealing
from protocol.channel.frames import pack_frames, unpack_frame
from protocol.channel.messages import decode_message, encode_message
from protocol.channel.noise import CipherState, HandshakeState, prologue_for
from protocol.encoding import decode, encode
from protocol.errors import LocalProtocolError
from protocol.ids import NodeId, blake2b_256
from protocol.market.disclosure import check_opened
from protocol.network.addresses import is_public, read_record
from protocol.network.admission import PUBLIC_KINDS, check_admissible
from protocol.network.invites import read_invite, sign_invite
from protocol.network.ranges import Later, decode_ranges, encode_ranges
from protocol.objects.agreement import read_bundle
from protocol.objects.envelope import open_stored, read_candidate, read_header_of
from protocol.objects.header import read_header
from protocol.objects.text import read_text
from protocol.post import letters
from protocol.post.mailbox import read_box_record
from protocol.post.receipt import open_receipt
from tests.fuzz import seeds, wire
from tests.parties import (
    FIELDS,
    SALTS,
    make_acceptance,
    make_agreement,
    make_cast,
    make_offer,
    make_profile,
)
from tests.property.decoders import Decoder, Form

SEED = wire.SEED


def _turn(number: int) -> Callable[[bytes], bytes]:
    """Give the reader of one of the three handshake messages."""

    def read(raw: bytes) -> bytes:
        ends = [
            HandshakeState(
                initiator=first,
                prologue=prologue_for(wire.NET),
                static_secret=SEED,
                ephemeral_secret=wire.MAILBOX,
            )
            for first in (True, False)
        ]
        if number:
            hail = ends[0].write_message()
            if number == 2:
                ends[1].read_message(hail)
                ends[1].write_message()
        return ends[0 if number == 1 else 1].read_message(raw)

    return read


def _frame_good() -> list[bytes]:
    raws = seeds.all_messages()
    return [*pack_frames(raws), *pack_frames(raws[:3]), *pack_frames(raws[10:20])]


def _read_frame(raw: bytes) -> list[bytes]:
    found = unpack_frame(raw)
    for each in found:
        assert isinstance(each, bytes)
    return found


def _header(raw: bytes) -> Any:
    return read_header(decode(raw, bytes_max=limits.sealed_bytes_max), net=wire.NET)


def _admitted(raw: bytes) -> Any:
    candidate = read_candidate(raw, peer=None, bytes_max=limits.public_bytes_max)
    read_header_of(candidate, net=wire.NET)
    return check_admissible(candidate, net=wire.NET, wall_ms=wire.NOW_MS, kinds=PUBLIC_KINDS)


def _links() -> list[str]:
    facts = {"net": wire.NET, "key": NodeId(wire.KEY), "until": wire.NOW_MS, "seed": SEED}
    return [
        sign_invite(**facts, address="192.0.2.7:7440", token=None).link,  # type: ignore[arg-type]
        sign_invite(**facts, address="[2001:db8::1]:1", token=bytes(16)).link,  # type: ignore[arg-type]
    ]


_CAST = make_cast()
_ACCEPTED = make_acceptance(make_offer(_CAST, make_profile()))


def _opened(raw: bytes) -> Any:
    tree = decode(raw, bytes_max=limits.sealed_bytes_max)
    return check_opened(_ACCEPTED.body.fields, tree, _CAST.id)


_M, _P = Form.MSGPACK, "protocol."

READERS = [
    Decoder(
        name="encoding: canonical bytes",
        form=_M,
        good=lambda: [encode([1, "a", b"b", None, True, {"a": [], "b": {}}, -1]), *seeds.texts()],
        read=lambda raw: decode(raw, bytes_max=limits.sealed_bytes_max),
        again=encode,
        covers=(_P + "encoding.decode",),
    ),
    Decoder(
        name="channel: frame",
        form=_M,
        good=_frame_good,
        read=_read_frame,
        again=lambda raws: b"".join(pack_frames(raws)),
        covers=(_P + "channel.frames.unpack_frame",),
    ),
    *(
        Decoder(
            name=f"channel: message {number:02d}",
            form=_M,
            good=lambda number=number: [seeds.all_messages()[number]],  # type: ignore[misc]
            read=decode_message,
            again=encode_message,
            covers=(_P + "channel.messages.decode_message",),
        )
        for number in range(27)
    ),
    *(
        Decoder(
            name=f"channel: handshake message {number + 1}",
            form=Form.BYTES,
            good=lambda number=number: [seeds.handshakes()[number][1:]],  # type: ignore[misc]
            read=_turn(number),
            covers=(_P + "channel.noise.HandshakeState.read_message",),
        )
        for number in range(3)
    ),
    Decoder(
        name="channel: ciphertext",
        form=Form.BYTES,
        good=lambda: [CipherState(SEED).encrypt(b"a frame")],
        read=lambda raw: CipherState(SEED).decrypt(raw),
        again=lambda found: CipherState(SEED).encrypt(found),
        covers=(_P + "channel.noise.CipherState.decrypt",),
    ),
    Decoder(
        name="objects: candidate",
        form=_M,
        good=lambda: [each.raw for each in seeds.objects()],
        read=lambda raw: read_candidate(raw, peer=None, bytes_max=limits.sealed_bytes_max),
        again=lambda found: encode([found.signed, found.signature, found.pow]),
        covers=(_P + "objects.envelope.read_candidate",),
    ),
    Decoder(
        name="objects: admission",
        form=_M,
        good=lambda: [each.raw for each in seeds.objects()[:2]],
        read=_admitted,
        covers=(_P + "objects.envelope.read_header_of",),
    ),
    Decoder(
        name="objects: header",
        form=_M,
        good=seeds.texts,
        read=_header,
        again=lambda found: encode(found[0].fields(found[1])),
        covers=(_P + "objects.header.read_header",),
    ),
    Decoder(
        name="objects: text",
        form=_M,
        good=seeds.texts,
        read=lambda raw: read_text(raw, net=wire.NET),
        covers=(_P + "objects.text.read_text",),
    ),
    Decoder(
        name="objects: envelope",
        form=_M,
        good=lambda: [each.raw for each in seeds.objects()],
        read=lambda raw: open_stored(raw, net=wire.NET),
        again=lambda found: found.raw,
        covers=(_P + "objects.envelope.open_stored", _P + "objects.envelope.open_envelope"),
    ),
    *(
        Decoder(
            name=f"objects: {kind}, signed",
            form=_M,
            good=lambda kind=kind: [seeds.texts_by_name()[kind]],  # type: ignore[misc]
            read=wire.text,
            covers=(_P + "objects.envelope.open_envelope",),
        )
        for kind in seeds.texts_by_name()
    ),
    Decoder(
        name="objects: agreement",
        form=_M,
        good=lambda: [make_agreement().bundle(), make_agreement(options=[2]).bundle()],
        read=read_bundle,
        again=lambda found: found.bundle(),
        covers=(_P + "objects.agreement.read_bundle",),
    ),
    Decoder(
        name="market: opened values",
        form=_M,
        good=lambda: [encode({name: [SALTS[name], FIELDS[name]] for name in FIELDS})],
        read=_opened,
        covers=(_P + "market.disclosure.check_opened",),
    ),
    Decoder(
        name="post: letter, padded",
        form=Form.BYTES,
        good=seeds.plaintexts,
        read=letters.read,
        again=letters.build,
        covers=(_P + "post.letters.read", _P + "post.letters.unpad"),
    ),
    Decoder(
        name="post: letter, unpadded",
        form=_M,
        good=lambda: [letters.unpad(each, limits.letter_pad_bytes) for each in seeds.plaintexts()],
        read=lambda raw: letters.read(letters.pad(raw, limits.letter_pad_bytes)),
        again=lambda found: letters.unpad(letters.build(found), limits.letter_pad_bytes),
        covers=(_P + "post.letters.read",),
    ),
    Decoder(
        name="post: letter, sealed",
        form=Form.BYTES,
        good=lambda: [
            sealing.seal(each, sealing.box_public_key(SEED), blake2b_256(b"once"))
            for each in seeds.plaintexts()
        ],
        read=lambda raw: letters.open_letter(raw, SEED),
        covers=(_P + "post.letters.open_letter", _P + "sealing.open_sealed"),
    ),
    Decoder(
        name="post: receipt, signed",
        form=_M,
        good=lambda: [seeds.receipt_text()],
        read=wire.receipt,
        covers=(_P + "post.receipt.open_receipt",),
    ),
    Decoder(
        name="post: receipt, sealed",
        form=Form.BYTES,
        good=lambda: [seeds.sealed_receipt()],
        read=lambda raw: open_receipt(raw, SEED, signer=wire.KEY),
        covers=(_P + "post.receipt.open_receipt",),
    ),
    Decoder(
        name="post: box record, signed",
        form=_M,
        good=lambda: [decode(seeds.box_record(), bytes_max=1_000)[0]],
        read=wire.box,
        covers=(_P + "post.mailbox.read_box_record",),
    ),
    Decoder(
        name="post: box record",
        form=_M,
        good=lambda: [seeds.box_record()],
        read=lambda raw: read_box_record(raw, seeds.box_work(), net=wire.NET, mailbox=wire.MAILBOX),
        covers=(_P + "post.mailbox.read_box_record",),
    ),
    Decoder(
        name="network: node record, signed",
        form=_M,
        good=lambda: [decode(raw, bytes_max=2_000)[0] for raw in seeds.records()],
        read=wire.record,
        covers=(_P + "network.addresses.read_record",),
    ),
    Decoder(
        name="network: node record",
        form=_M,
        good=seeds.records,
        read=lambda raw: read_record(raw, net=wire.NET),
        again=lambda found: found.raw,
        covers=(_P + "network.addresses.read_record",),
    ),
    Decoder(
        name="network: ranges",
        form=Form.BYTES,
        good=lambda: [encode_ranges(seeds.RANGES), encode_ranges([Later()])],
        read=decode_ranges,
        again=encode_ranges,
        covers=(_P + "network.ranges.decode_ranges",),
    ),
    Decoder(
        name="network: invite link",
        form=Form.TEXT,
        good=_links,
        read=lambda text: read_invite(text).link,
        allowed=(LocalProtocolError,),
        covers=(_P + "network.invites.read_invite",),
    ),
    Decoder(
        name="network: address in a record",
        form=Form.TEXT,
        good=lambda: ["node.example:4200", "[2001:db8::1]:1", "192.0.2.7:7440", "localhost:1"],
        read=is_public,
        allowed=(),
        covers=(_P + "network.addresses.is_public",),
    ),
]
