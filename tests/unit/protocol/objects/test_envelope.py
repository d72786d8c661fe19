"""The only gate: what passes is whole, what does not says why."""

from __future__ import annotations

import msgspec
import pytest

from protocol import limits, signing, work
from protocol.encoding import decode, encode
from protocol.errors import LocalProtocolError, ObjectError, Reason, RemoteProtocolError
from protocol.ids import NodeId, blake2b_256
from protocol.now import DAY_MS, MINUTE_MS
from protocol.objects.envelope import (
    check_time,
    check_work,
    digest_of,
    open_envelope,
    open_stored,
    read_candidate,
    read_header_of,
    sign_envelope,
    text_digest,
    text_of,
)
from protocol.objects.event import Moved
from protocol.objects.header import Kind
from protocol.objects.revoke import Revoke
from tests.parties import (
    NET,
    NOW_MS,
    buyer_ana,
    cast_body,
    forged,
    make_acceptance,
    make_agreement,
    make_cast,
    make_event,
    make_offer,
    make_profile,
    offer_body,
    signed,
    tree_of,
    vendor_bo,
)

CAST = make_cast()
PROFILE = make_profile()
OFFER = make_offer(CAST, PROFILE)
PUBLIC = limits.public_bytes_max


def refused(raw, net=NET):
    with pytest.raises(RemoteProtocolError) as caught:
        open_stored(raw, net=net)
    return caught.value.reason, caught.value.field


def split_refused(raw, bytes_max=PUBLIC):
    with pytest.raises(ObjectError) as caught:
        read_candidate(raw, peer=None, bytes_max=bytes_max)
    return caught.value.reason, caught.value.field


def with_body(verified, **changes):
    """Its author signs it again with one thing changed, no rule asked."""
    header = verified.header
    facts = {"at": header.at, "exp": header.exp, "to": header.to, "thread": header.thread}
    by = buyer_ana if header.key == buyer_ana.key else vendor_bo
    tree = {**tree_of(verified.body), **changes}
    return forged(header.kind, tree, by, target=header.target, **facts)


@pytest.mark.parametrize("part", range(6))
def test_every_object_of_a_deal_opens_as_it_was_signed(part):
    verified = make_agreement().parts()[part]
    again = open_stored(verified.raw, net=NET)
    assert again == verified
    assert again.id == blake2b_256(verified.signed, verified.signature)


def test_a_candidate_is_only_split_and_named():
    candidate = read_candidate(CAST.raw, peer=NodeId(b"\x05" * 32), bytes_max=PUBLIC)
    assert (candidate.id, candidate.signed, candidate.signature) == (
        CAST.id,
        CAST.signed,
        CAST.signature,
    )
    assert candidate.raw == CAST.raw
    assert candidate.peer == b"\x05" * 32
    assert read_header_of(candidate, net=NET) == CAST.header
    # A broken signature still has a name: nothing is believed yet.
    read_candidate(encode([CAST.signed, bytes(64), None]), peer=None, bytes_max=PUBLIC)


@pytest.mark.parametrize(
    ("parts", "field"),
    [
        ([b"x", bytes(64)], ""),
        ([b"x", bytes(64), None, None], ""),
        ({"a": 1}, ""),
        (["x", bytes(64), None], ""),
        ([b"x", "y" * 64, None], ""),
        ([b"x", bytes(63), None], "signature"),
        ([b"x", bytes(64), bytes(7)], "pow"),
        ([b"x", bytes(64), 5], "pow"),
    ],
)
def test_an_envelope_has_three_parts(parts, field):
    assert split_refused(encode(parts)) == (Reason.BAD_SHAPE, field)


def test_sizes_are_bounded():
    assert split_refused(OFFER.raw, len(OFFER.raw) - 1)[0] is Reason.TOO_LARGE
    assert split_refused(OFFER.raw + b"\0")[0] is Reason.BAD_ENCODING


def test_another_network_is_another_world():
    assert refused(CAST.raw, net="other") == (Reason.WRONG_NETWORK, "net")


def test_a_signature_is_of_one_text_and_one_kind():
    assert refused(encode([CAST.signed, bytes(64), None]))[0] is Reason.BAD_SIGNATURE
    fields = decode(OFFER.signed, bytes_max=limits.sealed_bytes_max)
    fields[2] = "acceptance"
    relabelled = encode([encode(fields), OFFER.signature, None])
    assert refused(relabelled)[0] is Reason.BAD_SIGNATURE


def test_what_another_process_found_of_a_signature_is_taken_for_it():
    candidate = read_candidate(CAST.raw, peer=None, bytes_max=limits.public_bytes_max)
    assert open_envelope(candidate, net=NET, is_signed=True) == CAST
    with pytest.raises(RemoteProtocolError) as refusal:
        open_envelope(candidate, net=NET, is_signed=False)
    assert refusal.value.reason is Reason.BAD_SIGNATURE


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"!must": 1}, Reason.MUST_UNDERSTAND),
        (
            {"items": [{"name": "x", "qty": {"n": "1", "unit": "each"}, "!x": 1}]},
            Reason.MUST_UNDERSTAND,
        ),
        ({"title": 5}, Reason.BAD_SHAPE),
        ({"nonce": "AAAAAAAAAAAAAAAAAAAAAA=="}, Reason.BAD_SHAPE),
        ({"category": "No Path"}, Reason.BAD_SHAPE),
    ],
)
def test_a_body_is_of_its_kind(changes, reason):
    assert refused(with_body(CAST, **changes))[0] is reason


def test_unknown_keys_are_kept_and_ignored():
    raw = with_body(CAST, zz_new=[1, {"a": 2}])
    assert open_stored(raw, net=NET).body == CAST.body
    assert b"zz_new" in open_stored(raw, net=NET).signed


@pytest.mark.parametrize(
    ("raw", "reason", "field"),
    [
        (with_body(CAST, supersedes=bytes(32)), Reason.BAD_SHAPE, "thread"),
        (with_body(CAST, decide_by=NOW_MS), Reason.OUT_OF_RANGE, "decide_by"),
        (with_body(CAST, decide_by=CAST.header.exp + 1), Reason.OUT_OF_RANGE, "decide_by"),
        (with_body(OFFER, valid_until=OFFER.header.at), Reason.OUT_OF_RANGE, "valid_until"),
        (with_body(OFFER, valid_until=OFFER.header.exp + 1), Reason.OUT_OF_RANGE, "valid_until"),
        (
            forged(Kind.REVOKE, {"target": CAST.id}, buyer_ana, thread=CAST.id),
            Reason.BAD_WORK,
            "target",
        ),
        (
            forged(Kind.INTENTCAST, tree_of(CAST.body), buyer_ana, thread=CAST.id),
            Reason.BAD_SHAPE,
            "thread",
        ),
        (
            forged(
                Kind.EVENT,
                {"type": "A dance", "of": CAST.id},
                buyer_ana,
                thread=CAST.id,
                to=CAST.id,
            ),
            Reason.BAD_SHAPE,
            "body",
        ),
    ],
)
def test_a_body_fits_its_header(raw, reason, field):
    assert refused(raw) == (reason, field)


def test_a_moved_reply_is_checked_as_any_other():
    double = msgspec.structs.replace(buyer_ana.reply(), at=[bytes(32)] * 2)
    raw = forged(
        Kind.EVENT,
        {"type": "moved", "of": OFFER.id, "reply": tree_of(double)},
        buyer_ana,
        thread=CAST.id,
        to=OFFER.header.key,
    )
    assert refused(raw) == (Reason.OUT_OF_RANGE, "reply.at")
    good = make_event(buyer_ana, Moved(of=OFFER.id, reply=buyer_ana.reply()), OFFER)
    assert good.body.reply == buyer_ana.reply()


def test_revokes_open_public_and_sealed():
    public = msgspec.structs.replace(CAST.header, kind=Kind.REVOKE, thread=CAST.id)
    raw = signed(public, Revoke(target=CAST.id), buyer_ana.seed("sign"))
    assert open_stored(raw, net=NET).body == Revoke(target=CAST.id)
    sealed = msgspec.structs.replace(OFFER.header, kind=Kind.REVOKE)
    raw = signed(sealed, Revoke(target=OFFER.id), vendor_bo.seed("sign"))
    assert open_stored(raw, net=NET).header.to == buyer_ana.key


# --- work and time -----------------------------------------------------------------------------


def work_refused(raw):
    candidate = read_candidate(raw, peer=None, bytes_max=PUBLIC)
    with pytest.raises(ObjectError) as caught:
        check_work(candidate, read_header_of(candidate, net=NET))
    return caught.value.reason, caught.value.field


def test_a_public_object_pays():
    for verified in (CAST, PROFILE):
        candidate = read_candidate(verified.raw, peer=None, bytes_max=PUBLIC)
        check_work(candidate, verified.header)
        assert verified.header.target >= limits.pow_base_bits_other


def test_a_bad_nonce_is_not_the_objects_fault():
    nonce = next(
        n.to_bytes(8, "big")
        for n in range(1 << 16)
        if work.bits_of(CAST.id, n.to_bytes(8, "big")) < CAST.header.target
    )
    for bad in (nonce, None):
        raw = encode([CAST.signed, CAST.signature, bad])
        assert work_refused(raw) == (Reason.BAD_WORK, "pow")
        assert read_candidate(raw, peer=None, bytes_max=PUBLIC).id == CAST.id


def test_committing_to_too_little_is_refused():
    cheap = forged(Kind.INTENTCAST, tree_of(CAST.body), buyer_ana, target=1)
    assert work_refused(cheap) == (Reason.BAD_WORK, "target")


def test_sealed_objects_carry_no_work():
    check_work(read_candidate(OFFER.raw, peer=None, bytes_max=PUBLIC), OFFER.header)
    raw = encode([OFFER.signed, OFFER.signature, bytes(8)])
    assert work_refused(raw) == (Reason.BAD_WORK, "pow")


@pytest.mark.parametrize(
    ("wall_ms", "reason"),
    [
        (CAST.header.at - limits.skew_ms_max - 1, Reason.NOT_YET),
        (CAST.header.at - limits.skew_ms_max, None),
        (CAST.header.exp - 1, None),
        (CAST.header.exp, Reason.EXPIRED),
    ],
)
def test_a_public_object_is_of_now(wall_ms, reason):
    if reason is None:
        check_time(CAST.header, wall_ms)
    else:
        with pytest.raises(ObjectError) as caught:
            check_time(CAST.header, wall_ms)
        assert caught.value.reason is reason
        assert caught.value.severity == 0


# --- signing -----------------------------------------------------------------------------------


def test_the_same_object_signed_twice_is_the_same():
    seed = buyer_ana.seed("sign")
    first, second = (sign_envelope(CAST.header, CAST.body, seed) for _ in range(2))
    assert first == second
    assert first.id == CAST.id
    assert first.target == CAST.header.target


def test_what_others_would_refuse_is_not_signed():
    seed = buyer_ana.seed("sign")
    for header, body, field in (
        (CAST.header, cast_body(category="No Path"), "category"),
        (CAST.header, cast_body(decide_by=NOW_MS), "decide_by"),
        (msgspec.structs.replace(CAST.header, at=NOW_MS + 1), CAST.body, "at"),
        (msgspec.structs.replace(CAST.header, net=""), CAST.body, "net"),
        (msgspec.structs.replace(CAST.header, exp=NOW_MS + 61 * DAY_MS), CAST.body, "exp"),
        (CAST.header, msgspec.structs.replace(CAST.body, title=""), "body"),
    ):
        with pytest.raises(LocalProtocolError) as caught:
            sign_envelope(header, body, seed)
        assert (caught.value.code, caught.value.field) == ("E-OBJECT", field)


def test_what_is_too_large_for_gossip_is_not_signed():
    items = cast_body().items * 20
    many = [msgspec.structs.replace(item, attrs=item.attrs * 8) for item in items]
    with pytest.raises(LocalProtocolError, match="bytes signed"):
        sign_envelope(CAST.header, cast_body(items=many), buyer_ana.seed("sign"))


def test_an_object_at_the_limit_still_fits_its_envelope():
    room = limits.public_bytes_max - 96
    text = "x" * 2_000
    fitting = None
    for count in range(1, 40):
        items = [msgspec.structs.replace(cast_body().items[0], name="y" * 120, attrs=[])] * min(
            count, 20
        )
        body = cast_body(text=text, items=items)
        if len(encode(CAST.header.fields(tree_of(body)))) <= room:
            fitting = body
    raw = signed(CAST.header, fitting, buyer_ana.seed("sign"))
    assert len(raw) <= limits.public_bytes_max


def test_the_offer_body_alone_signs_nothing():
    # An offer without its cast's thread is refused when signing, not when sending.
    with pytest.raises(LocalProtocolError) as caught:
        make_offer(CAST, PROFILE, header={"thread": None})
    assert caught.value.field == "thread"
    assert isinstance(offer_body(CAST.id, PROFILE.id).lines, list)


def test_a_seed_that_is_not_the_signers_is_noticed():
    with pytest.raises(LocalProtocolError) as caught:
        sign_envelope(CAST.header, CAST.body, vendor_bo.seed("sign"))
    assert (caught.value.code, caught.value.field) == ("E-OBJECT", "key")
    assert signing.public_key(vendor_bo.seed("sign")) != CAST.header.key


def test_opening_asks_no_clock():
    old = make_cast(header={"at": MINUTE_MS, "exp": DAY_MS}, decide_by=DAY_MS)
    assert (
        open_envelope(read_candidate(old.raw, peer=None, bytes_max=PUBLIC), net=NET).header.at
        == MINUTE_MS
    )


def test_an_acceptance_is_checked_in_itself_at_the_gate():
    acceptance = make_acceptance(OFFER)
    raw = with_body(acceptance, options=[7])
    assert refused(raw) == (Reason.BAD_SHAPE, "lines")


def test_an_envelope_has_one_spelling():
    assert split_refused(b"\xdc\x00\x03" + CAST.raw[1:]) == (Reason.NOT_CANONICAL, "")


def test_a_text_is_read_once_and_its_net_is_asked_each_time():
    candidate = read_candidate(CAST.raw, peer=None, bytes_max=PUBLIC)
    assert text_of(candidate, net=NET) is text_of(candidate, net=NET)
    with pytest.raises(ObjectError, match="network"):
        open_envelope(candidate, net="other")


def test_a_text_is_named_once():
    cast = make_cast()
    candidate = read_candidate(cast.raw, peer=NodeId(bytes(32)), bytes_max=PUBLIC)
    assert digest_of(candidate) is digest_of(candidate)
    assert digest_of(candidate) == text_digest(cast.signed)
