package subscriptions_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"openpayment/eventstore"
	"openpayment/eventstore/memory"
	"openpayment/eventstore/subscriptions"
)

// only is a definition with a filter.
func only(typ string) subscriptions.Definition {
	return subscriptions.Definition{Filter: subscriptions.Filter{Type: typ}}
}

var everything subscriptions.Definition

// onNodes runs a test with some nodes on one log, in a time of its own.
func onNodes(t *testing.T, test func(t *testing.T, a, b *node)) {
	synctest.Test(t, func(t *testing.T) {
		log := memory.New()
		a, b := newNode(t, log), newNode(t, log)
		test(t, a, b)
	})
}

func TestAReaderIsGivenEverythingAndThenWhatComes(t *testing.T) {
	onNodes(t, func(t *testing.T, a, b *node) {
		a.append("x", "y", "x")
		a.put("s", everything)
		v := b.read("s", 100)
		v.wants(1, 2, 3)
		a.append("y")
		v.wants(4)
		v.Close()
	})
}

func TestAReaderThatComesAgainBeginsBehindWhatWasAcknowledged(t *testing.T) {
	onNodes(t, func(t *testing.T, a, b *node) {
		a.append("x", "x", "x", "x", "x")
		a.put("s", everything)
		v := a.read("s", 100)
		v.takes(1, 2, 3)
		a.ack("s", 2)
		v.Close()
		b.read("s", 100).wants(3, 4, 5)
		b.ack("s", 5)
		b.ack("s", 1) // it does not move back
		a.append("x")
		a.read("s", 100).wants(6)
	})
}

func TestAFilterLeavesOutTheOthersWhichCountAsDone(t *testing.T) {
	onNodes(t, func(t *testing.T, a, b *node) {
		a.put("s", only("x"))
		a.append("y", "y", "x", "y", "y")
		v := a.read("s", 100)
		v.wants(3)
		if s := b.get("s"); s.Done().Position != 2 || s.Lag() != 3 {
			t.Errorf("before it is acknowledged: done %d, lag %d", s.Done().Position, s.Lag())
		}
		b.ack("s", 3)
		v.wants()
		if s := b.get("s"); s.Done().Position != 5 || s.Lag() != 0 || s.Acked.Position != 3 {
			t.Errorf("afterwards: done %d, lag %d, acknowledged %d", s.Done().Position, s.Lag(), s.Acked.Position)
		}
		a.append("y", "y")
		v.takes()
		for v.Position() < 7 {
			_ = v.Next(v.ctx, func(eventstore.Event) bool { return true })
		}
		v.Close() // saves it, too
		if s := b.get("s"); s.Done().Position != 7 {
			t.Errorf("at the end: done %d", s.Done().Position)
		}
	})
}

func TestAReaderWaitsWhileTooMuchIsUnacknowledged(t *testing.T) {
	onNodes(t, func(t *testing.T, a, b *node) {
		a.put("s", everything)
		for range 10 {
			a.append("x")
		}
		v := a.read("s", 3)
		v.wants(1, 2, 3)
		a.ack("s", 1)
		v.wants(4)
		b.ack("s", 3) // on another node: heard of within a second
		began := time.Now()
		v.takes(5, 6)
		if took := time.Since(began); took > 2*tick {
			t.Errorf("it took %s to hear of it", took)
		}
		v.wants()
	})
}

func TestAReaderPassesOverWhatWasAcknowledgedUnseen(t *testing.T) {
	onNodes(t, func(t *testing.T, a, b *node) {
		a.put("s", everything)
		a.append("x", "x", "x", "x", "x", "x")
		v := a.read("s", 2)
		v.wants(1, 2)
		b.ack("s", 5)
		v.wants(6)
	})
}

func TestTheReaderThatComesLastHasThePlace(t *testing.T) {
	onNodes(t, func(t *testing.T, a, b *node) {
		a.put("s", everything)
		first := a.read("s", 100)
		second := a.read("s", 100)
		first.ended(tick/100, subscriptions.ErrSuperseded)
		third := b.read("s", 100)
		second.ended(2*tick, subscriptions.ErrSuperseded)
		first.Close()
		second.Close()
		third.runs(10 * tick)
		if _, err := third.Confirm(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestAReaderThatAsksHearsAtOnceThatAnotherHasCome(t *testing.T) {
	onNodes(t, func(t *testing.T, a, b *node) {
		a.put("s", everything)
		v := a.read("s", 100)
		b.read("s", 100)
		if _, err := v.Confirm(t.Context()); !errors.Is(err, subscriptions.ErrSuperseded) {
			t.Error(err)
		}
	})
}

func TestAReaderEndsWithItsSubscription(t *testing.T) {
	onNodes(t, func(t *testing.T, a, b *node) {
		for _, deleting := range []*node{a, b} {
			a.put("s", everything)
			v := a.read("s", 100)
			deleting.delete("s")
			if deleting == a {
				v.ended(tick/100, subscriptions.ErrDeleted)
			} else {
				deleting.put("s", everything) // another one
				v.ended(2*tick, subscriptions.ErrDeleted)
				deleting.delete("s")
			}
			if _, err := v.Confirm(t.Context()); !errors.Is(err, subscriptions.ErrDeleted) {
				t.Error(err)
			}
			v.Close()
		}
	})
}

func TestAChangedFilterEndsTheReaderAndCountsForWhatIsNotDone(t *testing.T) {
	onNodes(t, func(t *testing.T, a, b *node) {
		a.put("s", only("x"))
		a.append("y", "x", "y", "x")
		v := a.read("s", 100)
		v.wants(2, 4)
		b.ack("s", 2)
		b.put("s", only("y"))
		a.append("y")
		v.ended(2*tick, subscriptions.ErrSuperseded)
		v.Close() // must not save that it has come past events which are wanted now
		a.read("s", 100).wants(3, 5)
		a.put("s", only("y")).Done()
		if s := a.get("s"); s.Filter() != (subscriptions.Filter{Type: "y"}) {
			t.Errorf("%+v", s)
		}
	})
}

func TestReadersEndWithTheirNode(t *testing.T) {
	onNodes(t, func(t *testing.T, a, b *node) {
		a.put("s", only("x"))
		a.append("y")
		v := a.read("s", 100)
		for v.Position() < 1 {
			_ = v.Next(v.ctx, func(eventstore.Event) bool { return true })
		}
		a.Registry.Close()
		v.ended(tick/100, subscriptions.ErrClosing)
		v.Close()
		if s := b.get("s"); s.Done().Position != 1 {
			t.Errorf("what it has passed was not saved: %d", s.Done().Position)
		}
		if _, err := a.Read(t.Context(), anybody, "s", 1); !errors.Is(err, subscriptions.ErrClosing) {
			t.Error(err)
		}
	})
}

func TestAPageWaitsForItsFirstEvent(t *testing.T) {
	onNodes(t, func(t *testing.T, a, b *node) {
		a.put("s", only("x"))
		a.append("x", "y", "x", "x")
		page := func(limit int, wait time.Duration) (string, time.Duration) {
			t.Helper()
			if err := a.CatchUp(t.Context()); err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			v := a.read("s", limit)
			defer v.Close()
			events, err := v.Page(v.ctx, limit, wait)
			if err != nil {
				t.Fatal(err)
			}
			return seqs(events), time.Since(began)
		}
		if got, took := page(2, 0); got != "[1 3]" || took > tick/2 {
			t.Error(got, took)
		}
		a.ack("s", 3)
		if got, took := page(2, 10*time.Second); got != "[4]" || took > tick/2 {
			t.Error(got, took)
		}
		a.ack("s", 4)
		if got, took := page(2, 0); got != "[]" || took > tick/2 {
			t.Error(got, took)
		}
		if got, took := page(2, 10*time.Second); got != "[]" || took < 10*time.Second || took > 11*time.Second {
			t.Error(got, took)
		}
		time.AfterFunc(5*time.Second, func() { b.append("y", "x") })
		if got, took := page(2, 10*time.Second); got != "[6]" || took < 5*time.Second || took > 7*time.Second {
			t.Error(got, took)
		}
	})
}

func TestALogThatIsNotTheOneIsNotRead(t *testing.T) {
	onNodes(t, func(t *testing.T, a, b *node) {
		a.append("x", "x", "x")
		a.put("s", everything)
		a.put("t", subscriptions.Definition{Start: "3"})
		a.ack("s", 2)
		other := memory.New()
		restored := newNodeOn(t, other, a.store)
		for i, name := range []string{"s", "t", "s", "t"} {
			if _, err := restored.Read(t.Context(), anybody, name, 1); eventstore.KindOf(err) != eventstore.KindRegressed {
				t.Errorf("%s on another log with %d events: %v", name, i/2*3, err)
			}
			if i == 1 {
				restored.append("x", "x", "x")
			}
		}
		b.read("s", 100).wants(3)
	})
}

func TestAReaderOnANodeThatIsBehindWaitsForWhatIsDone(t *testing.T) {
	onNodes(t, func(t *testing.T, a, b *node) {
		a.put("s", everything)
		a.append("x", "x", "x")
		a.ack("s", 2)
		b.read("s", 100).wants(3) // whatever b has heard of so far
	})
}

// unreachable is a store that can't be asked while it is told so.
type unreachable struct {
	eventstore.SubscriptionStore
	gone atomic.Bool
}

func (u *unreachable) Subscriptions(ctx context.Context) ([]eventstore.NamedSubscription, error) {
	if u.gone.Load() {
		return nil, eventstore.NewError("test", eventstore.KindUnavailable, nil)
	}
	return u.SubscriptionStore.Subscriptions(ctx)
}

func TestAReaderGoesOnWhileTheStoreCannotBeAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := memory.New()
		store := &unreachable{SubscriptionStore: log.Open()}
		a := newNodeOn(t, log, store)
		a.put("s", everything)
		v := a.read("s", 100)
		synctest.Wait()
		store.gone.Store(true)
		v.runs(10 * tick)
		a.append("x")
		v.wants(1)
	})
}
