"""Units of measure: one code each, an exact factor, and how people spell them.

Enters: nothing. Leaves: read-only tables. Codes are those of UN/CEFACT Recommendation 20; where it
has none, or only one nobody recognises, we use our own of four or more letters (`MPX` apart), which
cannot collide with its codes of at most three. Factors are exact rationals to one base unit per
dimension, so that converting is arithmetic and never an estimate. Units that share a name but no
fixed ratio (a month and a day, the two Calories) stand in different dimensions or under one code.
Source: UN/CEFACT Recommendation 20 revision 17; factors from its annexes and the SI brochure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from types import MappingProxyType
from typing import Final

RECIPROCAL: Final = frozenset({"KMPL", "MPGUS", "MPGUK"})
"""Units that count the other way round: distance per fuel among fuel per distance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """One unit: base value = (n + offset) * factor, or factor / n for a reciprocal unit."""

    code: str
    """UN/CEFACT Recommendation 20 code, or our own."""
    dimension: str
    """Only units of one dimension convert into each other."""
    factor: Fraction
    """Base units in one of this."""
    offset: Fraction
    """Added before scaling; zero but for temperatures."""


# dimension | code factor [offset]: spelling, spelling ...
# An indented line continues the one above. A spelling matches in any case unless
# another unit has the same letters in another case.
_TABLE: Final = """
length | MTR 1: m, metre, meter, metres, meters, mètre, mètres, metro, metros
length | KMT 1000: km, kilometre, kilometer, kilometres, kilometers, kilomètre, kilomètres
length | DMT 1/10: dm, decimetre, decimeter
length | CMT 1/100: cm, centimetre, centimeter, centimetres, centimeters, zentimeter, centimètre
length | MMT 1/1000: mm, millimetre, millimeter, millimetres, millimeters, millimètre, milímetro
length | 4H 1/1000000: µm, μm, um, micron, microns, micrometre, micrometer
length | C45 1/1000000000: nm, nanometre, nanometer, nanometres, nanometers
length | INH 254/10000: in, inch, inches, ", ″, ”, zoll, pouce, pouces, pulgada, pulgadas
length | FOT 3048/10000: ft, foot, feet, ', ′, ’, fuss, fuß, pied, pieds, pie, pies
length | YRD 9144/10000: yd, yds, yard, yards
length | SMI 1609344/1000: mi, mile, miles, meile, meilen
length | NMI 1852: nmi, nautical mile, nautical miles, seemeile, seemeilen
mass | KGM 1: kg, kgs, kilo, kilos, kilogram, kilograms, kilogramm, kilogramme, kilogrammes
mass | GRM 1/1000: g, gr, gram, grams, gramm, gramme, grammes, gramo, gramos
mass | MGM 1/1000000: mg, milligram, milligrams, milligramm
mass | MC 1/1000000000: µg, μg, mcg, microgram, micrograms
mass | TNE 1000: t, tonne, tonnes, metric ton, metric tons
mass | LBR 45359237/100000000: lb, lbs, pound, pounds, #
mass | ONZ 45359237/1600000000: oz, ounce, ounces, unze, unzen, once, onces
mass | STI 635029318/100000000: st, stone, stones
mass | STN 90718474/100000: short ton, short tons
mass | LTN 10160469088/10000000: long ton, long tons
mass | CTM 1/5000: ct, carat, carats, karat
volume | LTR 1/1000: l, litre, liter, litres, liters, ltr, litro, litros
volume | MLT 1/1000000: ml, millilitre, milliliter, millilitres, milliliters
volume | CLT 1/100000: cl, centilitre, centiliter
volume | DLT 1/10000: dl, decilitre, deciliter
volume | HLT 1/10: hl, hectolitre, hectoliter, hektoliter
volume | DMQ 1/1000: dm3, dm³
volume | MTQ 1: m3, m³, cbm, cubic metre, cubic meter, cubic metres, cubic meters, kubikmeter
volume | CMQ 1/1000000: cm3, cm³, cc, ccm, cubic centimetre, cubic centimeter
volume | INQ 16387064/1000000000000: in3, in³, cu in, cubic inch, cubic inches
volume | FTQ 28316846592/1000000000000: ft3, ft³, cu ft, cubic foot, cubic feet
volume | YDQ 764554857984/1000000000000: yd3, yd³, cu yd, cubic yard, cubic yards
volume | GLL 3785411784/1000000000000: gal, gallon, gallons, us gallon, us gallons, us gal
volume | GLI 454609/100000000: imperial gallon, imperial gallons, uk gallon, uk gallons, imp gal
volume | QTL 946352946/1000000000000: qt, quart, quarts, us quart
volume | PTL 473176473/1000000000000: us pint, us pints
volume | PTI 56826125/100000000000: uk pint, uk pints, imperial pint, imperial pints
volume | OZA 295735295625/10000000000000000: fl oz, fl. oz, fl. oz., fluid ounce, fluid ounces,
    floz
volume | OZI 284130625/10000000000000: uk fl oz, imperial fluid ounce
volume | G21 2365882365/10000000000000: us cup, us cups
area | MTK 1: m2, m², sqm, sq m, qm, square metre, square meter, square metres, square meters,
    quadratmeter
area | CMK 1/10000: cm2, cm², sq cm, square centimetre, square centimeter
area | MMK 1/1000000: mm2, mm², sq mm
area | KMK 1000000: km2, km², sq km, square kilometre, square kilometer
area | H18 10000: ha, hectare, hectares, hektar
area | ACR 40468564224/10000000: acre, acres
area | FTK 9290304/100000000: ft2, ft², sq ft, sqft, square foot, square feet
area | INK 64516/100000000: in2, in², sq in, square inch, square inches
area | YDK 83612736/100000000: yd2, yd², sq yd, square yard, square yards
area | MIK 2589988110336/1000000: sq mi, square mile, square miles
time | SEC 1: s, sec, secs, second, seconds, sek, sekunde, sekunden, seconde, secondes, segundo,
    segundos
time | C26 1/1000: ms, millisecond, milliseconds
time | B98 1/1000000: µs, μs, microsecond, microseconds
time | MIN 60: min, mins, minute, minutes, minuten, minuto, minutos
time | HUR 3600: h, hr, hrs, hour, hours, std, stunde, stunden, heure, heures, hora, horas
time | DAY 86400: d, day, days, tag, tage, tagen, jour, jours, día, días
time | WEE 604800: wk, wks, week, weeks, woche, wochen, semaine, semaines, semana, semanas
calendar | MON 1: mo, month, months, monat, monate, monaten, mois, mes, meses
calendar | ANN 12: y, yr, yrs, year, years, jahr, jahre, jahren, an, ans, année, années, año, años
power | WTT 1: W, watt, watts
power | C31 1/1000: mW, milliwatt, milliwatts
power | KWT 1000: kw, kilowatt, kilowatts
power | MAW 1000000: MW, megawatt, megawatts
power | BHP 74569987158227022/100000000000000: hp, bhp, horsepower
power | METRICHP 73549875/100000: ps, cv, ch, metric hp, metric horsepower, pferdestärke,
    pferdestärken
power | 2I 105505585262/360000000000: btu/h, btu/hr, btuh, btu per hour
apparent-power | D46 1: VA, volt-ampere
apparent-power | KVA 1000: kVA
energy | JOU 1: j, joule, joules
energy | KJO 1000: kj, kilojoule, kilojoules
energy | 3B 1000000: megajoule, megajoules, MJ
energy | WHR 3600: wh, watt hour, watt hours, watt-hours
energy | KWH 3600000: kwh, kilowatt hour, kilowatt hours, kilowatt-hours
energy | MWH 3600000000: MWh, megawatt hour, megawatt hours
energy | E14 41868/10: kcal, kilocalorie, kilocalories
energy | BTU 105505585262/100000000: btu
data | AD 8: B, byte, bytes
data | 2P 8000: kB, KB, kb, kilobyte, kilobytes
data | 4L 8000000: MB, mb, megabyte, megabytes
data | E34 8000000000: GB, gb, gigabyte, gigabytes, go, gig, gigs
data | E35 8000000000000: TB, tb, terabyte, terabytes
data | E36 8000000000000000: PB, petabyte, petabytes
data | E64 8192: KiB, kibibyte
data | E63 8388608: MiB, mebibyte
data | E62 8589934592: GiB, gibibyte
data | E61 8796093022208: TiB, tebibyte
data | A99 1: bit, bits
data | C37 1000: kbit, kilobit, kilobits, Kb
data | D36 1000000: Mb, Mbit, megabit, megabits
data | B68 1000000000: Gb, Gbit, gigabit, gigabits
data-rate | B10 1: bit/s, bps
data-rate | C74 1000: kbit/s, kbps, kb/s
data-rate | E20 1000000: mbit/s, mbps, Mb/s, megabit per second, megabits per second
data-rate | B80 1000000000: gbit/s, gbps, Gb/s, gigabit per second
data-rate | P95 8000000: MB/s, MBps, megabyte per second, megabytes per second
data-rate | E68 8000000000: GB/s, GBps, gigabyte per second
temperature | KEL 1: K, kelvin
temperature | CEL 1 273.15: °c, c, celsius, deg c, degree celsius, degrees celsius, grad celsius,
    ℃
temperature | FAH 5/9 459.67: °f, f, fahrenheit, deg f, degree fahrenheit, degrees fahrenheit, ℉
speed | MTS 1: m/s, metres per second, meters per second
speed | KMH 10/36: km/h, kmh, kph, kilometres per hour, kilometers per hour
speed | HM 44704/100000: mph, miles per hour
speed | KNT 1852/3600: kn, kt, kts, knot, knots, knoten
frequency | HTZ 1: hz, hertz
frequency | KHZ 1000: khz, kilohertz
frequency | MHZ 1000000: mhz, megahertz
frequency | A86 1000000000: ghz, gigahertz
rotation | RPM 1: rpm, r/min, u/min, tr/min, revolutions per minute
pressure | PAL 1: Pa, pascal
pressure | KPA 1000: kPa, kilopascal
pressure | A97 100: hPa, hectopascal
pressure | BAR 100000: bar, bars
pressure | MBR 100: mbar, millibar
pressure | PS 44482216152605/6451600000: psi
voltage | VLT 1: v, volt, volts
voltage | KVT 1000: kv, kilovolt
voltage | 2Z 1/1000: millivolt, millivolts
current | AMP 1: a, amp, amps, ampere, amperes
current | 4K 1/1000: ma, milliamp, milliampere
resistance | OHM 1: ohm, ohms, Ω
charge | AMH 1: ah, ampere hour, amp hour, amp hours
charge | E09 1/1000: mah, milliamp hour, milliampere hour
force | NEW 1: N, newton, newtons
torque | NU 1: Nm, N·m, newton metre, newton meter, newton metres
light | LUM 1: lm, lumen, lumens
luminance | A24 1: cd/m2, cd/m², nit, nits
illuminance | LUX 1: lx, lux
optical-power | Q25 1: dpt, dioptre, dioptres, diopter, diopters
sound | 2N 1: db, db(a), dba, decibel, decibels
angle | DD 1: °, deg, degree, degrees, grad
pixels | E37 1: px, pixel, pixels
pixels | MPX 1000000: mp, mpx, mpix, mpixel, mega pixel, mega pixels, megapixel, megapixels,
    mégapixel, mégapixels, megapíxel, megapíxeles
pixels | E38 1000000:
dots | E39 1: dpi, dots per inch, ppi
frames | FRAMES 1: fps, frames per second, frames/s, bilder/s
ratio | P1 1: %, percent, per cent, pct, prozent, pour cent, por ciento, vol%, % vol, vol.-%
area-density | GM 1: g/m2, g/m², gsm
flow | L2 1: l/min, lpm, litres per minute, liters per minute
flow | E32 1/60: l/h, litres per hour
flow | MQH 1000/60: m3/h, m³/h
flow | 2L 28316846592/1000000000: cfm
fineness | A49 1: den, denier
fuel | LP100KM 1: l/100km, l/100 km, litres per 100 km, liter/100km
fuel | KMPL 100: km/l
fuel | MPGUS 3785411784/16093440: mpg, mpg us, us mpg, miles per gallon
fuel | MPGUK 454609000/1609344: uk mpg, mpg uk, imperial mpg
electric-use | KWHP100 1: kwh/100km, kwh/100 km
print-speed | PAGEMIN 1: ppm, pages per minute, seiten/min
count | each 1: each, ea, pc, pcs, piece, pieces, unit, units, item, items, x, ×, stk, stück,
    pièce, pièces, pieza, piezas, one, ct., count, seat, seats, seater, sitze, sitzplätze, places,
    plazas, door, doors, türen, portes, puertas, person, persons, people, personen, personnes,
    personas, pax, guest, guests, adult, adults, room, rooms, zimmer, bedroom, bedrooms, bathroom,
    bathrooms, speed, speeds, gear, gears, gänge, core, cores, port, ports, star, stars, sterne,
    night, nights, nächte, nuits, noches, player, players, cup, cups, zone, zones, burner,
    burners, set, sets
count | C62 1:
count | EA 1:
count | H87 1:
count | NAR 1:
count | IE 1:
count | PR 2: pair, pairs, paar
count | DZN 12: dozen, dozens, dutzend
"""  # noqa: RUF001 - primes and the multiplication sign are what people type


def _row(line: str) -> tuple[Unit, list[str]]:
    dimension, _, rest = line.partition(" | ")
    head, _, spellings = rest.partition(":")
    code, factor, *offset = head.split()
    unit = Unit(
        code=code,
        dimension=dimension,
        factor=Fraction(factor),
        offset=Fraction(offset[0] if offset else 0),
    )
    return unit, [spelling.strip() for spelling in spellings.split(",") if spelling.strip()]


_ROWS: Final = [_row(line) for line in _TABLE.strip().replace("\n    ", " ").splitlines()]

UNITS: Final[Mapping[str, Unit]] = MappingProxyType({unit.code: unit for unit, _ in _ROWS})
"""Unit code -> unit."""

SPELLINGS: Final[Mapping[str, str]] = MappingProxyType(
    {spelling: unit.code for unit, spellings in _ROWS for spelling in spellings}
)
"""Spelling exactly as written here -> unit code."""


def _folded() -> dict[str, str]:
    """Spellings in any case, without those whose case decides between two units."""
    codes: dict[str, set[str]] = {}
    for spelling, code in SPELLINGS.items():
        codes.setdefault(spelling.casefold(), set()).add(code)
    return {spelling: min(found) for spelling, found in codes.items() if len(found) == 1}


SPELLINGS_ANY_CASE: Final[Mapping[str, str]] = MappingProxyType(_folded())
"""Case-folded spelling -> unit code, only where case does not matter."""
