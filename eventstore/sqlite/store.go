// Package sqlite keeps a log in one SQLite file.
//
// # Guarantees
//
// All of [eventstore.Store], for any number of stores in any number of
// processes of one machine on one file. An append that returned nil is on the
// disk: the file is in WAL mode with synchronous=FULL, which syncs at every
// commit. Appends are decided inside BEGIN IMMEDIATE, which lets one process in
// at a time; the others wait for it up to five seconds, then get
// [eventstore.KindUnavailable].
//
// The file can be read with the sqlite3 shell while the service runs, one
// readable row per event.
//
// # What it does not do
//
// WAL mode needs shared memory: a file on a network file system will not do. A
// copy of the file alone, without its "-wal" neighbour, may lack the newest
// events; use the shell's .backup.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"sync"

	"openpayment/eventstore"
)

// Config says which file, and what may be done to it.
type Config struct {
	// Path names the file; any characters will do. Its directory must exist.
	Path string
	// Migrate lets Open create the file and bring its schema to the version this
	// program knows. Without it, Open refuses a file that is not there yet.
	Migrate bool
}

// Store is one process's access to the file. It is safe for concurrent use.
type Store struct {
	readers *sql.DB // a small pool, which cannot write
	rows    *sql.Stmt
	newest  *sql.Stmt
	cursor  *sql.Stmt

	chunk, manifests, unfinished *sql.Stmt // of snapshots
	subscriptions, subscription  *sql.Stmt

	// writer holds the one connection that writes while nobody is writing.
	writer  chan *writer
	writing *sql.DB // what that connection is from

	closing context.Context // done as soon as Close is called
	cut     context.CancelFunc

	mu     sync.RWMutex // held for reading by each call, for writing by Close; protects closed
	closed bool
}

var _ eventstore.Store = (*Store)(nil)

// enter begins a call: the context it gets ends with the caller's, and when the
// store is closed. Close waits until the call has left.
func (s *Store) enter(ctx context.Context, op string) (context.Context, func(), error) {
	s.mu.RLock()
	err := ctx.Err()
	if s.closed {
		err = errors.New("the store is closed")
	}
	if err != nil {
		s.mu.RUnlock()
		return nil, nil, eventstore.NewError(op, eventstore.KindUnavailable, err)
	}
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(s.closing, cancel)
	return ctx, func() {
		stop()
		cancel()
		s.mu.RUnlock()
	}, nil
}

// Close implements [eventstore.Backend]. It cuts off what waits, and lets a
// commit under way come to its end.
func (s *Store) Close() error {
	s.cut()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	return errors.Join(s.readers.Close(), (<-s.writer).close(), s.writing.Close())
}
