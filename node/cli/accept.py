"""`intentcast accept`: a yes to the exact bytes of one offer, after showing what it means."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import click

from node.cli.client import Document, NodeClient, handle_path
from node.cli.console import clean
from node.cli.deadline import Deadline
from node.cli.deal import what_to_type
from node.cli.exits import Exit
from node.cli.names import complete_offers
from node.cli.offer_text import Offer, conditions, marks, vendor_line, when
from node.cli.session import Session, session_options
from node.errors import NotFoundError
from protocol.errors import LocalProtocolError

_WAITING: Final = frozenset({"open", "accept_sent"})
_GOOD: Final = "agreed"
_PREFIX: Final = "OFFER"


@click.command(short_help="Accept an offer.")
@click.argument("handle", metavar="OFFER", shell_complete=complete_offers)
@click.option(
    "--option",
    "options",
    type=click.IntRange(0, 49),
    multiple=True,
    metavar="N",
    help="Take an optional line; repeatable.",
)
@click.option("--slot", type=click.IntRange(0, 19), metavar="N", help="Choose a time.")
@click.option(
    "--disclose",
    multiple=True,
    metavar="NAME=VALUE",
    help="What the vendor learns once both have signed; repeatable.",
)
@click.option("--no-disclose", is_flag=True, help="Disclose nothing at all.")
@click.option(
    "--anyway", is_flag=True, help="Accept although a must is not met or the budget is passed."
)
@click.option(
    "--timeout",
    type=click.FloatRange(0, 86_400),
    default=30.0,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for the vendor; 0 does not wait.",
)
@session_options
def accept(  # noqa: PLR0917 - one parameter per option
    session: Session,
    handle: str,
    options: tuple[int, ...],
    slot: int | None,
    disclose: tuple[str, ...],
    no_disclose: bool,  # noqa: FBT001
    anyway: bool,  # noqa: FBT001
    timeout: float,
) -> int | None:
    """Accept OFFER exactly as it stands, then wait for the vendor's confirmation.

    It binds you until the time the offer names; the vendor learns what you disclose only after its
    own confirmation is recorded here.
    """
    told = read_disclosure(disclose, none=no_disclose)
    client = session.client()
    if not session.yes:
        cast, offer = find_offer(client, handle)
        for line in summary(cast, offer, options, slot, told):
            session.console.say(f"  {line}")
        if not session.confirm("Accept?"):
            session.console.say("Nothing was signed.")
            return None
        # What was shown, and nothing else that a few typed characters may mean by then.
        handle = offer["id"]
    cursor = client.cursor()
    body = {"options": list(options), "slot": slot, "disclose": told, "anyway": anyway}
    found = client.post(f"/v1/offers/{handle_path(handle)}/accept", body)
    found = _settled(client, found, cursor, Deadline(timeout))
    return _tell(session, found, waited=timeout > 0)


def read_disclosure(pairs: Sequence[str], *, none: bool) -> dict[str, str] | None:
    """Read what is to be disclosed; None leaves it to what the cast's owner wrote down.

    Raises:
        LocalProtocolError: E-DISCLOSE.
    """
    found: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        name, value = name.strip(), value.strip()
        if not equals or not name or not value or name in found:
            raise LocalProtocolError(
                f"--disclose '{pair[:60]}' is not a name and its value, each name once",
                code="E-DISCLOSE",
                fix='Write:  --disclose name="Ana" --disclose phone="+49 30 123"',
                field="--disclose",
            )
        found[name] = value
    if none and found:
        raise LocalProtocolError(
            "--disclose and --no-disclose say the opposite",
            code="E-DISCLOSE",
            fix="Use one of them",
            field="--no-disclose",
        )
    return found if found or none else None


# --- showing ------------------------------------------------------------------------------------


def _bare(text: str) -> str:
    return text.upper().replace("-", "").replace(" ", "").removeprefix(_PREFIX)


def find_offer(client: NodeClient, handle: str) -> tuple[Document, Offer]:
    """Find an offer among those of all casts.

    Raises:
        NotFoundError: E-OFFER-UNKNOWN or E-AMBIGUOUS.
    """
    wanted = _bare(handle)
    found = []
    for cast in client.get("/v1/casts")["casts"]:
        if cast["offers"] and cast["handle"]:
            listed = client.get(f"/v1/casts/{handle_path(cast['handle'])}/offers")["offers"]
            found += [(cast, o) for o in listed if wanted and _bare(o["id"]).startswith(wanted)]
    if len(found) == 1:
        return found[0]
    if found:
        raise NotFoundError(
            f"'{handle[:60]}' means {len(found)} offers",
            code="E-AMBIGUOUS",
            fix="Type more of the id",
        )
    raise NotFoundError(
        f"no offer here goes by '{handle[:60]}'",
        code="E-OFFER-UNKNOWN",
        fix="List them:  intentcast offers CAST",
    )


def summary(
    cast: Document,
    offer: Offer,
    options: Sequence[int],
    slot: int | None,
    told: dict[str, str] | None,
) -> list[str]:
    """Say what a yes would mean, line by line."""
    from protocol.values.money import format_money

    taken = [each for each in offer["options"] if each["index"] in options]
    total = format_money(offer["total"] + sum(each["total"] for each in taken), offer["cur"])
    lines = [f"{each['name']} {each['total_text']}" for each in [*offer["lines"], *taken]]
    vendor = offer["vendor"]["name"]
    names = sorted(cast["local"]["disclose"] if told is None else told)
    gets = (
        f"{', '.join(names)}, nothing else (once it has confirmed)"
        if names
        else "nothing about you"
    )
    rows = [
        ("You agree to", f"{total}: {', '.join(lines)}"),
        ("How", when(offer)),
        ("Time", _slot_text(offer, slot)),
        ("Vendor", vendor_line(offer)),
        ("Due now", offer.get("due_now_text")),
        *conditions(offer),
        ("Marks", ", ".join(marks(offer))),
        ("Unmet musts", ", ".join(_unmet(offer))),
        (f"{vendor} gets", gets),
    ]
    given = [(name, value) for name, value in rows if value]
    widest = max(len(name) for name, _ in given)
    return [clean(f"{name.ljust(widest)}  {value}") for name, value in given]


def _slot_text(offer: Offer, slot: int | None) -> str:
    if slot is None or slot >= len(offer["slots"]):
        return ""
    chosen = offer["slots"][slot]
    return f"{chosen['start']} to {chosen['end']} ({chosen['tz']})"


def _unmet(offer: Offer) -> list[str]:
    return [
        f"{wish['key']}: {wish['wanted']} ({wish['status']})"
        for wish in offer["musts"]
        if wish["status"] != "met"
    ]


# --- waiting ------------------------------------------------------------------------------------


def _settled(client: NodeClient, found: Document, cursor: int, deadline: Deadline) -> Document:
    """Wait until the deal is no longer open, or the patience ends."""
    path = f"/v1/deals/{handle_path(found['deal']['handle'])}"
    while found["deal"]["state"] in _WAITING and not deadline.over():
        _, cursor = client.news(cursor, deadline.left_s())
        found = client.get(path)
    return found


def _tell(session: Session, found: Document, *, waited: bool) -> Exit:
    deal: dict[str, Any] = found["deal"]
    console = session.console
    if session.as_json:
        console.document(found)
    else:
        console.data(deal["handle"])
    if deal["state"] == _GOOD:
        console.say(console.tick("Signed by both sides."))
        console.say(f"  {what_to_type(deal)}")
        return Exit.OK
    if deal["state"] in _WAITING:
        console.say(f"  Signed by you and sent; the deal is {deal['state']}.")
    else:
        console.alarm(console.cross(f"The deal is {deal['state']} (E-DEAL-{_code(deal)})."))
    console.say(f"  {clean(deal['next'])}")
    console.say(f"  {what_to_type(deal)}")
    if deal["state"] in _WAITING:
        return Exit.TIMEOUT if waited else Exit.OK
    return Exit.REFUSED


def _code(deal: dict[str, Any]) -> str:
    return str(deal["state"]).upper().replace("_", "-")
