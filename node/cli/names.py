"""Names a person may mean, for the shell's TAB: casts, offers and deals of the running node.

Enters: what was typed so far. Leaves: handles and a word on each, or nothing: no node, no answer in
time and no understanding all mean that nothing is completed. Never: an error, a line on the
terminal, more than a third of a second.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

PATIENCE_S: Final = 0.3
"""All questions of one TAB together."""
_SHOWN_MAX: Final = 50
_CASTS_ASKED: Final = 4
_WORDS_MAX: Final = 60
_HARMLESS: Final = re.compile(r"[^\w .,€$£+/-]")
"""What of a stranger's words a shell's script may not be handed."""

Ask: TypeAlias = Callable[[str], dict[str, Any]]
Names: TypeAlias = Iterator[tuple[str, str]]
Complete: TypeAlias = "Callable[[click.Context, click.Parameter, str], list[CompletionItem]]"


def _casts(ask: Ask) -> Names:
    for cast in ask("/v1/casts")["casts"]:
        if cast["handle"]:
            yield cast["handle"], f"{cast['state']} {cast['title']}"


def _offers(ask: Ask) -> Names:
    live = [cast for cast in ask("/v1/casts")["casts"] if cast["state"] in {"open", "deciding"}]
    for cast in live[:_CASTS_ASKED]:
        for offer in ask(f"/v1/casts/{cast['handle']}/offers")["offers"]:
            yield offer["handle"], f"{offer['total_text']} {offer['vendor']['name']}"


def _deals(ask: Ask) -> Names:
    for deal in ask("/v1/deals")["deals"]:
        yield deal["handle"], f"{deal['state']} {deal['cast_title'] or ''}"


def _castable(ask: Ask) -> Names:
    yield from _casts(ask)
    yield from _offers(ask)


def _completing(names: Callable[[Ask], Names]) -> Complete:
    def complete(
        ctx: click.Context,
        param: click.Parameter,  # noqa: ARG001 - click hands it over
        incomplete: str,
    ) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem

        found: dict[str, str] = {}
        with contextlib.suppress(Exception):
            for handle, words in names(_asker(ctx)):
                if handle.startswith(incomplete):
                    found.setdefault(handle, _HARMLESS.sub("", words)[:_WORDS_MAX])
        return [CompletionItem(name, help=words) for name, words in [*found.items()][:_SHOWN_MAX]]

    return complete


def _asker(ctx: click.Context) -> Ask:
    """Give the way to the node of the home this line is about, for as long as patience lasts."""
    from node.cli.client import NodeClient
    from node.cli.console import Console
    from node.cli.deadline import Deadline
    from node.cli.session import Session

    named = ctx.params.get("home") or ctx.find_root().params.get("home")
    session = Session(console=Console(quiet=True), yes=False, named_home=named)
    client, deadline = NodeClient.of_home(session.home), Deadline(PATIENCE_S)

    def ask(path: str) -> dict[str, Any]:
        if deadline.over():
            raise TimeoutError
        return client.get_soon(path, deadline.left_s())

    return ask


complete_casts: Final = _completing(_casts)
complete_offers: Final = _completing(_offers)
complete_deals: Final = _completing(_deals)
complete_revocable: Final = _completing(_castable)
