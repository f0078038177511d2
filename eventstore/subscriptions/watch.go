package subscriptions

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"openpayment/eventstore"
)

// idleIntervals is how many intervals pass between two looks at the store while nobody
// reads here.
const idleIntervals = 10

// watch looks after the readers until the registry is closed.
func (r *Registry) watch() {
	tick := time.NewTicker(r.cfg.Interval)
	defer tick.Stop()
	for n := 0; ; n++ {
		readers := r.current()
		for _, reader := range readers {
			reader.pass(r.running)
		}
		if len(readers) > 0 || n%idleIntervals == 0 {
			r.look(r.running, readers)
		}
		select {
		case <-tick.C:
		case <-r.running.Done():
			return
		}
	}
}

// current are the readers that there are.
func (r *Registry) current() []*Reader {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Collect(maps.Values(r.readers))
}

// look compares readers with the store. They had their places before it is asked, so
// that what it says of them is no older.
func (r *Registry) look(ctx context.Context, readers []*Reader) {
	all, err := r.cfg.Store.Subscriptions(ctx)
	if err != nil {
		return // what was seen last stands; the next look is soon
	}
	byID := make(map[uuid.UUID]eventstore.NamedSubscription, len(all))
	for _, sub := range all {
		byID[sub.ID] = sub
	}
	for _, reader := range readers {
		reader.compare(byID[reader.sub.ID])
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen = all
}

// compare takes over what the store knows of the reader's subscription: the zero one is
// none.
func (r *Reader) compare(now eventstore.NamedSubscription) {
	switch {
	case now.ID != r.sub.ID:
		r.end(ErrDeleted)
	case now.Reader != r.sub.Reader:
		r.end(ErrSuperseded)
	default:
		r.acknowledged(now.Acked)
	}
}

// Confirm asks the store whether the reader has its place, and gives what it says of
// the subscription, with what the reader has passed. Errors: [ErrSuperseded], [ErrDeleted], [ErrClosing]; the store's.
func (r *Reader) Confirm(ctx context.Context) (Status, error) {
	r.pass(ctx)
	now, err := r.registry.cfg.Store.Subscription(ctx, r.sub.Name)
	if err != nil && eventstore.KindOf(err) != eventstore.KindMissing {
		return Status{}, err
	}
	r.compare(now)
	return r.registry.status(now), context.Cause(r.life)
}

// pass saves how far the reader has come, if that is further than what is acknowledged.
// Only the reader that has the place can do so: another one may have another filter.
func (r *Reader) pass(ctx context.Context) {
	was, to := r.settled()
	if to <= was.Done().Position || ctx.Err() != nil {
		return
	}
	next := was
	var err error
	if next.Passed, err = r.registry.cfg.Source.HeadAt(ctx, to); err != nil {
		return
	}
	if r.registry.cfg.Store.SwapSubscription(ctx, was, next) == nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.passed = next.Passed
	}
}

// settled is the subscription as this reader knows it, and the position up to which
// nothing is left to acknowledge.
func (r *Reader) settled() (eventstore.NamedSubscription, eventstore.Position) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now, to := r.sub, r.position
	now.Acked, now.Passed = r.acked, r.passed
	if len(r.unacked) > 0 {
		to = r.unacked[0] - 1
	}
	return now, to
}
