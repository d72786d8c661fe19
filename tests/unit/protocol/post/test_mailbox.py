"""What a mailbox asks of openers, depositors and readers, and what it decides."""

from __future__ import annotations

import dataclasses

import pytest

from protocol import limits, signing, work
from protocol.encoding import encode
from protocol.errors import ObjectError, Reason, RemoteProtocolError
from protocol.ids import LetterHash, NodeId
from protocol.post import mailbox
from protocol.post.mailbox import (
    BoxGranted,
    BoxRecord,
    BoxState,
    HeldLetter,
    LetterKnown,
    LetterTaken,
    PostRefused,
    ReadProof,
    ReceiptTaken,
)

READER_SEED = b"\x01" * 32
READER = signing.public_key(READER_SEED)
MAILBOX = NodeId(b"\x02" * 32)
NOW_MS = 1_790_000_000_000
DAY_MS = 86_400_000
RECORD = BoxRecord(net="test", mailbox=MAILBOX, reader=READER, until=NOW_MS + DAY_MS)
OPEN = BoxState(until=NOW_MS + DAY_MS)
CLOSED = [BoxState(until=None), BoxState(until=NOW_MS), BoxState(until=NOW_MS - 1)]


def nonce_for(digest: bytes, bits: int) -> bytes:
    nonce = work.solve(digest, bits, tries=1 << 20)
    assert nonce is not None
    return nonce


def read(raw: bytes, nonce: bytes, *, net: str = "test", key: bytes = MAILBOX) -> BoxRecord:
    return mailbox.read_box_record(raw, nonce, net=net, mailbox=key)


def reason_of(raw: bytes, nonce: bytes = bytes(8), **where) -> Reason:
    with pytest.raises(RemoteProtocolError) as caught:
        read(raw, nonce, **where)
    return caught.value.reason


# --- opening -----------------------------------------------------------------------------------


def test_a_signed_and_worked_record_is_believed():
    raw = mailbox.sign_box_record(RECORD, READER_SEED)
    assert read(raw, nonce_for(RECORD.work_digest(), 8)) == RECORD
    assert len(raw) <= limits.box_open_bytes_max


def test_main_asks_for_more_work():
    record = dataclasses.replace(RECORD, net="main")
    raw = mailbox.sign_box_record(record, READER_SEED)
    cheap = next(
        n.to_bytes(8, "big")
        for n in range(1 << 20)
        if 8 <= work.bits_of(record.work_digest(), n.to_bytes(8, "big")) < 16
    )
    assert reason_of(raw, cheap, net="main") is Reason.BAD_WORK
    assert read(raw, nonce_for(record.work_digest(), 16), net="main") == record


def test_a_record_opens_nothing_elsewhere():
    raw = mailbox.sign_box_record(RECORD, READER_SEED)
    assert reason_of(raw, net="other") is Reason.WRONG_NETWORK
    assert reason_of(raw, key=b"\x03" * 32) is Reason.MISMATCH


def test_nobody_opens_a_box_for_another_reader():
    raw = mailbox.sign_box_record(RECORD, b"\x09" * 32)
    assert reason_of(raw, nonce_for(RECORD.work_digest(), 8)) is Reason.BAD_SIGNATURE


@pytest.mark.parametrize(
    "text",
    [
        None,
        ["test", MAILBOX, READER],
        [1, MAILBOX, READER, 1],
        ["n" * 33, MAILBOX, READER, 1],
        ["test", b"short", READER, 1],
        ["test", MAILBOX, "r" * 32, 1],
        ["test", MAILBOX, READER, -1],
        ["test", MAILBOX, READER, True],
        ["test", MAILBOX, READER, 2**52 + 1],
    ],
)
def test_a_text_of_another_shape_is_refused(text):
    assert reason_of(encode([encode(text), bytes(64)])) is Reason.BAD_SHAPE


@pytest.mark.parametrize("value", [None, [], [b"t"], ["t", b"s"], [b"t", b"s", b"u"]])
def test_a_record_of_another_shape_is_refused(value):
    assert reason_of(encode(value)) is Reason.BAD_SHAPE


def test_an_overlong_record_is_refused_unread():
    assert reason_of(bytes(limits.box_open_bytes_max + 1)) is Reason.TOO_LARGE


def test_a_welcome_reader_gets_a_box():
    assert decide_open(BoxState(until=None)) == BoxGranted(until=RECORD.until)
    assert decide_open(BoxState(until=NOW_MS - 1)) == BoxGranted(until=RECORD.until)


def test_a_later_record_extends_and_an_older_one_shortens_nothing():
    assert decide_open(BoxState(until=NOW_MS + 1)) == BoxGranted(until=RECORD.until)
    later = NOW_MS + 9 * DAY_MS
    assert decide_open(BoxState(until=later)) == BoxGranted(until=later)


def decide_open(state: BoxState, *, record=RECORD, boxes=0, welcome=True):
    return mailbox.decide_open(record, state, boxes=boxes, welcome=welcome, now_ms=NOW_MS)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"welcome": False}, Reason.POLICY),
        ({"record": dataclasses.replace(RECORD, until=NOW_MS)}, Reason.EXPIRED),
        (
            {"record": dataclasses.replace(RECORD, until=NOW_MS + limits.box_until_ms_max + 1)},
            Reason.QUOTA,
        ),
        ({"boxes": limits.boxes_served_max}, Reason.QUOTA),
    ],
)
def test_a_box_may_be_refused(given, reason):
    outcome = decide_open(BoxState(until=None), **given)
    assert isinstance(outcome, PostRefused)
    assert outcome.reason is reason
    assert outcome.detail


def test_a_full_mailbox_still_extends_what_it_has():
    assert decide_open(OPEN, boxes=limits.boxes_served_max) == BoxGranted(until=RECORD.until)


# --- putting -----------------------------------------------------------------------------------


def decide_put(state: BoxState, *, size=560, bits=8, held=()):
    return mailbox.decide_put(state, size=size, bits=bits, held=held, now_ms=NOW_MS)


def full(bits: list[int], size: int = 560) -> tuple[BoxState, list[HeldLetter]]:
    held = [
        HeldLetter(hash=LetterHash(bytes([n]) * 32), bits=b, size=size) for n, b in enumerate(bits)
    ]
    return dataclasses.replace(OPEN, letters=limits.box_letters_max, size=size * len(bits)), held


def test_work_counts_and_too_little_is_refused():
    digest = mailbox.put_digest(MAILBOX, READER, b"l" * 32)
    assert mailbox.check_put_work(digest, nonce_for(digest, 10)) >= 10
    cheap = next(
        n.to_bytes(8, "big") for n in range(1000) if work.bits_of(digest, n.to_bytes(8, "big")) < 8
    )
    with pytest.raises(ObjectError) as caught:
        mailbox.check_put_work(digest, cheap)
    assert caught.value.reason is Reason.BAD_WORK


def test_work_for_one_mailbox_reader_or_letter_is_no_work_for_another():
    digests = {
        mailbox.put_digest(MAILBOX, READER, b"l" * 32),
        mailbox.put_digest(b"\x03" * 32, READER, b"l" * 32),
        mailbox.put_digest(MAILBOX, b"\x04" * 32, b"l" * 32),
        mailbox.put_digest(MAILBOX, READER, b"m" * 32),
    }
    assert len(digests) == 4


def test_an_open_box_takes_a_letter():
    assert decide_put(OPEN) == LetterTaken()


@pytest.mark.parametrize("state", CLOSED)
def test_a_closed_box_takes_none(state):
    outcome = decide_put(state)
    assert isinstance(outcome, PostRefused)
    assert outcome.reason is Reason.NOT_OPEN


def test_the_same_letter_again_is_a_good_day():
    state = dataclasses.replace(OPEN, known=True, by_depositor=8, letters=256)
    assert decide_put(state) == LetterKnown()


def test_one_depositor_holds_eight_letters_at_most():
    assert decide_put(dataclasses.replace(OPEN, by_depositor=7)) == LetterTaken()
    outcome = decide_put(dataclasses.replace(OPEN, by_depositor=8))
    assert isinstance(outcome, PostRefused)
    assert outcome.reason is Reason.QUOTA


def test_a_mailbox_that_keeps_all_it_can_takes_no_more():
    size = 512
    bits = limits.put_bits_min + limits.put_bits_max
    assert decide_put(dataclasses.replace(OPEN, room=size), size=size, bits=bits) == LetterTaken()
    outcome = decide_put(dataclasses.replace(OPEN, room=size - 1), size=size, bits=bits)
    assert isinstance(outcome, PostRefused)
    assert outcome.reason is Reason.QUOTA
    # What it has already it goes on having.
    known = dataclasses.replace(OPEN, room=0, known=True)
    assert decide_put(known, size=size) == LetterKnown()


def filled(percent: int) -> BoxState:
    """Give a box of a mailbox whose boxes together are so full, with room for what is put."""
    kept = -(-limits.mailbox_bytes_max * percent // 100)
    return dataclasses.replace(OPEN, room=max(limits.mailbox_bytes_max - kept, 60_000))


@pytest.mark.parametrize(
    ("percent", "bits"), [(0, 0), (79, 0), (80, 1), (81, 2), (93, 14), (99, 20)]
)
def test_what_is_left_of_a_mailbox_is_the_dearer_the_less_it_is(percent: int, bits: int):
    state = filled(percent)
    assert state.shortage_bits == bits
    # A large letter owes as much for each 4 KiB.
    for size, surplus in ((560, 0), (4_096, 0), (4_097, 1), (57_344, 4)):
        due = limits.put_bits_min + bits + surplus
        assert decide_put(state, size=size, bits=due) == LetterTaken()
        outcome = decide_put(state, size=size, bits=due - 1)
        if bits:
            assert isinstance(outcome, PostRefused)
            assert outcome.reason is Reason.QUOTA
        else:
            assert outcome == LetterTaken() or due - 1 < limits.put_bits_min


def test_our_sender_gets_into_a_mailbox_that_is_nearly_full():
    assert decide_put(filled(93), size=4_096, bits=limits.put_bits_max) == LetterTaken()


def test_a_receipt_takes_its_letters_place_or_needs_room():
    sealed = b"r" * 304
    for state in (filled(79), dataclasses.replace(OPEN, room=0, known=True)):
        taken = mailbox.decide_receipt(state, proven=True, receipt=sealed, now_ms=NOW_MS)
        assert taken == ReceiptTaken(keep=True)
    # It costs no work: where that is asked for room, there is none for it.
    full = filled(80)
    outcome = mailbox.decide_receipt(full, proven=True, receipt=sealed, now_ms=NOW_MS)
    assert isinstance(outcome, PostRefused)
    assert outcome.reason is Reason.QUOTA
    # Letting a letter go makes room at any time.
    taken = mailbox.decide_receipt(full, proven=True, receipt=b"", now_ms=NOW_MS)
    assert taken == ReceiptTaken(keep=False)


def test_a_full_box_asks_for_more_work_than_its_least():
    state, held = full([9, 8, 8, 12])
    equal = decide_put(state, bits=8, held=held)
    assert isinstance(equal, PostRefused)
    assert equal.reason is Reason.QUOTA
    # of the two with least work the newer goes
    assert decide_put(state, bits=9, held=held) == LetterTaken(evict=(held[2].hash,))


def holding(*groups: tuple[int, int, int]) -> tuple[BoxState, list[HeldLetter]]:
    """Give a box with so many letters of each group: (count, bits, size)."""
    kinds = [(bits, size) for count, bits, size in groups for _ in range(count)]
    held = [
        HeldLetter(hash=LetterHash(number.to_bytes(32, "big")), bits=bits, size=size)
        for number, (bits, size) in enumerate(kinds)
    ]
    size = sum(letter.size for letter in held)
    return dataclasses.replace(OPEN, letters=len(held), size=size), held


LARGE = limits.letter_bytes_max


@pytest.mark.parametrize(
    ("size", "rank"), [(560, 17), (4_096, 17), (4_097, 16), (8_192, 16), (8_193, 15), (LARGE, 13)]
)
def test_a_larger_letter_needs_more_work_for_the_same_rank(size: int, rank: int):
    assert mailbox.letter_rank(17, size) == rank
    assert HeldLetter(hash=LetterHash(bytes(32)), bits=17, size=size).rank == rank


def test_a_few_large_letters_do_not_keep_small_ones_out_for_a_little_work():
    state, held = holding((18, 17, LARGE), (4, 17, 4_096))
    assert state.size == limits.box_bytes_max
    assert isinstance(decide_put(state, size=2_048, bits=13, held=held), PostRefused)
    assert decide_put(state, size=2_048, bits=14, held=held) == LetterTaken(evict=(held[17].hash,))


def test_a_large_letter_does_not_drive_out_a_hundred_small_ones_for_less_work_than_theirs():
    state, held = holding((200, 12, 560), (16, 24, LARGE))
    # It has the higher rank; it would cost 2^17, and the 69 that would go 69 x 2^12.
    assert isinstance(decide_put(state, size=LARGE, bits=17, held=held), PostRefused)
    assert isinstance(decide_put(state, size=LARGE, bits=18, held=held), PostRefused)
    outcome = decide_put(state, size=LARGE, bits=19, held=held)
    assert outcome == LetterTaken(evict=tuple(each.hash for each in held[199:130:-1]))


def test_small_letters_that_need_not_go_stay():
    state, held = holding((7, 8, 560), (18, 13, LARGE), (3, 20, 4_096))
    # All seven, and one large one, which makes room enough by itself.
    outcome = decide_put(state, size=5_000, bits=11, held=held)
    assert outcome == LetterTaken(evict=(held[24].hash,))
    # Where places are short and not bytes, the lowest go.
    state, held = holding((7, 8, 560), (248, 9, 560), (1, 13, LARGE))
    assert decide_put(state, size=560, bits=10, held=held) == LetterTaken(evict=(held[6].hash,))


def test_a_letter_moves_as_many_as_it_must_or_none():
    state, held = holding((2, 8, 30_000), (1, 9, 10_000), (17, 20, LARGE))
    going = (held[1].hash, held[0].hash)
    assert decide_put(state, size=LARGE, bits=12, held=held) == LetterTaken(evict=going)
    assert isinstance(decide_put(state, size=LARGE, bits=9, held=held), PostRefused)
    assert isinstance(decide_put(state, size=LARGE, bits=30, held=[]), PostRefused)


def test_what_cannot_make_room_moves_nothing():
    state, held = full([8])
    outcome = decide_put(
        dataclasses.replace(state, size=10 * limits.box_bytes_max), bits=20, held=held
    )
    assert isinstance(outcome, PostRefused)


def test_room_is_counted_in_letters_and_bytes():
    assert dataclasses.replace(OPEN, letters=255).has_room(1)
    assert not dataclasses.replace(OPEN, letters=256).has_room(1)
    assert dataclasses.replace(OPEN, size=limits.box_bytes_max - 1).has_room(1)
    assert not dataclasses.replace(OPEN, size=limits.box_bytes_max).has_room(1)


# --- reading and receipts ----------------------------------------------------------------------


PROOF = ReadProof(
    net="test", mailbox=MAILBOX, reader=READER, handshake_hash=b"h" * 64, challenge=b"c" * 32
)


def test_the_reader_proves_to_be_it():
    PROOF.verify(PROOF.sign(READER_SEED))


@pytest.mark.parametrize(
    "change",
    [
        {"net": "other"},
        {"mailbox": b"\x03" * 32},
        {"reader": signing.public_key(b"\x05" * 32)},
        {"handshake_hash": b"i" * 64},
        {"challenge": b"d" * 32},
    ],
)
def test_a_proof_is_worth_nothing_elsewhere(change):
    with pytest.raises(RemoteProtocolError) as caught:
        dataclasses.replace(PROOF, **change).verify(PROOF.sign(READER_SEED))
    assert caught.value.reason is Reason.BAD_SIGNATURE


def test_an_open_box_may_be_read():
    assert mailbox.decide_read(OPEN, now_ms=NOW_MS) is None
    for state in CLOSED:
        outcome = mailbox.decide_read(state, now_ms=NOW_MS)
        assert isinstance(outcome, PostRefused)
        assert outcome.reason is Reason.NOT_OPEN


@pytest.mark.parametrize("receipt", [b"", b"sealed"])
def test_a_proven_reader_hands_in_receipts(receipt):
    outcome = mailbox.decide_receipt(OPEN, proven=True, receipt=receipt, now_ms=NOW_MS)
    assert outcome == ReceiptTaken(keep=bool(receipt))


def test_nobody_else_does():
    outcome = mailbox.decide_receipt(OPEN, proven=False, receipt=b"r", now_ms=NOW_MS)
    assert isinstance(outcome, PostRefused)
    assert outcome.reason is Reason.NOT_PARTY
    closed = mailbox.decide_receipt(CLOSED[0], proven=True, receipt=b"r", now_ms=NOW_MS)
    assert isinstance(closed, PostRefused)
    assert closed.reason is Reason.NOT_OPEN
