-- Mailboxes a box was named at before it moved; letters may still come to them.
ALTER TABLE boxes_own ADD COLUMN former TEXT NOT NULL DEFAULT '[]';

-- How long a mailbox of a box of ours has failed while we were linked to others. Counted by the
-- clock that never jumps and only while this node runs: a laptop that sleeps blames nobody.
CREATE TABLE box_troubles (
  reader BLOB NOT NULL,
  mailbox BLOB NOT NULL,
  failed_ms INTEGER NOT NULL,
  refused INTEGER NOT NULL CHECK (refused IN (0, 1)),
  PRIMARY KEY (reader, mailbox)
) STRICT;

-- Since when every mailbox of a letter has refused it; null while one may take it.
ALTER TABLE outbox ADD COLUMN refused_since INTEGER;

-- The mailboxes we last named in a thread, and when the other side signed its own way back.
ALTER TABLE threads ADD COLUMN own_at TEXT;
ALTER TABLE threads ADD COLUMN other_reply_at INTEGER NOT NULL DEFAULT 0;

-- Names of objects that were refused: their author's next object follows them all the same.
CREATE TABLE dropped (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  ctx BLOB NOT NULL,
  other_key BLOB NOT NULL,
  thread BLOB NOT NULL,
  object_id BLOB NOT NULL,
  stands_for BLOB,
  reason TEXT NOT NULL,
  at INTEGER NOT NULL,
  UNIQUE (ctx, object_id)
) STRICT;
CREATE INDEX dropped_party ON dropped (ctx, thread, other_key, seq);
