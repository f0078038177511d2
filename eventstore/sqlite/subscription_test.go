package sqlite

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"

	"openpayment/eventstore"
)

func TestASubscriptionWhoseRowCannotBeOneIsDamaged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.db")
	s, err := Open(t.Context(), Config{Path: path, Migrate: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	sub := eventstore.NamedSubscription{Name: "mail", ID: uuid.Must(uuid.NewV7()), Created: time.UnixMilli(1).UTC()}
	if err := s.SwapSubscription(t.Context(), eventstore.NamedSubscription{}, sub); err != nil {
		t.Fatal(err)
	}
	if err := s.Acknowledge(t.Context(), sub.ID, eventstore.Head{Position: 3}); err != nil {
		t.Fatal(err)
	}
	for _, garble := range []string{
		"UPDATE cursors SET hash = 'abc'", "UPDATE subscriptions SET hash = 'abc'",
		"UPDATE subscriptions SET reader = 'abc'", "UPDATE subscriptions SET id = 'abc'",
	} {
		shell(t, path, garble)
		_, one := s.Subscription(t.Context(), "mail")
		_, all := s.Subscriptions(t.Context())
		if eventstore.KindOf(one) != eventstore.KindDamaged || eventstore.KindOf(all) != eventstore.KindDamaged {
			t.Errorf("%s: %v, %v", garble, one, all)
		}
	}
}
