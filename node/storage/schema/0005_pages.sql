-- Which database this is: made once with the file, so that another home's file in its place is known.
CREATE TABLE origin (
  id BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
  made_by TEXT NOT NULL
) STRICT;
INSERT INTO origin (id, made_by) VALUES (randomblob(16), '');

-- Objects of our own that were found damaged and are asked of others.
CREATE TABLE wanted (
  seq INTEGER PRIMARY KEY,
  id BLOB NOT NULL UNIQUE CHECK (length(id) = 32),
  deal_id BLOB,
  found_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX wanted_deal ON wanted (deal_id) WHERE deal_id IS NOT NULL;

-- Agreements asked again of the other party.
CREATE TABLE askings (
  seq INTEGER PRIMARY KEY,
  deal_id BLOB NOT NULL UNIQUE CHECK (length(deal_id) = 32),
  asked_ms INTEGER NOT NULL,
  asks INTEGER NOT NULL
) STRICT;
