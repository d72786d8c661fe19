"""Asks a node whatever the description of its API allows and forbids, and holds the answers to it.

Cases come from the description alone: every bound and every kind of slip of each member once, then
drawn ones. Where a case would hurt this test itself, what it asks is changed, and the change stands
in `TAMED` with its reason.
"""

from __future__ import annotations

import contextlib
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from node.api.contents import OPERATIONS
from node.api.openapi import describe
from protocol.network.addresses import is_address
from tests.integration.fair import CATEGORY

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
    unsupported_method,
]
"""`positive_data_acceptance` is not among them: a category, a place or a handle that fits the
schema may still mean nothing here, and says so with 404, 409 or 422."""
REFUSED = [400, 401, 403, 404, 409, 413, 415, 422, 423, 426, 429]
"""How what does not fit may be refused: a rule may say no before a member is looked at."""
CLOSED_PORT = "127.0.0.1:1"
PATIENCE_S = 20.0


@dataclass
class Door:
    """How one node is asked, and what is known of it."""

    url: str
    token: str
    folder: Path
    """Where files it writes may stand."""
    handles: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Name of an operation -> real names for its path."""
    good: Mapping[str, Any] = field(default_factory=dict)
    """Name of an operation -> a body it can do something with, or who makes one; `{}` if none."""


# --- what is changed, and why ---------------------------------------------------------------------


def _short_wait(case: Case, _door: Door) -> None:
    """An answer that waits a minute for news tells no more than one that waits 10 ms."""
    wait = case.query.get("wait")
    if isinstance(wait, int | float) and 0 < wait <= 60:
        case.query["wait"] = 0.01


def _no_wait(case: Case, _door: Door) -> None:
    """The same of parties that are asked after a restore."""
    members = _members(case)
    wait = members.get("wait_s")
    if type(wait) is int and 0 < wait <= 60:
        members["wait_s"] = 0


def _own_folder(case: Case, door: Door) -> None:
    """A backup is written and read where it is said; only the folder of the test may be said."""
    members = _members(case)
    path = members.get("path")
    if isinstance(path, str) and path.startswith("/") and not path.startswith(str(door.folder)):
        members["path"] = str(door.folder / quote(path, safe="")[:100])


def _closed_port(case: Case, _door: Door) -> None:
    """A node dials for ever whom it is told to: nobody outside, and no name is looked up."""
    members = _members(case)
    address = members.get("address")
    place = address.rpartition("@")[2] if isinstance(address, str) else ""
    if is_address(place) and not place.startswith("127.0.0.1:"):
        members["address"] = CLOSED_PORT


def _members(case: Case) -> dict[str, Any]:
    """The members of a body; of one that is no object, none."""
    return case.body if isinstance(case.body, dict) else {}


SPARED = {"log_in": {unsupported_method}}
"""Operation -> checks that say nothing of it: the page answers a GET where a browser logs in."""
TAMED: dict[str, Callable[[Case, Door], None]] = {
    "list_events": _short_wait,
    "reopen": _no_wait,
    "make_backup": _own_folder,
    "verify_backup": _own_folder,
    "add_peer": _closed_port,
}
"""Operation -> what of its cases is changed."""


# --- what is given a meaning ----------------------------------------------------------------------


def _draft_that_means_something(draft: dict[str, Any]) -> None:
    """Words nobody can draw are put in: a category, a place, days, money. The rest stays drawn."""
    draft |= {"category": CATEGORY, "decide_by": "+14d", "lang": "en"}
    draft.pop("terms", None)
    for window in draft.get("when", ()):
        window |= {"start": "+1d", "end": "+2d"}
        window.pop("tz", None)
    if isinstance(draft.get("where"), dict) and "near" in draft["where"]:
        draft["where"]["near"] = "40.6461,-111.4980"
    budget = draft.get("budget")
    if isinstance(budget, dict):
        budget |= {name: "300 USD" for name in ("max", "target") if name in budget}
    elif budget is not None:
        draft["budget"] = "300 USD"
    for item in [each for each in draft["items"] if isinstance(each, dict)]:
        item.pop("qty", None)
        for wish in item.get("attrs", ()):
            wish |= {"key": "zap", "level": "prefer", "op": "match", "value": "x"}


MEANT: dict[str, Callable[[dict[str, Any]], None]] = {
    "create_cast": _draft_that_means_something,
    "preview_cast": _draft_that_means_something,
}
"""Operation -> gives a drawn body that fits a meaning: what lies behind the words is asked, too."""


# --- cases ----------------------------------------------------------------------------------------


def _described(schema: Any) -> Iterator[Any]:
    """Every operation; one that cannot be read raises when it is taken."""
    yield from schema.get_all_operations()


class Interviewer:
    """Makes cases of the description, once for all doors."""

    def __init__(self) -> None:
        self._schema = schemathesis.openapi.from_dict(describe(OPERATIONS))
        # An endless answer is listened to until it has said something.
        self._schema.config.max_stream_events = 1
        rejection = self._schema.config.checks.negative_data_rejection
        rejection.expected_statuses = [str(status) for status in REFUSED]
        found: list[Any] = [each.ok() for each in _described(self._schema)]
        self._operations = {each.definition.raw["operationId"]: each for each in found}

    def names(self) -> list[str]:
        return list(self._operations)

    def ask_well(self, name: str, door: Door) -> int:
        """Ask what can be answered, by names and things there are."""
        operation = self._operations[name]
        good = door.good.get(name, {})
        body = {"body": good() if callable(good) else good} if operation.body else {}
        media = {"media_type": operation.body[0].media_type} if operation.body else {}
        path = {"handle": door.handles[name][0]} if "{handle}" in operation.path else {}
        query = {} if operation.body else good
        case = operation.Case(path_parameters=path, query=query, **body, **media)
        with requests.Session() as session:
            return self._ask(name, case, door, session, checks=CHECKS[:-2])

    def ask_every_bound(self, name: str, door: Door, *, most: int | None = None) -> Counter[int]:
        """Ask at each bound and with each slip once; the same cases every time.

        Args:
            name: of the operation.
            door: the node's.
            most: so many of them at most, spread evenly; None for all.
        """
        seen: Counter[int] = Counter()
        cases = [*self._at_bounds(name)]
        step = max(1, math.ceil(len(cases) / most)) if most else 1
        with requests.Session() as session:
            for case in cases[::step]:
                for each in self._with_handles(name, case, door):
                    seen[self._ask(name, each, door, session)] += 1
        return seen

    def _at_bounds(self, name: str) -> Iterator[Case]:
        operation = self._operations[name]
        modes = [GenerationMode.POSITIVE, GenerationMode.NEGATIVE]
        config = self._schema.config.generation_for(operation=operation)
        return self._schema.iter_coverage_cases(
            operation, generation_modes=modes, generation_config=config
        )

    def _with_handles(self, name: str, case: Case, door: Door) -> Iterator[Case]:
        """A name nobody knows tells little of what comes after it: ask by real ones, too."""
        yield case
        if "handle" in case.path_parameters:
            for handle in door.handles.get(name, ())[:1]:
                other = case.derive()
                other.path_parameters["handle"] = handle
                yield other

    def ask_drawn(self, name: str, door: Door, *, count: int, is_fixed: bool) -> Counter[int]:
        """Ask so many drawn cases that fit, and as many that do not."""
        seen: Counter[int] = Counter()
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            self._draw(name, door, mode, count, seen, is_fixed=is_fixed)
        return seen

    def _draw(
        self,
        name: str,
        door: Door,
        mode: GenerationMode,
        count: int,
        seen: Counter[int],
        *,
        is_fixed: bool,
    ) -> None:
        cases = self._operations[name].as_strategy(generation_mode=mode)
        handles = st.sampled_from([None, *door.handles.get(name, ())])

        @settings(
            max_examples=count,
            derandomize=is_fixed,
            database=None,
            deadline=None,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=cases, handle=handles, is_meant=st.booleans())
        def ask(case: Case, handle: str | None, *, is_meant: bool) -> None:
            # A slip that was drawn must not be mended.
            if mode is GenerationMode.POSITIVE:
                if is_meant and name in MEANT:
                    MEANT[name](_members(case))
                if handle is not None and "handle" in case.path_parameters:
                    case.path_parameters["handle"] = handle
            seen[self._ask(name, case, door, session)] += 1

        # Where there is nothing to send, nothing can be wrong with it.
        with requests.Session() as session, contextlib.suppress(Unsatisfiable):
            ask()

    def _ask(
        self,
        name: str,
        case: Case,
        door: Door,
        session: requests.Session,
        checks: Sequence[Any] = CHECKS,
    ) -> int:
        if name in TAMED:
            TAMED[name](case, door)
        headers = {"Authorization": f"Bearer {door.token}"}
        checks = [each for each in checks if each not in SPARED.get(name, ())]
        response = case.call(door.url, session=session, headers=headers, timeout=PATIENCE_S)
        case.validate_response(response, checks=checks, headers=headers)
        return int(response.status_code)
