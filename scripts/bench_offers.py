"""How many offers a buyer's node opens, checks and ranks in a second, on one core.

Every offer is a letter sealed to the cast's box: it is opened, its envelope is opened and verified,
it is held against the cast, and all of one cast are ranked together.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

from node.data.vocabulary import attribute_vocabulary
from protocol.market.offer_check import check_offer
from protocol.market.ranking import RankInput, rank
from protocol.objects.envelope import open_stored
from protocol.post.letters import Contents, open_letter, seal_letter
from tests.parties import NET, NOW_MS, Party, buyer_ana, make_cast, make_offer, make_profile

OFFERS: Final = 256
"""Offers of one cast: as many as a buyer keeps."""
_ROUNDS: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Offers:
    """What was measured, best round."""

    offers: int
    """Offers of the cast."""
    open_s: float
    """To open and verify all letters."""
    rank_s: float
    """To hold all against the cast and rank them."""


def measure_offers() -> Offers:
    """Open, check and rank the offers of one cast."""
    cast = make_cast()
    box_seed = buyer_ana.seed("box")
    letters, profiles = [], {}
    for number in range(OFFERS):
        vendor = Party(f"vendor_{number}")
        profile = make_profile(by=vendor)
        offer = make_offer(cast, profile, by=vendor)
        profiles[offer.id] = profile
        letters.append(seal_letter(Contents(envelope=offer.raw), buyer_ana.box, vendor.seed("e")))
    vocabulary = attribute_vocabulary()
    open_s = rank_s = float("inf")
    for _ in range(_ROUNDS):
        start = time.perf_counter()
        opened = [
            open_stored(open_letter(letter, box_seed).envelope, net=NET) for letter in letters
        ]
        middle = time.perf_counter()
        ranked = rank(
            [
                RankInput(
                    offer=offer,
                    verdict=check_offer(cast, offer, profiles[offer.id], vocabulary, NOW_MS),
                )
                for offer in opened
            ]
        )
        end = time.perf_counter()
        if len(ranked) != OFFERS or not all(one.valid for one in ranked):
            raise RuntimeError("an offer of the measurement is not valid")
        open_s, rank_s = min(open_s, middle - start), min(rank_s, end - middle)
    return Offers(offers=OFFERS, open_s=open_s, rank_s=rank_s)
