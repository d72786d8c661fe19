"""Independence: one owner behind all links, as far as addresses and words tell."""

from __future__ import annotations

import pytest

from protocol.network.independence import Dependence, Origin, dependence


@pytest.mark.parametrize(
    ("links", "found"),
    [
        ([], None),
        ([("a", "")], Dependence.GROUP),
        ([("a", "x")], Dependence.GROUP),
        ([(None, "x")], None),
        ([("a", ""), ("a", "")], Dependence.GROUP),
        ([("a", "x"), ("a", "y")], Dependence.GROUP),
        ([("a", ""), ("b", "")], None),
        ([("a", ""), ("b", "a")], Dependence.SOURCE),
        ([("b", "a"), ("c", "a"), ("a", "")], Dependence.SOURCE),
        ([("b", "x"), ("c", "x")], Dependence.SOURCE),
        ([("b", "x"), ("c", "y")], None),
        ([("b", "x"), ("c", "")], None),
        ([("a", ""), (None, "a")], None),
        ([(None, ""), (None, "")], None),
    ],
)
def test_what_links_have_in_common(links: list[tuple[str | None, str]], found: Dependence | None):
    assert dependence([Origin(group=group, source=source) for group, source in links]) is found


@pytest.mark.parametrize(
    ("known", "had_others", "found"),
    [
        ([False, False], True, Dependence.STRANGERS),
        ([False, False], False, None),
        ([False, True], True, None),
        ([], True, None),
    ],
)
def test_strangers_are_told_of_where_there_were_others(
    known: list[bool], had_others: bool, found: Dependence | None
):
    origins = [Origin(group=str(n), source="", is_known=each) for n, each in enumerate(known)]
    assert dependence(origins, had_others=had_others) is found
