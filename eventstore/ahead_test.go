package eventstore_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"testing"
	"testing/synctest"

	"openpayment/eventstore"
	"openpayment/eventstore/eventstoretest"
	"openpayment/eventstore/memory"
)

// long is a log of n events, and a backend on it that fails as told.
func long(t *testing.T, n int) (*eventstore.Log, *eventstoretest.Faulty) {
	t.Helper()
	storage := memory.New()
	for left := n; left > 0; left -= 1000 {
		grow(t, storage, min(left, 1000))
	}
	f := eventstoretest.NewFaulty(storage.Open())
	return eventstore.NewLog(f), f
}

func TestALongReadGivesEveryEventInOrder(t *testing.T) {
	for _, n := range []int{0, 1, 999, 1000, 1001, 1250, 1251, 4321} {
		log, _ := long(t, n)
		last := eventstore.Head{}
		for ev, err := range log.ReadFrom(t.Context(), last) {
			if err != nil || ev.Follows(last) != nil {
				t.Fatalf("of %d, after %d: event %d, %v", n, last.Position, ev.Seq, err)
			}
			last = ev.Head()
		}
		if int(last.Position) != n {
			t.Errorf("of %d events %d came", n, last.Position)
		}
	}
}

func TestWhatStandsBeforeAnErrorComesFirst(t *testing.T) {
	log, f := long(t, 3000)
	for _, at := range []eventstore.Position{1, 1000, 1001, 1250, 1251, 2999} {
		f.OnRead(forge(at))
		got := eventstore.Position(0)
		var failed error
		for ev, err := range log.ReadFrom(t.Context(), eventstore.Head{}) {
			if failed != nil {
				t.Fatalf("after %v came event %d", failed, ev.Seq)
			}
			if failed = err; err == nil {
				got = ev.Seq
			}
		}
		if got != at-1 || eventstore.KindOf(failed) != eventstore.KindDamaged {
			t.Errorf("with event %d forged, %d came, and %v", at, got, failed)
		}
	}
}

// In a bubble, a goroutine that outlives the read is a failure.
func TestALongReadEndsWithItsConsumer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, _ := long(t, 5000)
		for _, enough := range []eventstore.Position{1, 1000, 1001, 1500} {
			for ev := range log.ReadFrom(t.Context(), eventstore.Head{}) {
				if ev.Seq == enough {
					break
				}
			}
		}
		func() {
			defer func() { _ = recover() }()
			for ev := range log.ReadFrom(t.Context(), eventstore.Head{}) {
				if ev.Seq == 2000 {
					panic("the consumer fails")
				}
			}
		}()
	})
}

func TestNothingComesBehindWhatAnEndedContextCutOff(t *testing.T) {
	log, f := long(t, 5000)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	// A backend that goes on although its context has ended.
	f.OnRead(func(_ context.Context, after eventstore.Position, limit int, next eventstoretest.ReadFunc) iter.Seq2[eventstore.Event, error] {
		return next(context.Background(), after, limit)
	})
	last := eventstore.Position(0)
	var failed error
	for ev, err := range log.ReadFrom(ctx, eventstore.Head{}) {
		if failed = err; err != nil {
			break
		}
		if ev.Seq != last+1 {
			t.Fatalf("event %d came behind event %d", ev.Seq, last)
		}
		if last = ev.Seq; last == 1100 {
			cancel()
		}
	}
	if failed == nil && last != 5000 {
		t.Errorf("ended at %d", last)
	}
	if failed != nil && (eventstore.KindOf(failed) != eventstore.KindUnavailable || !errors.Is(failed, context.Canceled)) {
		t.Error(failed)
	}
}

func BenchmarkReadFrom(b *testing.B) {
	storage := memory.New()
	for range 20 {
		grow(b, storage, 1000)
	}
	log := eventstore.NewLog(storage.Open())
	for _, n := range []int{100, 20_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				for ev, err := range log.ReadFrom(b.Context(), eventstore.Head{}) {
					if err != nil || int(ev.Seq) == n {
						break
					}
				}
			}
		})
	}
}
