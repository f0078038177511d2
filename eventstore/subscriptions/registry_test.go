package subscriptions_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/google/uuid"

	"openpayment/eventstore"
	"openpayment/eventstore/memory"
	"openpayment/eventstore/subscriptions"
)

func TestASubscriptionBeginsWhereItWasToldTo(t *testing.T) {
	onNodes(t, func(t *testing.T, a, b *node) {
		a.append("x", "x", "x")
		for start, want := range map[string][]eventstore.Position{
			"": {1, 2, 3, 4}, subscriptions.StartBeginning: {1, 2, 3, 4}, "0": {1, 2, 3, 4}, "2": {3, 4}, "3": {4}, subscriptions.StartEnd: {4},
		} {
			// b has perhaps not heard of the events that a has appended: an end is the
			// log's, not the node's.
			s := b.put("s"+start, subscriptions.Definition{Start: start})
			if s.Start != start && s.Start != subscriptions.StartBeginning {
				t.Errorf("%q starts at %q", start, s.Start)
			}
			defer func() { b.read("s"+start, 100).wants(want...) }()
		}
		a.append("x")
	})
}

func TestAStartBeyondTheLogIsRefused(t *testing.T) {
	onNodes(t, func(t *testing.T, a, b *node) {
		a.append("x")
		_, _, err := b.Put(t.Context(), anybody, "s", subscriptions.Definition{Start: "2"})
		if beyond, ok := errors.AsType[*subscriptions.BeyondError](err); !ok || beyond.Seq != 2 || beyond.Head != 1 {
			t.Error(err)
		}
		if _, err := b.Get(t.Context(), anybody, "s"); !errors.Is(err, subscriptions.ErrNotFound) {
			t.Error(err)
		}
	})
}

func TestBehindNoEventIsTheBeginning(t *testing.T) {
	onNodes(t, func(t *testing.T, a, b *node) {
		for name, starts := range map[string][2]string{
			"s": {subscriptions.StartBeginning, subscriptions.StartBehind(0)},
			"t": {subscriptions.StartBehind(0), subscriptions.StartBeginning},
		} {
			made := a.put(name, subscriptions.Definition{Start: starts[0]})
			s, created, err := b.Put(t.Context(), anybody, name, subscriptions.Definition{Start: starts[1]})
			if err != nil || created || s.NamedSubscription != made.NamedSubscription {
				t.Errorf("%q: %+v, %t, %v", starts, s, created, err)
			}
		}
	})
}

func TestAStartCannotBeChanged(t *testing.T) {
	onNodes(t, func(t *testing.T, a, b *node) {
		a.append("x")
		made := a.put("s", subscriptions.Definition{Start: subscriptions.StartEnd})
		a.append("x")
		for _, start := range []string{"", subscriptions.StartEnd} {
			s, created, err := b.Put(t.Context(), anybody, "s", subscriptions.Definition{Start: start})
			if err != nil || created || s.NamedSubscription != made.NamedSubscription {
				t.Errorf("%q: %+v, %t, %v", start, s, created, err)
			}
		}
		for _, start := range []string{subscriptions.StartBeginning, "1"} {
			if _, _, err := b.Put(t.Context(), anybody, "s", subscriptions.Definition{Start: start}); !errors.Is(err, subscriptions.ErrStart) {
				t.Errorf("%q: %v", start, err)
			}
		}
	})
}

func TestASubscriptionMadeAnewKnowsNothingOfTheOneBefore(t *testing.T) {
	onNodes(t, func(t *testing.T, a, b *node) {
		a.append("x", "x")
		a.put("s", everything)
		a.ack("s", 2)
		a.delete("s")
		for name, err := range map[string]error{
			"get": second(b.Get(t.Context(), anybody, "s")), "delete": b.Delete(t.Context(), anybody, "s"),
			"ack": second(b.Ack(t.Context(), anybody, "s", 1)), "read": second(b.Read(t.Context(), anybody, "s", 1)),
		} {
			if !errors.Is(err, subscriptions.ErrNotFound) {
				t.Errorf("%s: %v", name, err)
			}
		}
		b.put("s", everything)
		a.read("s", 100).wants(1, 2)
	})
}

func second[T any](_ T, err error) error { return err }

func TestWhatTheLogDoesNotHaveCannotBeAcknowledged(t *testing.T) {
	onNodes(t, func(t *testing.T, a, b *node) {
		a.put("s", everything)
		a.append("x", "x")
		if _, err := b.Ack(t.Context(), anybody, "s", 3); !errors.As(err, new(*subscriptions.BeyondError)) {
			t.Error(err)
		}
		if got, err := b.Ack(t.Context(), anybody, "s", 2); err != nil || got != 2 {
			t.Errorf("%d, %v", got, err)
		}
		if got, err := a.Ack(t.Context(), anybody, "s", 1); err != nil || got != 2 {
			t.Errorf("an event that was acknowledged before: %d, %v", got, err)
		}
	})
}

func TestASubscriptionIsItsOwnersAndAnAdministrators(t *testing.T) {
	onNodes(t, func(t *testing.T, a, b *node) {
		owner := subscriptions.Caller{Name: "reports"}
		bound := subscriptions.Caller{Name: "reports", Subjects: "of/x"}
		a.append("x")
		if _, _, err := a.Put(t.Context(), owner, "s", everything); err != nil {
			t.Fatal(err)
		}
		if s := a.get("s"); s.Owner != "reports" {
			t.Errorf("%+v", s)
		}
		tries := func(by subscriptions.Caller) (errs []error) {
			errs = append(errs, second(a.Get(t.Context(), by, "s")), second(a.Ack(t.Context(), by, "s", 1)))
			r, err := a.Read(t.Context(), by, "s", 1)
			if err == nil {
				r.Close()
			}
			_, _, changed := a.Put(t.Context(), by, "s", everything)
			list, failed := a.List(t.Context(), by)
			if failed == nil && len(list) == 0 {
				failed = subscriptions.ErrForbidden // as good as
			}
			return append(errs, err, changed, failed, a.Delete(t.Context(), by, "s"))
		}
		for name, by := range map[string]subscriptions.Caller{"nobody": {}, "somebody else": {Name: "mail"}, "one for other subjects": bound} {
			for i, err := range tries(by) {
				if !errors.Is(err, subscriptions.ErrForbidden) && (by != bound || !errors.Is(err, subscriptions.ErrOutside)) {
					t.Errorf("%s, %d: %v", name, i, err)
				}
			}
		}
		for name, by := range map[string]subscriptions.Caller{"its owner": owner, "an administrator": {Name: "admin", All: true}} {
			for i, err := range tries(by) {
				if err != nil {
					t.Errorf("%s, %d: %v", name, i, err)
				}
			}
			if _, _, err := a.Put(t.Context(), owner, "s", everything); err != nil {
				t.Fatal(err)
			}
		}
		a.delete("s")
		if _, _, err := a.Put(t.Context(), bound, "s", everything); !errors.Is(err, subscriptions.ErrOutside) {
			t.Error(err)
		}
		mine := subscriptions.Definition{Filter: subscriptions.Filter{Subject: "of/x"}}
		if _, _, err := a.Put(t.Context(), bound, "s", mine); err != nil {
			t.Error(err)
		}
		if _, _, err := a.Put(t.Context(), bound, "s", subscriptions.Definition{Filter: subscriptions.Filter{Subject: "of/y"}}); !errors.Is(err, subscriptions.ErrOutside) {
			t.Error(err)
		}
	})
}

func TestNamesAreOfLettersDigitsAndAFewMarks(t *testing.T) {
	for name, want := range map[string]bool{
		"a": true, "Z": true, "0": true, "a.b-c_D9": true, "...": true, strings.Repeat("x", 64): true,
		"": false, ".": false, "..": false, strings.Repeat("x", 65): false, "a b": false, "a/b": false, "é": false, "a\x00": false, "@": false, "[": false, "`": false, "{": false, "\u212a": false,
	} {
		if subscriptions.ValidName(name) != want {
			t.Errorf("%q: %t", name, !want)
		}
	}
	onNodes(t, func(t *testing.T, a, _ *node) {
		if _, err := a.Get(t.Context(), anybody, "a b"); !errors.Is(err, subscriptions.ErrNotFound) {
			t.Error(err)
		}
	})
}

func TestThereIsAnEndToTheNumberOfSubscriptions(t *testing.T) {
	onNodes(t, func(t *testing.T, a, b *node) {
		for i := range subscriptions.MaxSubscriptions {
			a.put(fmt.Sprintf("s%04d", i), everything)
		}
		if _, _, err := b.Put(t.Context(), anybody, "more", everything); !errors.Is(err, subscriptions.ErrTooMany) {
			t.Error(err)
		}
		b.put("s0007", only("x")) // one that is there
		b.delete("s0007")
		b.put("more", everything)
		list, err := a.List(t.Context(), anybody)
		if err != nil || len(list) != subscriptions.MaxSubscriptions || list[0].Name != "more" || list[1].Name != "s0000" {
			t.Errorf("%d, %v", len(list), err)
		}
	})
}

func TestANodeHasSeenAllSubscriptionsThoughNobodyReadsThere(t *testing.T) {
	onNodes(t, func(t *testing.T, a, b *node) {
		a.append("x", "x", "x")
		a.put("s", everything)
		a.ack("s", 2)
		v := a.read("s", 1)
		v.runs(11 * tick)
		for _, n := range []*node{a, b} {
			if seen := n.Seen(); len(seen) != 1 || seen[0].Name != "s" || seen[0].Done().Position != 2 || seen[0].Lag() != 1 {
				t.Errorf("%+v", seen)
			}
		}
	})
}

// slow is a store whose acknowledgements wait until they are let through, one by one.
type slow struct {
	eventstore.SubscriptionStore
	arrived, through chan struct{}
	writes           atomic.Int64
}

func (s *slow) Acknowledge(ctx context.Context, id uuid.UUID, at eventstore.Head) error {
	s.writes.Add(1)
	s.arrived <- struct{}{}
	<-s.through
	return s.SubscriptionStore.Acknowledge(ctx, id, at)
}

func TestAcknowledgementsThatWaitShareOneWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := memory.New()
		store := &slow{SubscriptionStore: log.Open(), arrived: make(chan struct{}), through: make(chan struct{})}
		a := newNodeOn(t, log, store)
		for range 50 {
			a.append("x")
		}
		if err := a.CatchUp(t.Context()); err != nil { // so that no acknowledgement has to wait for events
			t.Fatal(err)
		}
		a.put("s", everything)
		a.put("t", everything)
		var all sync.WaitGroup
		ack := func(name string, seq eventstore.Position) { all.Go(func() { a.ack(name, seq) }) }
		ack("s", 1)
		<-store.arrived
		for seq := range eventstore.Position(48) {
			ack("s", 49-seq)
		}
		synctest.Wait()
		ack("t", 50) // another's waits for nobody
		<-store.arrived
		gone, cancel := context.WithCancel(t.Context())
		all.Go(func() {
			if _, err := a.Ack(gone, anybody, "s", 50); eventstore.KindOf(err) != eventstore.KindUnknown {
				t.Errorf("an acknowledgement whose caller has gone: %v", err)
			}
		})
		synctest.Wait()
		cancel()
		store.through <- struct{}{}
		store.through <- struct{}{}
		<-store.arrived
		store.through <- struct{}{}
		all.Wait()
		if n := store.writes.Load(); n != 3 {
			t.Errorf("%d writes", n)
		}
		if s := a.get("s"); s.Done().Position != 50 {
			t.Errorf("done %d", s.Done().Position)
		}
	})
}
