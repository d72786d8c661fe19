"""Any bytes give the post a value or `RemoteProtocolError`; what is written is what is read."""

from __future__ import annotations

import contextlib

from hypothesis import given
from hypothesis import strategies as st

from protocol import limits, sealing, signing, work
from protocol.encoding import encode
from protocol.errors import RemoteProtocolError
from protocol.ids import LetterHash, NodeId, ObjectId
from protocol.post import letters, mailbox
from protocol.post.letters import Contents
from protocol.post.receipt import Receipt, open_receipt, seal_receipt

SEED = b"\x01" * 32
KEY = signing.public_key(SEED)
BOX = sealing.box_public_key(SEED)
MAILBOX = NodeId(b"\x02" * 32)

keys = st.binary(min_size=32, max_size=32)
texts = st.text(st.characters(codec="utf-8"), max_size=200)
names = st.from_regex(r"[a-z][a-z0-9_]{0,39}", fullmatch=True)
opened = st.none() | st.dictionaries(
    names, st.tuples(st.binary(min_size=16, max_size=16), texts), min_size=1, max_size=16
)
contents = st.builds(Contents, envelope=st.binary(min_size=1, max_size=3_000), opened=opened)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.binary(max_size=40) | texts,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


@given(contents)
def test_a_letter_reads_as_it_was_written(written):
    plaintext = letters.build(written)
    assert len(plaintext) % limits.letter_pad_bytes == 0
    assert letters.read(plaintext) == written
    assert letters.build(letters.read(plaintext)) == plaintext


@given(contents, st.binary(min_size=1, max_size=600), st.integers(0, 5_000))
def test_a_letter_with_a_tail_or_cut_short_is_refused(written, tail, cut):
    plaintext = letters.build(written)
    for bad in (plaintext + tail, plaintext[: min(cut, len(plaintext) - 1)]):
        try:
            letters.read(bad)
        except RemoteProtocolError:
            continue
        raise AssertionError(bad)


@given(contents, st.data())
def test_a_bent_letter_is_refused_or_another_letter(written, data):
    plaintext = bytearray(letters.build(written))
    at = data.draw(st.integers(0, len(plaintext) - 1))
    plaintext[at] ^= data.draw(st.integers(1, 255))
    try:
        found = letters.read(bytes(plaintext))
    except RemoteProtocolError:
        return
    assert found != written


@given(st.binary(max_size=1_200) | values.map(encode))
def test_any_bytes_give_a_value_or_a_remote_error(raw):
    padded = letters.pad(raw, limits.letter_pad_bytes)
    sealed = sealing.seal(letters.pad(raw, limits.receipt_pad_bytes), BOX, SEED)
    parsers = [
        lambda: letters.read(raw),
        lambda: letters.read(padded),
        lambda: letters.open_letter(raw, SEED),
        lambda: letters.open_letter(sealing.seal(padded, BOX, SEED), SEED),
        lambda: open_receipt(raw, SEED, signer=KEY),
        lambda: open_receipt(sealed, SEED, signer=KEY),
        lambda: mailbox.read_box_record(raw, bytes(8), net="test", mailbox=MAILBOX),
    ]
    for parse in parsers:
        with contextlib.suppress(RemoteProtocolError):
            parse()


@given(values)
def test_any_signed_text_gives_a_value_or_a_remote_error(value):
    """Signatures hold here, so that the shapes behind them are reached."""
    text = encode(value)
    receipt = encode([text, signing.sign(signing.Tag.RECEIPT, text, SEED)])
    sealed = sealing.seal(letters.pad(receipt, limits.receipt_pad_bytes), BOX, SEED)
    record = encode([text, signing.sign(signing.Tag.BOX_OPEN, text, SEED)])
    for parse in (
        lambda: open_receipt(sealed, SEED, signer=KEY),
        lambda: mailbox.read_box_record(record, bytes(8), net="test", mailbox=MAILBOX),
    ):
        with contextlib.suppress(RemoteProtocolError):
            parse()


@given(keys, keys, st.integers(0, 2**52), st.text("abc-", max_size=32))
def test_a_receipt_reads_as_it_was_written(envelope_id, letter, at, net):
    receipt = Receipt(
        net=net, envelope_id=ObjectId(envelope_id), letter_hash=LetterHash(letter), at=at
    )
    sealed = seal_receipt(receipt, SEED, BOX, letter)
    assert open_receipt(sealed, SEED, signer=KEY) == receipt


@given(st.integers(0, 2**52), st.text("abc-", max_size=32))
def test_a_box_record_reads_as_it_was_written(until, net):
    record = mailbox.BoxRecord(net=net, mailbox=MAILBOX, reader=KEY, until=until)
    raw = mailbox.sign_box_record(record, SEED)
    nonce = work.solve(record.work_digest(), work.box_open_bits(net), tries=1 << 22)
    assert nonce is not None
    assert mailbox.read_box_record(raw, nonce, net=net, mailbox=MAILBOX) == record


@given(
    st.lists(st.tuples(st.integers(8, 20), st.integers(1, 120)), max_size=300),
    st.integers(8, 20),
    st.integers(1, 110),
)
def test_a_box_never_overflows_and_better_letters_stay(box, bits, steps):
    """Whatever waits and whatever comes, both bounds hold after the decision."""
    held: list[mailbox.HeldLetter] = []
    for number, (rank, units) in enumerate([*box, (bits, steps)]):
        size = units * limits.letter_pad_bytes
        total = sum(letter.size for letter in held)
        state = mailbox.BoxState(until=10, letters=len(held), size=total)
        outcome = mailbox.decide_put(state, size=size, bits=rank, held=held, now_ms=1)
        if isinstance(outcome, mailbox.LetterTaken):
            gone = [letter for letter in held if letter.hash in outcome.evict]
            assert len(gone) == len(outcome.evict)
            assert all(letter.rank < mailbox.letter_rank(rank, size) for letter in gone)
            assert sum(1 << letter.rank for letter in gone) <= 1 << rank
            for letter in gone:
                less = total + size - sum(each.size for each in gone if each is not letter)
                stays = len(held) + 2 - len(gone)
                assert less > limits.box_bytes_max or stays > limits.box_letters_max
            held = [letter for letter in held if letter not in gone]
            name = LetterHash(number.to_bytes(32, "big"))
            held.append(mailbox.HeldLetter(hash=name, bits=rank, size=size))
        else:
            assert not state.has_room(size)
        assert len(held) <= limits.box_letters_max
        assert sum(letter.size for letter in held) <= limits.box_bytes_max
