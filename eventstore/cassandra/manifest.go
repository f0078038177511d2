package cassandra

import (
	"time"

	"github.com/google/uuid"

	"openpayment/eventstore"
)

const (
	manifestColumns = `snapshot, position, time, hash, taken, digest, format, reducer, records, bytes, chunks, checksum`
	selectManifests = `SELECT ` + manifestColumns + ` FROM snapshots WHERE log = ?`
	insertManifest  = `INSERT INTO snapshots (log, ` + manifestColumns + `) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
	selectWritten   = `SELECT WRITETIME(checksum) FROM snapshots WHERE log = ? AND snapshot = ?`
	deleteManifest  = `DELETE FROM snapshots WHERE log = ? AND snapshot = ?`
)

// manifestRows is how many manifests one page has: each may name thousands of
// chunks.
const manifestRows = 50

// manifestArgs are the values of m's row, in the order of manifestColumns.
func manifestArgs(m eventstore.Manifest) []any {
	chunks := make([][]byte, len(m.Chunks)) // nil would be bound as null
	for i := range m.Chunks {
		chunks[i] = m.Chunks[i][:]
	}
	return []any{
		driverUUID(m.ID), int64(m.At.Head.Position), m.At.Time, m.At.Head.Hash[:], m.Taken, m.Digest[:],
		m.Format, m.Reducer, m.Records, m.Bytes, chunks, m.Checksum[:],
	}
}

// manifestRow is a row of manifestColumns.
type manifestRow struct {
	id              driverUUID
	position        int64
	time, taken     time.Time
	hash, digest    []byte
	format, reducer int
	records, bytes  int64
	chunks          [][]byte
	checksum        []byte
}

// dest clears the row and gives where its columns go.
func (r *manifestRow) dest() []any {
	*r = manifestRow{}
	return []any{&r.id, &r.position, &r.time, &r.hash, &r.taken, &r.digest, &r.format, &r.reducer, &r.records, &r.bytes, &r.chunks, &r.checksum}
}

// manifest makes a manifest of the row. What cannot be read is zero, and shows
// when the manifest is verified.
func (r *manifestRow) manifest() eventstore.Manifest {
	return eventstore.Manifest{
		ID: uuid.UUID(r.id),
		At: eventstore.Tail{
			Head: eventstore.Head{Position: eventstore.Position(r.position), Hash: hash(r.hash)},
			Time: r.time.UTC(),
		},
		Taken: r.taken.UTC(), Digest: hash(r.digest),
		Format: r.format, Reducer: r.reducer, Records: r.records, Bytes: r.bytes,
		Chunks: hashes(r.chunks), Checksum: hash(r.checksum),
	}
}

// hash is zero for what cannot be one.
func hash(b []byte) (h eventstore.Hash) {
	if len(b) == len(h) {
		copy(h[:], b)
	}
	return h
}

// hashes gives none where any cannot be one.
func hashes(list [][]byte) []eventstore.Hash {
	all := make([]eventstore.Hash, len(list))
	for i, b := range list {
		if len(b) != len(all[i]) {
			return nil
		}
		all[i] = hash(b)
	}
	return all
}
