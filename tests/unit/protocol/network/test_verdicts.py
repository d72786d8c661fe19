"""Every object that comes is counted once, with what became of it."""

from __future__ import annotations

from protocol.errors import Reason
from protocol.network.verdicts import Verdict, Verdicts
from tests.parties import make_cast, make_offer, make_profile
from tests.unit.protocol.network.driver import Bench, badly_signed


def test_counts():
    verdicts = Verdicts()
    verdicts.note(Verdict.ACCEPTED)
    verdicts.note(Verdict.IGNORED, Reason.QUOTA)
    verdicts.note(Verdict.IGNORED, Reason.QUOTA)
    assert verdicts.counts == {(Verdict.ACCEPTED, None): 1, (Verdict.IGNORED, Reason.QUOTA): 2}


def test_each_way_in_has_its_verdict():
    bench = Bench(objects_max=1)
    cast = make_cast()
    bench.receive("a", b"no object")
    bench.receive("a", make_offer(cast, make_profile()).raw)
    bench.receive("a", badly_signed(cast))
    bench.receive("a", badly_signed(cast))
    bench.receive("a", cast.raw)
    bench.receive("b", cast.raw)
    bench.receive("b", make_profile().raw)
    counts = dict(bench.gossip.verdicts)
    assert sum(counts.values()) == 7
    assert counts[Verdict.ACCEPTED, None] == 1
    assert counts[Verdict.DUPLICATE, None] == 2
    assert counts[Verdict.REJECTED, Reason.BAD_SIGNATURE] == 1
    assert counts[Verdict.REJECTED, Reason.UNEXPECTED] == 1
    assert counts[Verdict.IGNORED, Reason.QUOTA] == 1


def test_a_full_queue_is_nobodys_fault():
    bench = Bench(held=True, pending_max=1)
    bench.receive("a", make_cast().raw)
    bench.receive("a", make_profile().raw)
    assert bench.gossip.verdicts == {(Verdict.IGNORED, Reason.QUOTA): 1}
