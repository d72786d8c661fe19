"""Good inputs the fuzzer starts from: one of every message, object and record, from fixed seeds.

Leaves: bytes per gate of `wire`, and files of every form for `feed`. The cases of the published
vectors are among them, the invalid ones too.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from protocol import limits, sealing, work
from protocol.channel import messages, post
from protocol.channel.frames import pack_frames
from protocol.channel.messages import encode_message
from protocol.channel.noise import HandshakeState, prologue_for
from protocol.encoding import decode, encode
from protocol.errors import Reason
from protocol.ids import LetterHash, NodeId, ObjectId, SigningKey, blake2b_256
from protocol.network.addresses import Role, sign_record
from protocol.network.ranges import Fingerprint, Later, Names, Range, Skip, encode_ranges
from protocol.objects.event import Asked, Cancelled, Closed, Here, Moved, Refused, Told, Void
from protocol.objects.header import Header, Kind
from protocol.objects.revoke import Revoke
from protocol.objects.succession import Revocation, Rotation, consented
from protocol.post import letters
from protocol.post.letters import Contents
from protocol.post.mailbox import BoxRecord, sign_box_record
from protocol.post.receipt import Receipt, seal_receipt
from tests.fuzz import wire
from tests.parties import (
    FIELDS,
    NOW_MS,
    SALTS,
    buyer_ana,
    forged,
    make_acceptance,
    make_agreed,
    make_agreement,
    make_cast,
    make_confirmed,
    make_event,
    make_offer,
    make_profile,
    tree_of,
    vendor_bo,
)

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "node" / "vendor" / "examples"
_KEY = blake2b_256(b"key")
_PREFIX = _KEY[:16]
RANGES: list[Range] = [
    Skip(upper=(NOW_MS, b"")),
    Fingerprint(upper=(NOW_MS, b"\x40\x01"), digest=_PREFIX),
    Names(upper=(NOW_MS + 300, b""), names=(bytes(16), _PREFIX)),
]
"""One of each that may stand in a question."""


def objects() -> list[Any]:
    """One verified object of each kind and event."""
    cast, profile = make_cast(), make_profile()
    offer = make_offer(cast, profile)
    acceptance = make_acceptance(offer, options=[2])
    confirmed = make_confirmed(acceptance)
    found = [cast, profile, offer, acceptance, confirmed, make_agreed(confirmed, acceptance)]
    of = acceptance.id
    for body in (
        Refused(of=of, reason="out_of_stock"),
        Cancelled(of=of, reason="no_ack"),
        Moved(of=of, reply=vendor_bo.reply()),
    ):
        found.append(make_event(vendor_bo, body, acceptance))
    found += [make_event(buyer_ana, body, offer) for body in (Void(of=of), Closed(of=offer.id))]
    return found


def records() -> list[bytes]:
    """Two node records: one with all there is, one with nothing."""
    facts: dict[str, Any] = {"net": wire.NET, "key": NodeId(_KEY), "at": NOW_MS, "seed": wire.SEED}
    full = sign_record(
        **facts, addresses=["node.example:4200", "[2001:db8::1]:1"], roles=list(Role), seq=7
    )
    return [full.raw, sign_record(**facts, addresses=[], roles=[], seq=0).raw]


def box_record() -> bytes:
    """A signed box record."""
    until = NOW_MS + 86_400_000
    reader = SigningKey(wire.KEY)
    box = BoxRecord(net=wire.NET, mailbox=NodeId(wire.MAILBOX), reader=reader, until=until)
    return sign_box_record(box, wire.SEED)


def box_work() -> bytes:
    """The work of that record."""
    text = decode(box_record(), bytes_max=1_000)[0]
    return work.solve(blake2b_256(text), work.box_open_bits(wire.NET), tries=1 << 16) or bytes(8)


def receipt_text() -> bytes:
    """What a receipt signs."""
    id_, letter = ObjectId(_KEY), LetterHash(_KEY)
    return Receipt(net=wire.NET, envelope_id=id_, letter_hash=letter, at=NOW_MS).text()


def sealed_receipt() -> bytes:
    """A receipt as a mailbox hands it over."""
    receipt = Receipt(
        net=wire.NET, envelope_id=ObjectId(_KEY), letter_hash=LetterHash(_KEY), at=NOW_MS
    )
    return seal_receipt(receipt, wire.SEED, sealing.box_public_key(wire.SEED), _KEY)


def plaintexts() -> list[bytes]:
    """Letters before they are sealed, with and without disclosed values."""
    opened = {name: (SALTS[name], FIELDS[name]) for name in FIELDS}
    raw = objects()[5].raw
    return [letters.build(Contents(envelope=raw, opened=each)) for each in (None, opened)]


def all_messages() -> list[bytes]:
    """One of every message."""
    envelope, record = objects()[0].raw, records()[0]
    done, key = bytes(limits.pow_bytes), _KEY
    made: list[messages.Message] = [
        messages.Hello(versions=[1, 2], record=record, clock_ms=NOW_MS, agent="intentcast/1"),
        messages.Bye(reason=Reason.SHUTDOWN, detail="good night"),
        messages.Ping(nonce=7),
        messages.Pong(nonce=7),
        messages.Refused(request=1, reason=Reason.QUOTA, detail="full"),
        messages.Objects(raws=[envelope, objects()[1].raw]),
        messages.Ids(ids=[_PREFIX]),
        messages.Want(ids=[_PREFIX, bytes(16)]),
        messages.Missing(ids=[]),
        messages.RangesQuery(request=1, salt=_PREFIX, ranges=encode_ranges(RANGES)),
        messages.RangesAnswer(request=1, ranges=encode_ranges([*RANGES, Later()])),
        messages.RecordsQuery(request=2, count=16),
        messages.RecordsAnswer(request=2, records=records()),
        messages.WhoIs(request=3, key=key),
        messages.WhoIsAnswer(request=3, record=record),
        post.BoxOpen(request=4, open=box_record(), work=done),
        post.BoxOpened(request=4, until=NOW_MS),
        post.BoxChallenge(request=5, reader=key),
        post.BoxNonce(request=5, challenge=key),
        post.BoxRead(request=6, reader=key, signature=bytes(64), wait_ms=60_000),
        post.Letters(request=6, letters=[b"letter"], more=True),
        post.Put(request=7, reader=key, letter=bytes(560), work=done),
        post.PutDone(request=7, letter_hash=key),
        post.Receipt(request=8, reader=key, letter_hash=key, receipt=b""),
        post.ReceiptStored(request=8),
        post.ReceiptQuery(request=9, reader=key, letter_hashes=[key]),
        post.ReceiptAnswer(request=9, receipts=[(key, b"sealed")]),
    ]
    return [encode_message(each) for each in made]


def texts_by_name() -> dict[str, bytes]:
    """One signed text of every kind and event, as the harness signs them again."""
    names = [
        *("intentcast", "profile", "offer", "acceptance", "confirmed", "agreed", "refused"),
        *("cancelled", "moved", "void", "closed"),
    ]
    kept = objects()
    found = {name: each.signed for name, each in zip(names, kept, strict=True)}
    target = kept[0]
    trees: dict[str, dict[str, Any]] = {
        "asked": tree_of(Asked(of=_KEY)),
        "told": tree_of(
            Told(of=_KEY, objects=[(each.signed, each.signature) for each in kept[2:4]])
        ),
        "here": tree_of(Here(of=_KEY, instance=bytes(16), since=NOW_MS)),
        "other event": {"type": "unheard_of", "of": _KEY},
    }
    for name, tree in trees.items():
        raw = forged(Kind.EVENT, tree, buyer_ana, to=_KEY, thread=target.id)
        found[name] = decode(raw, bytes_max=1 << 16)[0]
    revoke = tree_of(Revoke(target=target.id))
    public = {"target": 12, "exp": NOW_MS + 300 * 86_400_000}
    raws = {
        "revoke": forged(Kind.REVOKE, revoke, buyer_ana, thread=target.id, target=12),
        "rotation": forged(Kind.ROTATION, _rotation(public["exp"]), buyer_ana, **public),
        "revocation": forged(
            Kind.REVOCATION, tree_of(Revocation(reason="stolen")), buyer_ana, **public
        ),
    }
    return found | {name: decode(raw, bytes_max=1 << 16)[0] for name, raw in raws.items()}


def _rotation(exp: int) -> dict[str, Any]:
    """Name another key, with its consent for the key the harness signs with."""
    new = vendor_bo.seed("sign")
    header = Header(
        net=wire.NET,
        kind=Kind.ROTATION,
        key=wire.KEY,
        at=NOW_MS,
        exp=exp,
        to=None,
        thread=None,
        prev=None,
        target=12,
    )
    body = Rotation(new=vendor_bo.key, generation=1, consent=bytes(64))
    return tree_of(consented(header, body, new))


def texts() -> list[bytes]:
    """All of them."""
    return list(texts_by_name().values())


def handshakes() -> list[bytes]:
    """The three messages of a handshake, each behind the number of its turn."""
    ends = [
        HandshakeState(
            initiator=first,
            prologue=prologue_for(wire.NET),
            static_secret=wire.SEED,
            ephemeral_secret=wire.MAILBOX,
        )
        for first in (True, False)
    ]
    hail = ends[0].write_message()
    ends[1].read_message(hail)
    answer = ends[1].write_message()
    ends[0].read_message(answer)
    return [b"\0" + hail, b"\1" + answer, b"\2" + ends[0].write_message(b"hello")]


def vectors() -> Iterator[tuple[str, bytes]]:
    """Give what the published vectors hold: a gate's name and its bytes."""
    folder = ROOT / "tests" / "vectors"
    for topic, field, gate in (
        ("envelope", "envelope", "envelope"),
        ("agreement", "bundle", "bundle"),
        ("canonical", "bytes", "canonical"),
        ("canonical", "raw", "canonical"),
    ):
        for case in json.loads((folder / f"{topic}.json").read_text("utf-8"))["cases"]:
            for part in ("input", "intermediate"):
                value = (case.get(part) or {}).get(field)
                if isinstance(value, str):
                    yield gate, bytes.fromhex(value)


def of_the_wire() -> list[bytes]:
    """Every seed of the wire, the number of its gate in front."""
    raws = all_messages()
    fields = [each.signed for each in objects()]
    found: dict[str, list[bytes]] = {
        "frame": [*pack_frames(raws), *pack_frames(raws[:1]), *pack_frames(raws[5:7])],
        "message": raws,
        "envelope": [each.raw for each in objects()],
        "text": texts(),
        "letter": [letters.unpad(each, limits.letter_pad_bytes) for each in plaintexts()],
        "plaintext": plaintexts(),
        "receipt": [receipt_text()],
        "record_of": records(),
        "record": [decode(raw, bytes_max=2_000)[0] for raw in records()],
        "box": [decode(box_record(), bytes_max=2_000)[0]],
        "bundle": [make_agreement().bundle(), make_agreement(options=[2]).bundle()],
        "handshake": handshakes(),
        "canonical": [encode([1, "a", b"b", None, True, {"a": [], "b": {}}, -1, 2**63]), *fields],
    }
    for gate, raw in vectors():
        found[gate].append(raw)
    numbers = {gate.__name__: number for number, gate in enumerate(wire.GATES)}
    return [bytes([numbers[name]]) + raw for name, raws in found.items() for raw in raws]


def of_feeds() -> list[bytes]:
    """Every seed of the feed target, the number of its options in front."""
    files = [path.read_bytes()[:2_000] for path in sorted(EXAMPLES.glob("*.feed.*"))]
    rss = b"""<?xml version="1.0" encoding="UTF-8"?><rss version="2.0"
 xmlns:g="http://base.google.com/ns/1.0"><channel><title>S</title><item><g:id>1</g:id>
<g:title>Tea &amp; cups</g:title><g:price>12.50 USD</g:price><g:availability>in stock
</g:availability><g:shipping><g:country>US</g:country><g:price>1 USD</g:price></g:shipping>
</item></channel></rss>"""
    atom = b"""<feed xmlns="http://www.w3.org/2005/Atom" xmlns:g="http://base.google.com/ns/1.0">
<entry><g:id>2</g:id><title>Camera</title><g:price>1.200,00 EUR</g:price></entry></feed>"""
    tables = [
        'sku;Titel;Preis;Menge\n1;Kamera "X";1.299,00 €;3\n2;"a\n;b";5;0\n'.encode("cp1252"),
        "id\ttitle\tprice\n1\tTea\t2.50\n".encode("utf-16"),
        b"sep=|\nid|title|price|weight (g)|sale_price|stock\n1|Tea|10 USD|250|8 USD|yes\n",
        b'id,title,price\r\n1,"a""b",\r\n,,\r\n2,b,1e3\r\n3,c,-1\r\n',
    ]
    return [bytes([number % 8]) + raw for number, raw in enumerate([*files, rss, atom, *tables])]
