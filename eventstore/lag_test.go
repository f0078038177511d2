package eventstore_test

import (
	"context"
	"iter"
	"testing"
	"testing/synctest"
	"time"

	"openpayment/eventstore"
	"openpayment/eventstore/eventstoretest"
	"openpayment/eventstore/memory"
)

// slowly is a reader that takes so long for each event.
func slowly(each time.Duration) eventstoretest.ReadHook {
	return func(ctx context.Context, after eventstore.Position, limit int, next eventstoretest.ReadFunc) iter.Seq2[eventstore.Event, error] {
		return func(yield func(eventstore.Event, error) bool) {
			for ev, err := range next(ctx, after, limit) {
				if pass(each); !yield(ev, err) {
					return
				}
			}
		}
	}
}

func TestAPollerThatReadsForLongKnowsHowFarBehindItIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		storage := memory.New()
		store := eventstoretest.NewFaulty(storage.Open())
		store.OnRead(slowly(10 * time.Millisecond))
		n, stop := startNode(t, store, nodeConfig{})
		defer stop()
		other := storage.Open()
		head := eventstore.Head{}
		for range 5 {
			batch := eventstoretest.NewBatch(head, time.Now(), 1000)
			if err := other.Append(t.Context(), head, batch); err != nil {
				t.Fatal(err)
			}
			head = batch[999].Head()
		}
		pass(12 * time.Second) // of 50
		if at, newest := n.poller.Head().Position, n.poller.Newest(); at > 2000 || newest != head.Position {
			t.Errorf("at %d it knows of %d events; there are %d", at, newest, head.Position)
		}
		pass(time.Minute)
		if at, newest := n.poller.Head().Position, n.poller.Newest(); at != head.Position || newest != head.Position {
			t.Errorf("at %d it knows of %d events", at, newest)
		}
	})
}
