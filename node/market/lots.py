"""Drawing mailboxes: for each box afresh, of different owners, no set twice if it can be helped.

Whoever sees the same three mailboxes in two requests would know that one person made both; and
mailboxes that one owner runs could tell each other what they see. Enters: known mailboxes in random
order, the group of addresses each is in, the sets in use. Leaves: those to ask. Never here: chance,
a mailbox that fails.
Source: docs/protocol/08-post.md, "Which mailboxes".
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from protocol import limits
from protocol.ids import NodeId
from protocol.network.groups import group_of

_LOOKED_MAX: Final = 5_000
"""Sets looked at for one draw, of each size; guess."""


def groups_of(records: Iterable[Any], net: str) -> dict[NodeId, str]:
    """Name the group of each node by the first of its addresses; its own name where it has none.

    Args:
        records: node records.
        net: network id.
    """
    return {
        NodeId(record.key): group_of(record.addresses[0], net)
        if record.addresses
        else NodeId(record.key).hex()
        for record in records
    }


def in_turn(
    drawn: Sequence[NodeId], groups: Mapping[NodeId, str], order: Sequence[str] = ()
) -> list[NodeId]:
    """Let groups take turns: a group with many nodes has no more turns than one with few.

    Args:
        drawn: nodes, in random order.
        groups: the group of each.
        order: groups, in random order; those not named follow in the order of their first nodes,
            which a group with many would lead.
    """
    queues: dict[str, list[NodeId]] = {group: [] for group in order}
    for key in drawn:
        queues.setdefault(groups.get(key, key.hex()), []).append(key)
    rounds = itertools.zip_longest(*queues.values())
    return [key for each in rounds for key in each if key is not None]


def draw(
    drawn: Sequence[NodeId],
    groups: Mapping[NodeId, str],
    taken: Collection[frozenset[NodeId]],
    order: Sequence[str] = (),
) -> list[NodeId]:
    """Choose the mailboxes of one box.

    Of as many groups as possible first, then in no set that is in use; never one alone where there
    are two: the box would be opened at another at once, and its request published anew for it.

    Args:
        drawn: known mailboxes, in random order.
        groups: the group of each.
        taken: sets of live boxes.
        order: all groups, in random order.
    """
    ordered = in_turn(drawn, groups, order)
    most = min(limits.mailboxes_per_reply_max, len(ordered))
    least = max(1, min(limits.put_mailboxes_min, most))
    free = [
        chosen
        for count in range(most, least - 1, -1)
        if (chosen := _free(ordered, count, groups, taken))
    ]
    spread = [chosen for chosen in free if _is_spread(chosen, groups)]
    return list([*spread, *free, ordered[:most]][0])


def _free(
    ordered: Sequence[NodeId],
    count: int,
    groups: Mapping[NodeId, str],
    taken: Collection[frozenset[NodeId]],
) -> tuple[NodeId, ...]:
    """Find a set of one size that is not in use, of different groups if there is one."""
    sets = (each for each in _sets(ordered, count) if frozenset(each) not in taken)
    first: tuple[NodeId, ...] = ()
    for chosen in sets:
        if _is_spread(chosen, groups):
            return chosen
        first = first or chosen
    return first


def _sets(ordered: Sequence[NodeId], count: int) -> Iterator[tuple[NodeId, ...]]:
    return itertools.islice(itertools.combinations(ordered, count), _LOOKED_MAX)


def _is_spread(chosen: Sequence[NodeId], groups: Mapping[NodeId, str]) -> bool:
    return len({groups.get(key, key.hex()) for key in chosen}) == len(chosen)
