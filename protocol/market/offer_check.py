"""Checking an offer against its cast: is it an answer, is it whole, and what does it leave open.

Enters: a verified cast and offer, the vendor's profile, the vocabulary and the moment. Leaves: a
verdict: valid or not, every problem and mark in words, and one answer for every must and prefer.
What the vendor claims never outweighs what its own value shows. Nothing is stored, nothing is
raised: a bad offer is an ordinary outcome, and the buyer sees why.
Source: docs/protocol/12-offer.md, "Checking against the cast".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from protocol import limits, sealing, signing
from protocol.errors import Reason, SignatureError
from protocol.market.constraints import Fact, Outcome, Status, evaluate
from protocol.market.fit import Fit, fit_of
from protocol.market.marks import Mark, marks_of
from protocol.market.roster import known_terms
from protocol.objects.envelope import Verified
from protocol.objects.intentcast import AttributeConstraint, Intentcast
from protocol.objects.offer import Answer, Offer
from protocol.objects.profile import Profile
from protocol.values.attributes import AttributeSpec, AttributeVocabulary


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Something wrong with an offer."""

    reason: Reason
    """Stable code."""
    sentence: str
    """For people, and for the vendor who asks why."""
    field: str
    """The field at fault."""
    fatal: bool = True
    """Whether it makes the offer invalid; otherwise it is shown and counted as found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConstraintVerdict:
    """How an offer answers one wish."""

    item: int
    """Index of the item in the cast."""
    attr: int
    """Index of the constraint in the item."""
    constraint: AttributeConstraint
    """The wish."""
    answer: Answer | None
    """What the vendor says; None when it says nothing."""
    computed: Outcome
    """What counts: worked out here from the answer's value."""
    why: str
    """The comparison in words."""

    @property
    def claimed(self) -> str | None:
        """The vendor's own claim: met, unmet or unknown; None when it does not answer."""
        return None if self.answer is None else self.answer.status

    @property
    def contradicts(self) -> bool:
        """Whether the claim says one thing and the value another."""
        return {self.claimed, self.computed.value} == {"met", "unmet"}


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferVerdict:
    """All a buyer's node can say about one offer without judging it."""

    valid: bool
    """Whether it may be ranked with the others and accepted."""
    problems: tuple[Problem, ...]
    """What is wrong, fatal first."""
    musts: tuple[ConstraintVerdict, ...]
    """One for each must of the cast, in signed order."""
    prefers: tuple[ConstraintVerdict, ...]
    """One for each preference of the cast, in signed order."""
    marks: tuple[Mark, ...]
    """What to see before accepting."""
    fit: Fit
    """Days and kilometres from the wish."""

    @property
    def musts_met(self) -> int:
        """Count the musts met; an unknown must is not."""
        return sum(must.computed is Outcome.MET for must in self.musts)


def check_offer(
    cast: Verified[Intentcast],
    offer: Verified[Offer],
    profile: Verified[Profile] | None,
    vocabulary: AttributeVocabulary,
    now_ms: int,
) -> OfferVerdict:
    """Hold an offer against its cast.

    Args:
        cast: the very cast the buyer published, the newest of its amendments.
        offer: what came in a letter.
        profile: the vendor's, or None while it is not here; without it no offer is valid.
        vocabulary: the shipped one.
        now_ms: wall clock.
    """
    answers = {(answer.item, answer.attr): answer for answer in offer.body.answers}
    verdicts = [
        _judge(cast.body, place, answers.get(place[:2]), vocabulary)
        for place in cast.body.constraints()
    ]
    fit = fit_of(cast.body, offer.body)
    found = [
        *_party_problems(cast, offer, profile),
        *_time_problems(cast, offer, now_ms),
        *_money_problems(cast.body, offer.body),
        *_answer_problems(cast.body, offer.body, verdicts),
        *_terms_problems(cast.body, offer.body),
        *_requirement_problems(cast.body, profile),
    ]
    problems = sorted(found, key=lambda problem: not problem.fatal)
    return OfferVerdict(
        valid=not any(problem.fatal for problem in problems),
        problems=tuple(problems),
        musts=tuple(v for v in verdicts if v.constraint.level == "must"),
        prefers=tuple(v for v in verdicts if v.constraint.level == "prefer"),
        marks=tuple(marks_of(cast.body, offer.body, fit)),
        fit=fit,
    )


def spec_of(vocabulary: AttributeVocabulary, category: str, key: str) -> AttributeSpec | None:
    """Find an attribute by its key, or by a name it goes by; None when the list lacks it."""
    specs = vocabulary.for_category(category)
    return specs.get(key) or specs.get(vocabulary.find_key(category, key) or "")


# --- answers -----------------------------------------------------------------------------------


def _judge(
    cast: Intentcast,
    place: tuple[int, int, AttributeConstraint],
    answer: Answer | None,
    vocabulary: AttributeVocabulary,
) -> ConstraintVerdict:
    item, attr, constraint = place
    spec = spec_of(vocabulary, cast.category, constraint.key)
    status = _status(constraint, answer, spec)
    return ConstraintVerdict(
        item=item,
        attr=attr,
        constraint=constraint,
        answer=answer,
        computed=status.outcome,
        why=status.why,
    )


def _status(
    constraint: AttributeConstraint, answer: Answer | None, spec: AttributeSpec | None
) -> Status:
    if answer is None:
        return Status(Outcome.UNKNOWN, "not answered")
    if answer.value is not None:
        return evaluate(constraint, Fact(answer.value, answer.unit), spec)
    # A bare yes shows nothing; a bare no is believed, since it speaks against its author.
    if answer.status == "unmet":
        return Status(Outcome.UNMET, "the vendor says it is not met")
    if answer.status == "met":
        return Status(Outcome.UNKNOWN, "the vendor says it is met, and does not say what it is")
    return Status(Outcome.UNKNOWN, "the vendor does not know")


def _answer_problems(
    cast: Intentcast, offer: Offer, verdicts: list[ConstraintVerdict]
) -> Iterator[Problem]:
    asked = {(verdict.item, verdict.attr) for verdict in verdicts}
    if any((answer.item, answer.attr) not in asked for answer in offer.answers):
        yield Problem(
            reason=Reason.MISMATCH,
            sentence="it answers a question the request does not ask",
            field="answers",
        )
    for verdict in verdicts:
        name = f"'{verdict.constraint.key}' of '{cast.items[verdict.item].name}'"
        must = verdict.constraint.level == "must"
        if verdict.answer is None:
            level = "must" if must else "preference"
            yield Problem(
                reason=Reason.MISMATCH,
                sentence=f"the {level} {name} is not answered",
                field="answers",
                fatal=must,
            )
        elif verdict.contradicts:
            yield Problem(
                reason=Reason.MISMATCH,
                sentence=f"{name} is called {verdict.claimed} and is {verdict.computed.value}",
                field="answers",
                fatal=False,
            )


# --- who, when, how much -----------------------------------------------------------------------


def _party_problems(
    cast: Verified[Intentcast], offer: Verified[Offer], profile: Verified[Profile] | None
) -> Iterator[Problem]:
    root = cast.header.thread or cast.id
    facts = [
        (offer.body.cast == cast.id, "cast", "it answers another request"),
        (offer.header.thread == root, "thread", "it stands in another thread"),
        (offer.header.to == cast.header.key, "to", "it is addressed to somebody else"),
        (offer.header.net == cast.header.net, "net", "it is of another network"),
        (offer.header.key != cast.header.key, "key", "the buyer's own key signed it"),
    ]
    if profile is not None:
        facts += [
            (offer.body.profile == profile.id, "profile", "it names another profile"),
            (offer.header.key == profile.header.key, "key", "its key is not its profile's"),
            (offer.header.net == profile.header.net, "profile", "its profile is elsewhere"),
        ]
    for holds, field, sentence in facts:
        if not holds:
            yield Problem(reason=Reason.MISMATCH, sentence=sentence, field=field)
    if profile is None:
        yield Problem(
            reason=Reason.UNKNOWN_PARENT,
            sentence="the vendor's profile has not arrived",
            field="profile",
        )
    yield from _key_problems(offer)


def _key_problems(offer: Verified[Offer]) -> Iterator[Problem]:
    """A key enters the thread here: weak ones would let others sign or read."""
    for check, key, field in (
        (signing.check_key, offer.header.key, "key"),
        (sealing.check_box_key, offer.body.reply.box, "reply.box"),
    ):
        try:
            check(key)
        except SignatureError as error:
            yield Problem(reason=error.reason, sentence=error.sentence, field=field)


def _time_problems(
    cast: Verified[Intentcast], offer: Verified[Offer], now_ms: int
) -> Iterator[Problem]:
    tolerance = limits.expiry_tolerance_ms
    if offer.header.at > now_ms + limits.skew_ms_max:
        yield Problem(reason=Reason.NOT_YET, sentence="it is signed in the future", field="at")
    if offer.header.at > cast.header.exp + tolerance:
        yield Problem(
            reason=Reason.TOO_LATE, sentence="it was signed after the request ended", field="at"
        )
    if min(offer.body.valid_until, offer.header.exp) + tolerance < now_ms:
        yield Problem(reason=Reason.EXPIRED, sentence="it has expired", field="valid_until")


def _money_problems(cast: Intentcast, offer: Offer) -> Iterator[Problem]:
    budget = [] if cast.budget is None else [cast.budget.max, cast.budget.target]
    asked = next((money.cur for money in budget if money is not None), offer.cur)
    if asked != offer.cur:
        yield Problem(
            reason=Reason.MISMATCH,
            sentence=f"it is in {offer.cur}, the request asks for {asked}",
            field="cur",
        )


def _terms_problems(cast: Intentcast, offer: Offer) -> Iterator[Problem]:
    reply = offer.terms_reply
    if reply is None:
        return
    sentence = ""
    if reply.accept is not None and reply.alternative is not None:
        sentence = "it accepts terms and names others"
    elif reply.accept is not None and reply.accept not in cast.terms:
        sentence = f"it accepts {reply.accept}, which the buyer does not proffer"
    elif reply.alternative is not None and not known_terms(reply.alternative):
        sentence = f"its terms {reply.alternative} are not of the roster"
    if sentence:
        yield Problem(reason=Reason.MISMATCH, sentence=sentence, field="terms_reply")


def _requirement_problems(cast: Intentcast, profile: Verified[Profile] | None) -> Iterator[Problem]:
    wanted = cast.vendor_req
    if wanted is None or profile is None:
        return
    if wanted.domain and profile.body.domain is None:
        yield Problem(
            reason=Reason.POLICY,
            sentence="the buyer asks for a vendor with a domain",
            field="vendor_req",
        )
    if wanted.parties and profile.body.party not in wanted.parties:
        yield Problem(
            reason=Reason.POLICY,
            sentence=f"the buyer does not ask a {profile.body.party}",
            field="vendor_req",
        )
