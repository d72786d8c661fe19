"""Forms of our own requests, found out there: row and box follow the newest, however they come.

Enters: a form of a request of ours, or a profile, just put on record as ours; inside a change.
Leaves: the row at the newest known form, the box at the mailboxes that one names, and those of the
others among the places where letters are still looked for. Never: a row set back because an older
form came later, or a box moved to where an older form says it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import msgspec

from node.market.desk import Desk, newest_box
from node.market.recollect import load_whole
from node.storage import boxes_own, casts, objects
from node.storage.boxes_own import OwnBox
from node.storage.casts import OwnCast
from protocol import limits, sealing, signing
from protocol.encoding import encode
from protocol.ids import CastId, NodeId, SigningKey
from protocol.market import cast as cast_machine
from protocol.market.cast import CastEvent
from protocol.market.forms import Form, ordered
from protocol.objects.envelope import Verified, open_stored
from protocol.objects.intentcast import Intentcast
from protocol.objects.profile import Profile
from protocol.objects.reply import Reply

if TYPE_CHECKING:
    import sqlite3

_FOUND: Final = "Found again after a restore; what you kept private of it is not known here."
_NO_DRAFT: Final = "{}"
"""The draft of a row that nobody typed."""
_UNREADABLE: Final = b""
"""Stands for what an amendment supersedes whose bytes are damaged or gone."""


def follow(desk: Desk, conn: sqlite3.Connection, found: Verified[Intentcast]) -> bool:
    """Have row and box of a request follow its newest form.

    Args:
        desk: the tools.
        conn: inside a change; `found` is on record as ours.
        found: any form of a request of ours.

    Returns:
        Whether the row is new, or at another form than before.
    """
    ctx, root = found.body.nonce, CastId(found.header.thread or found.id)
    row = casts.cast_of(conn, ctx)
    if row is not None and row.cast_id is not None and row.root_id != root:
        # A second root under one key: the first is kept (docs/protocol/11-intentcast.md).
        return False
    forms = _known(desk, conn, root, found.header.key, row)
    newest = load_whole(desk, conn, forms[-1].id)
    if newest is None or (row is not None and row.cast_id == newest.id):
        is_moved = False
    else:
        casts.save(conn, _row(row, root, newest))
        is_moved = True
    opened = [load_whole(desk, conn, form.id) for form in reversed(forms)]
    replies = [each.body.reply for each in opened if each is not None]
    _follow_box(desk, conn, ctx, replies, is_moved=is_moved)
    return is_moved


def follow_profile(
    desk: Desk, conn: sqlite3.Connection, ctx: bytes, found: Verified[Profile]
) -> None:
    """Have the box of the shop follow its newest profile; `found` is on record as ours."""
    raw = objects.newest_profile(conn, SigningKey(found.header.key))
    newest = found if raw is None else open_stored(raw, net=desk.net)
    replies = [newest.body.reply, found.body.reply]
    _follow_box(desk, conn, ctx, replies, is_moved=newest.id == found.id)


def _known(
    desk: Desk, conn: sqlite3.Connection, root: bytes, key: bytes, row: OwnCast | None
) -> list[Form]:
    """List the forms on record, the newest last.

    Where the bytes of the row's own form are damaged or gone, it stays before all of its minute:
    what it supersedes cannot be read.
    """
    named = row.cast_id if row is not None else None
    forms = []
    for kept in objects.own_forms(conn, root, key):
        opened = load_whole(desk, conn, kept.id)
        if opened is not None:
            forms.append(Form(id=kept.id, at=kept.at, supersedes=opened.body.supersedes))
        else:
            forms.append(_unread(kept.id, root, kept.at + (kept.id == named)))
    if named is not None and all(form.id != named for form in forms):
        forms.append(_unread(named, root, 1 + max(form.at for form in forms)))
    return ordered(forms)


def _unread(form_id: bytes, root: bytes, at: int) -> Form:
    return Form(id=form_id, at=at, supersedes=None if form_id == root else _UNREADABLE)


def _row(row: OwnCast | None, root: CastId, newest: Verified[Intentcast]) -> OwnCast:
    """Write the row of a request as its newest form has it."""
    body, header = newest.body, newest.header
    if row is None:
        row = OwnCast(
            nonce=body.nonce, draft=_NO_DRAFT, local={}, created_ms=header.at, note=_FOUND
        )
    # New here, or a draft of a backup that a later life sent out, or an amendment it made.
    published = cast_machine.step(row.state, CastEvent.PUBLISHED)
    return replace(
        row,
        cast_id=CastId(newest.id),
        root_id=root,
        state=published.state,
        local=_local(body) if row.draft == _NO_DRAFT else row.local,
        decide_by=body.decide_by,
        exp=header.exp,
    )


def _local(body: Intentcast) -> dict[str, Any]:
    """Write the local part of a row whose private half is lost."""
    return {
        "body": encode(msgspec.to_builtins(body, builtin_types=(bytes,))).hex(),
        "budget_max": None,
        "budget_target": None,
        "disclose": {},
        "near": "",
    }


# --- the box --------------------------------------------------------------------------------------


def _follow_box(
    desk: Desk, conn: sqlite3.Connection, ctx: bytes, replies: Sequence[Reply], *, is_moved: bool
) -> None:
    """Have a box follow its newest way back, and look at all others for letters too.

    Args:
        desk: the tools.
        conn: inside a change.
        ctx: whose box.
        replies: every known way back, the newest first.
        is_moved: whether the newest is new here; else the box stays where it is.
    """
    named = [box for box in (_own_box(desk, ctx, reply) for reply in replies) if box is not None]
    if not named:
        return
    kept = newest_box(conn, ctx)
    box = replace(kept or named[0], until=max(each.until for each in (kept or named[0], *named)))
    if is_moved:
        box = replace(box, mailboxes=named[0].mailboxes, opened_at=named[0].opened_at)
    by_forms = [place for each in named for place in each.mailboxes]
    # A box may have moved without any form that says so.
    by_itself = [place for place in (kept.places if kept else ()) if place not in by_forms]
    former = [place for place in (*by_itself, *by_forms) if place not in box.mailboxes]
    once = tuple(dict.fromkeys(former))[: limits.former_mailboxes_max]
    boxes_own.save(conn, replace(box, former=once))


def _own_box(desk: Desk, ctx: bytes, reply: Reply) -> OwnBox | None:
    """Give the box of a way back; None when another than we could have written it."""
    keys = desk.keyring
    own = (
        sealing.box_public_key(keys.box_seed(ctx)),
        signing.public_key(keys.reader_seed(ctx)),
    )
    if own != (reply.box, reply.reader):
        return None
    at = tuple(NodeId(key) for key in reply.at)
    return OwnBox(
        reader=reply.reader,
        ctx=ctx,
        box=reply.box,
        mailboxes=at,
        until=reply.until,
        opened_at=at,
    )
