"""Holds what the node answers against the records that describe it.

A document goes by its `schema` tag: the tag names one record of `node/api/documents`, the same one
that the description of the API is made of.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, get_args, get_type_hints

import msgspec
import pytest

from node.api.contents import OPERATIONS
from node.runtime.access import Access
from node.runtime.custody import Custody
from node.runtime.examiner import Examiner
from node.runtime.handle import Handle
from node.runtime.holds import Holds
from node.runtime.identity import Identity
from node.runtime.neighbours import Neighbours
from node.runtime.people import People
from node.runtime.recovery import Recovery
from node.runtime.salesroom import Salesroom
from node.runtime.survey import Survey


@cache
def records() -> dict[str, type]:
    """Every record an operation answers with, by the tag of its documents."""
    found: dict[str, type] = {}
    for each in OPERATIONS:
        hints = get_type_hints(each.answer) if isinstance(each.answer, type) else {}
        for tag in get_args(hints.get("schema")):
            found[tag] = each.answer
    return found


def misfit(document: Any) -> str | None:
    """Say in what a document differs from its record; None when it does not."""
    tag = document.get("schema") if isinstance(document, dict) else None
    record = records().get(tag) if isinstance(tag, str) else None
    if record is None:
        return f"no record is known for {tag!r}"
    try:
        msgspec.convert(document, record)
    except msgspec.ValidationError as error:
        return f"{tag}: {error}"
    return None


ROOMS = (
    *(Access, Custody, Examiner, Handle, Holds, Identity, Neighbours, People, Recovery),
    *(Salesroom, Survey),
)
"""Whoever gives documents to faces."""


@contextmanager
def watched() -> Iterator[list[str]]:
    """Hold every tagged document the rooms give against its record, however they are asked.

    Yields:
        What did not fit. Whoever asked is told, too; but a face makes a failure of that.
    """
    misfits: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        for room in ROOMS:
            for name, method in vars(room).items():
                if inspect.iscoroutinefunction(method):
                    patch.setattr(room, name, _watching(method, misfits))
                elif inspect.isfunction(method) and not name.startswith("_"):
                    patch.setattr(room, name, _watching_at_once(method, misfits))
        yield misfits


def _watching(method: Callable[..., Awaitable[Any]], misfits: list[str]) -> Callable[..., Any]:
    @functools.wraps(method)
    async def ask(*args: Any, **kwargs: Any) -> Any:
        return _fitting(await method(*args, **kwargs), misfits)

    return ask


def _watching_at_once(method: Callable[..., Any], misfits: list[str]) -> Callable[..., Any]:
    @functools.wraps(method)
    def ask(*args: Any, **kwargs: Any) -> Any:
        return _fitting(method(*args, **kwargs), misfits)

    return ask


def _fitting(found: Any, misfits: list[str]) -> Any:
    wrong = misfit(found) if isinstance(found, dict) and "schema" in found else None
    if wrong is not None:
        misfits.append(wrong)
        raise AssertionError(wrong)
    return found
