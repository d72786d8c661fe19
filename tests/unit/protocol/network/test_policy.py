"""Policy: what an operator refuses is nobody's fault, and touches nothing of the node's own."""

from __future__ import annotations

import pytest

from protocol.channel.messages import Interest, Objects, RangesQuery
from protocol.errors import Reason
from protocol.network.actions import DropObject
from protocol.network.events import ChangeInterest, ChangePolicy, LetGo, PublishObject, SeekObject
from protocol.network.live import entry_of, prefix_of
from protocol.network.policy import CARRY_ALL, Policy, Rule
from protocol.network.verdicts import Verdict
from tests.parties import buyer_ana, make_cast, make_profile, vendor_bo
from tests.unit.protocol.network.driver import Bench, make_revoke, of


def judged(policy: Policy, verified) -> Rule | None:
    return policy.judge(entry_of(verified), verified.body)


@pytest.mark.parametrize(
    ("policy", "rule"),
    [
        (CARRY_ALL, None),
        (Policy(categories=frozenset({"electronics"})), Rule.CATEGORY),
        (Policy(categories=frozenset({"electronics/cameras"})), Rule.CATEGORY),
        (Policy(categories=frozenset({"electronics/cameras/x", "electronic"})), None),
        (Policy(keys=frozenset({buyer_ana.key})), Rule.KEY),
        (Policy(keys=frozenset({vendor_bo.key})), None),
        (Policy(words=frozenset({"12 megapixels"})), Rule.WORD),
        (Policy(words=frozenset({"mega", "pixels or less"})), None),
    ],
)
def test_a_cast_is_held_against_every_rule(policy: Policy, rule: Rule | None):
    assert judged(policy, make_cast()) is rule


def test_words_are_looked_for_where_people_read():
    words = Policy(words=frozenset({"casino"}))
    assert judged(words, make_cast(text="No CASINO, please")) is Rule.WORD
    assert judged(words, make_cast(text="casinos")) is None
    assert judged(words, make_profile(name="Casíno")) is Rule.WORD
    assert judged(words, make_revoke(make_cast())) is None


def test_what_is_refused_is_nobodys_fault_and_not_asked_for_again():
    bench = Bench()
    bench.join("a", "b")
    policy = Policy(keys=frozenset({vendor_bo.key}), words=frozenset({"casino"}))
    bench.feed(ChangePolicy(policy=policy, objects_max=10))
    cast, refused, profile = make_cast(), make_cast(title="A casino"), make_profile()
    for each in (cast, refused, profile):
        bench.receive("a", each.raw)
    assert bench.stored() == [cast.id]
    assert bench.sent("b", Objects) == [Objects(raws=[cast.raw])]
    assert bench.blamed("a") == []
    assert bench.gossip.refused == {Rule.WORD: 1, Rule.KEY: 1}
    assert bench.gossip.verdicts[Verdict.IGNORED, Reason.POLICY] == 2
    assert bench.gossip._carried.knows(prefix_of(refused.id))
    order = bench.gossip.live.holdings.whole
    everything = {prefix_of(each.id) for each in (cast, refused, profile)}
    assert set(order.names(0, len(order))) == everything, "compared as if it were held"


def test_what_is_ours_or_sought_is_not_refused():
    bench = Bench()
    bench.join("a")
    policy = Policy(categories=frozenset({"electronics"}))
    bench.feed(ChangePolicy(policy=policy, objects_max=10))
    own, sought = make_cast(title="ours"), make_cast(title="sought")
    bench.feed(PublishObject(verified=own))
    bench.feed(SeekObject(id=sought.id))
    bench.receive("a", sought.raw)
    assert bench.stored() == [sought.id]
    assert prefix_of(own.id) in bench.gossip.live
    bench.feed(ChangePolicy(policy=policy, objects_max=10))
    assert prefix_of(own.id) in bench.gossip.live


def test_a_stricter_policy_lets_go_of_what_is_held():
    bench = Bench()
    bench.join("a")
    cast, profile = make_cast(), make_profile()
    bench.receive("a", cast.raw)
    bench.receive("a", profile.raw)
    policy = Policy(categories=frozenset({"electronics"}))
    assert bench.feed(ChangePolicy(policy=CARRY_ALL, objects_max=10)) == []
    assert len(bench.gossip.live) == 2
    done = bench.feed(ChangePolicy(policy=policy, objects_max=10))
    assert of(DropObject, done) == [DropObject(id=cast.id)]
    done = bench.feed(LetGo(ids=(profile.id, cast.id)))
    assert of(DropObject, done) == [DropObject(id=profile.id)]
    assert len(bench.gossip.live) == 0


def test_after_a_looser_policy_what_was_refused_is_found_again():
    bench = Bench()
    bench.join("a")
    strict = Policy(categories=frozenset({"electronics"}))
    bench.feed(ChangePolicy(policy=strict, objects_max=10))
    refused, twice = make_cast(), make_cast(title="refused by both")
    bench.receive("a", refused.raw)
    bench.receive("a", twice.raw)
    assert bench.stored() == []
    before = len(bench.sent("a", RangesQuery))
    bench.feed(ChangePolicy(policy=strict, objects_max=10))
    assert bench.gossip._carried.knows(prefix_of(refused.id)), "nothing changed"
    assert len(bench.sent("a", RangesQuery)) == before
    bench.feed(ChangePolicy(policy=Policy(words=frozenset({"both"})), objects_max=10))
    assert len(bench.sent("a", RangesQuery)) == before + 1
    bench.receive("a", refused.raw)
    bench.receive("a", twice.raw)
    assert bench.stored() == [refused.id]


def test_what_a_leaf_does_not_want_it_leaves_and_may_want_another_day():
    bench = Bench()
    bench.join("a")
    bench.feed(ChangeInterest(interest=Interest(categories=["books"], cells=None)))
    cast, profile = make_cast(), make_profile()
    bench.receive("a", cast.raw)
    bench.receive("a", profile.raw)
    assert bench.stored() == [profile.id]
    assert bench.gossip.refused == {Rule.INTEREST: 1}
    bench.feed(ChangeInterest(interest=None))
    bench.receive("a", cast.raw)
    assert bench.stored() == [profile.id, cast.id]
