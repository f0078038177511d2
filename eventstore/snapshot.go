package eventstore

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// MaxChunkBytes bounds one chunk of a snapshot, as stored.
const MaxChunkBytes = 512 << 10

// Manifest describes one whole snapshot: the state that the log up to At has
// made, cut into chunks. It is written after all of them, so that a snapshot that
// has a manifest was once complete. It is a value that is never changed.
type Manifest struct {
	ID      uuid.UUID // version 7: tells when the snapshot was begun
	At      Tail      // the last event included, and its time
	Taken   time.Time // when it was complete: UTC, whole milliseconds
	Digest  Hash      // of the state
	Format  int       // of what is in the chunks
	Reducer int       // version of the code that made the state of the events
	Records int64     // how much is in it, for people: accounts
	Bytes   int64     // of all chunks together, as stored
	Chunks  []Hash    // SHA-256 of each chunk, in order

	// Checksum is [Manifest.Sum] of all the above, as stored. Where a row cannot be
	// read as a manifest, the fields in question are zero and so the sum does not
	// match.
	Checksum Hash
}

// Sealed is m with its checksum.
func (m Manifest) Sealed() Manifest {
	m.Checksum = m.Sum()
	return m
}

// Sum is SHA-256 over every field but Checksum, numbers as 8 bytes, big endian,
// times in milliseconds since 1970. This is a stored format: it must never change.
func (m Manifest) Sum() Hash {
	buf := make([]byte, 0, 192+len(m.Chunks)*sha256.Size)
	number := func(n int64) { buf = binary.BigEndian.AppendUint64(buf, uint64(n)) }
	buf = append(buf, m.ID[:]...)
	number(int64(m.At.Head.Position))
	buf = append(buf, m.At.Head.Hash[:]...)
	number(m.At.Time.UnixMilli())
	number(m.Taken.UnixMilli())
	buf = append(buf, m.Digest[:]...)
	for _, n := range []int64{int64(m.Format), int64(m.Reducer), m.Records, m.Bytes, int64(len(m.Chunks))} {
		number(n)
	}
	for _, h := range m.Chunks {
		buf = append(buf, h[:]...)
	}
	return sha256.Sum256(buf)
}

// Verify reports as [KindDamaged] that m is not what was written; nil if it is.
func (m Manifest) Verify() error {
	if m.Checksum == m.Sum() {
		return nil
	}
	return newError("verify", KindDamaged, fmt.Errorf("the manifest of snapshot %s does not match its checksum", m.ID))
}

// Chunk loads one chunk, verified: KindDamaged when it is not there, or not what
// was written; otherwise errors of [SnapshotStore.LoadChunk].
func (m Manifest) Chunk(ctx context.Context, from SnapshotStore, number int) ([]byte, error) {
	data, err := from.LoadChunk(ctx, m.ID, number)
	switch {
	case KindOf(err) == KindMissing:
		return nil, newError("load chunk", KindDamaged, fmt.Errorf("chunk %d of %d of snapshot %s is not there", number, len(m.Chunks), m.ID))
	case err != nil:
		return nil, err
	case sha256.Sum256(data) != m.Chunks[number]:
		return nil, newError("load chunk", KindDamaged, fmt.Errorf("chunk %d of %d of snapshot %s does not match its checksum", number, len(m.Chunks), m.ID))
	}
	return data, nil
}

// NewestFirst orders manifests as [SnapshotStore.Manifests] gives them.
func NewestFirst(a, b Manifest) int {
	return cmp.Or(cmp.Compare(b.At.Head.Position, a.At.Head.Position), bytes.Compare(b.ID[:], a.ID[:]))
}

// CheckChunk reports as [KindInvalid] that data cannot be a chunk of a snapshot,
// on any backend: it is empty, or larger than [MaxChunkBytes].
func CheckChunk(data []byte) error {
	if n := len(data); n < 1 || n > MaxChunkBytes {
		return newError("save chunk", KindInvalid, fmt.Errorf("the chunk has %d bytes; 1 to %d are allowed", n, MaxChunkBytes))
	}
	return nil
}

// SnapshotStore keeps the snapshots of one log's state. Every backend of this
// module is one too. It knows nothing of what is in a chunk.
//
// A snapshot is made by storing its chunks, in any order, and then its manifest;
// all of it may be read once its manifest is there. A snapshot of which nothing
// but chunks is there is unfinished: somebody is at work on it, or was, and died.
//
// Errors: KindUnavailable; KindUnknown for a change that may have been made;
// KindInvalid for a chunk that is too large or empty. All calls may be repeated.
type SnapshotStore interface {
	// SaveChunk stores one chunk of a snapshot, 1 to [MaxChunkBytes] bytes, in place
	// of one that has its number. Durable when it returns nil. data is the caller's
	// again afterwards.
	SaveChunk(ctx context.Context, snapshot uuid.UUID, number int, data []byte) error
	// LoadChunk gives a chunk as it is stored; KindMissing if it is not there. The
	// result is the caller's.
	LoadChunk(ctx context.Context, snapshot uuid.UUID, number int) ([]byte, error)
	// SaveManifest makes the snapshot complete. Durable when it returns nil.
	SaveManifest(ctx context.Context, m Manifest) error
	// Manifests lists the complete snapshots, the one with the highest position
	// first, of equal positions the one begun last. They are given as they are
	// stored: see [Manifest.Verify].
	Manifests(ctx context.Context) ([]Manifest, error)
	// Unfinished lists the snapshots that have chunks and no manifest, in the order
	// of their ids.
	Unfinished(ctx context.Context) ([]uuid.UUID, error)
	// DropSnapshot removes a snapshot, finished or not: its manifest first. To drop
	// one that is not there is no error.
	DropSnapshot(ctx context.Context, snapshot uuid.UUID) error
}
