-- The network this home is of; empty before a node of this program first ran on it.
ALTER TABLE origin ADD COLUMN net TEXT NOT NULL DEFAULT '';
