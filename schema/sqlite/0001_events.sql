-- Version 1: the event log.
-- By hand: sqlite3 FILE < 0001_events.sql

CREATE TABLE schema_versions (
  version     INTEGER PRIMARY KEY,  -- the number its file's name begins with
  description TEXT NOT NULL,
  applied_at  TEXT NOT NULL         -- UTC
) STRICT;

CREATE TABLE events (
  seq     INTEGER PRIMARY KEY CHECK (seq > 0),  -- the position: 1, 2, 3, … without a gap
  id      TEXT NOT NULL,  -- UUID version 7, lower case
  type    TEXT NOT NULL,  -- past tense, dotted
  subject TEXT NOT NULL,  -- what the event is about
  time    TEXT NOT NULL,  -- UTC, to the millisecond: 2026-01-02T03:04:05.006Z
  meta    TEXT NOT NULL,  -- JSON object, text to text, its keys sorted
  data    TEXT NOT NULL,  -- the facts, as they were given
  hash    TEXT NOT NULL   -- SHA-256 over the hash before and all other columns: 64 digits, lower case
) STRICT;

INSERT INTO schema_versions (version, description, applied_at)
VALUES (1, 'events', strftime('%Y-%m-%dT%H:%M:%fZ', 'now'));
