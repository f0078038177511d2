-- Version 3: snapshots of the state, so that it need not always be built from the first event.
-- By hand: sqlite3 FILE < 0003_snapshots.sql

CREATE TABLE snapshots (
  snapshot TEXT PRIMARY KEY,  -- UUID version 7, lower case
  position INTEGER NOT NULL,  -- the last event included
  time     TEXT NOT NULL,     -- and that event's time
  hash     TEXT NOT NULL,     -- and its hash
  taken    TEXT NOT NULL,     -- when it was complete: UTC, to the millisecond
  digest   TEXT NOT NULL,     -- of the state: 64 digits, lower case
  format   INTEGER NOT NULL,  -- of what is in the chunks
  reducer  INTEGER NOT NULL,  -- version of the code that made the state of the events
  records  INTEGER NOT NULL,  -- how many accounts
  bytes    INTEGER NOT NULL,  -- of all chunks together
  chunks   TEXT NOT NULL,     -- SHA-256 of each chunk, in order: JSON array
  checksum TEXT NOT NULL      -- SHA-256 over all other columns
) STRICT;

-- Written before its row in snapshots, removed after it.
CREATE TABLE snapshot_chunks (
  snapshot TEXT NOT NULL,
  chunk    INTEGER NOT NULL,  -- its number, from 0
  data     BLOB NOT NULL,     -- compressed; at most 512 KiB
  PRIMARY KEY (snapshot, chunk)
) STRICT;

INSERT INTO schema_versions (version, description, applied_at)
VALUES (3, 'snapshots', strftime('%Y-%m-%dT%H:%M:%fZ', 'now'));
