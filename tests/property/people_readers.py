"""Readers of what people type: amounts, quantities, places, days, wishes, ids, addresses, lines.

A person's text may be refused only by an error with a code and a sentence.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from node.cli.accept import read_disclosure
from node.cli.group import COMMANDS
from node.cli.requests import read_distance
from node.cli.wishes import read_wish
from node.config import load_settings
from node.data.gazetteer import resolve_near
from node.data.gazetteer import search as search_places
from node.data.vocabulary import attribute_vocabulary, category_tree
from node.errors import ConfigError, TransportError
from node.market.drafts import read_category
from node.market.requests import draft_nonce
from node.network.dialer import parse_address
from node.runtime.peer_text import parse_peer
from node.storage.handles import handle_range
from node.testnet.goal import parse_goal
from node.vendor.columns import period_unit
from protocol.errors import LocalProtocolError, ObjectError
from protocol.ids import blake2b_256, from_text, matches_handle, to_text
from protocol.values.attributes import check_attribute_key_shape
from protocol.values.category import check_category_shape
from protocol.values.money import Money, format_money, parse_amount, parse_money
from protocol.values.numerals import Separator, read_numeral
from protocol.values.place import center, resolution_of
from protocol.values.quantity import decimal_of, decimal_text, parse_quantity, unit_code
from protocol.values.spelling import fold, folds, nearest
from tests.property.decoders import Decoder, Form, check_told
from tests.unit.node.cli import test_any_line as any_line
from tests.unit.node.cli.conftest import Shell

LOCAL = (LocalProtocolError,)
_ID = blake2b_256(b"an id")
_NUMBERS = [
    "1",
    "2.5",
    "1,299.00",
    "1.299,00",
    "1 299,00",
    "1'299.00",
    "½",
    "1/2",
    "\u0663\u066b\u0665",
    "1e3",
]
_MONEY = ["300 USD", "$1,299.00", "1.299,00 €", "EUR 12", "12 JPY", "0.001 KWD", "USD300", "£5"]
_QUANTITIES = ["1", "2 each", "500 g", "1.5 kg", "24 megapixels", "3 days", "7 passengers", "1/2 l"]
_PLACES = ["Park City, UT", "40.65,-111.50", "872696a5affffff", "Lyon, France", "Zürich", "東京"]
_CATEGORIES = ["electronics/cameras/digital-cameras", "cameras", "rental car", "travel", "a/b/c/d"]


def _money_again(text: str) -> None:
    found = parse_money(text)
    assert isinstance(found, Money)
    assert parse_money(format_money(found.minor, found.cur)) == found


def _amount(text: str) -> None:
    for cur in ("USD", "JPY", "KWD"):
        for comma in (False, True):
            try:
                parse_amount(text, cur, decimal_comma=comma)
            except LocalProtocolError:
                continue


def _numeral(text: str) -> None:
    for separator in Separator:
        read_numeral(text, separator)


def _attributes(text: str) -> None:
    vocabulary = attribute_vocabulary()
    for path in ("electronics/cameras/digital-cameras", "travel"):
        for spec in list(vocabulary.for_category(path).values())[:12]:
            try:
                spec.parse_value(text, unit_hint=text[:8])
            except LocalProtocolError as error:
                check_told(error)


def _quantity(text: str) -> None:
    found = parse_quantity(text)
    decimal_of(found.n)


def _category(text: str) -> None:
    tree = category_tree()
    tree.search(text)
    tree.suggest(text)
    tree.contains(text)
    attribute_vocabulary().find_key("electronics/cameras", text)
    attribute_vocabulary().suggest("electronics/cameras", text)
    tree.check(text)


def _spelling(text: str) -> None:
    fold(text)
    folds(text)
    nearest(text, ["resolution", "weight"], 2)
    unit_code(text)
    period_unit(text)


def _id(text: str) -> str:
    return to_text("cast", from_text("cast", text))


def _handles(text: str) -> None:
    draft_nonce(text)
    low, high = handle_range("offer", text)
    assert low <= high
    matches_handle("offer", _ID, text)


def _wishes(text: str) -> None:
    for option in ("--must", "--prefer"):
        read_wish(text, option)


def _environment(key: str) -> Callable[[str], Any]:
    return lambda text: load_settings(Path("/nowhere"), {}, {f"INTENTCAST_{key}": text})


def _settings(text: str) -> None:
    """Give a text to each setting in turn."""
    for key in ("NET", "LISTEN_PORT", "PEERS", "ADVERTISE", "WEB", "LOG_LEVEL", "CLOCK_OFFSET_MS"):
        try:
            _environment(key)(text)
        except ConfigError as error:
            check_told(error)


# --- whole command lines --------------------------------------------------------------------------


@cache
def _place() -> Path:
    return any_line.deep_below(Path(tempfile.mkdtemp(prefix="any-line-")))


def _harmless(word: str) -> str:
    """Let no bent word name a file outside the place: a slash stands in known words alone."""
    return word if word in _known_words() else word.replace("/", "_").replace("~", "_")


@cache
def _known_words() -> frozenset[str]:
    return frozenset(word for line in _lines() for word in line)


def _line(argv: list[str]) -> None:
    """Run one line against a node that answers, and one against none."""
    place = _place()
    with pytest.MonkeyPatch.context() as patch:
        any_line.prepare(patch, place)
        shell = Shell(home=place / "home", monkeypatch=patch)
        if len(argv) % 2:
            shell.up()
        else:
            (place / "home" / "api.json").unlink(missing_ok=True)
        any_line.check(shell.run(*map(_harmless, any_line.bounded(argv))))


def _lines() -> list[list[str]]:
    words = [*any_line.OPTIONS, *any_line.VALUES, *any_line.VERBS]
    plain = [[command, words[at % len(words)]] for at, command in enumerate(COMMANDS)]
    return [
        *plain,
        ["cast", "a camera", "--category", "electronics/cameras", "--budget", "300 USD", "-y"],
        ["cast", "car for 7", "--must", "seats>=7", "--by", "+14d", "--near", "Park City, UT"],
        ["offers", "cast-7Q4M-K2XD", "--wait", "1"],
        ["accept", "offer-AAA1", "--option", "1", "--slot", "0", "--disclose", "name=Ana", "-y"],
        ["deal", "deal-AAA1", "--confirm"],
        ["vendor", "init", "--name", "x", "--area", "Lyon, France", "--currency", "EUR"],
        ["peers", "add", "127.0.0.1:4200"],
        ["revoke", "cast-AAA1", "-y"],
        ["--json", "status"],
        ["verify", "a.json"],
    ]


READERS = [
    Decoder(
        name="values: number",
        form=Form.TEXT,
        good=lambda: _NUMBERS,
        read=_numeral,
        allowed=LOCAL,
        covers=("protocol.values.numerals.read_numeral",),
    ),
    Decoder(
        name="values: money",
        form=Form.TEXT,
        good=lambda: _MONEY,
        read=_money_again,
        allowed=LOCAL,
        covers=("protocol.values.money.parse_money",),
    ),
    Decoder(
        name="values: amount",
        form=Form.TEXT,
        good=lambda: _NUMBERS,
        read=_amount,
        allowed=LOCAL,
        covers=("protocol.values.money.parse_amount",),
    ),
    Decoder(
        name="values: quantity",
        form=Form.TEXT,
        good=lambda: _QUANTITIES,
        read=_quantity,
        allowed=LOCAL,
        covers=("protocol.values.quantity.parse_quantity",),
    ),
    Decoder(
        name="values: decimal on the wire",
        form=Form.TEXT,
        good=lambda: ["1", "0.5", "-12.25", "999999999999999.123456789"],
        read=lambda text: decimal_text(decimal_of(text)),
        allowed=(ObjectError,),
    ),
    Decoder(
        name="values: attribute",
        form=Form.TEXT,
        good=lambda: ["24.2 MP", "yes", "red, blue", "400 g", "full frame", *_NUMBERS],
        read=_attributes,
        allowed=(),
        covers=("protocol.values.attributes.AttributeSpec.parse_value",),
    ),
    Decoder(
        name="values: attribute key",
        form=Form.TEXT,
        good=lambda: ["resolution", "raw", "sensor_format"],
        read=check_attribute_key_shape,
        allowed=(ObjectError,),
    ),
    Decoder(
        name="values: category on the wire",
        form=Form.TEXT,
        good=lambda: _CATEGORIES,
        read=check_category_shape,
        allowed=(ObjectError,),
    ),
    Decoder(
        name="values: category as typed",
        form=Form.TEXT,
        good=lambda: _CATEGORIES,
        read=_category,
        allowed=LOCAL,
        is_slow=True,
    ),
    Decoder(
        name="values: spellings",
        form=Form.TEXT,
        good=lambda: ["Mega-Pixels", "per day", "Größe", "pro Tag", "kilogrammes"],
        read=_spelling,
        allowed=(),
    ),
    Decoder(
        name="values: cell",
        form=Form.TEXT,
        good=lambda: ["872696a5affffff", "872696ab6ffffff"],
        read=lambda text: (resolution_of(text), center(text)),
        allowed=(ObjectError,),
    ),
    Decoder(
        name="place as typed",
        form=Form.TEXT,
        good=lambda: _PLACES,
        read=lambda text: (search_places(text), resolve_near(text)),
        allowed=LOCAL,
        is_slow=True,
    ),
    Decoder(
        name="category as typed in a request",
        form=Form.TEXT,
        good=lambda: _CATEGORIES,
        read=read_category,
        allowed=LOCAL,
        is_slow=True,
    ),
    Decoder(
        name="id in full",
        form=Form.TEXT,
        good=lambda: [to_text("cast", _ID)],
        read=_id,
        allowed=LOCAL,
        covers=("protocol.ids.from_text",),
    ),
    Decoder(
        name="id shortened",
        form=Form.TEXT,
        good=lambda: ["offer-7Q4M-K2XD", "7q4m", "draft-" + "ab" * 16, "ab" * 16],
        read=_handles,
        allowed=LOCAL,
    ),
    Decoder(
        name="wish",
        form=Form.TEXT,
        good=lambda: ["resolution >= 12 MP", "insurance absent", "seats between 4 and 7", "raw"],
        read=_wishes,
        allowed=LOCAL,
    ),
    Decoder(
        name="distance",
        form=Form.TEXT,
        good=lambda: ["25km", "15 mi", "3 miles", "0.5km"],
        read=lambda text: read_distance(text, "--within"),
        allowed=LOCAL,
    ),
    Decoder(
        name="disclosure",
        form=Form.TEXT,
        good=lambda: ["name=Ana", "phone = +49 30 123"],
        read=lambda text: read_disclosure([text], none=False),
        allowed=LOCAL,
    ),
    Decoder(
        name="address",
        form=Form.TEXT,
        good=lambda: ["192.0.2.7:7440", "[2001:db8::7]:7440", "node.example:1", "localhost:65535"],
        read=lambda text: str(parse_address(text)),
        allowed=(TransportError,),
    ),
    Decoder(
        name="peer",
        form=Form.TEXT,
        good=lambda: ["192.0.2.7:7440", to_text("node", _ID) + "@192.0.2.7:7440"],
        read=parse_peer,
        allowed=(ConfigError,),
    ),
    Decoder(
        name="goal of a testnet",
        form=Form.TEXT,
        good=lambda: ["offers>=10", "deals==1", "casts > 3"],
        read=lambda text: str(parse_goal(text)),
        allowed=LOCAL,
    ),
    Decoder(
        name="settings in the environment",
        form=Form.TEXT,
        good=lambda: ["main", "7440", "192.0.2.7:7440,node.example:1", "true", "INFO", "-5"],
        read=_settings,
        allowed=(),
    ),
    Decoder(
        name="command line",
        form=Form.LINE,
        good=_lines,
        read=_line,
        allowed=(),
        is_slow=True,
    ),
]
