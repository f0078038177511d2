package journal_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"openpayment/account"
	"openpayment/account/journal"
	"openpayment/eventstore"
	"openpayment/eventstore/eventstoretest"
)

// replayed carries out a replay to its end.
func (n *node) replayed(t tb, o journal.ReplayOptions) journal.Replay {
	t.Helper()
	return ended(t, n.Service, n.begun(t, o))
}

func (n *node) begun(t tb, o journal.ReplayOptions) uuid.UUID {
	t.Helper()
	r, err := n.StartReplay(o)
	if err != nil {
		t.Fatalf("start replay: %v", err)
	}
	return r.ID
}

// ended waits for the end of a replay.
func ended(t tb, s *journal.Service, id uuid.UUID) journal.Replay {
	t.Helper()
	s.AwaitReplay(id)
	r, err := s.Replay(id)
	if err != nil {
		t.Fatalf("replay: %v", err)
	}
	return r
}

func differing(r journal.Replay) string {
	var words []string
	for _, d := range r.Differences {
		words = append(words, string(d.Number)+" "+strings.Join(d.Fields, "+"))
	}
	return strings.Join(words, ", ")
}

func TestAReplayProvesThatTheStateIsRight(t *testing.T) {
	log, _, _ := twoSnapshots(t)
	n := startWith(t, log, withSnapshots(log, &notes{}))
	for from, snapshots := range map[journal.ReplayFrom]int{journal.ReplayFromStart: 2, journal.ReplayFromSnapshot: 0} {
		r := n.replayed(t, journal.ReplayOptions{From: from})
		if r.State != journal.ReplayDone || !r.Match() || !r.ChainVerified || r.Swapped || r.Err != nil {
			t.Errorf("from %s: %+v", from, r)
		}
		if r.Position != 9 || r.Head != 9 || r.ComparedAt != 9 || r.Digest != n.Status().Digest || r.SnapshotsVerified != snapshots || len(r.SnapshotFaults) != 0 {
			t.Errorf("from %s: %+v", from, r)
		}
	}
}

func TestAReplayNamesExactlyTheAccountsThatDifferAndASwapMakesThemRight(t *testing.T) {
	log := newLog(t)
	n := start(t, log)
	for i := range 100 {
		n.must(t, open(number(i)))
	}
	right := n.Status().Digest
	n.Break(number(7), func(a *account.Account) { a.SortCode = "99-99-99" })
	n.Break(number(70), func(a *account.Account) { a.Balance, a.Status = 5, account.StatusClosed })

	r := n.replayed(t, journal.ReplayOptions{From: journal.ReplayFromStart})
	want := fmt.Sprintf("%s sortCode, %s balance+status", number(7), number(70))
	if got := differing(r); got != want || r.Differing != 2 || r.Match() || r.State != journal.ReplayDone || r.Swapped {
		t.Errorf("differing: %s, want %s; %+v", got, want, r)
	}
	if r.Digest != right || r.LiveDigest == right {
		t.Errorf("digests %s and %s, right is %s", r.Digest, r.LiveDigest, right)
	}
	if a, err := n.Account(number(7)); err != nil || a.SortCode != "99-99-99" {
		t.Errorf("without being asked to, it has changed the live state: %+v, %v", a, err)
	}

	if r = n.replayed(t, journal.ReplayOptions{From: journal.ReplayFromStart, Swap: true}); !r.Swapped || differing(r) != want {
		t.Errorf("%+v", r)
	}
	for _, i := range []int{7, 70} {
		if a, err := n.Account(number(i)); err != nil || a.SortCode != "10-20-30" || a.Balance != 0 {
			t.Errorf("%+v, %v", a, err)
		}
	}
	if r = n.replayed(t, journal.ReplayOptions{From: journal.ReplayFromStart}); !r.Match() || n.Status().Digest != right {
		t.Errorf("%+v", r)
	}
	n.must(t, patch(number(7), "405060"))
	n.must(t, open(number(1000)))
}

func TestReplaysUnderLoadSwapWithoutARefusedCommand(t *testing.T) {
	log := newLog(t)
	n := startWith(t, log, withSnapshots(log, &notes{}))
	const callers, commands = 8, 1000
	var clients sync.WaitGroup
	for c := range callers {
		clients.Go(func() {
			for i := range commands / 2 {
				a := number(commands*c + i)
				out, err := n.Execute(t.Context(), open(a), journal.Options{})
				if err != nil {
					t.Errorf("%v", err)
				}
				if got, err := n.Account(a); err != nil || got.Version < int64(out.Position) {
					t.Errorf("just opened at %d: %+v, %v", out.Position, got, err)
				}
				if _, err := n.Execute(t.Context(), patch(a, "405060"), journal.Options{}); err != nil {
					t.Errorf("%v", err)
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { // ends with the clients
		clients.Wait()
		close(done)
	}()
	replays := 0
	for loaded := true; loaded || replays < 4; replays++ {
		from := []journal.ReplayFrom{journal.ReplayFromStart, journal.ReplayFromSnapshot}[replays%2]
		if r := n.replayed(t, journal.ReplayOptions{From: from, Swap: true}); r.State != journal.ReplayDone || !r.Match() || !r.Swapped {
			t.Fatalf("%+v", r)
		}
		n.snapshot(t)
		select {
		case <-done:
			loaded = false
		default:
		}
	}
	t.Logf("%d replays", replays)
	if s := n.Status(); s.Applied != callers*commands || s.Accounts != callers*commands/2 {
		t.Errorf("%+v", s)
	}
}

func TestReplaysRunOneAtATimeAndCanBeCancelled(t *testing.T) {
	log := newLog(t)
	seed := start(t, log)
	for i := range 50 {
		seed.must(t, open(number(i)))
	}
	faulty, gate := eventstoretest.NewFaulty(log.Open()), eventstoretest.NewGate()
	s := startOn(t, faulty)
	if err := s.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	before := s.Status()
	faulty.OnRead(gate.Read)
	first, err := s.StartReplay(journal.ReplayOptions{From: journal.ReplayFromStart, Swap: true})
	if err != nil || first.State != journal.ReplayRunning {
		t.Fatalf("%+v, %v", first, err)
	}
	_, err = s.StartReplay(journal.ReplayOptions{From: journal.ReplayFromStart})
	if running, ok := errors.AsType[*journal.ReplayRunningError](err); !ok || running.ID != first.ID {
		t.Errorf("a second one: %v", err)
	}
	if err := s.CancelReplay(t.Context(), first.ID); err != nil {
		t.Fatal(err)
	}
	r := ended(t, s, first.ID)
	if r.State != journal.ReplayCancelled || r.Swapped || r.Compared || s.Status().Digest != before.Digest {
		t.Errorf("%+v", r)
	}
	gate.Open()
	n := node{Service: s}
	if r := n.replayed(t, journal.ReplayOptions{From: journal.ReplayFromStart}); !r.Match() {
		t.Errorf("%+v", r)
	}
	if err := s.CancelReplay(t.Context(), r.ID); err != nil {
		t.Errorf("cancelling one that has ended: %v", err)
	}
	if _, err := s.Replay(uuid.New()); !errors.Is(err, journal.ErrNoReplay) {
		t.Errorf("%v", err)
	}
	if err := s.CancelReplay(t.Context(), uuid.New()); !errors.Is(err, journal.ErrNoReplay) {
		t.Errorf("%v", err)
	}
}

func TestAReplayOfADamagedLogFailsAndLeavesTheLiveStateAlone(t *testing.T) {
	faulty := eventstoretest.NewFaulty(newLog(t).Open())
	var cfg journal.Config
	caughtUp := untilCaughtUp(&cfg)
	n := node{Service: startOnWith(t, faulty, cfg)}
	<-caughtUp
	for i := range 20 {
		n.must(t, open(number(i)))
	}
	before := n.Status()
	faulty.OnRead(func(ctx context.Context, after eventstore.Position, limit int, next eventstoretest.ReadFunc) iter.Seq2[eventstore.Event, error] {
		return func(yield func(eventstore.Event, error) bool) {
			for ev, err := range next(ctx, after, limit) {
				if ev.Seq == 13 {
					ev.Data = strings.Replace(ev.Data, "10-20-30", "40-50-60", 1)
				}
				if !yield(ev, err) {
					return
				}
			}
		}
	})
	r := n.replayed(t, journal.ReplayOptions{From: journal.ReplayFromStart, Swap: true})
	if r.State != journal.ReplayFailed || r.Swapped || r.ChainVerified || r.Position > 12 {
		t.Errorf("%+v", r)
	}
	wantKind(t, r.Err, eventstore.KindDamaged)
	mustName(t, r.Err, "event 13")
	if after := n.Status(); after.Digest != before.Digest || after.Problem != nil {
		t.Errorf("%+v, was %+v", after, before)
	}
}

func TestAReplayReportsSnapshotsThatAreNotWhatTheLogSays(t *testing.T) {
	log, older, newer := twoSnapshots(t)
	older.Digest[0] ^= 1
	newer.At.Head.Hash[0] ^= 1
	n := startWith(t, log, journal.Config{})
	n.stop()
	cfg := withSnapshots(log, &notes{})
	n = startWith(t, log, cfg)
	for _, m := range []eventstore.Manifest{older, newer} {
		if err := log.Open().SaveManifest(t.Context(), m.Sealed()); err != nil {
			t.Fatal(err)
		}
	}
	r := n.replayed(t, journal.ReplayOptions{From: journal.ReplayFromStart})
	if !r.Match() || r.SnapshotsVerified != 0 || len(r.SnapshotFaults) != 2 ||
		!strings.Contains(r.SnapshotFaults[0], older.ID.String()) || !strings.Contains(r.SnapshotFaults[1], newer.ID.String()) {
		t.Errorf("%+v", r)
	}
}

func TestAReplayReadsAgainWhenTheStoreComesBack(t *testing.T) {
	log := newLog(t)
	seed := start(t, log)
	for i := range 50 {
		seed.must(t, open(number(i)))
	}
	faulty := eventstoretest.NewFaulty(log.Open())
	s := startOn(t, faulty)
	if err := s.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	reads := 0 // mu guards it
	faulty.OnRead(func(ctx context.Context, after eventstore.Position, limit int, next eventstoretest.ReadFunc) iter.Seq2[eventstore.Event, error] {
		mu.Lock()
		defer mu.Unlock()
		if reads++; reads < 4 {
			return func(yield func(eventstore.Event, error) bool) {
				yield(eventstore.Event{}, eventstore.NewError("read", eventstore.KindUnavailable, nil))
			}
		}
		return next(ctx, after, limit)
	})
	if r := (&node{Service: s}).replayed(t, journal.ReplayOptions{From: journal.ReplayFromStart}); !r.Match() {
		t.Errorf("%+v", r)
	}
}

func TestClosingAServiceEndsItsReplay(t *testing.T) {
	log := newLog(t)
	start(t, log).must(t, open("000001"))
	faulty, gate := eventstoretest.NewFaulty(log.Open()), eventstoretest.NewGate()
	s := startOn(t, faulty)
	if err := s.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	faulty.OnRead(gate.Read)
	defer gate.Open()
	r, err := s.StartReplay(journal.ReplayOptions{From: journal.ReplayFromStart})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if r := ended(t, s, r.ID); r.State != journal.ReplayCancelled {
		t.Errorf("%+v", r)
	}
	_, err = s.StartReplay(journal.ReplayOptions{From: journal.ReplayFromStart})
	wantKind(t, err, eventstore.KindClosed)
}

func TestAReplayFromASnapshotBeyondThisNodesStateWaitsForTheState(t *testing.T) {
	log := newLog(t)
	other := startWith(t, log, withSnapshots(log, &notes{}))
	other.must(t, open(number(0)))
	faulty, gate := eventstoretest.NewFaulty(log.Open()), eventstoretest.NewGate()
	store, loading := eventstoretest.NewFaultySnapshots(log.Open()), eventstoretest.NewGate()
	cfg := withSnapshots(log, &notes{})
	cfg.Snapshots.Store = store
	s, err := journal.Start(t.Context(), faulty, cfg)
	if err != nil {
		t.Fatal(err)
	}
	n := &node{Service: s}
	defer func() { _ = s.Close(context.Background()) }()
	n.catchUp(t)
	for i := range 10 {
		other.must(t, open(number(1+i)))
	}
	other.snapshot(t)
	faulty.OnRead(func(ctx context.Context, after eventstore.Position, limit int, next eventstoretest.ReadFunc) iter.Seq2[eventstore.Event, error] {
		if limit == 0 || limit > 100 { // the poller's: it lags behind
			return gate.Read(ctx, after, limit, next)
		}
		return next(ctx, after, limit)
	})
	<-gate.Arrived()
	store.OnLoadChunk(loading.LoadChunk)
	id := n.begun(t, journal.ReplayOptions{From: journal.ReplayFromSnapshot, Swap: true})
	over := make(chan struct{})
	go func() { // ends with the replay
		s.AwaitReplay(id)
		close(over)
	}()
	select {
	case <-loading.Arrived():
	case <-over:
	}
	loading.Open()
	gate.Open()
	if r := ended(t, s, id); r.State != journal.ReplayDone || !r.Match() || !r.Swapped || r.ComparedAt < 11 {
		t.Errorf("%+v", r)
	}
}
