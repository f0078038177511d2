package bench

import (
	"context"

	"openpayment/eventstore"
)

// The kinds of stores there are.
const (
	Memory    = "memory"
	SQLite    = "sqlite"
	Cassandra = "cassandra"
)

// Place is where a run works: logs of its own, and what the driver alone does beside
// them. It is made by [InMemory], [BesideFile] or [OnCluster].
type Place interface {
	// Kind is that of the store.
	Kind() string
	// About says where it is, and what should be known of the store, for people.
	About() []string
	// Open gives a handle on the log of that name, which is empty at first. Names are
	// lower case letters, digits and dashes.
	Open(ctx context.Context, log string) (eventstore.Store, error)
	// Remove removes everything that the run has made, and the marker last.
	Remove(ctx context.Context) error

	// raw is the driver alone.
	raw() driver
}

// driver is what a store's driver does with the same rows without any guarantee. What is
// nil can't be done in a way that would be worth a comparison.
type driver struct {
	appendsBy string
	// appends has so many callers add rows.
	appends func(ctx context.Context, callers int) (side, error)
	// conditional has one caller add rows, each on condition that it is not there.
	conditional func(ctx context.Context) (side, error)

	scansBy string
	// scan reads all rows of a log that has so many.
	scan func(ctx context.Context, log string, events int) error
	// rows reads some rows, of positions that are known.
	rows func(ctx context.Context, log string, at []eventstore.Position) error
}
