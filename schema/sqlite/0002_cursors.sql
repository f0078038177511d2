-- Version 2: how far each named subscriber has come.
-- By hand: sqlite3 FILE < 0002_cursors.sql

CREATE TABLE cursors (
  subscriber TEXT PRIMARY KEY,
  position   INTEGER NOT NULL,  -- the last event it has dealt with
  hash       TEXT NOT NULL      -- and that event's hash
) STRICT, WITHOUT ROWID;

INSERT INTO schema_versions (version, description, applied_at)
VALUES (2, 'cursors', strftime('%Y-%m-%dT%H:%M:%fZ', 'now'));
