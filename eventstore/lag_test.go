package eventstore_test

import (
	"context"
	"iter"
	"slices"
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

// Else it would have seen what the poller has not, and a log that lost that would not
// be found out.
func TestASubscriberThatReadsTheLogItselfIsNeverAheadOfThePoller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		storage := memory.New()
		store := storage.Open()
		batch := eventstoretest.NewBatch(eventstore.Head{}, time.Now(), 6)
		if err := store.Append(t.Context(), eventstore.Head{}, batch[:4]); err != nil {
			t.Fatal(err)
		}
		f, blind := eventstoretest.NewFaulty(storage.Open()), true
		f.OnRead(func(ctx context.Context, after eventstore.Position, limit int, next eventstoretest.ReadFunc) iter.Seq2[eventstore.Event, error] {
			if after == 4 && blind { // the poller
				return eventstoretest.FailRead(ctx, after, limit, next)
			}
			return next(ctx, after, limit)
		})
		poller, err := eventstore.StartPoller(t.Context(), eventstore.NewLog(f), eventstore.PollerConfig{})
		if err != nil {
			t.Fatal(err)
		}
		defer poller.Close()
		if err := store.Append(t.Context(), batch[3].Head(), batch[4:]); err != nil {
			t.Fatal(err)
		}
		var got []eventstore.Position
		sub, err := poller.Subscribe(t.Context(), eventstore.SubscriptionConfig{Name: "s", Handle: func(_ context.Context, ev eventstore.Event) error {
			got = append(got, ev.Seq)
			return nil
		}})
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if at := sub.Position(); at != 4 || poller.Head().Position != 4 {
			t.Errorf("the subscriber stands at %d, the poller at %d", at, poller.Head().Position)
		}
		blind = false
		poller.Wake()
		if err := sub.Wait(t.Context(), 6); err != nil || !slices.Equal(got, []eventstore.Position{1, 2, 3, 4, 5, 6}) {
			t.Errorf("%v, %v", got, err)
		}
	})
}
