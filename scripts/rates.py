"""Measures the basic operations of the protocol on one core, as ratios to one signature check.

Leaves a table, or one JSON document with `--json`. V is how often a second libsodium, through
PyNaCl, checks a signature over a typical cast: what a node has to do at the least for each object
it accepts. Ratios to V of the same run compare across machines; rates alone do not. Each rate is
the best of several rounds, since everything else on the machine can only make it slower.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from nacl import bindings

from protocol import limits, sealing, signing, work
from protocol.channel.noise import CipherState
from protocol.encoding import decode, encode
from protocol.now import DAY_MS, MINUTE_MS
from protocol.objects.envelope import open_stored, read_candidate, read_header_of, sign_envelope
from protocol.objects.header import Header, Kind
from protocol.objects.intentcast import AttributeConstraint, Intentcast, Item, Membership, Window
from protocol.objects.reply import Reply
from protocol.values.place import Where, cell_of
from protocol.values.quantity import Quantity

NET = "bench"
SEED = bytes(range(32))
AT = 29_000_000 * MINUTE_MS
ROUND_S = 0.15


def key(number: int) -> bytes:
    """Make up 32 bytes that differ by number."""
    return number.to_bytes(32, "big")


def park_city(*, at: int = AT, number: int = 0) -> Intentcast:
    """Build the request of the README, with three mailboxes: a cast of typical size.

    Args:
        at: Unix ms, whole minutes, of its signing.
        number: tells one from another.
    """
    wishes = [
        AttributeConstraint(key="vehicle-class", op="eq", value="suv"),
        AttributeConstraint(key="drivetrain", op="in", value=["4wd", "awd"]),
        AttributeConstraint(key="insurance", op="absent"),
        AttributeConstraint(key="prepaid-fuel", op="absent"),
        AttributeConstraint(key="seats", op="ge", value="5", unit="each", level="prefer", weight=3),
    ]
    return Intentcast(
        title="4WD SUV in Park City, March 20-25",
        text="Skiing. No payment up front for gas, no insurance. What can any of you do for me?",
        category="vehicles/rental/car",
        function="rent",
        items=[Item(name="4WD SUV", qty=Quantity(n="1", unit="each"), attrs=wishes)],
        when=[Window(start="2027-03-20", end="2027-03-25", tz="America/Denver")],
        where=Where(cell=cell_of(40.65, -111.50, limits.public_place_resolution_max), radius_km=60),
        decide_by=at + 7 * DAY_MS,
        nonce=number.to_bytes(16, "big"),
        memberships=[
            Membership(programme="Avis Wizard"),
            Membership(programme="Budget FastBreak"),
            Membership(programme="Hertz #1 Club"),
        ],
        terms=["PDC-INTENT", "SD-BASE"],
        reply=Reply(box=key(1), reader=key(2), at=[key(3), key(4), key(5)], until=at + 30 * DAY_MS),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """One line of the table."""

    name: str
    """What was done."""
    per_second: float
    """How often, in the best round."""


def per_second(act: Callable[[], object], rounds: int) -> float:
    """Repeat `act` for a fixed time, several times; give the best rate."""
    count, took = 1, 0.0
    while took < ROUND_S / 10:
        count *= 2
        took = timed(act, count)
    count = max(1, int(count * ROUND_S / took))
    return count / min(timed(act, count) for _ in range(rounds))


def timed(act: Callable[[], object], count: int) -> float:
    """Give the processor seconds that `count` repetitions take; other programs count for none."""
    start = time.process_time()
    for _ in range(count):
        act()
    return time.process_time() - start


def operations() -> dict[str, Callable[[], object]]:
    """Name what is measured; the first is V."""
    public, secret = bindings.crypto_sign_seed_keypair(SEED)
    header = Header(
        net=NET,
        kind=Kind.INTENTCAST,
        key=public,
        at=AT,
        exp=AT + 14 * DAY_MS,
        to=None,
        thread=None,
        prev=None,
        target=0,
    )
    cast = park_city()
    text = sign_envelope(header, cast, SEED)
    nonce = work.solve(text.id, text.target, tries=1 << 24)
    raw = text.envelope(nonce)
    tree = decode(text.signed, bytes_max=limits.public_bytes_max)
    plain = bindings.crypto_sign(text.signed, secret)
    box = sealing.box_public_key(SEED)
    letter = bytes(2 * limits.letter_pad_bytes)
    sealed = sealing.seal(letter, box, SEED)
    cipher = CipherState(SEED)
    tag = signing.Tag.INTENTCAST

    def admit() -> None:
        read_header_of(read_candidate(raw, peer=None, bytes_max=limits.public_bytes_max), net=NET)

    return {
        "V: raw signature check": lambda: bindings.crypto_sign_open(plain, public),
        "verify, tagged": lambda: signing.verify(tag, text.signed, text.signature, public),
        "sign, tagged": lambda: signing.sign(tag, text.signed, SEED),
        "decode canonical": lambda: decode(text.signed, bytes_max=limits.public_bytes_max),
        "encode canonical": lambda: encode(tree),
        "admit: split and read header": admit,
        "open envelope: all of it": lambda: open_stored(raw, net=NET),
        "sign envelope, before its work": lambda: sign_envelope(header, cast, SEED),
        "seal a letter of 1 KiB": lambda: sealing.seal(letter, box, SEED),
        "open a letter of 1 KiB": lambda: sealing.open_sealed(sealed, SEED),
        "encrypt a frame of the cast": lambda: cipher.encrypt(raw),
        "try one nonce of work": lambda: work.bits_of(text.id, bytes(8)),
    }


def measure(rounds: int) -> list[Rate]:
    """Measure every operation in turn."""
    return [
        Rate(name=name, per_second=per_second(act, rounds)) for name, act in operations().items()
    ]


def show(rates: list[Rate]) -> None:
    """Print the table for people."""
    unit = rates[0].per_second
    print(f"{'operation':<34}{'per second':>14}{'us each':>10}{'x V':>8}")
    for rate in rates:
        each = 1_000_000 / rate.per_second
        print(
            f"{rate.name:<34}{rate.per_second:>14,.0f}{each:>10.1f}{rate.per_second / unit:>8.2f}"
        )
    tries = rates[-1].per_second
    print()
    for net in ("main", "testnet"):
        bits = work.base_bits(net)
        print(f"mean work of a cast in net={net:<8} {bits} bits, {2**bits / tries:.3f} s")


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="scripts/bench rates", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each; the best counts")
    given = parser.parse_args()
    if not 1 <= given.rounds <= 100:  # noqa: PLR2004 - a hundred take minutes
        parser.error("--rounds is 1 to 100")
    rates = measure(given.rounds)
    if given.json:
        unit = rates[0].per_second
        lines = [
            {
                "name": rate.name,
                "per_second": round(rate.per_second),
                "ratio": rate.per_second / unit,
            }
            for rate in rates
        ]
        machine = {"python": platform.python_version(), "machine": platform.machine()}
        print(json.dumps({"schema": "intentcast.bench/1", **machine, "rates": lines}, indent=2))
    else:
        show(rates)
    return 0


if __name__ == "__main__":
    sys.exit(main())
