package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"openpayment/eventstore"
)

const (
	subscriptionColumns = "name, id, owner, type, subject, start, created, reader, position, hash"
	// Of a subscription, and of what it has acknowledged, which may be nothing.
	subscriptionRows = "SELECT s.name, s.id, s.owner, s.type, s.subject, s.start, s.created, s.reader, s.position, s.hash, " +
		"coalesce(c.position, 0), coalesce(c.hash, '') FROM subscriptions s LEFT JOIN cursors c ON c.subscriber = s.id"
	subscriptionRow  = subscriptionRows + " WHERE s.name = ?"
	pointRow         = "SELECT id, reader, position FROM subscriptions WHERE name = ?"
	saveSubscription = "INSERT OR REPLACE INTO subscriptions (" + subscriptionColumns + ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
	dropSubscription = "DELETE FROM subscriptions WHERE name = ?"
	dropCursor       = "DELETE FROM cursors WHERE subscriber = ?"
	acknowledge      = "INSERT INTO cursors (subscriber, position, hash) VALUES (?, ?, ?) " +
		"ON CONFLICT (subscriber) DO UPDATE SET position = excluded.position, hash = excluded.hash WHERE excluded.position > position"
)

// Subscriptions implements [eventstore.SubscriptionStore].
func (s *Store) Subscriptions(ctx context.Context) ([]eventstore.NamedSubscription, error) {
	all, err := collect(ctx, s, "list subscriptions", s.subscriptions, func(rows *sql.Rows) (eventstore.NamedSubscription, error) {
		return scanSubscription(rows.Scan)
	})
	slices.SortFunc(all, func(a, b eventstore.NamedSubscription) int { return cmp.Compare(a.Name, b.Name) })
	return all, err
}

// Subscription implements [eventstore.SubscriptionStore].
func (s *Store) Subscription(ctx context.Context, name string) (eventstore.NamedSubscription, error) {
	const op = "load subscription"
	ctx, leave, err := s.enter(ctx, op)
	if err != nil {
		return eventstore.NamedSubscription{}, err
	}
	defer leave()
	sub, err := scanSubscription(s.subscription.QueryRowContext(ctx, name).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return sub, eventstore.NewError(op, eventstore.KindMissing, fmt.Errorf("there is no subscription %q", name))
	}
	return sub, mapError(op, err)
}

// SwapSubscription implements [eventstore.SubscriptionStore].
func (s *Store) SwapSubscription(ctx context.Context, was, next eventstore.NamedSubscription) error {
	const op = "swap subscription"
	name := cmp.Or(was.Name, next.Name)
	return s.transaction(ctx, op, func(ctx context.Context, w *writer) error {
		now, err := scanPoint(w.point.QueryRowContext(ctx, name))
		switch {
		case err != nil:
			return err
		case !now.Same(was) && now.Same(next):
			return nil // done before
		case !now.Same(was):
			return eventstore.NewError(op, eventstore.KindConflict, fmt.Errorf("subscription %q is not what it was", name))
		case next.ID == uuid.Nil:
			_, err = w.dropSubscription.ExecContext(ctx, name)
			_, failed := w.dropCursor.ExecContext(ctx, was.ID.String())
			return errors.Join(err, failed)
		}
		_, err = w.saveSubscription.ExecContext(ctx, name, next.ID.String(), next.Owner, next.Type, next.Subject, next.Start,
			next.Created.UTC().Format(timeLayout), next.Reader.String(), int64(next.Passed.Position), next.Passed.Hash.String())
		return err
	})
}

// Acknowledge implements [eventstore.SubscriptionStore].
func (s *Store) Acknowledge(ctx context.Context, id uuid.UUID, at eventstore.Head) error {
	return s.transaction(ctx, "acknowledge", func(ctx context.Context, w *writer) error {
		_, err := w.acknowledge.ExecContext(ctx, id.String(), int64(at.Position), at.Hash.String())
		return err
	})
}

// scanPoint reads a row of pointRow; the zero subscription if there is none.
func scanPoint(row *sql.Row) (sub eventstore.NamedSubscription, err error) {
	var id, reader string
	if err := row.Scan(&id, &reader, &sub.Passed.Position); err != nil {
		if errors.Is(err, sql.ErrNoRows) {
			err = nil
		}
		return sub, err
	}
	sub.ID, sub.Reader = parseID(id), parseID(reader)
	return sub, nil
}

// scanSubscription reads a row of subscriptionRows. A cursor or an id that cannot be
// one is KindDamaged: nothing may be delivered on it.
func scanSubscription(scan func(...any) error) (sub eventstore.NamedSubscription, err error) {
	var id, created, reader, passed, acked string
	err = scan(&sub.Name, &id, &sub.Owner, &sub.Type, &sub.Subject, &sub.Start, &created, &reader,
		&sub.Passed.Position, &passed, &sub.Acked.Position, &acked)
	if err != nil {
		return sub, err
	}
	var failed [4]error
	sub.ID, failed[0] = uuid.Parse(id)
	sub.Reader, failed[1] = uuid.Parse(reader)
	sub.Passed.Hash, failed[2] = eventstore.ParseHash(passed)
	if sub.Acked.Position > 0 {
		sub.Acked.Hash, failed[3] = eventstore.ParseHash(acked)
	}
	sub.Created = parseTime(created)
	if err := errors.Join(failed[:]...); err != nil {
		return sub, eventstore.NewError("load subscription", eventstore.KindDamaged, fmt.Errorf("subscription %q: %w", sub.Name, err))
	}
	return sub, nil
}
