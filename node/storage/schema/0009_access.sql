-- Who may use the local API: tokens of programs and sessions of browsers, one row each, by the hash of their secret.
-- The secret itself is shown once and never written. Never part of a backup. Times are Unix ms, days since 1970.
CREATE TABLE tokens (
  seq INTEGER PRIMARY KEY,
  handle TEXT NOT NULL UNIQUE,
  kind TEXT NOT NULL CHECK (kind IN ('token', 'session')),
  name TEXT NOT NULL,
  scopes TEXT NOT NULL,
  secret_hash BLOB NOT NULL UNIQUE CHECK (length(secret_hash) = 32),
  made_ms INTEGER NOT NULL,
  until_ms INTEGER NOT NULL,
  used_day INTEGER
) STRICT;
