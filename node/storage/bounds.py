"""Caps of what one home keeps: each collection has one, and what happens at it.

Bounds that peers must agree on stand in `protocol/limits`; these are this program's own. A value
marked *guess* has not been measured.
"""

from __future__ import annotations

from typing import Final

from protocol.now import DAY_MS

company_changes: Final = 200
"""So many changes without a promise are company enough; guess."""
group_changes_max: Final = 1_000
"""Changes in one commit when that many wait: each more shares its pages with others."""
company_ms: Final = 50
"""How long a change without a promise waits for others."""
changes_waiting_max: Final = 20_000
"""Changes between a caller and the disk; more are refused, so that memory is bounded; guess."""
readers: Final = 3
"""Reading connections; guess."""
cache_kib: Final = 8_192
"""Page cache of the writer (measured: 21 MB of memory against 84 MB with a large one)."""
reader_cache_kib: Final = 2_048
"""Page cache of each reader: one that had listed all objects at the start kept 8 MB of them, and
the system's own cache is behind it."""
wal_pages: Final = 4_096
"""Length of the write-ahead log, in pages of 4 KiB, at which it is brought home: measured a fifth
less work per object than SQLite's own 1,000, since pages written often are brought home once."""
wal_bytes_kept: Final = 64 * 1024 * 1024
"""Size the write-ahead log is cut back to after a checkpoint."""
sums_tries_max: Final = 8
"""Failures to keep the sums of a log, after which it is brought home without them; guess."""
wanted_at_once: Final = 500
"""Damaged objects looked after in one change; the others wait for the next."""
ask_pause_ms: Final = DAY_MS // 24
"""Shortest time between two questions about one damaged deal; doubles with each; guess."""
ask_pause_ms_max: Final = 7 * DAY_MS
"""The longest such time; guess."""
pages_per_look: Final = 512
"""Pages compared with their sums in one turn of the writer: some 4 ms of a processor, whatever the
log holds (measured with 36,183 pages and 2,913 frames; the first turn 5 to 6 ms)."""
copies_kept: Final = 3
"""Copies kept of files that were migrated."""

outbox_rows_max: Final = 100_000
"""Letters to be sent and their endings; ended ones make room, then new ones are refused."""
outbox_kept_ms: Final = 90 * DAY_MS
"""How long an ended letter stays visible."""
casts_max: Final = 10_000
"""Own casts, drafts included; more are refused; guess."""
threads_max: Final = 500_000
"""Threads; the longest untouched that no live deal needs go first; guess."""
deals_max: Final = 100_000
"""Deals; never removed, more are refused; guess."""
boxes_own_max: Final = 100_000
"""Own boxes; closed and outlived ones make room; guess."""
receipts_per_box_max: Final = 1_024
"""Receipts kept for one served box; the oldest go; four times its letters."""
audit_rows_max: Final = 200_000
"""Lines of history; the oldest go."""
idempotency_ms: Final = 7 * DAY_MS
"""How long an answer can be repeated."""
idempotency_rows_max: Final = 50_000
"""Answers kept; the oldest go; guess."""
disclosed_rows_max: Final = 1_000_000
"""Lines of the ledger; never removed, more are refused; guess."""
sealed_kept_ms: Final = 30 * DAY_MS
"""How long a sealed object outlives its expiry, so that a late copy is known."""
sweep_rows_max: Final = 1_000
"""Rows one sweep removes, so that no transaction holds the writer for long."""
room_rows_max: Final = 100
"""Letters, some of 56 KiB, that a mailbox short of room lets go in one change, and as many
receipts; it goes on in the next."""

dropped_per_party_max: Final = 64
"""Refused objects of one party of a thread that are remembered as known; the oldest go."""
dropped_of_strangers_max: Final = 256
"""The same of all who have no thread with one of our boxes; guess."""
dropped_rows_max: Final = 20_000
"""The same of everybody; the oldest go; guess."""
box_troubles_max: Final = 10_000
"""Failing mailboxes of boxes of ours whose time is counted; guess."""
moves_per_change: Final = 100
"""Threads told in one change that a box has moved, so that no transaction is long."""

restorations_max: Final = 100
"""Restores of one home that are remembered; the oldest go."""
copies_max: Final = 1_000
"""Signs of another live copy that are remembered; the oldest go; guess."""
rotations_per_key_max: Final = 16
"""Rotations of one key that are read: the first two successors decide; guess."""

tokens_max: Final = 64
"""Tokens of programs for the local API; more are refused; guess."""
sessions_max: Final = 32
"""Browsers that are logged in; the oldest leaves; guess."""

blocked_max: Final = 256
"""Shops the owner blocked; more are refused: each is looked up with every letter; guess."""
