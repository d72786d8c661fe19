"""Places by name, offline: from "Park City, UT" to coordinates and a time zone.

Enters: what a person typed. Leaves: one Place, or a refusal with the choices. The list is shipped
and never asked for over the network: a look-up would tell a stranger where somebody wants
something. A name that fits several places is never decided by size; a request sent to the wrong
Springfield is worse than a question.

The data are GeoNames' (CC BY 4.0, see ATTRIBUTION.md), built by scripts/build_gazetteer.py.
"""

from __future__ import annotations

import functools
import gzip
import math
import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from typing import Final

from protocol import limits
from protocol.errors import LocalProtocolError, ObjectError
from protocol.values.place import cell_of, center
from protocol.values.spelling import fold, folds, nearest

_COORDINATES: Final = re.compile(
    r"\s*(-?[0-9]{1,2}(?:\.[0-9]{1,9})?)\s*[,;\s]\s*(-?[0-9]{1,3}(?:\.[0-9]{1,9})?)\s*"
)
_CELL: Final = re.compile(r"8[0-9a-f]{14}")
_CHOICES_MAX: Final = 6
_WELL_KNOWN: Final = 500_000
"""People a town needs before its bare name may mean it among others; guess."""
_TIMES_LARGER: Final = 20
"""And so many times the next one's; guess. What was understood is shown before anything is sent."""
"""Choices shown for an ambiguous name: what a person can take in at a glance."""
_FOUND_MAX: Final = 20
"""Answers of a search; more are of no use in a list to pick from."""
_NEAR_KM_MAX: Final = 200
"""A point farther than this from every known town is at sea or in a desert: it gets no region."""
_KM_PER_DEGREE: Final = 111.2
_DEGREES_PER_HOUR: Final = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A town, or a point with the region and time zone of the nearest one."""

    name: str
    """Its usual name, or the coordinates or cell it was given by."""
    region: str
    """Name of the state or province where known, else GeoNames' code; may be empty."""
    region_code: str
    """GeoNames' code, for the United States the postal one; may be empty."""
    country: str
    """ISO 3166 code of two letters; empty far from every town."""
    lat: float
    """Degrees, -90..90, to four decimals: in memory only, never signed."""
    lon: float
    """Degrees, -180..180."""
    population: int
    """People; 0 for a point."""
    tz: str
    """IANA time zone."""

    @property
    def text(self) -> str:
        """What to type to mean exactly this place."""
        if not self.population:
            return f"{self.lat:.4f},{self.lon:.4f}"
        # A state's postal code is what people write; elsewhere the code is a number nobody knows.
        region = self.region_code if self.country == "US" else self.region
        return ", ".join(part for part in (self.name, region, self.country) if part)


class _Gazetteer:
    """The shipped list in memory: lines stay text and are split only when somebody asks."""

    def __init__(self, text: str) -> None:
        countries, regions, places, others = (part.split("\n") for part in text.split("\n\n"))
        self.places = places
        self.others = others
        self.countries: dict[str, set[str]] = {}
        for line in countries:
            code, code3, name = line.split("\t")
            self.countries[code] = {fold(code), fold(code3), fold(name)}
        self.regions: dict[tuple[str, str], str] = {}
        self.region_names: dict[tuple[str, str], set[str]] = {}
        for line in regions:
            country, code, name, short = line.split("\t")
            self.regions[country, code] = name
            self.region_names[country, code] = folds(name) | {fold(code), fold(short)} - {""}

    def place(self, index: int) -> Place:
        """Read one line."""
        _, name, region, country, lat, lon, population, tz = self.places[index].split("\t")
        return Place(
            name=name,
            region=self.regions.get((country, region), region),
            region_code=region,
            country=country,
            lat=float(lat),
            lon=float(lon),
            population=int(population),
            tz=tz,
        )

    def named(self, key: str) -> list[Place]:
        """Find places of exactly this folded name, largest first."""
        found = [self.place(index) for index in _run(self.places, key + "\t")]
        return sorted(found, key=lambda place: -place.population)

    def also_named(self, key: str) -> list[Place]:
        """Find places with this other name, largest first."""
        lines = (self.others[index] for index in _run(self.others, key + "\t"))
        found = [self.place(int(line.partition("\t")[2])) for line in lines]
        return sorted(found, key=lambda place: -place.population)

    def beginning(self, key: str) -> list[Place]:
        """Find places whose name begins like this, largest first."""
        found = [self.place(index) for index in _run(self.places, key)]
        return sorted(found, key=lambda place: -place.population)

    def matches(self, place: Place, qualifier: str) -> bool:
        """Tell whether a folded state, province or country fits a place."""
        region = self.region_names.get((place.country, place.region_code))
        fits_region = qualifier in region if region else qualifier == fold(place.region_code)
        return fits_region or qualifier in self.countries.get(place.country, ())

    def is_qualifier(self, key: str) -> bool:
        """Tell whether a folded word names any country or region at all."""
        names = (*self.countries.values(), *self.region_names.values())
        return any(key in each for each in names)

    def closest(self, lat: float, lon: float) -> Place | None:
        """Find the town nearest to a point, within 200 km.

        Degrees are compared on a plane shrunk by latitude: exact enough to choose a time zone.
        """
        shrink = max(0.01, math.cos(math.radians(lat)))
        best, best_square = -1, (_NEAR_KM_MAX / _KM_PER_DEGREE) ** 2
        for index, line in enumerate(self.places):
            _, _, _, _, at_lat, at_lon, _ = line.split("\t", 6)
            north = float(at_lat) - lat
            east = abs(float(at_lon) - lon)
            square = north * north + (min(east, 360 - east) * shrink) ** 2
            if square < best_square:
                best, best_square = index, square
        return None if best < 0 else self.place(best)

    def like(self, name: str) -> list[str]:
        """List names spelt nearly like this, among those with the same first letter."""
        key = fold(name)
        names = {
            line.split("\t", 2)[1]
            for line in (self.places[index] for index in _run(self.places, key[:1]))
            if abs(line.index("\t") - len(key)) <= 2  # noqa: PLR2004 - two letters more or fewer
        }
        return nearest(name, names, 3)


def _run(lines: list[str], prefix: str) -> Iterator[int]:
    """Give the indexes of the sorted lines that begin with `prefix`."""
    index = bisect_left(lines, prefix)
    while index < len(lines) and lines[index].startswith(prefix):
        yield index
        index += 1


@functools.cache
def _gazetteer() -> _Gazetteer:
    packed = (resources.files("node") / "data" / "places.tsv.gz").read_bytes()
    return _Gazetteer(gzip.decompress(packed).decode())


def _refuse(sentence: str, fix: str) -> LocalProtocolError:
    return LocalProtocolError(sentence, code="E-PLACE", fix=fix, field="where")


def _own_name(name: str) -> list[Place]:
    """Find towns that call themselves this."""
    gazetteer = _gazetteer()
    return list(dict.fromkeys(p for key in sorted(folds(name)) for p in gazetteer.named(key)))


def _other_name(name: str) -> list[Place]:
    """Find towns that others call this: `Wien`, `Muenchen`, `Saint Louis`."""
    gazetteer = _gazetteer()
    return list(dict.fromkeys(p for key in sorted(folds(name)) for p in gazetteer.also_named(key)))


def search(name: str, country: str = "") -> list[Place]:
    """List towns of a name, or beginning with it, for somebody to pick from.

    Args:
        name: what was typed so far; case and accents do not count.
        country: ISO code or English name; empty for all.

    Returns:
        At most 20: exact names before beginnings, each largest first. None when nothing fits.
    """
    key = fold(name[: limits.input_chars_max])
    if not key:
        return []
    gazetteer = _gazetteer()
    asked = name[: limits.input_chars_max]
    found = _own_name(asked) + _other_name(asked) + gazetteer.beginning(key)
    wanted = fold(country)
    fitting = (p for p in found if not wanted or wanted in gazetteer.countries.get(p.country, ()))
    return list(dict.fromkeys(fitting))[:_FOUND_MAX]


def resolve_near(text: str) -> Place:
    """Turn what a person typed for a place into exactly one.

    Args:
        text: "Park City, UT", "Park City, Utah", "Park City, UT, US", "Lyon, France",
            "40.65,-111.50", or an H3 cell of 15 hex digits.

    Raises:
        LocalProtocolError: E-PLACE when the name is unknown (naming the nearest), fits several
            towns (listing up to six, each with what to type), or lies off the Earth.
    """
    shown = " ".join(text[:60].split())
    if len(text) > limits.input_chars_max or not fold(text):
        raise _refuse(f"'{shown}' is not a place", 'Write a town, for example "Park City, UT"')
    point = _COORDINATES.fullmatch(text)
    if point:
        return _point(shown, float(point[1]), float(point[2]))
    if _CELL.fullmatch(text.strip()):
        return _cell(text.strip())
    return _town(shown, [part.strip() for part in text.split(",") if fold(part)])


def _cell(text: str) -> Place:
    try:
        lat, lon = center(text)
    except ObjectError as error:
        raise _refuse(f"'{text}' is not an H3 cell", "Copy all 15 digits of the cell") from error
    return _point(text, lat, lon)


def _point(name: str, lat: float, lon: float) -> Place:
    cell_of(lat, lon, 0)  # refuses what is not on Earth
    near = _gazetteer().closest(lat, lon)
    hours = round(-lon / _DEGREES_PER_HOUR)
    return Place(
        name=name,
        region=near.region if near else "",
        region_code=near.region_code if near else "",
        country=near.country if near else "",
        lat=round(lat, 4),
        lon=round(lon, 4),
        population=0,
        tz=near.tz if near else f"Etc/GMT{hours:+d}" if hours else "Etc/GMT",
    )


def _town(shown: str, parts: list[str]) -> Place:
    # A name may hold a comma itself ("Washington, D.C."), so all of it is tried first.
    found = _qualified(" ".join(parts), []) or _qualified(parts[0], parts[1:])
    found = found or _unseparated(parts)
    if not found:
        raise _unknown(shown, parts[0])
    if len(found) > 1 and not _dominates(found):
        raise _ambiguous(shown, found)
    return max(found, key=lambda place: place.population)


def _dominates(found: list[Place]) -> bool:
    """Tell whether one town is so much larger that its bare name means it, as Berlin does."""
    sizes = sorted((place.population for place in found), reverse=True)
    return sizes[0] >= _WELL_KNOWN and sizes[0] >= _TIMES_LARGER * sizes[1]


def _qualified(name: str, qualifiers: list[str]) -> list[Place]:
    """Find towns that fit every qualifier, by their own name before any other name."""
    return _fitting(_own_name(name), qualifiers) or _fitting(_other_name(name), qualifiers)


def _fitting(found: list[Place], qualifiers: list[str]) -> list[Place]:
    gazetteer = _gazetteer()
    for keys in (folds(qualifier) for qualifier in qualifiers):
        found = [place for place in found if any(gazetteer.matches(place, key) for key in keys)]
    return found


def _unseparated(parts: list[str]) -> list[Place]:
    """Read "Park City UT" and "Park City Utah, US": the last words may be a state or country."""
    words = parts[0].split()
    for split in range(len(words) - 1, 0, -1):
        name, tail = " ".join(words[:split]), " ".join(words[split:])
        if _gazetteer().is_qualifier(fold(tail)):
            found = _qualified(name, [tail, *parts[1:]])
            if found:
                return found
    return []


def _ambiguous(shown: str, found: list[Place]) -> LocalProtocolError:
    """List the choices, each written in the shortest way that means only it."""
    choices = [_shortest(place, found) for place in found[:_CHOICES_MAX]]
    more = f", or one of {len(found) - _CHOICES_MAX} more" if len(found) > _CHOICES_MAX else ""
    return _refuse(
        f"'{shown}' is the name of {len(found)} places",
        "Type one of: " + "; ".join(choices) + more,
    )


def _shortest(place: Place, among: list[Place]) -> str:
    """Write a place by name and country, with its region, or by coordinates where it must be."""
    countries = [other.country for other in among if other.name == place.name]
    if place.country != "US" and countries.count(place.country) == 1:
        return f"{place.name}, {place.country}"
    if [other.text for other in among].count(place.text) == 1:
        return place.text
    return f"{place.lat},{place.lon} ({place.text})"


def _unknown(shown: str, name: str) -> LocalProtocolError:
    elsewhere = (_own_name(name) + _other_name(name))[:3]
    close = [place.text for place in elsewhere] or _gazetteer().like(name)
    if close:
        return _refuse(f"'{shown}' is not a place known here", f"Did you mean {'; '.join(close)}?")
    return _refuse(
        f"'{shown}' is not a place known here",
        "Name a larger town nearby, or give latitude,longitude such as 40.65,-111.50",
    )
