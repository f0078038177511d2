package eventstore

import (
	"context"
	"time"

	"github.com/google/uuid"
)

// NamedSubscription is a subscription of somebody outside, which the store
// remembers between his visits: what he wants of the log, and how far he has come.
// It is a value.
type NamedSubscription struct {
	Name    string
	ID      uuid.UUID // version 7; one that is made anew under the name has another
	Owner   string    // who made it; may be empty
	Type    string    // of the events it is about; empty: any
	Subject string    // likewise
	Start   string    // where it was to begin, in its owner's words
	Created time.Time // UTC, whole milliseconds
	// Reader is whose turn it is: every reader that comes puts an id of its own here,
	// and so does whoever changes what he is to read. Nil: nobody has come yet.
	Reader uuid.UUID
	// Passed is where it began, and later how far nothing is left to do though
	// nobody said so: events that it is not about.
	Passed Head
	// Acked is the last event acknowledged, zero if none was. Only
	// [SubscriptionStore.Acknowledge] sets it.
	Acked Head
}

// Done is the head up to which nothing is left to do.
func (s NamedSubscription) Done() Head {
	if s.Acked.Position > s.Passed.Position {
		return s.Acked
	}
	return s.Passed
}

// Same tells whether nothing has happened to s since it was t, as far as that can be
// told by ID, Reader and Passed. The zero one stands for none.
func (s NamedSubscription) Same(t NamedSubscription) bool {
	return s.ID == t.ID && s.Reader == t.Reader && s.Passed.Position == t.Passed.Position
}

// SubscriptionStore keeps named subscriptions. Every backend of this module is one
// too. It knows nothing of what their fields mean, and takes names of any kind.
//
// Errors: KindUnavailable; KindUnknown for a change that may have been made: all
// calls may be repeated; KindDamaged for a row that cannot be a subscription.
type SubscriptionStore interface {
	// Subscriptions lists all, by name. It shows every change that had returned nil
	// when it was called.
	Subscriptions(ctx context.Context) ([]NamedSubscription, error)
	// Subscription gives one, as new as Subscriptions does; KindMissing if there is
	// none of the name.
	Subscription(ctx context.Context, name string) (NamedSubscription, error)
	// SwapSubscription stores next in place of was, if what is there is the same as was
	// ([NamedSubscription.Same]); a zero was means that nothing is there, a zero next that
	// nothing is to be. Otherwise it is KindConflict:
	//
	//	A: sees reader 0            B: sees reader 0
	//	A: swap 0 for A  → nil
	//	                            B: swap 0 for B  → KindConflict
	//
	// A swap that finds next there was done before and returns nil: ids are never used
	// twice, and Passed goes forward. Of a subscription that is there only Type,
	// Subject, Reader and Passed change. With it goes what was acknowledged of it.
	SwapSubscription(ctx context.Context, was, next NamedSubscription) error
	// Acknowledge moves what is acknowledged of the subscription with this id forward
	// to at, which is behind event 1 at least; it never moves back, whoever calls in
	// whatever order. Durable when it returns nil. It does not look whether there is
	// such a subscription.
	Acknowledge(ctx context.Context, id uuid.UUID, at Head) error
}
