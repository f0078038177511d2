package journal_test

import (
	"context"
	"errors"
	"iter"
	"runtime"
	"testing"
	"time"

	"openpayment/account"
	"openpayment/account/journal"
	"openpayment/eventstore"
	"openpayment/eventstore/eventstoretest"
	"openpayment/eventstore/memory"
)

// startOn starts a service on a backend that is no log of a node.
func startOn(t *testing.T, b eventstore.Backend) *journal.Service {
	t.Helper()
	return startOnWith(t, b, journal.Config{})
}

func startOnWith(t *testing.T, b eventstore.Backend, cfg journal.Config) *journal.Service {
	t.Helper()
	s, err := journal.Start(t.Context(), b, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close(context.Background()) })
	return s
}

func TestALogThatWentBackwardsIsNotServedAnyMore(t *testing.T) {
	store := eventstoretest.NewSwitchable(memory.New().Open())
	s := startOn(t, store)
	if _, err := s.Execute(t.Context(), open("12345678"), journal.Options{}); err != nil {
		t.Fatal(err)
	}
	store.Switch(memory.New().Open()) // restored to an older state
	wantKind(t, s.CatchUp(t.Context()), eventstore.KindRegressed)
	if err := s.Serving(); !eventstore.IsKind(err, eventstore.KindRegressed) {
		t.Errorf("serving: %v", err)
	}
	if err := s.Ready(); !eventstore.IsKind(err, eventstore.KindRegressed) {
		t.Errorf("ready: %v", err)
	}
	_, err := s.Execute(t.Context(), open("12345679"), journal.Options{})
	wantKind(t, err, eventstore.KindClosed)
}

func TestOfALogThatWentBackwardsNoSnapshotIsTaken(t *testing.T) {
	store, snapshots := eventstoretest.NewSwitchable(memory.New().Open()), memory.New()
	s, err := journal.Start(t.Context(), store, withSnapshots(snapshots, &notes{}))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close(context.Background()) }()
	if _, err := s.Execute(t.Context(), open("12345678"), journal.Options{}); err != nil {
		t.Fatal(err)
	}
	store.Switch(memory.New().Open())
	wantKind(t, s.CatchUp(t.Context()), eventstore.KindRegressed)
	_, err = s.TakeSnapshot(t.Context())
	for _, err := range []error{err, s.RetakeSnapshot(t.Context())} {
		if !eventstore.IsKind(err, eventstore.KindRegressed) {
			t.Errorf("%v", err)
		}
	}
	if all := manifests(t, snapshots); len(all) > 0 {
		t.Errorf("taken, of what the log does not hold: %+v", all)
	}
}

func TestAHeadThatIsNotTheLastEventsIsNotServed(t *testing.T) {
	log := newLog(t)
	seed := launch(t, log, journal.Config{})
	seed.must(t, open("12345678"))
	seed.stop()
	f := eventstoretest.NewFaulty(log.Open())
	f.OnHead(func(ctx context.Context, next eventstoretest.HeadFunc) (eventstore.Head, error) {
		head, err := next(ctx)
		head.Hash[0] ^= 1
		return head, err
	})
	s := startOn(t, f)
	for s.Ready() == nil || errors.Is(s.Ready(), journal.ErrStarting) {
		if t.Context().Err() != nil {
			t.Fatal("it is never told")
		}
		runtime.Gosched()
	}
	if err := s.Serving(); !eventstore.IsKind(err, eventstore.KindRegressed) {
		t.Errorf("serving: %v", err)
	}
}

func TestADamagedRowIsToldWhileTheLogIsReadForTheFirstTime(t *testing.T) {
	log := newLog(t)
	seed := launch(t, log, journal.Config{})
	seed.must(t, open("12345678"))
	seed.must(t, open("12345679"))
	seed.stop()
	f := eventstoretest.NewFaulty(log.Open())
	f.OnRead(func(ctx context.Context, after eventstore.Position, limit int, next eventstoretest.ReadFunc) iter.Seq2[eventstore.Event, error] {
		return func(yield func(eventstore.Event, error) bool) {
			for ev, err := range next(ctx, after, limit) {
				if ev.Seq == 1 {
					ev.Data = "{}"
				}
				if !yield(ev, err) {
					return
				}
			}
		}
	})
	s := startOn(t, f)
	for errors.Is(s.Serving(), journal.ErrStarting) {
		runtime.Gosched()
	}
	wantKind(t, s.Serving(), eventstore.KindDamaged)
	wantKind(t, s.Ready(), eventstore.KindDamaged)
}

// The log that the replay reads is as long as the one that the live state was made of,
// but not the same: the two would never meet.
func TestAReplayOfALogThatWasRewrittenFails(t *testing.T) {
	a, b := memory.New(), memory.New()
	store := eventstoretest.NewSwitchable(a.Open())
	n := node{Service: startOn(t, store), log: a}
	n.must(t, open("000001"))
	other := start(t, b)
	other.must(t, open("000002"))
	store.Switch(b.Open())
	for _, swap := range []bool{false, true} {
		r := n.replayed(t, journal.ReplayOptions{From: journal.ReplayFromStart, Swap: swap})
		if r.State != journal.ReplayFailed || !eventstore.IsKind(r.Err, eventstore.KindRegressed) || r.Swapped {
			t.Errorf("%+v", r)
		}
	}
}

// Where the state says that an account's event, or a key's, is, a log that was
// rewritten has something else: that must not be told for it.
func TestWhatTheStateRemembersIsNotReadOutOfARewrittenLog(t *testing.T) {
	a, b := memory.New(), memory.New()
	store := eventstoretest.NewSwitchable(a.Open())
	n := node{Service: startOn(t, store), log: a}
	k, all := key("k", "x"), key("all", "x")
	n.ask(t, k, open("000001"))
	if _, err := n.ExecuteAll(t.Context(), []account.Command{open("000002"), deposit("000001", 5)}, journal.Options{Key: all}); err != nil {
		t.Fatal(err)
	}
	foreign(t, b, 1, func(int, *eventstore.Event) {})
	other := start(t, b)
	other.must(t, open("000003"))
	other.must(t, open("000004"))
	store.Switch(b.Open())
	for _, number := range []account.Number{"000001", "000002"} {
		_, err := n.AccountAt(t.Context(), number, journal.Moment{Position: 3})
		wantKind(t, err, eventstore.KindDamaged)
	}
	_, _, err := n.Replayed(t.Context(), k)
	wantKind(t, err, eventstore.KindDamaged)
	_, _, err = n.ReplayedAll(t.Context(), all)
	wantKind(t, err, eventstore.KindDamaged)
	results := n.ExecuteEach(t.Context(), []journal.Request{{Command: open("000001"), Key: k}}, journal.Options{})
	wantKind(t, results[0].Err, eventstore.KindDamaged)
}

// The log was restored to an older state, and others have written on: it is longer now
// than what this node has seen, but another.
func TestALogThatGoesOnDifferentlyIsNotServedAnyMore(t *testing.T) {
	a, b, snapshots := memory.New(), memory.New(), memory.New()
	store := eventstoretest.NewSwitchable(a.Open())
	halted := make(chan error, 1)
	cfg := withSnapshots(snapshots, &notes{})
	cfg.Observer.Halted = func(_ string, err error) { halted <- err }
	s, err := journal.Start(t.Context(), store, cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close(context.Background()) }()
	if _, err := s.Execute(t.Context(), open("000001"), journal.Options{}); err != nil {
		t.Fatal(err)
	}
	other := start(t, b)
	for i := range 3 {
		other.must(t, open(number(100+i)))
	}
	store.Switch(b.Open())
	wantKind(t, <-halted, eventstore.KindRegressed)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	for _, err := range []error{s.Serving(), s.Ready(), s.CatchUp(ctx)} {
		if !eventstore.IsKind(err, eventstore.KindRegressed) {
			t.Errorf("%v", err)
		}
	}
	if _, err := s.TakeSnapshot(t.Context()); !eventstore.IsKind(err, eventstore.KindRegressed) {
		t.Errorf("a snapshot of what the log does not hold: %v", err)
	}
}
