"""The doorkeeper of one node: who may ask its API, by which secret, for how long.

Enters: tokens and cookies as they come with requests, codes people type, an owner's wishes. Leaves:
visitors, or nobody; a new secret once, to whom it is for. What is known stands in memory and is
never ahead of the disk: a token that was shown holds after a crash, one that was revoked does not
come back. Never: a secret kept, here or on the disk; an answer that takes longer the more of a
guess is right.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from node.clock import Clock
from node.entropy import Entropy
from node.errors import NotFoundError, RefusedError
from node.runtime import views
from node.runtime.tasks import Tasks
from node.runtime.visitors import EVERY_SCOPE, SESSION_MS, Login, Scope, Visitor, VisitorKind
from node.storage import audit, bounds, tokens
from node.storage.database import Storage
from node.storage.tokens import Kind, TokenRow
from protocol.errors import IntentcastError
from protocol.now import DAY_MS, MINUTE_MS

if TYPE_CHECKING:
    import sqlite3

CODE_MS: Final = 5 * MINUTE_MS
"""How long a login code holds."""
CODES_OPEN_MAX: Final = 4
"""Codes that may be open at once; the oldest goes. Guess."""
WRONG_CODES_MAX: Final = 500
"""Wrong typed codes of a minute, whoever sent them, before none is taken for a while.

Any stranger can send wrong ones on purpose, so the pause begins only where guessing would come to
something: 500 a minute at 4 open codes of 110 thousand million find one in 55 million minutes. It
holds up no login by a link, whose secret nobody can guess.
"""
_ALPHABET: Final = "ACDEFGHJKMNPQRTVWXY34679"
"""Letters and digits nobody takes for another: 24, so 8 of them are one of 110 thousand million."""
_CODE_CHARS: Final = 8
_LINK_CHARS: Final = 24
"""What no person has to type may be as long as a key: 110 bits, which no guessing reaches."""
_FAIR: Final = 256 // len(_ALPHABET) * len(_ALPHABET)
"""Bytes below it fall on every character equally often."""
_SECRET_BYTES: Final = 32
_TOKEN_PREFIX: Final = "ict_"  # noqa: S105 - what every token begins with, so that a scanner knows it
_HANDLE_DIGITS: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_OWNER: Final = Visitor(id="owner", name="api.token", kind=VisitorKind.OWNER, scopes=EVERY_SCOPE)
Document = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Code:
    """A login that was begun."""

    code_hash: bytes
    link_hash: bytes
    until_mono_ms: int


def _hash_of(secret: str) -> bytes:
    return hashlib.blake2b(secret.encode("utf-8", "surrogateescape"), digest_size=32).digest()


class Access:
    """One per node."""

    def __init__(
        self,
        *,
        owner_token: str,
        storage: Storage,
        clock: Clock,
        entropy: Entropy,
        tasks: Tasks,
        changed: Callable[[], None],
    ) -> None:
        """Know the owner; `load` reads the others.

        Args:
            owner_token: the text of the home's token file.
            storage: keeps the hashes.
            clock: wall for what is stored, mono for codes.
            entropy: draws secrets and codes.
            tasks: own changes that are under way, and the notes on what was used.
            changed: called after each change, for whoever watches.

        Raises:
            ValueError: the owner's token is empty, which would let everybody in.
        """
        if not owner_token:
            raise ValueError("the API has no token")
        self._owner_hash = _hash_of(owner_token)
        self._storage = storage
        self._clock = clock
        self._entropy = entropy
        self._tasks = tasks
        self._changed = changed
        self._rows: dict[bytes, TokenRow] = {}
        self._codes: deque[_Code] = deque(maxlen=CODES_OPEN_MAX)
        self._wrong_ms: deque[int] = deque(maxlen=WRONG_CODES_MAX)
        # One change at a time: memory is exchanged for what each commit left.
        self._turn = asyncio.Lock()

    async def load(self) -> None:
        """Read who was let in before."""
        self._hold(await self._storage.read(tokens.load_all))

    def _hold(self, rows: Iterable[TokenRow]) -> None:
        self._rows = {row.secret_hash: row for row in rows}

    # --- at the door ------------------------------------------------------------------------------

    def visitor(self, token: str | None, cookie: str | None) -> Visitor | None:
        """Tell whose token or cookie that is; with a token the cookie says nothing."""
        if token is not None:
            hashed = _hash_of(token)
            if hmac.compare_digest(hashed, self._owner_hash):
                return _OWNER
            return self._visitor(hashed, "token")
        return None if cookie is None else self._visitor(_hash_of(cookie), "session")

    def _visitor(self, hashed: bytes, kind: Kind) -> Visitor | None:
        # Found by its hash: how long that takes says nothing about a secret.
        row = self._rows.get(hashed)
        now_ms = self._clock.now().wall_ms
        if row is None or row.kind != kind or now_ms >= row.until_ms:
            return None
        self._note_use(row, now_ms // DAY_MS)
        return Visitor(
            id=row.handle,
            name=row.name,
            kind=VisitorKind(row.kind),
            # A word that another version wrote means nothing here.
            scopes=frozenset(each for each in Scope if each in row.scopes),
        )

    def is_welcome(self, visitor: Visitor) -> bool:
        """Tell whether somebody who was let in would be let in still."""
        now_ms = self._clock.now().wall_ms
        return visitor.kind is VisitorKind.OWNER or any(
            row.handle == visitor.id and now_ms < row.until_ms for row in self._rows.values()
        )

    def _note_use(self, row: TokenRow, day: int) -> None:
        """Note the day, once a day: it is for the owner's eyes and may be lost in a crash."""
        if row.used_day == day:
            return
        self._rows[row.secret_hash] = replace(row, used_day=day)

        def note(conn: sqlite3.Connection) -> None:
            tokens.note_use(conn, row.handle, day)

        _ = self._tasks.spawn(self._storage.write(note, promise=False), "token used")

    # --- logins -----------------------------------------------------------------------------------

    def begin_login(self) -> Login:
        """Give a code that lets one browser in, once."""
        now = self._clock.now()
        code, in_link = self._drawn_code(_CODE_CHARS), self._drawn_code(_LINK_CHARS)
        # Beyond the cap the oldest drops out by itself.
        self._codes.append(
            _Code(
                code_hash=_hash_of(code),
                link_hash=_hash_of(in_link),
                until_mono_ms=now.mono_ms + CODE_MS,
            )
        )
        half = _CODE_CHARS // 2
        return Login(
            link_path=f"/login#{in_link}",
            code=f"{code[:half]}-{code[half:]}",
            expires_ms=now.wall_ms + CODE_MS,
        )

    def _drawn_code(self, chars: int) -> str:
        found = ""
        while len(found) < chars:
            drawn = self._entropy.bytes(chars)
            found += "".join(_ALPHABET[each % len(_ALPHABET)] for each in drawn if each < _FAIR)
        return found[:chars]

    def login_document(self, origin: str) -> Document:
        """Begin a login; give its link, its code and its end."""
        login = self.begin_login()
        return {
            "schema": "intentcast.login-link/1",
            "link": origin + login.link_path,
            "code": login.code,
            "expires": views.iso(login.expires_ms),
        }

    async def enter(self, code: str, name: str = "browser") -> str | None:
        """Take a code for a cookie's secret; None when the code is not good.

        Args:
            code: as it was typed, or as the link had it.
            name: how its owner tells this browser from others.

        Raises:
            RefusedError: E-LOGIN-PAUSE, too many wrong codes came.
        """
        now_ms = self._clock.now().mono_ms
        given = "".join(each for each in code.upper() if each not in "- \t")
        is_typed = len(given) != _LINK_CHARS
        if is_typed:
            self._check_pause(now_ms)
        # Where none is open nothing can be guessed.
        is_open = any(now_ms < each.until_mono_ms for each in self._codes)
        if not self._use_code(_hash_of(given), now_ms):
            if is_typed and is_open:
                self._wrong_ms.append(now_ms)
            return None
        return await self._new_session(name)

    def _check_pause(self, now_ms: int) -> None:
        if len(self._wrong_ms) < WRONG_CODES_MAX:
            return
        left_ms = self._wrong_ms[0] + MINUTE_MS - now_ms
        if left_ms > 0:
            raise RefusedError(
                "too many wrong codes came within a minute; none is taken for now",
                code="E-LOGIN-PAUSE",
                fix="Follow the link of:  intentcast open        "
                f"or wait {-(-left_ms // 1000)} seconds, then try once more",
                field="code",
            )

    def _use_code(self, hashed: bytes, now_ms: int) -> bool:
        """Compare with every open code, in a time that does not depend on which it is."""
        fits = [
            hmac.compare_digest(each.code_hash, hashed)
            | hmac.compare_digest(each.link_hash, hashed)
            for each in self._codes
        ]
        open_codes = list(self._codes)
        self._codes.clear()
        self._codes.extend(
            each
            for each, fit in zip(open_codes, fits, strict=True)
            if not fit and now_ms < each.until_mono_ms
        )
        return any(
            fit and now_ms < each.until_mono_ms for each, fit in zip(open_codes, fits, strict=True)
        )

    async def _new_session(self, name: str) -> str:
        secret = self._drawn_secret()
        now_ms = self._clock.now().wall_ms
        row = TokenRow(
            handle=self._drawn_handle("session"),
            kind="session",
            name=name,
            scopes=tuple(Scope),
            secret_hash=_hash_of(secret),
            made_ms=now_ms,
            until_ms=now_ms + SESSION_MS,
        )
        await self._change(lambda conn: tokens.add(conn, row, now_ms), "session.opened")
        return secret

    async def leave(self, visitor: Visitor) -> None:
        """End a browser's session; other visitors stay as they are."""
        if visitor.kind is VisitorKind.SESSION:
            await self._change(lambda conn: tokens.remove(conn, visitor.id), "session.ended")

    # --- the list ---------------------------------------------------------------------------------

    async def tokens(self, current: Visitor | None) -> Document:
        """List tokens and sessions, the newest first."""
        now_ms = self._clock.now().wall_ms
        alive = [row for row in self._rows.values() if now_ms < row.until_ms]
        return {
            "schema": "intentcast.tokens/1",
            "tokens": [_told(row, current) for row in reversed(alive)],
        }

    async def create(self, name: str, scopes: Sequence[Scope], days: int) -> Document:
        """Make a token; the answer alone holds its secret.

        Args:
            name: what its owner calls it.
            scopes: what it may do; at least one.
            days: how long it holds.

        Raises:
            RefusedError: E-TOKENS-MANY.
        """
        secret = _TOKEN_PREFIX + self._drawn_secret()
        now_ms = self._clock.now().wall_ms
        row = TokenRow(
            handle=self._drawn_handle("token"),
            kind="token",
            name=name,
            scopes=tuple(each for each in Scope if each in scopes),
            secret_hash=_hash_of(secret),
            made_ms=now_ms,
            until_ms=now_ms + days * DAY_MS,
        )
        if not await self._change(lambda conn: tokens.add(conn, row, now_ms), "token.made"):
            raise RefusedError(
                f"this node has {bounds.tokens_max} tokens, and keeps no more",
                code="E-TOKENS-MANY",
                fix="Revoke one that is not needed:  intentcast token list",
            )
        told = _told(row, None)
        return {"schema": "intentcast.token/1", "secret": secret, "token": told}

    async def revoke(self, handle: str) -> Document:
        """End a token or a session at once.

        Raises:
            RefusedError: E-REFUSED, the owner's own token.
            NotFoundError: E-NOT-FOUND.
        """
        if handle == _OWNER.id:
            raise RefusedError(
                "the owner's token is the file api.token in the home",
                fix="Stop the node, remove that file, and start it again: it makes another",
            )
        if not await self._change(lambda conn: tokens.remove(conn, handle), "token.revoked"):
            raise NotFoundError(
                "no token and no session goes by that name",
                fix="Copy it from:  intentcast token list",
                field="handle",
            )
        return {"schema": "intentcast.token-revoked/1", "handle": handle}

    async def _change(self, change: Callable[[sqlite3.Connection], bool], what: str) -> bool:
        """Do a change and hold what it left, once that is on the disk; tell whether it was done.

        Whoever asked may be gone meanwhile: what is committed is held all the same, or a token that
        was revoked on the disk would still be let in.
        """
        changing = self._tasks.spawn(self._carry_out(change, what), "the list of tokens")
        found: bool | IntentcastError = await asyncio.shield(changing)
        if isinstance(found, IntentcastError):
            raise found
        return found

    async def _carry_out(
        self, change: Callable[[sqlite3.Connection], bool], what: str
    ) -> bool | IntentcastError:
        now_ms = self._clock.now().wall_ms

        def txn(conn: sqlite3.Connection) -> tuple[bool, list[TokenRow]]:
            is_done = change(conn)
            if is_done:
                audit.append(conn, at=now_ms, what=what, ids=[], detail={})
            return is_done, tokens.all_tokens(conn)

        async with self._turn:
            try:
                is_done, rows = await self._storage.write(txn)
            except IntentcastError as error:
                # For whoever asked; a task that fails is a bug.
                return error
            self._hold(rows)
        if is_done:
            self._changed()
        return is_done

    # --- what is drawn ----------------------------------------------------------------------------

    def _drawn_secret(self) -> str:
        drawn = self._entropy.bytes(_SECRET_BYTES)
        return base64.urlsafe_b64encode(drawn).decode().rstrip("=")

    def _drawn_handle(self, kind: Kind) -> str:
        digits = "".join(_HANDLE_DIGITS[each % 32] for each in self._entropy.bytes(_CODE_CHARS))
        return f"{kind}-{digits[:4]}-{digits[4:]}"


def _told(row: TokenRow, current: Visitor | None) -> Document:
    used_ms = row.used_day * DAY_MS if row.used_day is not None else None
    used = views.iso(used_ms)
    return {
        "handle": row.handle,
        "kind": row.kind,
        "name": row.name,
        "scopes": list(row.scopes),
        "created": views.iso(row.made_ms),
        "expires": views.iso(row.until_ms),
        "used": used[:10] if used else None,
        "current": current is not None and current.id == row.handle,
    }
