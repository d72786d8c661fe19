"""Places of nodes: inside the picture, apart from one another, the same every time."""

from __future__ import annotations

import pytest

from node.testnet.drawing import HEIGHT, WIDTH, lines, spots

RELAYS = [f"relay-{number}" for number in range(1, 6)]
OTHERS = [f"buyer-{number}" for number in range(1, 8)]


@pytest.mark.parametrize(("relays", "others"), [(1, 0), (2, 1), (5, 7), (50, 100)])
def test_everybody_has_a_place_in_the_picture(relays: int, others: int):
    names = [f"r{number}" for number in range(relays)]
    around = [f"o{number}" for number in range(others)]
    found = spots(names, around)
    assert [spot.name for spot in found] == [*names, *around]
    assert all(0 < spot.x < WIDTH and 0 < spot.y < HEIGHT for spot in found)
    assert len({(spot.x, spot.y) for spot in found}) == relays + others
    assert found == spots(names, around)


def test_names_stand_outside():
    for spot in spots(RELAYS, OTHERS):
        if spot.anchor == "middle":
            assert (spot.label_y - spot.y > 0) == (spot.y > HEIGHT / 2)
        else:
            assert (spot.label_x > spot.x) == (spot.anchor == "start") == (spot.x > WIDTH / 2)


def test_links_run_between_places():
    places = spots(RELAYS, OTHERS)
    found = lines(places, [("relay-1", "buyer-2"), ("relay-1", "10.0.0.1:80")])
    assert [line.name for line in found] == ["relay-1~buyer-2"]
    at = {spot.name: (spot.x, spot.y) for spot in places}
    assert (found[0].x1, found[0].y1) == at["relay-1"]
    assert (found[0].x2, found[0].y2) == at["buyer-2"]
