"""Settings: the keys, backups and their proof, who may come in, and where this node keeps what.

Passphrases go to the custodian and stand in no page; the 24 words never come to a browser. The
secret of a new token is shown once, in the answer to the form that made it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from node.api.access import DAYS_MAX, RevokeTokenBody, TokenBody, token_name
from node.api.bodies import converted
from node.api.citizen import Custodian, Document
from node.api.custody import BackupBody, PassphraseBody, ProofBody, UnlockBody, check_path
from node.api.faces import PageRoute
from node.api.problems import status_of
from node.api.visitors import Porter, Scope, visitor_of
from node.backup.maker import BACKUPS_FOLDER
from node.config import CONFIG_FILE
from node.home import DATABASE_FILE, LOG_FILE, TOKEN_FILE
from node.keyfile import NODE_FILE, ROOT_FILE
from node.web.forms import Form, read_form
from node.web.shell import Shell, error_values, go, present
from node.web.texts import _, marked
from protocol.errors import IntentcastError, LocalProtocolError

SCOPES: Final[Mapping[Scope, str]] = {
    Scope.READ: marked("see what this node knows"),
    Scope.DRAFT: marked("prepare requests; nothing leaves the node"),
    Scope.BROADCAST: marked("send requests out and take them back"),
    Scope.ACCEPT: marked("bind you: accept offers, decide deals"),
    Scope.ADMIN: marked("everything else too: keys, peers, the shop, tokens"),
}
_DAYS: Final = 365
_FILES: Final[tuple[tuple[str, str], ...]] = (
    (ROOT_FILE, marked("the secret every key derives from; plain, or under a passphrase")),
    (NODE_FILE, marked("what makes this node this node to its peers")),
    (DATABASE_FILE, marked("requests, offers, deals, letters")),
    (BACKUPS_FOLDER, marked("daily backups; they open with your 24 words alone")),
    (CONFIG_FILE, marked("settings, where you made any")),
    (TOKEN_FILE, marked("what a program on this machine needs to use the local API")),
    (LOG_FILE, marked("what went wrong, without keys or letters")),
)
"""Files of a home -> what they are."""
_DONE: Final[Mapping[str, str]] = {
    "unlock": marked("Unlocked."),
    "lock": marked("Locked. This node goes on relaying for others."),
    "passphrase": marked("Done. The new passphrase holds from now on."),
    "open": marked("The passphrase is gone; the key is a plain file again."),
    "revoke": marked("It may come in no more."),
}


def settings_pages(shell: Shell) -> list[PageRoute]:
    """List the paths."""
    pages = _Settings(shell)
    acts = {
        "unlock": pages.unlock,
        "lock": pages.lock,
        "passphrase": pages.passphrase,
        "backup": pages.backup,
        "verify": pages.verify,
        "tokens": pages.make_token,
        "tokens/revoke": pages.revoke_token,
    }
    return [
        PageRoute(method="GET", path="/settings", scope=Scope.ADMIN, handler=pages.look),
        *(
            PageRoute(method="POST", path=f"/settings/{name}", scope=Scope.ADMIN, handler=act)
            for name, act in acts.items()
        ),
    ]


class _Settings:
    def __init__(self, shell: Shell) -> None:
        self._shell = shell

    @property
    def _custody(self) -> Custodian:
        return present(self._shell.citizen.custody)

    @property
    def _access(self) -> Porter:
        return present(self._shell.citizen.access)

    async def look(self, request: web.Request) -> web.Response:
        """Show all of it."""
        return await self._show(request, Form({}))

    # --- keys -------------------------------------------------------------------------------------

    async def unlock(self, request: web.Request) -> web.Response:
        """Unlock the keys."""
        form = await read_form(request)

        async def act() -> None:
            body = converted({"passphrase": form.whole("passphrase")}, UnlockBody)
            await self._custody.unlock(body.passphrase)

        return await self._done(request, form, act, "unlock")

    async def lock(self, request: web.Request) -> web.Response:
        """Lock them."""
        form = await read_form(request)
        return await self._done(request, form, self._custody.lock, "lock")

    async def passphrase(self, request: web.Request) -> web.Response:
        """Set a passphrase, another one, or none."""
        form = await read_form(request)
        done = "open" if form.text("do") == "remove" else "passphrase"
        return await self._done(request, form, lambda: sealed(self._shell, form), done)

    # --- backups ----------------------------------------------------------------------------------

    async def backup(self, request: web.Request) -> web.Response:
        """Write a backup to a new file."""
        form = await read_form(request)

        async def act() -> dict[str, Any]:
            path = converted({"path": form.text("target")}, BackupBody).path
            check_path(path)
            return {"made": await self._custody.backup(path)}

        return await self._told(request, form, act)

    async def verify(self, request: web.Request) -> web.Response:
        """Read a backup to its last byte."""
        form = await read_form(request)

        async def act() -> dict[str, Any]:
            path = converted({"path": form.text("file")}, ProofBody).path
            check_path(path)
            return {"proved": await self._custody.prove(path)}

        return await self._told(request, form, act)

    # --- who may come in --------------------------------------------------------------------------

    async def make_token(self, request: web.Request) -> web.Response:
        """Make a token and show its secret, this once."""
        form = await read_form(request)

        async def act() -> dict[str, Any]:
            wish = {
                "name": form.text("name"),
                "scopes": form.texts("scope"),
                "days": form.number("days", _DAYS),
            }
            body = converted(wish, TokenBody)
            name = token_name(body.name)
            return {"token": await self._access.create(name, body.scopes, body.days)}

        return await self._told(request, form, act)

    async def revoke_token(self, request: web.Request) -> web.Response:
        """End a token or a browser's session."""
        form = await read_form(request)

        async def act() -> None:
            body = converted({"handle": form.text("handle")}, RevokeTokenBody)
            await self._access.revoke(body.handle)

        return await self._done(request, form, act, "revoke")

    # --- answers ----------------------------------------------------------------------------------

    async def _done(
        self, request: web.Request, form: Form, act: Callable[[], Awaitable[Any]], done: str
    ) -> web.Response:
        try:
            await act()
        except IntentcastError as error:
            return await self._show(request, form, error=error)
        return go(f"/settings?done={done}")

    async def _told(
        self, request: web.Request, form: Form, act: Callable[[], Awaitable[dict[str, Any]]]
    ) -> web.Response:
        try:
            found = await act()
        except IntentcastError as error:
            return await self._show(request, form, error=error)
        return await self._show(request, form, **found)

    async def _show(
        self,
        request: web.Request,
        form: Form,
        *,
        error: IntentcastError | None = None,
        **told: Document,
    ) -> web.Response:
        citizen = self._shell.citizen
        home = Path((await citizen.status())["home"])
        values: dict[str, Any] = {"made": None, "proved": None, "token": None} | told
        return await self._shell.page(
            request,
            "settings.html",
            title=_("Settings"),
            here="settings",
            status=status_of(error) if error else 200,
            error=error_values(error) if error else None,
            done=_(_DONE.get(request.query.get("done", ""), "")),
            keys=await self._custody.document(),
            backups=await self._custody.backups(),
            tokens=(await self._access.tokens(visitor_of(request)))["tokens"],
            scopes=[(scope.value, _(words)) for scope, words in SCOPES.items()],
            days=_DAYS,
            days_max=DAYS_MAX,
            files=[(str(home / name), _(words)) for name, words in _FILES],
            suggested=str(home.parent / "intentcast-backup.icb"),
            form=form,
            **values,
        )


async def sealed(shell: Shell, form: Form) -> Document:
    """Put the keys under the passphrase that was typed twice, or under none.

    Raises:
        LocalProtocolError: E-PASSPHRASE.
        KeystoreError: as the custodian's `set_passphrase`.
    """
    removes = form.text("do") == "remove"
    new, again = form.whole("new"), form.whole("again")
    if not removes and new != again:
        raise LocalProtocolError(
            "the two new passphrases differ; nothing was changed",
            code="E-PASSPHRASE",
            fix="Type the same one twice",
            field="again",
        )
    wish = {"old": form.whole("old") or None, "new": None if removes else new}
    body = converted(wish, PassphraseBody)
    return await present(shell.citizen.custody).set_passphrase(body.old, body.new)
