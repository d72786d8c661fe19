-- What a vendor has on offer: one row per article, as its feed last had it. Times are Unix ms.
CREATE TABLE items (
  id INTEGER PRIMARY KEY,
  sku TEXT NOT NULL UNIQUE,
  source TEXT NOT NULL,
  category TEXT NOT NULL,
  title TEXT NOT NULL,
  cur TEXT NOT NULL,
  price_minor INTEGER NOT NULL CHECK (price_minor > 0),
  price_unit TEXT NOT NULL,
  content TEXT NOT NULL,
  hash BLOB NOT NULL CHECK (length(hash) = 32),
  updated_ms INTEGER NOT NULL,
  removed_ms INTEGER
) STRICT;
CREATE INDEX items_offered ON items (category, id) WHERE removed_ms IS NULL;
CREATE INDEX items_source ON items (source, id) WHERE removed_ms IS NULL;
CREATE INDEX items_gone ON items (removed_ms) WHERE removed_ms IS NOT NULL;

-- What each import did, newest last.
CREATE TABLE imports (
  id INTEGER PRIMARY KEY,
  source TEXT NOT NULL,
  form TEXT NOT NULL,
  at_ms INTEGER NOT NULL,
  added INTEGER NOT NULL,
  changed INTEGER NOT NULL,
  unchanged INTEGER NOT NULL,
  removed INTEGER NOT NULL,
  refused INTEGER NOT NULL
) STRICT;
