package cassandra_test

import (
	"testing"
	"time"

	"github.com/gocql/gocql"
	"github.com/google/uuid"

	"openpayment/eventstore"
	"openpayment/eventstore/cassandra"
)

func subscribed(t *testing.T, cfg cassandra.Config) (*cassandra.Store, eventstore.NamedSubscription) {
	t.Helper()
	s := open(t, cfg)
	sub := eventstore.NamedSubscription{Name: "mail", ID: uuid.Must(uuid.NewV7()), Created: time.UnixMilli(1).UTC()}
	if err := s.SwapSubscription(t.Context(), eventstore.NamedSubscription{}, sub); err != nil {
		t.Fatal(err)
	}
	return s, sub
}

func TestASubscriptionWhoseRowCannotBeOneIsDamaged(t *testing.T) {
	cfg := config(t, 0)
	s, sub := subscribed(t, cfg)
	cql(t, `INSERT INTO cursors (log, subscriber, position, hash) VALUES (?, ?, 3, 0x01)`, cfg.LogName, sub.ID.String())
	_, err := s.Subscription(t.Context(), "mail")
	wantKind(t, err, eventstore.KindDamaged)
	_, err = s.Subscriptions(t.Context())
	wantKind(t, err, eventstore.KindDamaged)

	cql(t, `UPDATE subscriptions SET hash = 0x01 WHERE log = ? AND name = 'mail' IF EXISTS`, cfg.LogName)
	_, err = s.Subscription(t.Context(), "mail")
	wantKind(t, err, eventstore.KindDamaged)
	_, err = s.Subscriptions(t.Context())
	wantKind(t, err, eventstore.KindDamaged)
}

// What schema/README.md tells operators.
func TestAnAcknowledgementIsWrittenAtTheTimeOfItsPosition(t *testing.T) {
	cfg := config(t, 0)
	s, sub := subscribed(t, cfg)
	for _, p := range []eventstore.Position{7, 3} {
		if err := s.Acknowledge(t.Context(), sub.ID, eventstore.Head{Position: p}); err != nil {
			t.Fatal(err)
		}
	}
	var position, written int64
	err := shared.shell.Query(`SELECT position, WRITETIME(hash) FROM cursors WHERE log = ? AND subscriber = ?`, cfg.LogName, sub.ID.String()).Scan(&position, &written)
	if err != nil || position != 7 || written != 7 {
		t.Errorf("position %d, written at %d, %v", position, written, err)
	}
	wantKind(t, s.Acknowledge(t.Context(), sub.ID, eventstore.Head{}), eventstore.KindInvalid)
}

func TestADroppedSubscriptionLeavesNoCursor(t *testing.T) {
	cfg := config(t, 0)
	s, sub := subscribed(t, cfg)
	if err := s.Acknowledge(t.Context(), sub.ID, eventstore.Head{Position: 7}); err != nil {
		t.Fatal(err)
	}
	if err := s.SwapSubscription(t.Context(), sub, eventstore.NamedSubscription{}); err != nil {
		t.Fatal(err)
	}
	var subscriber string
	err := shared.shell.Query(`SELECT subscriber FROM cursors WHERE log = ? AND subscriber = ?`, cfg.LogName, sub.ID.String()).Scan(&subscriber)
	if err != gocql.ErrNotFound {
		t.Errorf("%q, %v", subscriber, err)
	}
}
