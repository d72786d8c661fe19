"""The network: whom this node is linked to, which letters are on their way, and what is wrong.

Nothing here says more than is known: a link is a link, and what was put into a mailbox is not yet
read. The node is looked over when it is asked to, since that dials and reads the disk.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from node.api.bodies import PeerBody, converted
from node.api.citizen import Document
from node.api.faces import PageRoute
from node.api.problems import status_of
from node.api.visitors import Scope
from node.web.forms import Form, read_form
from node.web.shell import Shell, error_values, go, present
from node.web.texts import _, marked
from protocol.errors import IntentcastError

_CHECKS: Final[Mapping[str, str]] = {
    "home": marked("Home"),
    "settings": marked("Settings"),
    "peers": marked("Links"),
    "clock": marked("Clock"),
    "port": marked("Port"),
    "descriptors": marked("Open files"),
    "mailboxes": marked("Mailboxes"),
    "disk": marked("Disk"),
    "database": marked("Database"),
    "keys": marked("Keys"),
    "sqlite": marked("SQLite"),
    "files": marked("Files"),
    "contents": marked("Every stored byte"),
}
"""What the doctor looks at -> its name."""
_STATES: Final[Mapping[str, str]] = {
    "ok": marked("works"),
    "warn": marked("look at it"),
    "bad": marked("does not work"),
    "skipped": marked("not looked at"),
}
_LETTERS: Final[Mapping[str, str]] = {
    "pending": marked("on its way"),
    "expired": marked("given up: its time has passed"),
    "refused": marked("refused"),
}
_KIB: Final = 1_024


def network_pages(shell: Shell) -> list[PageRoute]:
    """List the paths."""
    pages = _Network(shell)
    return [
        PageRoute(method="GET", path="/network", scope=Scope.READ, handler=pages.look),
        PageRoute(method="POST", path="/network/peers", scope=Scope.ADMIN, handler=pages.add),
        PageRoute(method="POST", path="/network/doctor", scope=Scope.READ, handler=pages.examine),
    ]


class _Network:
    def __init__(self, shell: Shell) -> None:
        self._shell = shell

    async def look(self, request: web.Request) -> web.Response:
        """Show links and letters."""
        return await self._show(request, Form({}))

    async def add(self, request: web.Request) -> web.Response:
        """Link to one more address."""
        form = await read_form(request)
        try:
            await added(self._shell, form)
        except IntentcastError as error:
            return await self._show(request, form, error=error)
        return go("/network?done=peer")

    async def examine(self, request: web.Request) -> web.Response:
        """Look the node over, at every stored byte too where that was asked for."""
        form = await read_form(request)
        examiner = present(self._shell.citizen.examiner)
        report = await examiner.report(scrub=form.text("look") == "scrub")
        return await self._show(request, form, report=report)

    async def _show(
        self,
        request: web.Request,
        form: Form,
        *,
        error: IntentcastError | None = None,
        report: dict[str, Any] | None = None,
    ) -> web.Response:
        citizen = self._shell.citizen
        peers = await citizen.peers()
        return await self._shell.page(
            request,
            "network.html",
            title=_("Network"),
            here="network",
            status=status_of(error) if error else 200,
            error=error_values(error) if error else None,
            done=request.query.get("done", "") == "peer",
            peers=[peer | {"traffic": _traffic(peer)} for peer in peers["peers"]],
            known=peers["known"],
            letters=[
                letter | {"words": _(_LETTERS.get(letter["state"], letter["state"]))}
                for letter in (await citizen.outbox())["letters"]
            ],
            report=None if report is None else report | {"checks": _checks(report)},
            form=form,
        )


async def added(shell: Shell, form: Form) -> Document:
    """Link to the address that was typed.

    Raises:
        IntentcastError: as the handle's `add_peer`.
    """
    return await shell.citizen.add_peer(
        converted({"address": form.text("address")}, PeerBody).address
    )


def _checks(report: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        check
        | {
            "label": _(_CHECKS.get(check["name"], check["name"])),
            "words": _(_STATES.get(check["state"], check["state"])),
        }
        for check in report["checks"]
    ]


def _traffic(peer: dict[str, Any]) -> str:
    values = {"received": peer["bytes_in"] // _KIB, "sent": peer["bytes_out"] // _KIB}
    return _("%(received)s KiB in, %(sent)s KiB out") % values
