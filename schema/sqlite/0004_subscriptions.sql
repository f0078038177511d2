-- Version 4: subscriptions that somebody outside follows the log by. What they have
-- acknowledged is in cursors, under their ids.
-- By hand: sqlite3 FILE < 0004_subscriptions.sql

CREATE TABLE subscriptions (
  name     TEXT PRIMARY KEY,
  id       TEXT NOT NULL,     -- UUID version 7, lower case; another if it is made anew
  owner    TEXT NOT NULL,     -- the name of the token it was made with
  type     TEXT NOT NULL,     -- of the events it is about; empty: any
  subject  TEXT NOT NULL,     -- likewise
  start    TEXT NOT NULL,     -- where it was to begin: beginning, end or a position
  created  TEXT NOT NULL,     -- UTC, to the millisecond
  reader   TEXT NOT NULL,     -- the id of whoever came last to read it; zeroes: nobody
  position INTEGER NOT NULL,  -- where it began, later how far nothing was left to acknowledge
  hash     TEXT NOT NULL      -- and that event's hash
) STRICT, WITHOUT ROWID;

INSERT INTO schema_versions (version, description, applied_at)
VALUES (4, 'subscriptions', strftime('%Y-%m-%dT%H:%M:%fZ', 'now'));
