package journal_test

import (
	"context"
	"iter"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"openpayment/account/journal"
	"openpayment/eventstore"
	"openpayment/eventstore/eventstoretest"
	"openpayment/eventstore/memory"
)

// everything takes whatever a feed gives, until the feed stands at last.
func everything(t testing.TB, f *journal.Feed, last eventstore.Position) (seqs []eventstore.Position) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for f.Position() < last {
		err := f.Next(ctx, func(ev eventstore.Event) bool {
			seqs = append(seqs, ev.Seq)
			return true
		})
		if err != nil {
			t.Fatalf("at %d: %v", f.Position(), err)
		}
	}
	return seqs
}

// TestAFeedGivesNothingBeforeItIsApplied has a node receive two of the three events of a
// command, which it applies when it has all.
func TestAFeedGivesNothingBeforeItIsApplied(t *testing.T) {
	log := newLog(t)
	cfg, acked := received()
	n := launch(t, log, cfg) // which has all that follows in memory
	propose(t, log, opening(t, 0, 1))
	proposals := opening(t, 1, 3)
	propose(t, log, proposals[:2])
	await(acked, 3)
	f := n.Follow(0, journal.Filter{})
	defer f.Close()
	wantEqual(t, "events", everything(t, f, 1), []eventstore.Position{1})
	propose(t, log, proposals[2:])
	wantEqual(t, "events", everything(t, f, 4), []eventstore.Position{2, 3, 4})
}

func TestAFeedStopsAtTheEventThatItsTakerHasNoRoomBehind(t *testing.T) {
	n := start(t, newLog(t))
	for i := range 5 {
		n.must(t, open(number(i)))
	}
	f := n.Follow(1, journal.Filter{})
	defer f.Close()
	for want := eventstore.Position(2); want <= 5; want++ {
		var got []eventstore.Position
		if err := f.Next(t.Context(), func(ev eventstore.Event) bool {
			got = append(got, ev.Seq)
			return false
		}); err != nil {
			t.Fatal(err)
		}
		wantEqual(t, "events", got, []eventstore.Position{want})
		if f.Position() != want {
			t.Errorf("at %d, want %d", f.Position(), want)
		}
	}
}

func TestAFeedThatWaitsEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := start(t, memory.New())
		f := n.Follow(100, journal.Filter{})
		defer f.Close()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := f.Next(ctx, func(eventstore.Event) bool { return true }); err != context.DeadlineExceeded {
			t.Errorf("got %v", err)
		}
		n.stop()
	})
}

func TestManyFeedsThroughThePastCostAboutAsMuchAsOne(t *testing.T) {
	const events, feeds = 3000, 50
	log := newLog(t)
	for range events / 1000 {
		foreign(t, log, 1000, func(int, *eventstore.Event) {})
	}
	store := eventstoretest.NewFaulty(log.Open())
	var read, at, most atomic.Int64
	s, err := journal.Start(t.Context(), store, journal.Config{Poller: eventstore.PollerConfig{WindowEvents: 8}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close(context.Background())
	if err := s.Wait(t.Context(), events); err != nil {
		t.Fatal(err)
	}
	store.OnRead(func(ctx context.Context, after eventstore.Position, limit int, next eventstoretest.ReadFunc) iter.Seq2[eventstore.Event, error] {
		return func(yield func(eventstore.Event, error) bool) {
			if after >= events { // the poller
				return
			}
			most.Store(max(most.Load(), at.Add(1)))
			defer at.Add(-1)
			for ev, err := range next(ctx, after, limit) {
				read.Add(1)
				if !yield(ev, err) {
					return
				}
			}
		}
	})
	var all sync.WaitGroup
	for i := range feeds {
		all.Go(func() {
			f := s.Follow(eventstore.Position(i), journal.Filter{})
			defer f.Close()
			if got := everything(t, f, events); len(got) != events-i || got[0] != eventstore.Position(i+1) {
				t.Errorf("%d events from %d", len(got), got[0])
			}
		})
	}
	all.Wait()
	if read.Load() > 5*events {
		t.Errorf("%d events were read for %d feeds of %d", read.Load(), feeds, events)
	}
	if most.Load() > 2 {
		t.Errorf("%d reads at the same time", most.Load())
	}
}

func TestATransferIsAboutBothAccountsHoweverItIsWritten(t *testing.T) {
	for data, want := range map[string]bool{
		`{"from":"111111","to":"222222","amount":1,"currency":"GBP"}`:                               true,
		`{"from":"111111","to":"\u0032\u0032\u0032\u0032\u0032\u0032","amount":1,"currency":"GBP"}`: true,
		`{"from":"111111","to":"333333","amount":1,"currency":"GBP","reference":"222222"}`:          false,
		`{"from":"111111","to":"333333","amount":1,"currency":"GBP"}`:                               false,
		`222222`: false,
	} {
		ev := eventstore.Event{Type: journal.TypeTransferred, Subject: "accounts/111111", Data: data}
		if got := (journal.Filter{Subject: "accounts/222222"}).Matches(&ev); got != want {
			t.Errorf("%s: %t", data, got)
		}
	}
}
