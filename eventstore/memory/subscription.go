package memory

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/google/uuid"

	"openpayment/eventstore"
)

// Subscriptions implements [eventstore.SubscriptionStore].
func (s *Store) Subscriptions(ctx context.Context) ([]eventstore.NamedSubscription, error) {
	if err := s.usable(ctx, "list subscriptions"); err != nil {
		return nil, err
	}
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	all := slices.SortedFunc(maps.Values(s.log.subscriptions), func(a, b eventstore.NamedSubscription) int { return cmp.Compare(a.Name, b.Name) })
	for i := range all {
		all[i].Acked = s.log.acked[all[i].ID]
	}
	return all, nil
}

// Subscription implements [eventstore.SubscriptionStore].
func (s *Store) Subscription(ctx context.Context, name string) (eventstore.NamedSubscription, error) {
	const op = "load subscription"
	if err := s.usable(ctx, op); err != nil {
		return eventstore.NamedSubscription{}, err
	}
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	sub, found := s.log.subscriptions[name]
	if !found {
		return sub, eventstore.NewError(op, eventstore.KindMissing, fmt.Errorf("there is no subscription %q", name))
	}
	sub.Acked = s.log.acked[sub.ID]
	return sub, nil
}

// SwapSubscription implements [eventstore.SubscriptionStore].
func (s *Store) SwapSubscription(ctx context.Context, was, next eventstore.NamedSubscription) error {
	const op = "swap subscription"
	if err := s.usable(ctx, op); err != nil {
		return err
	}
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	name := cmp.Or(was.Name, next.Name)
	switch now := s.log.subscriptions[name]; {
	case !now.Same(was) && now.Same(next): // done before
	case !now.Same(was):
		return eventstore.NewError(op, eventstore.KindConflict, fmt.Errorf("subscription %q is not what it was", name))
	case next.ID == uuid.Nil:
		delete(s.log.subscriptions, name)
		delete(s.log.acked, was.ID)
	default:
		next.Acked = eventstore.Head{}
		s.log.subscriptions[name] = next
	}
	return nil
}

// Acknowledge implements [eventstore.SubscriptionStore].
func (s *Store) Acknowledge(ctx context.Context, id uuid.UUID, at eventstore.Head) error {
	if err := s.usable(ctx, "acknowledge"); err != nil {
		return err
	}
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	if at.Position > s.log.acked[id].Position {
		s.log.acked[id] = at
	}
	return nil
}
