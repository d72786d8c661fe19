-- Keys of shops the owner wants to hear no more of. The name is what the shop called itself then, for the list alone.
CREATE TABLE blocked (
  seq INTEGER PRIMARY KEY,
  key BLOB NOT NULL UNIQUE CHECK (length(key) = 32),
  name TEXT NOT NULL,
  since_ms INTEGER NOT NULL
) STRICT;

-- What the owner was shown once and need not be shown again, by name.
CREATE TABLE shown (
  seq INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  at_ms INTEGER NOT NULL
) STRICT;
