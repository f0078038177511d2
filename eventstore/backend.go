package eventstore

import (
	"context"
	"iter"
)

// Backend stores one log. Implementations are safe for concurrent use, and any
// number of them, in any number of processes, may share one log where the
// technology allows.
//
// Package eventstoretest holds the suite that every implementation passes; each
// sentence below is a case in it.
type Backend interface {
	// Append stores batch directly after head, all of it or nothing, if head is
	// still the head of the log: position and hash. It returns nil only when the
	// batch is durable. The batch is complete (positions, times and hashes set,
	// contiguous from head.Position+1), not empty, and within the limits.
	//
	// Errors: KindConflict, KindUnknown; KindUnavailable, KindInvalid, KindDamaged
	// (the head cannot be read): not appended. A context that ends before anything
	// was sent is KindUnavailable, later KindUnknown.
	Append(ctx context.Context, head Head, batch []Event) error

	// Read yields the events after the given position, in order and without a
	// gap, at most limit of them (0: all there are), and ends at the end of the
	// log. It sees every append that had returned nil when Read was called.
	// Breaking off early releases everything. Times come in UTC, and an event
	// without Meta with an empty one. Neither argument may be negative.
	//
	// Errors end the sequence: KindMissing where the next event is not there but
	// a later one is, or the store's own head is later, its cause a [Gap];
	// KindDamaged for a row that cannot be an event, KindUnavailable; a context
	// that has ended is the very next thing told. Rows are not verified against
	// the hash chain: [Log] does.
	Read(ctx context.Context, after Position, limit int) iter.Seq2[Event, error]

	// Head is the head of the log, linearizably: it is at least as new as every
	// append that had returned nil when Head was called, and any undecided append
	// before it is either included or will never happen on top of an older head.
	//
	// Errors: KindUnavailable, KindDamaged.
	Head(ctx context.Context) (Head, error)

	// Close releases everything; it may be called twice. Calls after it, and
	// calls it cuts off, give KindUnavailable (Append under way: KindUnknown).
	Close() error
}

// CursorStore keeps how far named subscribers have come. Every backend of this
// module is one too. Errors: KindUnavailable, KindDamaged, and KindUnknown for a
// save that may have been done.
type CursorStore interface {
	// LoadCursor gives what was saved last under name, the zero Head if nothing.
	LoadCursor(ctx context.Context, name string) (Head, error)
	// SaveCursor replaces it; the last call wins. Durable when it returns nil.
	SaveCursor(ctx context.Context, name string, at Head) error
}

// Store is a whole storage backend: a log; cursors, snapshots and named
// subscriptions beside it.
type Store interface {
	Backend
	CursorStore
	SnapshotStore
	SubscriptionStore
}
