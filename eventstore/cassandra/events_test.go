package cassandra_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"openpayment/eventstore"
	"openpayment/eventstore/cassandra"
)

// batchAfter makes n events that continue a log at head.
func batchAfter(head eventstore.Head, n int) []eventstore.Event {
	batch := make([]eventstore.Event, 0, n)
	for range n {
		ev := eventstore.Event{
			Seq: head.Position + 1, ID: uuid.Must(uuid.NewV7()), Type: "account.updated",
			Subject: fmt.Sprintf("accounts/%d", head.Position%1000),
			Time:    time.UnixMilli(1_700_000_000_000 + int64(head.Position)).UTC(),
			Meta:    eventstore.MetaOf(map[string]string{"requestId": uuid.NewString()}),
			Data:    fmt.Sprintf(`{"version":1,"accountNumber":"%08d","displayName":"An account of nobody in particular"}`, head.Position),
		}
		ev.Hash = ev.ChainHash(head.Hash)
		head = ev.Head()
		batch = append(batch, ev)
	}
	return batch
}

// write appends batches of the given sizes at the head, and gives the new head
// and all heads on the way, by position.
func write(t testing.TB, s *cassandra.Store, sizes ...int) (eventstore.Head, map[eventstore.Position]eventstore.Head) {
	t.Helper()
	head, err := s.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	heads := map[eventstore.Position]eventstore.Head{0: {}, head.Position: head}
	for _, n := range sizes {
		batch := batchAfter(head, n)
		if err := s.Append(t.Context(), head, batch); err != nil {
			t.Fatalf("append %d events after %d: %v", n, head.Position, err)
		}
		for _, ev := range batch {
			heads[ev.Seq] = ev.Head()
		}
		head = batch[n-1].Head()
	}
	return head, heads
}

// wantLog requires the log to be a whole chain that ends at head.
func wantLog(t testing.TB, s *cassandra.Store, head eventstore.Head) {
	t.Helper()
	var at eventstore.Head
	for ev, err := range s.Read(t.Context(), 0, 0) {
		if err == nil {
			err = ev.Follows(at)
		}
		if err != nil {
			t.Fatal(err)
		}
		at = ev.Head()
	}
	if at != head {
		t.Fatalf("the log ends at %v, want %v", at, head)
	}
	got, err := s.Head(t.Context())
	if err != nil || got != head {
		t.Fatalf("the head is %v, %v, want %v", got, err, head)
	}
}
