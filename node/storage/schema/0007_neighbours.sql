-- Nodes this home's owner decided about, one row each: to stay linked to (`kept`), not to be shown (`refused`),
-- or known because it came with one of our invites (`guest`).
CREATE TABLE neighbours (
  seq INTEGER PRIMARY KEY,
  key BLOB NOT NULL UNIQUE CHECK (length(key) = 32),
  standing TEXT NOT NULL CHECK (standing IN ('kept', 'refused', 'guest')),
  how TEXT NOT NULL CHECK (how IN ('nearby', 'invite')),
  address TEXT,
  since_ms INTEGER NOT NULL,
  seen_ms INTEGER NOT NULL
) STRICT;

-- Invites for one, by the hash of their token: the token itself stands in the link alone.
CREATE TABLE invites (
  seq INTEGER PRIMARY KEY,
  token_hash BLOB NOT NULL UNIQUE CHECK (length(token_hash) = 32),
  until INTEGER NOT NULL,
  made_ms INTEGER NOT NULL,
  used_by BLOB CHECK (used_by IS NULL OR length(used_by) = 32),
  used_ms INTEGER
) STRICT;
