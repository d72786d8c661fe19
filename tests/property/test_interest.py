"""Interest is generous: no cast a shop would answer is kept from a leaf in its area."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from protocol.channel.messages import Interest
from protocol.ids import PeerId
from protocol.network.interest import Filter, Interests, cells_of
from protocol.values.place import Where, cell_of, within
from tests.unit.protocol.network.test_live import entry

LATITUDES = st.floats(-89, 89)
LONGITUDES = st.floats(-180, 180)
RESOLUTIONS = st.integers(0, 7)
RADII = st.one_of(st.integers(0, 20), st.integers(0, 400), st.integers(0, 6_000))


def wanted(shop: str, shop_km: int, cast: Where) -> bool:
    cells = cells_of([Where(cell=shop, radius_km=shop_km)])
    wish = Filter(Interest(categories=None, cells=cells))
    return wish.wants(
        entry("cast", category="a", cell=int(cast.cell or "", 16), radius_km=cast.radius_km)
    )


@given(
    lat=LATITUDES,
    lon=LONGITUDES,
    north=st.floats(-1, 1),
    east=st.floats(-1, 1),
    shop_resolution=RESOLUTIONS,
    cast_resolution=RESOLUTIONS,
    shop_km=RADII,
    cast_km=RADII,
)
@example(0.0, 0.0, 0.0, 0.0, 0, 0, 0, 0)
def test_whatever_a_shop_could_serve_is_wanted(
    lat, lon, north, east, shop_resolution, cast_resolution, shop_km, cast_km
):
    shop = cell_of(lat, lon, shop_resolution)
    # Far enough apart that about half of the pairs are just within reach of each other.
    degrees = (shop_km + cast_km) / 111 + 0.5
    other_lat = max(-90.0, min(90.0, lat + north * degrees))
    other_lon = (lon + east * degrees + 180) % 360 - 180
    cast = Where(cell=cell_of(other_lat, other_lon, cast_resolution), radius_km=cast_km)
    if within(cast, shop, extra_km=shop_km):
        assert wanted(shop, shop_km, cast)


WISHES = st.tuples(
    st.one_of(st.none(), st.lists(st.sampled_from(["a", "a/b", "a/b/c", "d"]), max_size=2)),
    st.one_of(st.none(), st.lists(st.integers(0, 9), max_size=3)),
)
SPOTS = [
    int(cell_of(10.0 * (number % 3), 2.0 * number, number % 5 + 1), 16) for number in range(10)
]


@given(
    wishes=st.lists(WISHES, max_size=6),
    gone=st.sets(st.integers(0, 5)),
    category=st.sampled_from(["", "a", "a/b", "a/b/c", "d", "e"]),
    cell=st.sampled_from([0, *SPOTS]),
    radius_km=st.integers(0, 2_000),
)
def test_asking_for_all_peers_at_once_says_the_same(wishes, gone, category, cell, radius_km):
    interests = Interests()
    peers = [PeerId(bytes([number])) for number in range(len(wishes))]
    for peer, (categories, spots) in zip(peers, wishes, strict=True):
        cells = None if spots is None else [SPOTS[spot] for spot in spots]
        interests.put(peer, Interest(categories=categories, cells=cells))
    for number in gone:
        interests.lose(PeerId(bytes([number])))
    asked = entry("cast", category=category, cell=cell, radius_km=radius_km)
    refusing = {peer for peer in peers if not interests.wants(peer, asked)}
    assert interests.unwanted_by(asked) == refusing
