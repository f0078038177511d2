package sqlite

import (
	"database/sql"
	"encoding/json"
	"strings"
	"time"

	"github.com/google/uuid"

	"openpayment/eventstore"
)

const (
	manifestColumns = "snapshot, position, time, hash, taken, digest, format, reducer, records, bytes, chunks, checksum"
	manifestRows    = "SELECT " + manifestColumns + " FROM snapshots"
	saveManifest    = "INSERT OR REPLACE INTO snapshots (" + manifestColumns + ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)

// manifestArgs are the values of m's row, in the order of manifestColumns.
func manifestArgs(m eventstore.Manifest) []any {
	return []any{
		m.ID.String(), int64(m.At.Head.Position), m.At.Time.UTC().Format(timeLayout), m.At.Head.Hash.String(),
		m.Taken.UTC().Format(timeLayout), m.Digest.String(), m.Format, m.Reducer, m.Records, m.Bytes,
		encodeHashes(m.Chunks), m.Checksum.String(),
	}
}

// scanManifest reads a row of manifestColumns. What cannot be read is zero, and
// shows when the manifest is verified. Errors are the driver's.
func scanManifest(rows *sql.Rows) (m eventstore.Manifest, err error) {
	var id, at, hash, taken, digest, chunks, checksum string
	if err := rows.Scan(&id, &m.At.Head.Position, &at, &hash, &taken, &digest, &m.Format, &m.Reducer, &m.Records, &m.Bytes, &chunks, &checksum); err != nil {
		return m, err
	}
	m.ID = parseID(id)
	m.At.Time, m.Taken = parseTime(at), parseTime(taken)
	m.At.Head.Hash, m.Digest, m.Checksum = parseHash(hash), parseHash(digest), parseHash(checksum)
	m.Chunks = decodeHashes(chunks)
	return m, nil
}

func scanID(rows *sql.Rows) (uuid.UUID, error) {
	var id string
	err := rows.Scan(&id)
	return parseID(id), err
}

// encodeHashes writes a JSON array; there is nothing in it that needs escaping.
func encodeHashes(hashes []eventstore.Hash) string {
	words := make([]string, len(hashes))
	for i, h := range hashes {
		words[i] = `"` + h.String() + `"`
	}
	return "[" + strings.Join(words, ",") + "]"
}

// decodeHashes gives none where any cannot be read, as the other readers of
// columns below give their zero value.
func decodeHashes(text string) []eventstore.Hash {
	var words []string
	if json.Unmarshal([]byte(text), &words) != nil {
		return nil
	}
	hashes := make([]eventstore.Hash, len(words))
	for i, word := range words {
		var err error
		if hashes[i], err = eventstore.ParseHash(word); err != nil {
			return nil
		}
	}
	return hashes
}

func parseHash(text string) eventstore.Hash {
	h, err := eventstore.ParseHash(text)
	if err != nil {
		return eventstore.Hash{}
	}
	return h
}

func parseID(text string) uuid.UUID {
	id, err := uuid.Parse(text)
	if err != nil {
		return uuid.Nil
	}
	return id
}

func parseTime(text string) time.Time {
	t, err := time.Parse(timeLayout, text)
	if err != nil {
		return time.Time{}
	}
	return t
}
