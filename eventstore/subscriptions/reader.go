package subscriptions

import (
	"context"
	"slices"
	"sync"
	"time"

	"openpayment/eventstore"
)

// DefaultUnacked is how many events are delivered ahead of what is acknowledged unless
// a reader wants another number, MaxUnacked the largest.
const (
	DefaultUnacked = 1000
	MaxUnacked     = 10_000
)

// Reader gives one visitor the events of a subscription that it is not done with, from
// the first on, and then those to come. It stops while as many are unacknowledged as it
// was made for.
//
// It is a [Feed] and belongs to one goroutine; its subscription may be acknowledged by
// any other, on any node.
type Reader struct {
	registry *Registry
	max      int                          // events that may be unacknowledged
	sub      eventstore.NamedSubscription // as it was when the reader took its place
	life     context.Context              // ends when the reader must stop, with the reason as its cause
	end      context.CancelCauseFunc
	feed     Feed // replaced when what it stands on was acknowledged from elsewhere

	mu       sync.Mutex            // guards what follows
	acked    eventstore.Head       // the last that is known
	passed   eventstore.Head       // as the store has it
	position eventstore.Position   // of feed
	unacked  []eventstore.Position // given and not acknowledged, in order
	moved    chan struct{}         // closed, and replaced, when something is acknowledged
}

var _ Feed = (*Reader)(nil)

func newReader(r *Registry, sub eventstore.NamedSubscription, unacked int) *Reader {
	at := sub.Done().Position
	reader := &Reader{
		registry: r, max: unacked, sub: sub, feed: r.cfg.Source.Follow(at, filterOf(sub)),
		acked: sub.Acked, passed: sub.Passed, position: at, moved: make(chan struct{}),
	}
	reader.life, reader.end = context.WithCancelCause(context.Background())
	return reader
}

// Bind gives a context that ends with ctx, and when the reader must stop: then its
// cause is the reason, one of the errors of this package.
func (r *Reader) Bind(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(r.life, func() { cancel(context.Cause(r.life)) })
	return ctx, func() {
		stop()
		cancel(nil)
	}
}

// May is nil if by may still use the subscription, as it was when the reader took its
// place: what a caller may do can change while it reads. Errors: [ErrForbidden],
// [ErrOutside].
func (r *Reader) May(by Caller) error { return by.may(r.sub) }

// Next implements [Feed]. While too much is unacknowledged it waits.
func (r *Reader) Next(ctx context.Context, take func(eventstore.Event) (more bool)) error {
	if err := r.await(ctx); err != nil {
		return err
	}
	err := r.feed.Next(ctx, func(ev eventstore.Event) bool {
		more := take(ev)
		return r.given(ev.Seq) && more
	})
	r.mu.Lock()
	defer r.mu.Unlock()
	r.position = r.feed.Position()
	return err
}

// await returns nil when there is room for an event. Then the feed stands behind all
// that was acknowledged.
func (r *Reader) await(ctx context.Context) error {
	for {
		r.mu.Lock()
		room, acked, moved := len(r.unacked) < r.max, r.acked.Position, r.moved
		r.mu.Unlock()
		if acked > r.feed.Position() {
			r.feed.Close()
			r.feed = r.registry.cfg.Source.Follow(acked, filterOf(r.sub))
		}
		if room {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// given notes an event that the visitor has got, and tells whether there may be another.
func (r *Reader) given(seq eventstore.Position) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if seq > r.acked.Position { // otherwise it was acknowledged unseen
		r.unacked = append(r.unacked, seq)
	}
	return len(r.unacked) < r.max
}

// Position implements [Feed].
func (r *Reader) Position() eventstore.Position { return r.feed.Position() }

// acknowledged notes what was acknowledged of the subscription.
func (r *Reader) acknowledged(at eventstore.Head) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if at.Position <= r.acked.Position {
		return
	}
	r.acked = at
	n, found := slices.BinarySearch(r.unacked, at.Position)
	if found {
		n++
	}
	r.unacked = slices.Delete(r.unacked, 0, n)
	close(r.moved)
	r.moved = make(chan struct{})
}

// Close gives the reader's place up, and saves how far it has come if there is nothing
// to acknowledge. To be called once.
func (r *Reader) Close() {
	const patience = 2 * time.Second
	r.registry.leave(r)
	r.feed.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	r.pass(ctx) // if it can't be, the next reader looks through that again
	r.end(nil)
}
