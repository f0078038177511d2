package eventstoretest

import (
	"context"
	"iter"
	"sync/atomic"

	"openpayment/eventstore"
)

// Switchable is a backend that can be exchanged under the feet of its user, as
// by a restore. It is safe for concurrent use; calls under way keep the backend
// they began with.
type Switchable struct {
	now atomic.Pointer[eventstore.Backend]
}

var _ eventstore.Backend = (*Switchable)(nil)

// NewSwitchable makes one that stands for b.
func NewSwitchable(b eventstore.Backend) *Switchable {
	s := &Switchable{}
	s.Switch(b)
	return s
}

// Switch makes it stand for b from now on.
func (s *Switchable) Switch(b eventstore.Backend) { s.now.Store(&b) }

func (s *Switchable) backend() eventstore.Backend { return *s.now.Load() }

// Append implements [eventstore.Backend].
func (s *Switchable) Append(ctx context.Context, head eventstore.Head, batch []eventstore.Event) error {
	return s.backend().Append(ctx, head, batch)
}

// Read implements [eventstore.Backend].
func (s *Switchable) Read(ctx context.Context, after eventstore.Position, limit int) iter.Seq2[eventstore.Event, error] {
	return s.backend().Read(ctx, after, limit)
}

// Head implements [eventstore.Backend].
func (s *Switchable) Head(ctx context.Context) (eventstore.Head, error) { return s.backend().Head(ctx) }

// Close implements [eventstore.Backend]: of the one it stands for now.
func (s *Switchable) Close() error { return s.backend().Close() }
