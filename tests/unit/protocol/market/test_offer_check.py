"""An offer held against its cast: what makes it invalid, what is only shown, what is computed."""

from __future__ import annotations

import msgspec
import pytest

from protocol import limits
from protocol.errors import Reason
from protocol.market.constraints import Outcome
from protocol.market.marks import MarkCode
from protocol.market.offer_check import check_offer, spec_of
from protocol.now import DAY_MS, MINUTE_MS
from protocol.objects.intentcast import AttributeConstraint, Budget, Item, VendorRequirement
from protocol.objects.offer import Answer, TermsReply
from protocol.values.attributes import (
    AllowedValue,
    AttributeSpec,
    AttributeType,
    AttributeVocabulary,
)
from protocol.values.money import Money
from protocol.values.quantity import Quantity
from tests.parties import NOW_MS, Party, buyer_ana, make_cast, make_offer, make_profile, vendor_bo

VOCABULARY = AttributeVocabulary(
    {
        "": [
            AttributeSpec(key="weight", label="Weight", type=AttributeType.NUMBER, unit="GRM"),
            AttributeSpec(
                key="colour",
                label="Colour",
                type=AttributeType.ENUM,
                values={"red": AllowedValue(label="Red"), "blue": AllowedValue(label="Blue")},
                synonyms=["color"],
            ),
            AttributeSpec(key="insurance", label="Insurance", type=AttributeType.FLAG),
        ],
        "electronics": [
            AttributeSpec(
                key="resolution", label="Resolution", type=AttributeType.NUMBER, unit="MPX"
            )
        ],
    },
    "test",
)
CAST = make_cast()
PROFILE = make_profile()


def check(offer, cast=CAST, profile=PROFILE, now_ms=NOW_MS + 2 * MINUTE_MS):
    return check_offer(cast, offer, profile, VOCABULARY, now_ms)


def offer(**changes):
    return make_offer(CAST, PROFILE, **changes)


def fatal(verdict):
    assert verdict.valid == (not any(p.fatal for p in verdict.problems))
    return [(p.reason, p.field) for p in verdict.problems if p.fatal]


def changed(verified, body=None, **header):
    """A verified object whose facts no signer would sign: only the check itself is at stake."""
    return msgspec.structs.replace(
        verified,
        header=msgspec.structs.replace(verified.header, **header),
        body=verified.body if body is None else body,
    )


def with_body(verified, **changes):
    return changed(verified, msgspec.structs.replace(verified.body, **changes))


def test_a_good_offer_is_valid_and_answers_everything():
    verdict = check(offer())
    assert verdict.valid
    assert verdict.problems == ()
    assert [must.computed for must in verdict.musts] == [Outcome.MET, Outcome.MET]
    assert [prefer.computed for prefer in verdict.prefers] == [Outcome.MET, Outcome.MET]
    assert verdict.musts_met == 2
    assert verdict.musts[0].why == "24.2 MP; asked: at least 12 MP"
    assert [mark.code for mark in verdict.marks] == [MarkCode.LEAVING_NOT_SAID]


def test_an_offer_to_an_amendment_stands_in_the_thread_of_its_root():
    amended = make_cast(header={"thread": CAST.id}, supersedes=CAST.id)
    good = make_offer(amended, PROFILE)
    assert good.header.thread == CAST.id
    assert check(good, cast=amended).valid
    assert fatal(check(good)) == [(Reason.MISMATCH, "cast")]


@pytest.mark.parametrize(
    ("header", "field"),
    [
        ({"thread": b"\x07" * 32}, "thread"),
        ({"to": b"\x07" * 32}, "to"),
        ({"net": "other"}, "net"),
    ],
)
def test_an_offer_elsewhere_is_invalid(header, field):
    found = fatal(check(changed(offer(), **header)))
    assert (Reason.MISMATCH, field) in found


def test_a_buyer_cannot_answer_itself():
    own_profile = make_profile(by=buyer_ana)
    own = make_offer(CAST, own_profile, by=buyer_ana)
    assert fatal(check(own, profile=own_profile)) == [(Reason.MISMATCH, "key")]


def test_the_offer_is_its_profiles():
    other = make_profile(by=Party("vendor_cy"))
    assert fatal(check(offer(), profile=other)) == [
        (Reason.MISMATCH, "profile"),
        (Reason.MISMATCH, "key"),
    ]
    assert fatal(check(offer(), profile=changed(PROFILE, net="other"))) == [
        (Reason.MISMATCH, "profile")
    ]


def test_without_its_profile_no_offer_is_valid():
    verdict = check(offer(), profile=None)
    assert fatal(verdict) == [(Reason.UNKNOWN_PARENT, "profile")]


def test_weak_keys_do_not_enter_a_thread():
    weak = b"\x01" + bytes(31)
    profile = changed(PROFILE, key=weak)
    assert (Reason.BAD_KEY, "key") in fatal(check(changed(offer(), key=weak), profile=profile))
    reply = msgspec.structs.replace(vendor_bo.reply(), box=bytes(32))
    assert fatal(check(offer(reply=reply))) == [(Reason.BAD_KEY, "reply.box")]


def test_expiry_has_two_minutes_of_tolerance():
    good = offer()
    edge = good.body.valid_until + limits.expiry_tolerance_ms
    assert check(good, now_ms=edge).valid
    assert fatal(check(good, now_ms=edge + 1)) == [(Reason.EXPIRED, "valid_until")]
    assert fatal(check(changed(good, exp=NOW_MS), now_ms=NOW_MS + limits.expiry_tolerance_ms + 1))


def test_an_offer_of_the_future_waits():
    good = offer()
    early = good.header.at - limits.skew_ms_max
    assert check(good, now_ms=early).valid
    assert fatal(check(good, now_ms=early - 1)) == [(Reason.NOT_YET, "at")]


def test_an_offer_after_the_casts_end_is_too_late():
    end = CAST.header.exp + limits.expiry_tolerance_ms
    late = with_body(changed(offer(), at=end + 1), valid_until=end + DAY_MS)
    assert fatal(check(late, now_ms=end + 1)) == [(Reason.TOO_LATE, "at")]


@pytest.mark.parametrize(
    ("budget", "valid"),
    [
        (None, True),
        (Budget(), True),
        (Budget(target=Money(cur="USD", minor=1)), True),
        (Budget(max=Money(cur="EUR", minor=99_999)), False),
        (Budget(target=Money(cur="EUR", minor=99_999)), False),
    ],
)
def test_the_currency_is_the_budgets(budget, valid):
    verdict = check(make_offer(cast := make_cast(budget=budget), PROFILE), cast=cast)
    assert fatal(verdict) == ([] if valid else [(Reason.MISMATCH, "cur")])


ANSWERS = offer().body.answers


def test_a_missing_must_answer_is_invalid_and_a_missing_preference_is_unknown():
    verdict = check(offer(answers=ANSWERS[1:]))
    assert fatal(verdict) == [(Reason.MISMATCH, "answers")]
    assert verdict.musts[0].computed is Outcome.UNKNOWN
    assert verdict.musts[0].claimed is None

    verdict = check(offer(answers=ANSWERS[:3]))
    assert verdict.valid
    assert [p.sentence for p in verdict.problems] == [
        "the preference 'weight' of 'camera' is not answered"
    ]
    assert verdict.prefers[1].computed is Outcome.UNKNOWN
    assert verdict.prefers[1].why == "not answered"


def test_an_answer_to_nothing_is_invalid():
    extra = Answer(item=0, attr=9, status="met", value="1")
    assert fatal(check(offer(answers=[*ANSWERS, extra]))) == [(Reason.MISMATCH, "answers")]


def test_a_claim_against_its_own_value_is_named_and_does_not_count():
    boast = Answer(item=0, attr=0, status="met", value="8", unit="MPX")
    modest = Answer(item=0, attr=2, status="unmet", value="red")
    verdict = check(offer(answers=[boast, ANSWERS[1], modest, ANSWERS[3]]))
    assert verdict.valid
    assert verdict.musts[0].contradicts
    assert verdict.musts[0].computed is Outcome.UNMET
    assert verdict.prefers[0].computed is Outcome.MET
    assert verdict.musts_met == 1
    assert [p.sentence for p in verdict.problems] == [
        "'resolution' of 'camera' is called met and is unmet",
        "'colour' of 'camera' is called unmet and is met",
    ]


@pytest.mark.parametrize(
    ("status", "computed", "why"),
    [
        ("met", Outcome.UNKNOWN, "the vendor says it is met, and does not say what it is"),
        ("unmet", Outcome.UNMET, "the vendor says it is not met"),
        ("unknown", Outcome.UNKNOWN, "the vendor does not know"),
    ],
)
def test_an_answer_without_a_value_counts_only_against_its_author(status, computed, why):
    verdict = check(offer(answers=[Answer(item=0, attr=0, status=status), *ANSWERS[1:]]))
    assert verdict.valid
    assert (verdict.musts[0].computed, verdict.musts[0].why) == (computed, why)
    assert not verdict.musts[0].contradicts


def test_a_value_beside_an_unsure_claim_is_no_contradiction():
    unsure = Answer(item=0, attr=0, status="unknown", value="24", unit="MPX")
    verdict = check(offer(answers=[unsure, *ANSWERS[1:]]))
    assert verdict.problems == ()
    assert verdict.musts[0].computed is Outcome.MET


def test_a_must_unknown_to_the_vocabulary_is_unknown():
    odd = AttributeConstraint(key="levitates", op="eq", value=True)
    item = Item(name="camera", qty=Quantity(n="1", unit="each"), attrs=[odd])
    cast = make_cast(items=[item])
    answers = [Answer(item=0, attr=0, status="met", value=True)]
    verdict = check(make_offer(cast, PROFILE, answers=answers), cast=cast)
    assert verdict.valid
    assert verdict.musts[0].computed is Outcome.UNKNOWN
    assert verdict.musts_met == 0


@pytest.mark.parametrize(
    ("reply", "valid", "marks"),
    [
        (None, True, [MarkCode.NO_TERMS]),
        (TermsReply(), True, [MarkCode.NO_TERMS]),
        (TermsReply(accept="SD-BASE"), True, []),
        (TermsReply(accept="SD-BASE-A"), False, []),
        (TermsReply(alternative="SD-BASE-A"), True, [MarkCode.OTHER_TERMS]),
        (TermsReply(alternative="SD-BASE"), True, []),
        (TermsReply(alternative="MY-OWN"), False, [MarkCode.OTHER_TERMS]),
        (TermsReply(accept="SD-BASE", alternative="SD-BASE-A"), False, [MarkCode.OTHER_TERMS]),
    ],
)
def test_terms_are_accepted_or_one_alternative_is_named(reply, valid, marks):
    verdict = check(offer(terms_reply=reply))
    assert fatal(verdict) == ([] if valid else [(Reason.MISMATCH, "terms_reply")])
    terms = (MarkCode.NO_TERMS, MarkCode.OTHER_TERMS)
    assert [mark.code for mark in verdict.marks if mark.code in terms] == marks


@pytest.mark.parametrize(
    ("wanted", "facts", "valid"),
    [
        (None, {}, True),
        (VendorRequirement(), {}, True),
        (VendorRequirement(domain=True), {}, True),
        (VendorRequirement(domain=True), {"domain": None}, False),
        (VendorRequirement(parties=["vendor", "club"]), {"party": "club"}, True),
        (VendorRequirement(parties=["vendor"]), {"party": "agency"}, False),
    ],
)
def test_the_vendor_is_one_the_buyer_asks(wanted, facts, valid):
    cast, profile = make_cast(vendor_req=wanted), make_profile(**facts)
    verdict = check(make_offer(cast, profile), cast=cast, profile=profile)
    assert fatal(verdict) == ([] if valid else [(Reason.POLICY, "vendor_req")])


def test_fatal_problems_come_first():
    verdict = check(offer(answers=ANSWERS[:3], terms_reply=TermsReply(accept="TPR")))
    assert [p.fatal for p in verdict.problems] == [True, False]


def test_an_attribute_is_found_by_key_or_by_another_name():
    for name, key in (("resolution", "resolution"), ("color", "colour")):
        found = spec_of(VOCABULARY, "electronics/cameras", name)
        assert found is not None
        assert found.key == key
    assert spec_of(VOCABULARY, "garden", "resolution") is None
