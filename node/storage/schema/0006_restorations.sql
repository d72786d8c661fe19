-- What follows a restore, and what is known of other live copies of this identity. Times are Unix ms.

-- This one copy of the home: made anew at the first start, and at the first start after a restore.
CREATE TABLE instance (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  instance BLOB NOT NULL CHECK (length(instance) = 16),
  created_ms INTEGER NOT NULL,
  chosen_ms INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE restorations (
  seq INTEGER PRIMARY KEY,
  how TEXT NOT NULL CHECK (how IN ('words', 'backup')),
  backup_ms INTEGER,
  restored_ms INTEGER NOT NULL
) STRICT;

-- Identities of ours that promise nothing until their owner reopened them.
CREATE TABLE held (
  seq INTEGER PRIMARY KEY,
  ctx BLOB NOT NULL UNIQUE,
  since_ms INTEGER NOT NULL
) STRICT;

-- Signs of another copy: objects under our keys that this home never wrote.
CREATE TABLE copies (
  seq INTEGER PRIMARY KEY,
  object_id BLOB NOT NULL UNIQUE CHECK (length(object_id) = 32),
  ctx BLOB NOT NULL,
  kind TEXT NOT NULL,
  at INTEGER NOT NULL,
  seen_ms INTEGER NOT NULL,
  instance BLOB,
  since_ms INTEGER,
  answers INTEGER NOT NULL DEFAULT 0 CHECK (answers IN (0, 1))
) STRICT;

-- The generations of the vendor identity: the statement that began each, 0 aside.
CREATE TABLE generations (
  generation INTEGER PRIMARY KEY CHECK (generation > 0),
  key BLOB NOT NULL UNIQUE CHECK (length(key) = 32),
  rotation_id BLOB NOT NULL UNIQUE,
  at INTEGER NOT NULL
) STRICT;

-- Statements are looked up by the key they speak of.
CREATE INDEX objects_succession ON objects (key, kind) WHERE kind IN ('rotation', 'revocation');
