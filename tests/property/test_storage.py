"""What holds of the database whatever is done to it, and wherever its log is cut."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from node.clock import ManualClock
from node.storage import audit, bounds, mailbox, outbox
from node.storage.connection import open_writer
from node.storage.database import Storage
from node.storage.migrations import migrate
from node.storage.outbox import Outgoing, OutgoingState
from node.storage.sizes import size_of
from protocol.ids import LetterHash, NodeId, ObjectId, blake2b_256

# --- group commit --------------------------------------------------------------------------------

CHANGES = st.lists(
    st.tuples(
        st.sampled_from(["good", "raises", "guard", "cancelled"]),
        st.booleans(),
        st.integers(min_value=0, max_value=3),
    ),
    max_size=25,
)


def change(kind: str, n: int):
    def txn(conn: sqlite3.Connection) -> int:
        audit.append(conn, at=n, what="first")
        if kind == "raises":
            raise KeyError(n)
        if kind == "guard":
            conn.execute("INSERT INTO audit VALUES (1, 1, 'x', '[]', '{}')")
            conn.execute("INSERT INTO audit VALUES (1, 1, 'x', '[]', '{}')")
        audit.append(conn, at=n, what="second")
        return n

    return txn


async def run_changes(path: Path, changes: list[tuple[str, bool, int]]) -> list[object]:
    storage = await Storage.open(path, clock=ManualClock())
    loop = asyncio.get_running_loop()
    tasks = []
    for n, (kind, promise, pause) in enumerate(changes):
        tasks.append(loop.create_task(storage.write(change(kind, n), promise=promise)))
        for _ in range(pause):
            await asyncio.sleep(0)
        if kind == "cancelled":
            tasks[-1].cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    await storage.close()
    return results


@given(CHANGES)
def test_every_change_is_whole_or_absent_and_told_truly(changes):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "home.db"
        results = asyncio.run(run_changes(path, changes))
        with closing(sqlite3.connect(path)) as conn:
            rows = conn.execute("SELECT at, what FROM audit ORDER BY seq").fetchall()
    recorded = [at for at, what in rows if what == "first"]
    assert rows == [(at, what) for at in recorded for what in ("first", "second")]
    assert recorded == sorted(recorded)
    for n, ((kind, _, _), result) in enumerate(zip(changes, results, strict=True)):
        if kind == "good":
            assert result == n
            assert n in recorded
        elif kind == "cancelled":
            # Cancelled before it was handed in, or recorded whole.
            assert isinstance(result, asyncio.CancelledError) or n in recorded
        else:
            assert isinstance(result, Exception)
            assert n not in recorded


# --- a log cut anywhere --------------------------------------------------------------------------


def _write_pairs(path: Path, count: int) -> list[int]:
    """Commit pairs of rows; give the log's length after each commit. Leaves the log in place."""
    lengths = []
    conn = open_writer(path)
    migrate(conn, path)
    conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    conn.execute("PRAGMA wal_autocheckpoint = 0")
    wal = path.with_name(path.name + "-wal")
    for n in range(count):
        conn.execute("BEGIN IMMEDIATE")
        for what in ("first", "second"):
            audit.append(conn, at=n, what=what, detail={"filling": "x" * (400 * n)})
        conn.execute("COMMIT")
        lengths.append(wal.stat().st_size)
    for each in (path, wal):
        shutil.copy(each, each.with_name("kept-" + each.name))
    conn.close()
    return lengths


@given(count=st.integers(1, 8), cut=st.floats(0, 1), junk=st.binary(max_size=64))
def test_a_log_cut_anywhere_gives_a_prefix_of_whole_changes(count: int, cut: float, junk: bytes):
    """What a power cut leaves of the log: any prefix, with rubbish after it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "home.db"
        lengths = _write_pairs(path, count)
        kept, wal = path.with_name("kept-home.db"), path.with_name("kept-home.db-wal")
        length = int(lengths[-1] * cut)
        wal.write_bytes(wal.read_bytes()[:length] + junk)
        with closing(open_writer(kept)) as conn:
            rows = conn.execute("SELECT at, what FROM audit ORDER BY seq").fetchall()
            assert conn.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    whole = sum(1 for each in lengths if each <= length)
    wanted = [(n, what) for n in range(whole) for what in ("first", "second")]
    assert [tuple(row) for row in rows] == wanted


# --- the outbox ----------------------------------------------------------------------------------

ACTS = st.lists(
    st.tuples(
        st.sampled_from(
            ["add", "put", "try", "ack", "refuse", "expire", "wake", "reseal", "sweep"]
        ),
        st.integers(0, 5),
        st.integers(0, 100),
    ),
    max_size=40,
)
MAILBOX = NodeId(b"m" * 32)


def _letter(n: int, at: int) -> Outgoing:
    sealed = bytes([n]) * (n + 1)
    return Outgoing(
        envelope_id=ObjectId(bytes([n]) * 32),
        kind="offer",
        own_ctx=b"profile",
        to_key=b"k" * 32,
        thread=None,
        letter=sealed,
        letter_hash=LetterHash(blake2b_256(sealed)),
        reader=b"r" * 32,
        mailboxes=(MAILBOX,),
        priority=n,
        next_at=at,
        expires_at=at + 30,
        updated_ms=at,
    )


def _act(conn: sqlite3.Connection, act: str, n: int, at: int) -> None:
    row = outbox.by_envelope(conn, bytes([n]) * 32)
    row_id = row.id if row else 0
    match act:
        case "add":
            outbox.add(conn, _letter(n, at))
        case "put":
            outbox.mark_put(conn, row_id, MAILBOX, at)
        case "try":
            outbox.mark_tried(conn, row_id, at + 5, at)
        case "ack":
            outbox.mark_acked(conn, row_id, at)
        case "refuse":
            outbox.mark_refused(conn, row_id, "policy", at)
        case "expire":
            outbox.expire(conn, at)
        case "wake":
            outbox.wake(conn, at)
        case "reseal":
            sealed = b"moved" + bytes([n, at])
            outbox.reseal(
                conn,
                row_id,
                letter=sealed,
                letter_hash=LetterHash(blake2b_256(sealed)),
                reader=b"q" * 32,
                mailboxes=[MAILBOX],
                now_ms=at,
            )
        case _:
            outbox.sweep(conn, at + bounds.outbox_kept_ms)


@given(ACTS)
def test_letters_end_once_and_are_never_lost_while_pending(acts):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "home.db"
        with closing(open_writer(path)) as conn:
            migrate(conn, path)
            before: dict[bytes, Outgoing] = {}
            for act, n, at in acts:
                _act(conn, act, n, at)
                now = {
                    key: row
                    for key in (bytes([each]) * 32 for each in range(6))
                    if (row := outbox.by_envelope(conn, key))
                }
                for key, old in before.items():
                    if old.state is not OutgoingState.PENDING and key in now:
                        assert now[key] == old
                    if old.state is OutgoingState.PENDING:
                        assert key in now
                before = now
                size = size_of(conn, "outbox")
                assert size.rows == len(now)
                assert size.bytes == sum(len(row.letter) for row in now.values())
                due = outbox.due(conn, at)
                assert {row.envelope_id for row in due} == {
                    key
                    for key, row in now.items()
                    if row.state is OutgoingState.PENDING and row.next_at <= at < row.expires_at
                }
                assert [row.priority for row in due] == sorted(
                    (row.priority for row in due), reverse=True
                )


# --- the mailbox we serve ------------------------------------------------------------------------

POST_ACTS = st.lists(
    st.tuples(
        st.sampled_from(["open", "put", "drop", "receipt", "sweep"]),
        st.integers(0, 2),
        st.integers(0, 4),
        st.integers(1, 50),
    ),
    max_size=40,
)


def _post(conn: sqlite3.Connection, act: str, box: int, n: int, at: int) -> None:
    reader, letter = bytes([box]) * 32, bytes([n]) * (n + 1)
    name = LetterHash(blake2b_256(letter))
    state = mailbox.state_of(conn, reader, letter_hash=name)
    match act:
        case "open":
            mailbox.open_box(conn, reader, at + 20, at)
        case "put" if state.until is not None and not state.known:
            mailbox.put_letter(
                conn,
                reader=reader,
                letter_hash=name,
                letter=letter,
                depositor=NodeId(b"d" * 32),
                bits=n,
                now_ms=at,
            )
        case "drop":
            mailbox.drop_letter(conn, reader, name)
        case "receipt" if state.until is not None:
            mailbox.leave_receipt(
                conn, reader=reader, letter_hash=name, receipt=b"sealed", now_ms=at
            )
        case "sweep":
            mailbox.sweep(conn, at)
        case _:
            # Nothing the mailbox would decide to do with this box.
            return


@given(POST_ACTS)
def test_counts_of_served_boxes_are_what_is_in_them(acts):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "home.db"
        with closing(open_writer(path)) as conn:
            migrate(conn, path)
            for act, box, n, at in acts:
                _post(conn, act, box, n, at)
            letters, size, boxes = 0, 0, 0
            for each in range(3):
                held = mailbox.held(conn, bytes([each]) * 32)
                state = mailbox.state_of(conn, bytes([each]) * 32, depositor=b"d" * 32)
                assert (state.letters, state.size) == (len(held), sum(one.size for one in held))
                assert state.by_depositor == len(held)
                assert state.until is not None or not held
                letters, size = letters + state.letters, size + state.size
                boxes += state.until is not None
            assert mailbox.count_boxes(conn) == boxes
            total = size_of(conn, "served_letters")
            assert (total.rows, total.bytes) == (letters, size)
