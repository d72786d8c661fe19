"""`intentcast wait`: for a script that goes on when something has come about.

Enters: an expression as typed. Leaves: exit code 0 when it holds, 6 when it did not in time, 5 when
it never will. Nothing typed is evaluated as code. The node's events say when to look again; only
links and readiness, which are no events, are looked at every second.
"""

from __future__ import annotations

import operator
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

import click

from node.cli.client import WAIT_S, NodeClient, handle_path
from node.cli.deadline import Deadline
from node.cli.offers import only_cast
from node.cli.session import Session, session_options
from node.errors import RefusedError, TransportError
from protocol.errors import LocalProtocolError

_LOOK_S: Final = 1.0
_KNOCK_S: Final = 0.2
_NUMBER_MAX: Final = 1_000_000
_COUNT = re.compile(
    r"\s*(?P<noun>offers|peers)(?:\s+(?P<handle>[\w-]{1,120}))?\s*(?P<op>>=|<=|==|!=|=|>|<)"
    r"\s*(?P<number>[0-9]{1,7})\s*",
    re.ASCII,
)
_DEAL = re.compile(
    r"\s*deal\s+(?P<handle>[\w-]{1,120})\s*==?\s*(?P<state>[a-z_]{1,20})\s*", re.ASCII
)
_SPAN = re.compile(
    r"\s*(?P<number>[0-9]{1,7}(?:\.[0-9]{1,3})?)\s*(?P<unit>s|m|min|h|d)?\s*", re.ASCII
)
_SECONDS: Final = {"s": 1, "m": 60, "min": 60, "h": 3_600, "d": 86_400}
_COMPARE: Final[Mapping[str, Callable[[int, int], bool]]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "=": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
}
_STATES: Final = (
    *("accept_sent", "offered", "confirmed"),
    *("agreed", "declined", "voided", "cancelled"),
)
_LAST: Final = frozenset({"agreed", "declined", "voided", "cancelled"})
"""States of a deal that do not change any more; of an agreement, only by being cancelled."""
_EXAMPLES: Final = "'offers>=3'   'offers CAST>=1'   'deal DEAL=agreed'   'peers>=1'   ready"


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """What is waited for."""

    noun: str
    """`offers`, `peers`, `deal` or `ready`."""
    handle: str | None = None
    """Which cast or deal."""
    op: str = "=="
    """How a number is compared."""
    number: int = 0
    """With what."""
    state: str = ""
    """Of a deal."""

    def __str__(self) -> str:
        """Write it as it may be typed."""
        name = f"{self.noun} {self.handle}" if self.handle else self.noun
        if self.noun == "ready":
            return name
        return f"{name}={self.state}" if self.noun == "deal" else f"{name}{self.op}{self.number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How it stands."""

    value: int | str
    """The number, or the state."""
    holds: bool
    """Whether it is what is waited for."""
    is_lost: bool = False
    """Whether it never will be."""


_HELP: Final = """Wait until EXPR holds, then end with exit code 0; with 6 when it does not in time.

\b
EXPR is one of:
  'offers>=3'           so many offers have come, where one cast is open
  'offers CAST>=1'      for this cast
  'deal DEAL=agreed'    a deal stands so
  'peers>=1'            so many nodes are linked
  ready                 the node is up and works

Quote it: to a shell > means a file. A TIME without a unit is in seconds.
"""


@click.command(help=_HELP, short_help="Wait until something has come about.")
@click.argument("words", metavar="EXPR", nargs=-1, required=True)
@click.option("--timeout", metavar="TIME", help="Longest wait: 60s, 10m, 2h; else for ever.")
@session_options
def wait(session: Session, words: tuple[str, ...], timeout: str | None) -> None:
    """Wait until EXPR holds; the help stands above."""
    condition = read_condition(" ".join(words))
    deadline = Deadline(float("inf") if timeout is None else read_span(timeout))
    if condition.noun == "ready":
        found = _until_ready(session, condition, deadline)
    else:
        found = _until(session.client(), condition, deadline)
    if session.as_json:
        session.console.document(
            {"schema": "intentcast.wait/1", "expression": str(condition), "value": found.value}
        )
    else:
        is_count = condition.noun in {"offers", "peers"}
        said = f"{condition}: it is {found.value}." if is_count else f"It is {found.value}."
        session.console.say(session.console.tick(said))


def read_condition(text: str) -> Condition:
    """Read an expression.

    Raises:
        LocalProtocolError: E-WAIT.
    """
    if text.strip() == "ready":
        return Condition(noun="ready")
    if (found := _DEAL.fullmatch(text)) and found["state"] in _STATES:
        return Condition(noun="deal", handle=found["handle"], state=found["state"])
    found = _COUNT.fullmatch(text)
    is_of_all = found is not None and found["noun"] == "peers" and found["handle"]
    if found is not None and not is_of_all and int(found["number"]) <= _NUMBER_MAX:
        return Condition(
            noun=found["noun"],
            handle=found["handle"],
            op="==" if found["op"] == "=" else found["op"],
            number=int(found["number"]),
        )
    raise LocalProtocolError(
        f"'{text[:60]}' is nothing that can be waited for",
        code="E-WAIT",
        fix=f"Write one of:  {_EXAMPLES}\nStates of a deal: {', '.join(_STATES)}",
        field="EXPR",
    )


def read_span(text: str) -> float:
    """Read a length of time; give seconds.

    Raises:
        LocalProtocolError: E-WAIT.
    """
    found = _SPAN.fullmatch(text)
    if found is None:
        raise LocalProtocolError(
            f"--timeout '{text[:40]}' is not a length of time",
            code="E-WAIT",
            fix="Write:  --timeout 30s   or 10m   or 2h",
            field="--timeout",
        )
    return float(found["number"]) * _SECONDS[found["unit"] or "s"]


def _until_ready(session: Session, condition: Condition, deadline: Deadline) -> Look:
    """Knock until a node answers and says that it is ready; it need not be there yet."""
    said = "down"
    while True:
        try:
            if session.client().is_ready():
                return Look(value="ready", holds=True)
            said = "not ready"
        except TransportError:
            said = "down"
        if deadline.over():
            raise _too_late(condition, said)
        time.sleep(min(_KNOCK_S, deadline.left_s()))


def _until(client: NodeClient, condition: Condition, deadline: Deadline) -> Look:
    cursor = client.cursor()
    meant = condition
    if condition.noun == "offers" and condition.handle is None:
        # Which one is decided once: another that is asked meanwhile changes nothing.
        like = replace(condition, handle="{}")
        meant = replace(condition, handle=only_cast(client, line=f"intentcast wait '{like}'"))
    while True:
        found = look(client, meant)
        if found.holds:
            return found
        if found.is_lost:
            raise RefusedError(
                f"{condition} will not come about: it is {found.value}",
                code="E-WAIT-LOST",
                fix=f"See it:  intentcast deal {condition.handle}",
            )
        if deadline.over():
            raise _too_late(condition, str(found.value))
        patience_s = _LOOK_S if condition.noun == "peers" else WAIT_S
        _, cursor = client.news(cursor, min(patience_s, deadline.left_s()))


def look(client: NodeClient, condition: Condition) -> Look:
    """Look how it stands now."""
    if condition.noun == "deal":
        path = f"/v1/deals/{handle_path(condition.handle or '')}"
        state = str(client.get(path)["deal"]["state"])
        is_over = state in _LAST and (state, condition.state) != ("agreed", "cancelled")
        return Look(value=state, holds=state == condition.state, is_lost=is_over)
    if condition.noun == "peers":
        count = len(client.get("/v1/peers")["peers"])
    else:
        path = f"/v1/casts/{handle_path(condition.handle or '')}/offers"
        count = len(client.get(path)["offers"])
    return Look(value=count, holds=_COMPARE[condition.op](count, condition.number))


def _too_late(condition: Condition, value: str) -> TransportError:
    return TransportError(
        f"{condition} did not come about in time: it is {value}",
        code="E-TIMEOUT",
        fix=f"Wait on:  intentcast wait '{condition}'",
    )
