package subscriptions

import (
	"context"
	"sync"
	"time"

	"github.com/google/uuid"

	"openpayment/eventstore"
)

// acks writes acknowledgements: those of one subscription that come while one is being
// written share the next write, since the furthest of them says what all say.
type acks struct {
	store eventstore.SubscriptionStore

	mu      sync.Mutex
	writing map[uuid.UUID]*ackQueue // those that somebody waits for
}

// ackQueue is what waits of one subscription.
type ackQueue struct{ next *ackWrite } // not begun; nil when nobody waits

type ackWrite struct {
	at   eventstore.Head
	done chan struct{} // closed when err is set
	err  error
}

// ackLimit is how long one write may take; callers may leave earlier.
const ackLimit = 30 * time.Second

// save returns nil when what is acknowledged has got to at, or further. Errors: those of
// [eventstore.SubscriptionStore.Acknowledge].
func (a *acks) save(ctx context.Context, id uuid.UUID, at eventstore.Head) error {
	a.mu.Lock()
	if a.writing == nil {
		a.writing = make(map[uuid.UUID]*ackQueue)
	}
	q, busy := a.writing[id]
	if !busy {
		q = &ackQueue{}
		a.writing[id] = q
	}
	if q.next == nil {
		q.next = &ackWrite{done: make(chan struct{})}
	}
	mine := q.next
	if at.Position > mine.at.Position {
		mine.at = at
	}
	a.mu.Unlock()
	if !busy {
		// Not one caller's context: others wait for the same write.
		go a.serve(context.WithoutCancel(ctx), id, q)
	}
	select {
	case <-mine.done:
		return mine.err
	case <-ctx.Done():
		return eventstore.NewError("acknowledge", eventstore.KindUnknown, ctx.Err())
	}
}

// serve writes as long as somebody waits. Its owner is the caller that found nobody
// writing; it ends by itself.
func (a *acks) serve(ctx context.Context, id uuid.UUID, q *ackQueue) {
	for {
		a.mu.Lock()
		now := q.next
		q.next = nil
		if now == nil {
			delete(a.writing, id)
		}
		a.mu.Unlock()
		if now == nil {
			return
		}
		limited, cancel := context.WithTimeout(ctx, ackLimit)
		now.err = a.store.Acknowledge(limited, id, now.at)
		cancel()
		close(now.done)
	}
}
