-- What is remembered of known nodes beside their records: who told of them, and when a dial reached them last and where
-- (0 for never). An anchor is dialled first after a restart.
ALTER TABLE nodes ADD COLUMN told_by TEXT NOT NULL DEFAULT '';
ALTER TABLE nodes ADD COLUMN reached_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE nodes ADD COLUMN reached_address TEXT NOT NULL DEFAULT '';
ALTER TABLE nodes ADD COLUMN reached_group TEXT NOT NULL DEFAULT '';
ALTER TABLE nodes ADD COLUMN anchor INTEGER NOT NULL DEFAULT 0;
