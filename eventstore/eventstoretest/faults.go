package eventstoretest

import (
	"context"
	"errors"
	"iter"
	"sync"

	"openpayment/eventstore"
)

// The three calls of a [eventstore.Backend] that a [Faulty] may interfere with.
type (
	// AppendFunc is [eventstore.Backend.Append].
	AppendFunc func(ctx context.Context, head eventstore.Head, batch []eventstore.Event) error
	// ReadFunc is [eventstore.Backend.Read].
	ReadFunc func(ctx context.Context, after eventstore.Position, limit int) iter.Seq2[eventstore.Event, error]
	// HeadFunc is [eventstore.Backend.Head].
	HeadFunc func(ctx context.Context) (eventstore.Head, error)
)

// A hook stands in for a call: it may call next, the real one, any number of
// times, and answer what it likes. Hooks run on the caller's goroutine and may
// be called by several at once.
type (
	AppendHook func(ctx context.Context, head eventstore.Head, batch []eventstore.Event, next AppendFunc) error                  // for Append
	ReadHook   func(ctx context.Context, after eventstore.Position, limit int, next ReadFunc) iter.Seq2[eventstore.Event, error] // for Read
	HeadHook   func(ctx context.Context, next HeadFunc) (eventstore.Head, error)                                                 // for Head
)

// Faulty is a backend that misbehaves as told, and otherwise is the one it
// stands before. Hooks may be changed at any time; a call under way keeps the
// one it began with. It is safe for concurrent use.
type Faulty struct {
	eventstore.Backend

	mu       sync.Mutex // protects what follows
	onAppend AppendHook
	onRead   ReadHook
	onHead   HeadHook
}

var _ eventstore.Backend = (*Faulty)(nil)

// NewFaulty makes a Faulty without any hook.
func NewFaulty(b eventstore.Backend) *Faulty { return &Faulty{Backend: b} }

// OnAppend sets the hook for Append; nil is none.
func (f *Faulty) OnAppend(hook AppendHook) { set(&f.mu, &f.onAppend, hook) }

// OnRead sets the hook for Read; nil is none.
func (f *Faulty) OnRead(hook ReadHook) { set(&f.mu, &f.onRead, hook) }

// OnHead sets the hook for Head; nil is none.
func (f *Faulty) OnHead(hook HeadHook) { set(&f.mu, &f.onHead, hook) }

// Append implements [eventstore.Backend].
func (f *Faulty) Append(ctx context.Context, head eventstore.Head, batch []eventstore.Event) error {
	if hook := get(&f.mu, &f.onAppend); hook != nil {
		return hook(ctx, head, batch, f.Backend.Append)
	}
	return f.Backend.Append(ctx, head, batch)
}

// Read implements [eventstore.Backend].
func (f *Faulty) Read(ctx context.Context, after eventstore.Position, limit int) iter.Seq2[eventstore.Event, error] {
	if hook := get(&f.mu, &f.onRead); hook != nil {
		return hook(ctx, after, limit, f.Backend.Read)
	}
	return f.Backend.Read(ctx, after, limit)
}

// Head implements [eventstore.Backend].
func (f *Faulty) Head(ctx context.Context) (eventstore.Head, error) {
	if hook := get(&f.mu, &f.onHead); hook != nil {
		return hook(ctx, f.Backend.Head)
	}
	return f.Backend.Head(ctx)
}

func set[H any](mu *sync.Mutex, at *H, hook H) {
	mu.Lock()
	defer mu.Unlock()
	*at = hook
}

func get[H any](mu *sync.Mutex, at *H) H {
	mu.Lock()
	defer mu.Unlock()
	return *at
}

// errFault is the cause of every error made up here.
var errFault = errors.New("a fault was injected")

func fault(op string, kind eventstore.Kind) error { return eventstore.NewError(op, kind, errFault) }

// readFault is a read that is nothing but an error.
func readFault(kind eventstore.Kind) iter.Seq2[eventstore.Event, error] {
	return func(yield func(eventstore.Event, error) bool) { yield(eventstore.Event{}, fault("read", kind)) }
}
