"""Standing: fault grows by misbehaviour, fades by time, and nothing is set against it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import Reason
from protocol.ids import PeerId
from protocol.network.actions import BlamePeer
from protocol.network.events import CandidateReceived, IdsReceived, MissingReceived, PeerFaulted
from protocol.network.standing import Faults, Standing
from tests.parties import make_cast
from tests.unit.protocol.network.desk import Desk
from tests.unit.protocol.network.driver import NOW, Bench, joined, of, peer

ONE, TWO = PeerId(b"one"), PeerId(b"two")
FAULTS = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 3_600_000)), max_size=20)
"""(points, ms since the one before)."""


def after(faults: Faults, who: PeerId, history: list[tuple[int, int]]) -> int:
    mono_ms = 0
    for points, wait_ms in history:
        mono_ms += wait_ms
        faults.blame(who, points, mono_ms)
    return mono_ms


@given(history=FAULTS, more=st.integers(0, 40), place=st.integers(0, 20))
def test_more_misbehaviour_never_stands_better(history, more, place):
    worse = list(history)
    if history:
        spot = place % len(history)
        worse[spot] = (history[spot][0] + more, history[spot][1])
    one, other = Faults(), Faults()
    mono_ms = after(one, ONE, history)
    after(other, ONE, worse)
    assert other.points(ONE, mono_ms) >= one.points(ONE, mono_ms)
    assert other.standing(ONE, mono_ms) >= one.standing(ONE, mono_ms)


@given(history=FAULTS, later=st.lists(st.integers(0, 7_200_000), max_size=5))
def test_time_alone_makes_nobody_worse(history, later):
    faults = Faults()
    mono_ms = after(faults, ONE, history)
    standings = [faults.standing(ONE, mono_ms)]
    for wait_ms in later:
        mono_ms += wait_ms
        standings.append(faults.standing(ONE, mono_ms))
    assert standings == sorted(standings, reverse=True)


@given(history=FAULTS)
def test_what_one_key_does_is_never_anothers(history):
    faults = Faults()
    mono_ms = after(faults, ONE, history)
    assert faults.points(TWO, mono_ms) == 0
    assert faults.standing(TWO, mono_ms) is Standing.GOOD


@given(goods=st.integers(0, 5), points=st.integers(1, 49))
def test_merit_never_pays_for_fault(goods, points):
    desk, bench = Desk(), Bench()
    desk.feed(joined("a"))
    bench.join("a")
    for number in range(goods):
        bench.receive("a", make_cast(title=f"wish {number}").raw)
    desk.feed(PeerFaulted(peer=peer("a"), reason=Reason.BAD_SIGNATURE, points=points))
    assert bench.gossip.merit(peer("a")) == goods
    assert desk.links.fault_points(peer("a"), NOW) == points


CAST = make_cast()
SAYINGS = st.lists(
    st.one_of(
        st.builds(
            lambda raw: CandidateReceived(peer=peer("liar"), raw=raw), st.binary(max_size=40)
        ),
        st.builds(
            lambda name: IdsReceived(peer=peer("liar"), ids=(name,)),
            st.sampled_from([CAST.id[:16], bytes(16)]),
        ),
        st.builds(
            lambda name: MissingReceived(peer=peer("liar"), ids=(name,)), st.just(CAST.id[:16])
        ),
    ),
    max_size=8,
)


@given(sayings=SAYINGS)
def test_nothing_a_third_party_says_is_charged_to_anybody_else(sayings):
    bench = Bench()
    bench.join("liar", "good")
    for number, saying in enumerate(sayings):
        bench.feed(saying)
        if number == len(sayings) // 2:
            bench.receive("good", CAST.raw)
    charged = {action.peer for action in of(BlamePeer, bench.actions)}
    assert charged <= {peer("liar")}
    assert bench.gossip.merit(peer("good")) <= 1
