"""The receiver's choice: soonest, drawn, named, quiet."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol import limits
from protocol.ids import PeerId
from protocol.network.chance import Chance
from protocol.network.choice import Choice, SupplyView
from protocol.network.flow import Flow
from tests.unit.protocol.network.driver import peer

K = 3
PEERS = [peer(str(number)) for number in range(16)]


def name(number: int) -> bytes:
    return number.to_bytes(16, "big")


class Table:
    """A choice, fed objects that each link shows at a lag of its own."""

    def __init__(
        self, count: int, groups: list[str] | None = None, *, guests: Iterable[int] = (), **facts
    ) -> None:
        facts = {"pushers": lambda: K} | facts
        self.choice = Choice(chance=Chance(b"choice"), **facts)
        self.ms = 0
        self.number = 0
        self.flows: dict[PeerId, Flow] = {}
        for place, each in enumerate(PEERS[:count]):
            group = groups[place] if groups else str(place)
            self.choice.joined(each, group, is_chosen=place not in guests)
        self.turn()

    def turn(self, ms: int = 0) -> list[tuple[PeerId, Flow]]:
        self.ms += ms
        changes = self.choice.turn(self.ms)
        self.flows.update(changes)
        return changes

    def view(self, place: int, ms: int | None = None) -> SupplyView:
        found = self.choice.view(PEERS[place], self.ms if ms is None else ms)
        assert found is not None
        return found

    def of(self, flow: Flow) -> set[int]:
        return {PEERS.index(each) for each, its in self.flows.items() if its is flow}

    def show(self, lags: dict[int, int], *, named: tuple[int, ...] = ()) -> None:
        """One object: `lags` after its first arrival, links send it, or name it."""
        self.number += 1
        prefix = name(self.number)
        order = sorted(lags, key=lambda place: lags[place])
        first = next(place for place in order if place not in named)
        early = [(PEERS[place], self.ms) for place in order if place in named and not lags[place]]
        self.choice.arrived(prefix, PEERS[first], early, self.ms)
        self.choice.accepted(prefix)
        for place in order:
            show = self.choice.named if place in named else self.choice.pushed
            show(prefix, PEERS[place], self.ms + lags[place])

    def rounds(self, lags: dict[int, int], count: int = 8, *, named: tuple[int, ...] = ()) -> None:
        for _ in range(count):
            self.show(lags, named=named)
            self.turn(limits.arrival_window_ms)


def test_with_few_links_all_push():
    table = Table(K)
    assert table.of(Flow.PUSH) == {0, 1, 2}
    assert table.view(0, 0).is_stable is False


@pytest.mark.parametrize("count", [limits.push_links, K, limits.push_links_relay])
def test_levels_are_dealt_by_number(count: int):
    table = Table(16, pushers=lambda: count)
    assert len(table.of(Flow.PUSH)) == count
    assert len(table.of(Flow.IDS)) == min(limits.ids_links, 16 - count)
    assert len(table.of(Flow.QUIET)) == max(0, 16 - count - limits.ids_links)
    assert table.turn(10_000) == []


@pytest.mark.parametrize("count", [limits.push_links, K, limits.push_links_relay])
def test_the_soonest_push_and_one_that_was_drawn(count: int):
    table = Table(8, pushers=lambda: count)
    lags = {place: 45 * place for place in range(8)}
    soonest = set(range(count - 1))
    table.rounds(lags, 20)
    assert soonest < table.of(Flow.PUSH)
    [drawn] = table.of(Flow.PUSH) - soonest
    assert table.view(drawn).is_stable
    table.rounds(lags, 20)
    assert table.of(Flow.PUSH) == {*soonest, drawn}


def test_of_two_that_push_neither_stays_silent_for_long():
    table = Table(10, pushers=lambda: limits.push_links)
    before = table.of(Flow.PUSH)
    lags = {place: 20 for place in range(10) if place not in before}
    others = tuple(sorted(lags))
    table.rounds(lags | {others[0]: 0}, 1, named=others[1:])
    assert len(table.of(Flow.PUSH) & before) == 1, "the soonest goes with the first object"
    for _ in range(7):
        table.turn(limits.redraw_ms)
        pushing = table.of(Flow.PUSH) - before
        namers = tuple(place for place in others if place not in pushing)
        table.rounds(lags | dict.fromkeys(pushing, 0), 1, named=namers)
    assert not table.of(Flow.PUSH) & before


def test_whom_this_node_chose_is_asked_before_those_who_came():
    table = Table(16, guests=range(12))
    assert table.of(Flow.PUSH) < {12, 13, 14, 15} <= table.of(Flow.PUSH) | table.of(Flow.IDS)


def test_who_is_chosen_later_is_asked_before_those_who_came_and_showed_nothing():
    table = Table(12, guests=range(12))
    for each in PEERS[12:]:
        table.choice.joined(each, "later")
    table.turn()
    # One was drawn by lot, and is kept for a while.
    assert len(table.of(Flow.PUSH) - {12, 13, 14, 15}) <= 1
    assert {12, 13, 14, 15} <= table.of(Flow.PUSH) | table.of(Flow.IDS)


def test_who_came_and_shows_what_is_new_is_asked_as_anybody_is():
    table = Table(8, guests=(0,))
    assert 0 in table.of(Flow.IDS)
    lags = {place: 120 if place else 0 for place in range(8)}
    for _ in range(20):
        is_asked = 0 in table.of(Flow.PUSH)
        table.rounds(lags, 1, named=() if is_asked else (0,))
    assert 0 in table.of(Flow.PUSH)


def test_one_that_falls_silent_loses_its_place_in_three_seconds():
    table = Table(8)
    lags = {place: 20 * place for place in range(8)}
    table.rounds(lags)
    before = table.of(Flow.PUSH)
    lags.pop(0)
    table.rounds(lags, 3)
    assert 0 in before
    assert 0 not in table.of(Flow.PUSH)


def test_a_little_sooner_is_no_reason_to_change():
    table = Table(5)
    table.rounds({0: 0, 1: 10, 2: 50, 3: 90, 4: 90})
    before = table.of(Flow.PUSH)
    others = [place for place in range(5) if place not in before]
    lags = dict.fromkeys(before, 30) | dict.fromkeys(others, 10)
    lags[min(before)] = 0
    table.rounds(lags, 10)
    assert table.of(Flow.PUSH) == before


def test_who_names_what_it_promised_to_push_is_thought_less_of_for_long():
    table = Table(6)
    table.rounds({place: 0 if not place else 50 for place in range(6)}, 12, named=(0,))
    assert 0 not in table.of(Flow.PUSH)
    view = table.view(0)
    assert view.penalty_ms >= limits.promise_penalty_ms
    assert table.choice.penalty_ms(PEERS[0], table.ms) == view.penalty_ms
    later = table.ms + limits.penalty_half_life_ms
    assert table.choice.penalty_ms(PEERS[0], later) <= view.penalty_ms // 2 + 1


def test_penalties_have_a_bound_and_strangers_none():
    table = Table(4)
    for _ in range(100):
        table.choice.broke(PEERS[0], table.ms)
    table.choice.broke(peer("stranger"), table.ms)
    assert table.choice.penalty_ms(PEERS[0], table.ms) == limits.penalty_ms_max
    assert table.choice.penalty_ms(peer("stranger"), table.ms) == 0
    table.turn(limits.redraw_ms)
    assert 0 not in table.of(Flow.PUSH)
    assert table.choice.view(peer("stranger"), 0) is None


def test_the_drawn_link_is_drawn_anew_when_it_shows_nothing():
    table = Table(8)
    drawn = next(place for place in range(8) if table.view(place, 0).is_stable)
    lags = {place: 20 + place for place in range(8) if place != drawn}
    table.rounds(lags, 20)
    assert drawn not in table.of(Flow.PUSH)
    assert not table.view(drawn).is_stable


def test_who_refuses_is_left_in_peace_for_a_while():
    table = Table(4)
    refuser = min(table.of(Flow.PUSH))
    table.choice.refused(PEERS[refuser], Flow.IDS, table.ms)
    table.flows[PEERS[refuser]] = Flow.IDS
    table.turn()
    assert refuser not in table.of(Flow.PUSH)
    assert len(table.of(Flow.PUSH)) == 3
    assert table.view(refuser).is_refusing
    table.choice.refused(PEERS[refuser], Flow.IDS, table.ms)
    table.choice.refused(peer("stranger"), Flow.IDS, table.ms)
    assert table.turn() == []
    assert not table.view(refuser, table.ms + limits.push_refused_ms).is_refusing


def test_whom_faults_bar_holds_no_place():
    barred = {PEERS[0], PEERS[1]}
    table = Table(4, is_trusted=lambda each, _ms: each not in barred)
    table.rounds({place: 50 * place for place in range(4)})
    assert table.of(Flow.PUSH) == {2, 3}


def test_another_group_decides_between_equals():
    table = Table(6, groups=["a", "a", "b", "c", "d", "e"])
    table.rounds({0: 0, 1: 0, 2: 1, 3: 90, 4: 90, 5: 90})
    assert 2 in table.of(Flow.PUSH)
    assert len(table.of(Flow.PUSH) & {0, 1}) >= 1


def test_a_lost_link_is_replaced_at_once():
    table = Table(6)
    for place in sorted(table.of(Flow.PUSH)):
        table.choice.lost(PEERS[place])
        del table.flows[PEERS[place]]
        table.turn()
        assert len(table.of(Flow.PUSH)) == 3
    table.choice.lost(peer("stranger"))
    assert table.turn() == []


def test_what_was_not_accepted_counts_for_nobody():
    table = Table(6)
    table.choice.arrived(name(1), PEERS[0], [], 0)
    assert table.choice.watched == 1
    assert table.turn(limits.arrival_window_ms) == []
    assert table.choice.watched == 0
    table.choice.accepted(name(1))
    table.choice.pushed(name(1), PEERS[1], table.ms)
    table.choice.named(name(1), PEERS[1], table.ms)
    assert table.view(0).lag_ms is None


def test_a_link_that_names_ahead_of_the_first_is_not_behind_it():
    table = Table(6)
    early = min(table.of(Flow.IDS))
    for number in range(40):
        told = [(PEERS[early], number - 200)]
        table.choice.arrived(name(number), PEERS[min(table.of(Flow.PUSH))], told, number)
        table.choice.accepted(name(number))
    table.turn(limits.arrival_window_ms + 40)
    assert table.view(early).lag_ms == 0


def test_only_so_many_are_watched_and_weighed(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(limits, "arrivals_watched_max", 4)
    monkeypatch.setattr(limits, "arrivals_weighed_max", 1)
    table = Table(4)
    for _ in range(9):
        table.show({0: 0, 1: 400, 2: 400, 3: 400})
    assert table.choice.watched == 4
    table.turn(limits.arrival_window_ms)
    lag_ms = table.view(0).lag_ms
    assert lag_ms == limits.lag_unknown_ms * (100 - limits.lag_step_percent) // 100


def test_with_one_pusher_it_is_the_soonest():
    table = Table(5, pushers=lambda: 1)
    table.rounds({place: 60 * place for place in range(5)})
    assert table.of(Flow.PUSH) == {0}


def test_a_quiet_link_is_not_held_against_but_may_shine():
    table = Table(16)
    quiet = min(table.of(Flow.QUIET))
    table.rounds({place: 90 for place in range(16) if place != quiet})
    assert table.view(quiet).lag_ms is None
    table.rounds({place: 90 if place != quiet else 0 for place in range(16)})
    assert quiet in table.of(Flow.PUSH)


def begun(table: Table, first: int) -> bytes:
    """One object that came over a link and proved good."""
    table.number += 1
    prefix = name(table.number)
    table.choice.arrived(prefix, PEERS[first], [], table.ms)
    table.choice.accepted(prefix)
    return prefix


def test_who_pushed_lately_is_spared_what_another_brought():
    table = Table(3)
    table.show({0: 0, 1: 20, 2: 30})
    assert table.choice.spared() == []
    prefix = begun(table, 0)
    assert table.choice.has_untold
    table.choice.pushed(prefix, PEERS[1], table.ms + 5)
    assert table.choice.spared() == [(PEERS[2], prefix)]
    assert not table.choice.has_untold
    assert table.choice.spared() == []


def test_what_it_was_spared_is_not_held_against_a_link():
    table = Table(4)
    pusher, other = sorted(table.of(Flow.PUSH))[:2]
    table.rounds(dict.fromkeys(range(4), 0))
    lag_ms = table.view(other).lag_ms
    begun(table, pusher)
    assert PEERS[other] in {each for each, _ in table.choice.spared()}
    table.turn(limits.arrival_window_ms)
    assert table.view(other).lag_ms == lag_ms


def test_a_link_that_shows_nothing_is_spared_a_few_and_then_judged():
    table = Table(6)
    table.rounds({place: 20 * place for place in range(6)})
    silent, pusher = sorted(table.of(Flow.PUSH))[:2]
    told = []
    for _ in range(limits.push_spared_max + 3):
        prefix = begun(table, pusher)
        for place in {*range(6)} - {silent}:
            table.choice.pushed(prefix, PEERS[place], table.ms)
        told += [each for each, _ in table.choice.spared() if each == PEERS[silent]]
        table.turn(limits.arrival_window_ms)
    assert len(told) == limits.push_spared_max
    assert silent not in table.of(Flow.PUSH)


def test_nobody_is_spared_what_no_push_brought():
    table = Table(6)
    table.rounds({place: 20 * place for place in range(6)})
    named = min(table.of(Flow.IDS))
    table.choice.spared()
    begun(table, named)
    assert not table.choice.has_untold
    table.choice.arrived(name(99), peer("stranger"), [], table.ms)
    table.choice.accepted(name(99))
    assert table.choice.spared() == []


def test_what_is_watched_no_more_is_spared_nobody(monkeypatch: pytest.MonkeyPatch):
    table = Table(3)
    table.show({0: 0, 1: 0, 2: 0})
    table.choice.spared()
    monkeypatch.setattr(limits, "arrivals_watched_max", 1)
    begun(table, 0)
    begun(table, 0)
    assert table.choice.spared() == []


@given(st.data())
def test_levels_keep_their_numbers_whatever_happens(data: st.DataObject):
    choice = Choice(chance=Chance(b"any"), pushers=lambda: K)
    linked: dict[PeerId, Flow] = {}
    ms = 0
    for number in range(data.draw(st.integers(1, 40))):
        each = data.draw(st.sampled_from(PEERS))
        match data.draw(st.sampled_from(["join", "lose", "show", "refuse", "break", "wait"])):
            case "join" if each not in linked:
                choice.joined(each, "g", is_chosen=data.draw(st.booleans()))
                linked[each] = Flow.IDS
            case "lose":
                choice.lost(each)
                linked.pop(each, None)
            case "show":
                early = data.draw(st.lists(st.sampled_from(PEERS)))
                choice.arrived(name(number), each, [(who, ms - 9) for who in early], ms)
                choice.accepted(name(number))
            case "refuse":
                choice.refused(each, Flow.IDS, ms)
            case "break":
                choice.broke(each, ms)
            case _:
                ms += data.draw(st.integers(0, 70_000))
        linked.update(choice.turn(ms))
        views = [choice.view(each, ms) for each in linked]
        flows = [view.flow for view in views if view is not None]
        assert len(flows) == len(linked)
        assert flows.count(Flow.PUSH) <= K
        assert flows.count(Flow.IDS) <= limits.ids_links
