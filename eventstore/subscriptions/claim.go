package subscriptions

import (
	"context"
	"fmt"

	"openpayment/eventstore"
)

// Read makes the caller the reader of a subscription, in the place of whoever is: see
// the package's documentation. It takes so many events before it acknowledges any.
// Close it.
//
// Errors: as for Get; [ErrClosing]; KindRegressed when the log is not the one that the
// subscription has come along.
func (r *Registry) Read(ctx context.Context, by Caller, name string, unacked int) (*Reader, error) {
	for {
		sub, err := r.load(ctx, by, name)
		if err != nil {
			return nil, err
		}
		if err := r.holds(ctx, sub); err != nil {
			return nil, err
		}
		reader, err := r.take(ctx, sub, unacked)
		if eventstore.KindOf(err) != eventstore.KindConflict { // else somebody else has come: look again
			return reader, err
		}
	}
}

// holds checks that what is done of a subscription is part of this log.
func (r *Registry) holds(ctx context.Context, sub eventstore.NamedSubscription) error {
	done := sub.Done()
	if done.Position > r.cfg.Source.Applied() { // on another node, which is ahead
		if err := r.cfg.Source.CatchUp(ctx); err != nil {
			return err
		}
	}
	if applied := r.cfg.Source.Applied(); done.Position > applied {
		return eventstore.NewError("read", eventstore.KindRegressed, fmt.Errorf(
			"the log ends at %d, but subscription %q is done with event %d", applied, sub.Name, done.Position))
	}
	found, err := r.cfg.Source.HeadAt(ctx, done.Position)
	if err != nil {
		return err
	}
	return found.RegressedFrom(done)
}

// take takes the place of whoever reads sub. Readers of this node do so one at a time,
// so that the one that stays is the one that the store knows.
func (r *Registry) take(ctx context.Context, sub eventstore.NamedSubscription, unacked int) (*Reader, error) {
	select {
	case r.taking <- struct{}{}:
		defer func() { <-r.taking }()
	case <-ctx.Done():
		return nil, eventstore.NewError("read", eventstore.KindUnavailable, ctx.Err())
	}
	was := sub
	sub.Reader = newID()
	if err := r.cfg.Store.SwapSubscription(ctx, was, sub); err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closing {
		return nil, ErrClosing
	}
	if before := r.readers[sub.Name]; before != nil {
		before.end(ErrSuperseded)
	}
	reader := newReader(r, sub, unacked)
	r.readers[sub.Name] = reader
	return reader, nil
}

// leave forgets a reader.
func (r *Registry) leave(reader *Reader) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.readers[reader.sub.Name] == reader {
		delete(r.readers, reader.sub.Name)
	}
}
