// Package memory keeps a log in memory: for tests, for trying things out, and as
// the specification of [eventstore.Backend] in its shortest executable form.
//
// A [Log] is the storage, a [Store] a handle on it. Several handles on one Log
// are to each other what several processes on one database are; closing one
// leaves the log as it is. Durable here means: as long as the Log exists.
//
// Other backends trust the batches they are given; this one checks them, so that
// a mistake in a writer shows in its tests.
package memory

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"sync/atomic"

	"github.com/google/uuid"

	"openpayment/eventstore"
	"openpayment/internal/mutant"
)

// Log is a log, its cursors, snapshots and subscriptions. It is safe for concurrent
// use.
type Log struct {
	mu        sync.Mutex                 // protects what follows
	events    []eventstore.Event         // append only; events[i] stands at position i+1
	cursors   map[string]eventstore.Head // by name
	manifests map[uuid.UUID]eventstore.Manifest
	chunks    map[uuid.UUID]map[int][]byte // by snapshot, then by number; never empty inside

	subscriptions map[string]eventstore.NamedSubscription // by name, without what is in acked
	acked         map[uuid.UUID]eventstore.Head           // by id; perhaps of one that is gone
}

// New makes an empty log.
func New() *Log {
	return &Log{
		cursors:   make(map[string]eventstore.Head),
		manifests: make(map[uuid.UUID]eventstore.Manifest),
		chunks:    make(map[uuid.UUID]map[int][]byte),

		subscriptions: make(map[string]eventstore.NamedSubscription),
		acked:         make(map[uuid.UUID]eventstore.Head),
	}
}

// Open makes a handle on the log.
func (l *Log) Open() *Store { return &Store{log: l} }

// current is the log as it stands. What it holds never changes.
func (l *Log) current() []eventstore.Event {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.events
}

// Store is a handle on a [Log].
type Store struct {
	log    *Log
	closed atomic.Bool // set once, by Close
}

var _ eventstore.Store = (*Store)(nil)

// Append implements [eventstore.Backend].
func (s *Store) Append(ctx context.Context, head eventstore.Head, batch []eventstore.Event) error {
	const op = "append"
	if err := s.usable(ctx, op); err != nil {
		return err
	}
	if err := check(head, batch); err != nil {
		return eventstore.NewError(op, eventstore.KindInvalid, err)
	}
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	if at := headOf(s.log.events); at != head && !mutant.On(mutant.AppendsAnywhere) {
		return eventstore.NewError(op, eventstore.KindConflict, fmt.Errorf("the head is %d (%s), not %d (%s)", at.Position, at.Hash, head.Position, head.Hash))
	}
	s.log.events = append(s.log.events, batch...)
	return nil
}

// Read implements [eventstore.Backend]. It sees the log as it stood when the
// range over it began.
func (s *Store) Read(ctx context.Context, after eventstore.Position, limit int) iter.Seq2[eventstore.Event, error] {
	const op = "read"
	return func(yield func(eventstore.Event, error) bool) {
		events := s.log.current()
		for n := 0; limit == 0 || n < limit; n++ {
			if err := s.usable(ctx, op); err != nil {
				yield(eventstore.Event{}, err)
				return
			}
			i := int(after) + n
			if i >= len(events) {
				return
			}
			// Only the suite's tools make a row that is not in its place.
			if err := inPlace(events, i); err != nil {
				yield(eventstore.Event{}, err)
				return
			}
			if !yield(events[i], nil) {
				return
			}
		}
	}
}

// Head implements [eventstore.Backend].
func (s *Store) Head(ctx context.Context) (eventstore.Head, error) {
	if err := s.usable(ctx, "head"); err != nil {
		return eventstore.Head{}, err
	}
	return headOf(s.log.current()), nil
}

// LoadCursor implements [eventstore.CursorStore].
func (s *Store) LoadCursor(ctx context.Context, name string) (eventstore.Head, error) {
	if err := s.usable(ctx, "load cursor"); err != nil {
		return eventstore.Head{}, err
	}
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	return s.log.cursors[name], nil
}

// SaveCursor implements [eventstore.CursorStore].
func (s *Store) SaveCursor(ctx context.Context, name string, at eventstore.Head) error {
	if err := s.usable(ctx, "save cursor"); err != nil {
		return err
	}
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	s.log.cursors[name] = at
	return nil
}

// Close implements [eventstore.Backend].
func (s *Store) Close() error {
	s.closed.Store(true)
	return nil
}

func (s *Store) usable(ctx context.Context, op string) error {
	err := ctx.Err()
	if s.closed.Load() {
		err = errors.New("the store is closed")
	}
	if err != nil {
		return eventstore.NewError(op, eventstore.KindUnavailable, err)
	}
	return nil
}

// check holds a writer to its side of the contract.
func check(head eventstore.Head, batch []eventstore.Event) error {
	if len(batch) == 0 || len(batch) > eventstore.MaxBatchEvents {
		return fmt.Errorf("a batch of %d events", len(batch))
	}
	size := 0
	for _, ev := range batch {
		if err := ev.Follows(head); err != nil {
			return err
		}
		head = ev.Head()
		size += ev.Size()
	}
	if size > eventstore.MaxBatchBytes {
		return fmt.Errorf("a batch of %d bytes", size)
	}
	return nil
}

func headOf(events []eventstore.Event) eventstore.Head {
	if len(events) == 0 {
		return eventstore.Head{}
	}
	return eventstore.Head{Position: eventstore.Position(len(events)), Hash: events[len(events)-1].Hash}
}

func inPlace(events []eventstore.Event, i int) error {
	want := eventstore.Position(i + 1)
	switch events[i].Seq {
	case want:
		return nil
	case 0:
		next := i + 1
		for next < len(events) && events[next].Seq == 0 {
			next++
		}
		return eventstore.NewGap("read", want, eventstore.Position(next+1), errors.New("later ones are"))
	default:
		return eventstore.NewError("read", eventstore.KindDamaged, fmt.Errorf("the row of event %d is not an event", want))
	}
}
