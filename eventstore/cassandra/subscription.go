package cassandra

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"openpayment/eventstore"
	"openpayment/internal/pause"
)

const (
	subscriptionColumns = `name, id, owner, type, subject, start, created, reader, position, hash`
	selectSubscriptions = `SELECT ` + subscriptionColumns + ` FROM subscriptions WHERE log = ?`
	selectSubscription  = selectSubscriptions + ` AND name = ?`
	insertSubscription  = `INSERT INTO subscriptions (log, ` + subscriptionColumns + `) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) IF NOT EXISTS`
	updateSubscription  = `UPDATE subscriptions SET type = ?, subject = ?, reader = ?, position = ?, hash = ? WHERE log = ? AND name = ? IF id = ? AND reader = ? AND position = ?`
	deleteSubscription  = `DELETE FROM subscriptions WHERE log = ? AND name = ? IF id = ? AND reader = ? AND position = ?`

	selectCursors = `SELECT subscriber, position, hash FROM cursors WHERE log = ?`
	deleteCursor  = `DELETE FROM cursors WHERE log = ? AND subscriber = ?`
)

// subscriptionRowsAtOnce is how many rows one page has, of definitions or cursors.
const subscriptionRowsAtOnce = 1000

// Subscriptions is [eventstore.SubscriptionStore.Subscriptions]: two reads of one
// partition each. The definitions come first, so that no cursor is older than what is
// said of its subscription.
func (s *Store) Subscriptions(ctx context.Context) ([]eventstore.NamedSubscription, error) {
	const op = "list subscriptions"
	ctx, done, err := s.begin(op, ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	session := s.link.session()
	var all []eventstore.NamedSubscription
	var row subscriptionRow
	var damaged error
	r := session.query(ctx, subscriptionRowsAtOnce, selectSubscriptions, s.log)
	for r.scan(row.dest()...) {
		sub, err := row.subscription()
		damaged = cmp.Or(damaged, err)
		all = append(all, sub)
	}
	if err := r.close(); err != nil {
		s.link.check(session, err)
		return nil, readError(op, err)
	}
	if damaged != nil {
		return nil, damaged
	}
	acked, err := s.cursors(ctx, op)
	if err != nil {
		return nil, err
	}
	for i := range all {
		at, found := acked[all[i].ID.String()]
		if found && at.Hash == (eventstore.Hash{}) {
			return nil, eventstore.NewError(op, eventstore.KindDamaged, fmt.Errorf("the cursor of subscription %q is no position with a hash", all[i].Name))
		}
		all[i].Acked = at
	}
	return all, nil
}

// cursors reads all of the log's.
func (s *Store) cursors(ctx context.Context, op string) (map[string]eventstore.Head, error) {
	session := s.link.session()
	all := make(map[string]eventstore.Head)
	var subscriber string
	var position int64
	var sum []byte
	r := session.query(ctx, subscriptionRowsAtOnce, selectCursors, s.log)
	for r.scan(&subscriber, &position, &sum) {
		all[subscriber] = eventstore.Head{Position: eventstore.Position(position), Hash: hash(sum)}
	}
	if err := r.close(); err != nil {
		s.link.check(session, err)
		return nil, readError(op, err)
	}
	return all, nil
}

// Subscription is [eventstore.SubscriptionStore.Subscription].
func (s *Store) Subscription(ctx context.Context, name string) (eventstore.NamedSubscription, error) {
	const op = "load subscription"
	ctx, done, err := s.begin(op, ctx)
	if err != nil {
		return eventstore.NamedSubscription{}, err
	}
	defer done()
	session := s.link.session()
	var row subscriptionRow
	found, err := session.row(ctx, selectSubscription, []any{s.log, name}, row.dest()...)
	if err != nil {
		s.link.check(session, err)
		return eventstore.NamedSubscription{}, readError(op, err)
	}
	if !found {
		return eventstore.NamedSubscription{}, eventstore.NewError(op, eventstore.KindMissing, fmt.Errorf("there is no subscription %q", name))
	}
	sub, err := row.subscription()
	if err == nil {
		sub.Acked, err = s.LoadCursor(ctx, sub.ID.String())
	}
	return sub, err
}

// Acknowledge is [eventstore.SubscriptionStore.Acknowledge].
//
// It is an ordinary write whose timestamp is the position: of all such writes
// Cassandra keeps the one with the latest, whichever node made it and when. So the
// cursor moves only forward, without Paxos. Cursors under names that [Store.SaveCursor]
// uses are another matter, and must not meet these.
func (s *Store) Acknowledge(ctx context.Context, id uuid.UUID, at eventstore.Head) error {
	const op = "acknowledge"
	if at.Position < 1 {
		return eventstore.NewError(op, eventstore.KindInvalid, fmt.Errorf("there is no event %d", at.Position))
	}
	ctx, done, err := s.begin(op, ctx)
	if err != nil {
		return err
	}
	defer done()
	session := s.link.session()
	if err := session.write(ctx, int64(at.Position), insertCursor, s.log, id.String(), int64(at.Position), at.Hash[:]); err != nil {
		s.link.check(session, err)
		return writeError(op, err)
	}
	return nil
}

// SwapSubscription is [eventstore.SubscriptionStore.SwapSubscription]. All
// subscriptions of a log are one partition, where proposals outbid each other: so
// this handle makes one at a time. While the outcome is unknown it makes the same one
// again, as long as ctx lasts: an attempt that is still on its way comes to nothing
// once a later one was answered.
func (s *Store) SwapSubscription(ctx context.Context, was, next eventstore.NamedSubscription) error {
	const op = "swap subscription"
	ctx, done, err := s.begin(op, ctx)
	if err != nil {
		return err
	}
	defer done()
	select {
	case s.swapping <- struct{}{}:
		defer func() { <-s.swapping }()
	case <-ctx.Done():
		return eventstore.NewError(op, eventstore.KindUnavailable, ctx.Err())
	}
	var doubt error // an earlier attempt's: then one that was never sent settles nothing
	for wait := swapPause; ; wait = min(2*wait, time.Second) {
		err := s.swapOnce(ctx, op, was, next)
		switch kind := eventstore.KindOf(err); {
		case kind == eventstore.KindUnknown:
			doubt = err
		case kind != eventstore.KindUnavailable || doubt == nil:
			return err
		}
		if !pause.For(ctx, wait) {
			return doubt
		}
	}
}

// swapPause is the first wait before a swap of unknown outcome is made again.
const swapPause = 10 * time.Millisecond

func (s *Store) swapOnce(ctx context.Context, op string, was, next eventstore.NamedSubscription) error {
	session := s.link.session()
	answer := make(map[string]any)
	applied, sent, err := session.conditional(ctx, []statement{s.swap(was, next)}, answer)
	if err != nil {
		s.link.check(session, err)
		return conditionalError(op, err, sent)
	}
	var now eventstore.NamedSubscription // what is there, if it was not applied
	if id, ok := answer["id"].(driverUUID); ok {
		now.ID = uuid.UUID(id)
	}
	if reader, ok := answer["reader"].(driverUUID); ok {
		now.Reader = uuid.UUID(reader)
	}
	if position, ok := answer["position"].(int64); ok {
		now.Passed.Position = eventstore.Position(position)
	}
	if !applied && !now.Same(next) {
		return eventstore.NewError(op, eventstore.KindConflict, fmt.Errorf("subscription %q is not what it was", cmp.Or(was.Name, next.Name)))
	}
	if next.ID == uuid.Nil {
		// Nobody reads a cursor without its subscription: one that stays is only litter.
		_ = session.write(ctx, s.clock.next(), deleteCursor, s.log, was.ID.String())
	}
	return nil
}

// swap is the statement that puts next in the place of was.
func (s *Store) swap(was, next eventstore.NamedSubscription) statement {
	switch {
	case was.ID == uuid.Nil:
		return statement{insertSubscription, []any{
			s.log, next.Name, driverUUID(next.ID), next.Owner, next.Type, next.Subject, next.Start, next.Created,
			driverUUID(next.Reader), int64(next.Passed.Position), next.Passed.Hash[:],
		}}
	case next.ID == uuid.Nil:
		return statement{deleteSubscription, []any{s.log, was.Name, driverUUID(was.ID), driverUUID(was.Reader), int64(was.Passed.Position)}}
	default:
		return statement{updateSubscription, []any{
			next.Type, next.Subject, driverUUID(next.Reader), int64(next.Passed.Position), next.Passed.Hash[:],
			s.log, was.Name, driverUUID(was.ID), driverUUID(was.Reader), int64(was.Passed.Position),
		}}
	}
}

// subscriptionRow is a row of subscriptionColumns.
type subscriptionRow struct {
	name, owner, typ, subject, start string
	id, reader                       driverUUID
	created                          time.Time
	position                         int64
	hash                             []byte
}

// dest clears the row and gives where its columns go.
func (r *subscriptionRow) dest() []any {
	*r = subscriptionRow{}
	return []any{&r.name, &r.id, &r.owner, &r.typ, &r.subject, &r.start, &r.created, &r.reader, &r.position, &r.hash}
}

// subscription makes a subscription of the row. What cannot be one is KindDamaged:
// nothing may be delivered on it.
func (r *subscriptionRow) subscription() (eventstore.NamedSubscription, error) {
	sub := eventstore.NamedSubscription{
		Name: r.name, ID: uuid.UUID(r.id), Owner: r.owner, Type: r.typ, Subject: r.subject, Start: r.start,
		Created: r.created.UTC(), Reader: uuid.UUID(r.reader),
		Passed: eventstore.Head{Position: eventstore.Position(r.position), Hash: hash(r.hash)},
	}
	if sub.ID == uuid.Nil || len(r.hash) != len(sub.Passed.Hash) || r.position < 0 {
		return sub, eventstore.NewError("load subscription", eventstore.KindDamaged, fmt.Errorf("subscription %q: %w", r.name, errNoSubscription))
	}
	return sub, nil
}

var errNoSubscription = errors.New("its row lacks an id or a position with a hash")
