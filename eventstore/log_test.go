package eventstore_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"

	"openpayment/eventstore"
	"openpayment/eventstore/eventstoretest"
	"openpayment/eventstore/memory"
)

func TestAPageHoldsExactlyTheEventsAskedFor(t *testing.T) {
	storage := memory.New()
	grow(t, storage, 10)
	log := eventstore.NewLog(storage.Open())
	for _, c := range []struct {
		after, last eventstore.Position
		limit       int
		first, n    int
	}{
		{0, 10, 100, 1, 10}, {0, 10, 3, 1, 3}, {3, 10, 4, 4, 4}, {9, 10, 5, 10, 1},
		{10, 10, 5, 0, 0}, {12, 10, 5, 0, 0}, {2, 6, 100, 3, 4}, {0, 0, 5, 0, 0},
	} {
		events, err := log.Page(context.Background(), c.after, c.last, c.limit)
		if err != nil || len(events) != c.n || (c.n > 0 && events[0].Seq != eventstore.Position(c.first)) {
			t.Errorf("after %d, up to %d, at most %d: %d events, %v; want %d from %d", c.after, c.last, c.limit, len(events), err, c.n, c.first)
		}
	}
}

func TestEventsAtScatteredPositionsComeInTheOrderAskedFor(t *testing.T) {
	storage := memory.New()
	grow(t, storage, 100)
	log := eventstore.NewLog(storage.Open())
	for _, seqs := range [][]eventstore.Position{{}, {1}, {100}, {1, 2, 3, 50, 51, 99, 100}, {9, 3, 4, 1}, {2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30, 32, 34, 36}} {
		events, err := log.Events(context.Background(), seqs)
		if err != nil || len(events) != len(seqs) {
			t.Fatalf("%v: %d events, %v", seqs, len(events), err)
		}
		for i, ev := range events {
			if ev.Seq != seqs[i] {
				t.Errorf("%v: at %d stands event %d", seqs, i, ev.Seq)
			}
		}
	}
}

// TestAChangedEventIsNeverGivenOut reads a log with one forged event in every
// way there is.
func TestAChangedEventIsNeverGivenOut(t *testing.T) {
	ctx := context.Background()
	storage := memory.New()
	grow(t, storage, 9)
	for _, at := range []eventstore.Position{1, 5, 9} {
		backend := eventstoretest.NewFaulty(storage.Open())
		backend.OnRead(forge(at))
		log := eventstore.NewLog(backend)
		_, err := log.Event(ctx, at)
		wantKind(t, err, eventstore.KindDamaged)
		_, err = log.Page(ctx, at-1, 9, 100)
		wantKind(t, err, eventstore.KindDamaged)
		_, err = log.Events(ctx, []eventstore.Position{2, at, 8})
		wantKind(t, err, eventstore.KindDamaged)
		count := eventstore.Position(0)
		for _, err = range log.ReadFrom(ctx, eventstore.Head{}) {
			if err == nil {
				count++
			}
		}
		wantKind(t, err, eventstore.KindDamaged)
		if count != at-1 {
			t.Errorf("%d events were read before the forged one at %d", count, at)
		}
	}
}

func TestAnEventThatIsGoneIsDamageAndNotTheEnd(t *testing.T) {
	ctx := context.Background()
	storage := memory.New()
	grow(t, storage, 9)
	for name, hide := range map[string]eventstoretest.ReadHook{
		"known to be missing": eventstoretest.HideFrom(6),
		"as if it ended":      eventstoretest.LagBehind(storage.Open(), 4),
		"its predecessor too": eventstoretest.HideFrom(5),
	} {
		t.Run(name, func(t *testing.T) {
			backend := eventstoretest.NewFaulty(storage.Open())
			backend.OnRead(hide)
			log := eventstore.NewLog(backend)
			_, err := log.Event(ctx, 6)
			wantKind(t, err, eventstore.KindDamaged)
			_, err = log.Page(ctx, 2, 9, 100)
			wantKind(t, err, eventstore.KindDamaged)
			_, err = log.HeadAt(ctx, 6)
			wantKind(t, err, eventstore.KindDamaged)
		})
	}
}

func TestConcurrentStrongReadsShareOneThatStartedAfterThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		storage := memory.New()
		grow(t, storage, 1)
		backend := eventstoretest.NewFaulty(storage.Open())
		gate := eventstoretest.NewGate()
		reads := 0
		backend.OnHead(func(ctx context.Context, next eventstoretest.HeadFunc) (eventstore.Head, error) {
			reads++
			head, err := next(ctx) // looks now, answers when the gate opens
			_, _ = gate.Head(ctx, next)
			return head, err
		})
		log := eventstore.NewLog(backend)
		var readers sync.WaitGroup
		read := func(want eventstore.Position) {
			readers.Go(func() {
				if head, err := log.Head(context.Background()); err != nil || head.Position < want {
					t.Errorf("head %d (%v), want at least %d, which was there before the question", head.Position, err, want)
				}
			})
			synctest.Wait()
		}
		read(1)
		grow(t, storage, 1)
		for range 10 {
			read(2)
		}
		gate.Open()
		readers.Wait()
		if reads != 2 {
			t.Errorf("%d reads for 11 readers, want 2", reads)
		}
	})
}

func TestAStrongReadEndsWithItsCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		backend := eventstoretest.NewFaulty(memory.New().Open())
		gate := eventstoretest.NewGate()
		backend.OnHead(gate.Head)
		log := eventstore.NewLog(backend)
		ctx, cancel := context.WithCancel(context.Background())
		go func() { <-gate.Arrived(); cancel() }()
		_, err := log.Head(ctx)
		wantKind(t, err, eventstore.KindUnavailable)
		gate.Open()
	})
}
