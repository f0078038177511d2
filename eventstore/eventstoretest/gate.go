package eventstoretest

import (
	"context"
	"iter"
	"sync"

	"github.com/google/uuid"

	"openpayment/eventstore"
)

// Gate holds calls up until it is opened: a way to stop the world at the moment
// that a test is about. Its methods of the names of calls are hooks.
type Gate struct {
	arrived chan struct{}
	open    chan struct{} // closed by Open
	once    sync.Once
}

// NewGate makes a closed gate.
func NewGate() *Gate { return &Gate{arrived: make(chan struct{}), open: make(chan struct{})} }

// Arrived gives one value for each call that has come to the closed gate, and
// waits there.
func (g *Gate) Arrived() <-chan struct{} { return g.arrived }

// Open lets everyone through, now and from then on. It may be called twice.
func (g *Gate) Open() { g.once.Do(func() { close(g.open) }) }

// wait is over when the gate is open, whether anybody receives from Arrived or
// not, or when ctx ends.
func (g *Gate) wait(ctx context.Context) error {
	select {
	case <-g.open:
		return nil
	default:
	}
	arrived := g.arrived
	for {
		select {
		case arrived <- struct{}{}:
			arrived = nil // said once
		case <-g.open:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Append holds an append up before it is sent: if its context ends meanwhile it
// is KindUnavailable.
func (g *Gate) Append(ctx context.Context, head eventstore.Head, batch []eventstore.Event, next AppendFunc) error {
	if err := g.wait(ctx); err != nil {
		return eventstore.NewError("append", eventstore.KindUnavailable, err)
	}
	return next(ctx, head, batch)
}

// Answer holds the answer to an append up, when it has been done: if its context
// ends meanwhile it is KindUnknown.
func (g *Gate) Answer(ctx context.Context, head eventstore.Head, batch []eventstore.Event, next AppendFunc) error {
	err := next(ctx, head, batch)
	if lost := g.wait(ctx); lost != nil {
		return eventstore.NewError("append", eventstore.KindUnknown, lost)
	}
	return err
}

// Read holds a read up before its first event.
func (g *Gate) Read(ctx context.Context, after eventstore.Position, limit int, next ReadFunc) iter.Seq2[eventstore.Event, error] {
	return func(yield func(eventstore.Event, error) bool) {
		if err := g.wait(ctx); err != nil {
			yield(eventstore.Event{}, eventstore.NewError("read", eventstore.KindUnavailable, err))
			return
		}
		next(ctx, after, limit)(yield)
	}
}

// Head holds asking for the head up.
func (g *Gate) Head(ctx context.Context, next HeadFunc) (eventstore.Head, error) {
	if err := g.wait(ctx); err != nil {
		return eventstore.Head{}, eventstore.NewError("head", eventstore.KindUnavailable, err)
	}
	return next(ctx)
}

// SaveChunk holds a chunk up before it is saved.
func (g *Gate) SaveChunk(ctx context.Context, snapshot uuid.UUID, number int, data []byte, next SaveChunkFunc) error {
	if err := g.wait(ctx); err != nil {
		return eventstore.NewError("save chunk", eventstore.KindUnavailable, err)
	}
	return next(ctx, snapshot, number, data)
}

// LoadChunk holds asking for a chunk up.
func (g *Gate) LoadChunk(ctx context.Context, snapshot uuid.UUID, number int, next LoadChunkFunc) ([]byte, error) {
	if err := g.wait(ctx); err != nil {
		return nil, eventstore.NewError("load chunk", eventstore.KindUnavailable, err)
	}
	return next(ctx, snapshot, number)
}

// SaveManifest holds a manifest up before it is saved.
func (g *Gate) SaveManifest(ctx context.Context, m eventstore.Manifest, next SaveManifestFunc) error {
	if err := g.wait(ctx); err != nil {
		return eventstore.NewError("save manifest", eventstore.KindUnavailable, err)
	}
	return next(ctx, m)
}

// DropSnapshot holds a snapshot up before it is dropped.
func (g *Gate) DropSnapshot(ctx context.Context, snapshot uuid.UUID, next DropSnapshotFunc) error {
	if err := g.wait(ctx); err != nil {
		return eventstore.NewError("drop snapshot", eventstore.KindUnavailable, err)
	}
	return next(ctx, snapshot)
}
