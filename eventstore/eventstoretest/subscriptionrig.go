package eventstoretest

import (
	"slices"
	"time"

	"openpayment/eventstore"
)

// What the cases about named subscriptions do with a store, and require of it.

// subscription is one to be made, with something in every field.
func subscription(name string) eventstore.NamedSubscription {
	return eventstore.NamedSubscription{
		Name: name, ID: newID(), Owner: "reports", Type: "account.opened", Subject: "accounts/12345678", Start: "17",
		Created: time.Date(2026, 1, 2, 3, 4, 5, 6_000_000, time.UTC),
		Passed:  eventstore.Head{Position: 17, Hash: eventstore.Hash{17, 31: 255}},
	}
}

// subscribe makes one.
func (r *rig) subscribe(b eventstore.SubscriptionStore, name string) eventstore.NamedSubscription {
	r.Helper()
	sub := subscription(name)
	r.swap(b, eventstore.NamedSubscription{}, sub)
	return sub
}

// claimed is sub at the turn of a new reader.
func claimed(sub eventstore.NamedSubscription) eventstore.NamedSubscription {
	sub.Reader = newID()
	return sub
}

// further is sub whose reader has passed more of the log.
func further(sub eventstore.NamedSubscription) eventstore.NamedSubscription {
	sub.Passed = eventstore.Head{Position: sub.Passed.Position + 1, Hash: eventstore.Hash{1}}
	return sub
}

func (r *rig) swap(b eventstore.SubscriptionStore, was, next eventstore.NamedSubscription) {
	r.Helper()
	if err := b.SwapSubscription(r.Context(), was, next); err != nil {
		r.Fatalf("swap %v for %v: %v", was, next, err)
	}
}

// mustNotSwap swaps what is not there.
func (r *rig) mustNotSwap(b eventstore.SubscriptionStore, was, next eventstore.NamedSubscription) {
	r.Helper()
	r.wantKind(b.SwapSubscription(r.Context(), was, next), eventstore.KindConflict)
}

// ack acknowledges an event that the store need not have.
func (r *rig) ack(b eventstore.SubscriptionStore, sub eventstore.NamedSubscription, p eventstore.Position) {
	r.Helper()
	if err := b.Acknowledge(r.Context(), sub.ID, ackAt(p)); err != nil {
		r.Fatalf("acknowledge %d: %v", p, err)
	}
}

// ackAt is a head with a hash of its own.
func ackAt(p eventstore.Position) eventstore.Head {
	return eventstore.Head{Position: p, Hash: eventstore.Hash{byte(p), byte(p >> 8), 31: 1}}
}

// acked is sub with p acknowledged.
func acked(sub eventstore.NamedSubscription, p eventstore.Position) eventstore.NamedSubscription {
	sub.Acked = ackAt(p)
	return sub
}

// wantSubscriptions requires exactly these, listed in this order and one by one.
func (r *rig) wantSubscriptions(b eventstore.SubscriptionStore, want ...eventstore.NamedSubscription) {
	r.Helper()
	got, err := b.Subscriptions(r.Context())
	if err != nil {
		r.Fatalf("list: %v", err)
	}
	if !slices.Equal(got, want) {
		r.Fatalf("subscriptions are\n%v, want\n%v", got, want)
	}
	for _, sub := range want {
		if got, err := b.Subscription(r.Context(), sub.Name); err != nil || got != sub {
			r.Fatalf("subscription %q is\n%v, %v, want\n%v", sub.Name, got, err, sub)
		}
	}
}

func (r *rig) wantNoSubscription(b eventstore.SubscriptionStore, name string) {
	r.Helper()
	_, err := b.Subscription(r.Context(), name)
	r.wantKind(err, eventstore.KindMissing)
}
