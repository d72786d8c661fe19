"""For whom a node dials, and whose word the address is."""

from __future__ import annotations

from node.network.errands import Errand


def test_all_but_the_owners_word_is_hearsay():
    assert [errand for errand in Errand if not errand.is_hearsay] == [Errand.OWNER]
