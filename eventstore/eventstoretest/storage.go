package eventstoretest

import (
	"context"
	"testing"

	"github.com/google/uuid"

	"openpayment/eventstore"
)

// Storage is one empty store, made for one test. It is reached in two ways: as
// the service would, through handles, and behind the backend's back.
type Storage interface {
	// Open makes another handle on the same log, as another process would. The
	// suite closes it.
	Open(ctx context.Context) (eventstore.Store, error)

	// The others change rows with the technology's own tools, as an operator
	// with a shell, a failing disk or an attacker might. The row must be there.

	// Replace overwrites the row of ev.Seq with these fields, the hash as given.
	Replace(t testing.TB, ev eventstore.Event)
	// Remove deletes the row.
	Remove(t testing.TB, seq eventstore.Position)
	// Garble makes the row something that cannot be an event, such as one with a
	// hash of three bytes.
	Garble(t testing.TB, seq eventstore.Position)

	// GarbleChunk flips one bit of a chunk.
	GarbleChunk(t testing.TB, snapshot uuid.UUID, number int)
	// RemoveChunk deletes a chunk.
	RemoveChunk(t testing.TB, snapshot uuid.UUID, number int)
	// GarbleManifest makes the manifest's digest something that cannot be one.
	GarbleManifest(t testing.TB, snapshot uuid.UUID)
}

// Factory makes an empty Storage, which goes away with the test. A bucketSize of
// 0 asks for the backend's default; backends without buckets ignore it.
type Factory func(t testing.TB, bucketSize int) Storage
