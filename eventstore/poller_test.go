package eventstore_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"openpayment/eventstore"
	"openpayment/eventstore/eventstoretest"
	"openpayment/eventstore/memory"
)

// receiver is a subscriber that remembers what it got.
type receiver struct {
	mu   sync.Mutex
	seqs []eventstore.Position
}

func (r *receiver) receive(_ context.Context, ev eventstore.Event) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seqs = append(r.seqs, ev.Seq)
	return nil
}

func (r *receiver) got() []eventstore.Position {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.seqs)
}

func (r *receiver) want(t testing.TB, first, last eventstore.Position) {
	t.Helper()
	var all []eventstore.Position
	for seq := first; seq <= last; seq++ {
		all = append(all, seq)
	}
	if got := r.got(); !slices.Equal(got, all) {
		t.Errorf("received %v, want %d to %d, each once", got, first, last)
	}
}

// grow appends n events to the log, in batches of at most 3.
func grow(t testing.TB, storage *memory.Log, n int) {
	t.Helper()
	store := storage.Open()
	defer store.Close()
	for n > 0 {
		head, err := store.Head(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		size := min(n, 3)
		if err := store.Append(context.Background(), head, eventstoretest.NewBatch(head, time.Now(), size)); err != nil {
			t.Fatal(err)
		}
		n -= size
	}
}

func startPoller(t testing.TB, backend eventstore.Backend, cfg eventstore.PollerConfig) *eventstore.Poller {
	t.Helper()
	p, err := eventstore.StartPoller(context.Background(), eventstore.NewLog(backend), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func subscribe(t testing.TB, p *eventstore.Poller, cfg eventstore.SubscriptionConfig) *eventstore.Subscription {
	t.Helper()
	if cfg.Name == "" {
		cfg.Name = "test"
	}
	s, err := p.Subscribe(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func waitFor(t testing.TB, s *eventstore.Subscription, pos eventstore.Position) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := s.Wait(ctx, pos); err != nil {
		t.Fatalf("waiting for event %d: %v; the subscription is at %d", pos, err, s.Position())
	}
}

func TestEverySubscriberReceivesEveryEventOnceAndInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		storage := memory.New()
		grow(t, storage, 10)
		p := startPoller(t, storage.Open(), eventstore.PollerConfig{})
		defer p.Close()
		var early, late receiver
		s := subscribe(t, p, eventstore.SubscriptionConfig{Handle: early.receive})
		grow(t, storage, 10)
		waitFor(t, s, 20)
		s2 := subscribe(t, p, eventstore.SubscriptionConfig{Handle: late.receive})
		grow(t, storage, 5)
		waitFor(t, s, 25)
		waitFor(t, s2, 25)
		early.want(t, 1, 25)
		late.want(t, 1, 25)
	})
}

func TestAHoleIsReadAgainAndNeverSkipped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		storage := memory.New()
		backend := eventstoretest.NewFaulty(storage.Open())
		p := startPoller(t, backend, eventstore.PollerConfig{})
		defer p.Close()
		var r receiver
		s := subscribe(t, p, eventstore.SubscriptionConfig{Handle: r.receive})
		backend.OnRead(eventstoretest.HideFrom(4))
		grow(t, storage, 9)
		waitFor(t, s, 3)
		if err := p.Health(); err != nil {
			t.Errorf("a hole of a moment is reported: %v", err)
		}
		pass(time.Minute) // a hole that stays is reported
		wantKind(t, p.Health(), eventstore.KindMissing)
		r.want(t, 1, 3)
		backend.OnRead(nil)
		waitFor(t, s, 9)
		synctest.Wait()
		if err := p.Health(); err != nil {
			t.Errorf("the hole is closed, but still reported: %v", err)
		}
		r.want(t, 1, 9)
	})
}

// pass lets time pass in a synctest bubble, which takes none.
func pass(d time.Duration) { <-time.After(d) }

func TestOwnBatchesAreHandedOverAndNotReadBack(t *testing.T) {
	storage := memory.New()
	backend := eventstoretest.NewFaulty(storage.Open())
	n, stop := startNode(t, backend, nodeConfig{})
	defer stop()
	// From now on reading tells nothing: only the hand-over can.
	backend.OnRead(eventstoretest.HideFrom(1))
	for range 5 {
		mustSubmit(t, n.writer, happen("a", plenty))
	}
	if got := n.state.count("a"); got != 5 {
		t.Errorf("the state has %d events, want 5", got)
	}
}

func TestABusyWritersLogIsNotReadForNews(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		storage := memory.New()
		backend := eventstoretest.NewFaulty(storage.Open())
		var reads atomic.Int32
		backend.OnRead(func(ctx context.Context, after eventstore.Position, limit int, next eventstoretest.ReadFunc) iter.Seq2[eventstore.Event, error] {
			reads.Add(1)
			return next(ctx, after, limit)
		})
		n, stop := startNode(t, remote(backend), nodeConfig{})
		defer stop()
		mustSubmit(t, n.writer, happen("a", plenty))
		before := reads.Load()
		for start := time.Now(); time.Since(start) < time.Second; {
			mustSubmit(t, n.writer, happen("a", plenty))
		}
		if n := reads.Load() - before; n > 5 {
			t.Errorf("%d readings while one writer was busy for a second, want next to none", n)
		}
		grow(t, storage, 1) // somebody else's
		pass(100 * time.Millisecond)
		if got, want := n.poller.Head(), checkLog(t, storage); got != want[len(want)-1].Head() {
			t.Errorf("the poller is at %d of %d events, 0.1 s after the last one", got.Position, len(want))
		}
	})
}

func TestASlowSubscriberHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		storage := memory.New()
		p := startPoller(t, storage.Open(), eventstore.PollerConfig{WindowEvents: 8})
		defer p.Close()
		release := make(chan struct{})
		var slow, quick receiver
		s1 := subscribe(t, p, eventstore.SubscriptionConfig{Name: "slow", Handle: func(ctx context.Context, ev eventstore.Event) error {
			<-release
			return slow.receive(ctx, ev)
		}})
		s2 := subscribe(t, p, eventstore.SubscriptionConfig{Name: "quick", Handle: quick.receive})
		grow(t, storage, 100) // far more than the window holds
		waitFor(t, s2, 100)
		if at := s1.Position(); at != 0 {
			t.Errorf("the slow one is at %d, want 0", at)
		}
		close(release)
		waitFor(t, s1, 100)
		slow.want(t, 1, 100)
		quick.want(t, 1, 100)
	})
}

func TestAFailingHandlerGetsTheEventAgainWithGrowingWaitsAndIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		storage := memory.New()
		var waits []time.Duration
		p := startPoller(t, storage.Open(), eventstore.PollerConfig{Observer: eventstore.Observer{
			HandlerFailed: func(who string, ev eventstore.Event, attempt int, retryIn time.Duration, err error) {
				if who != "flaky" || ev.Seq != 2 || attempt != len(waits)+1 {
					t.Errorf("reported %s, event %d, attempt %d", who, ev.Seq, attempt)
				}
				waits = append(waits, retryIn)
			},
		}})
		defer p.Close()
		var r receiver
		s := subscribe(t, p, eventstore.SubscriptionConfig{Name: "flaky", RetryMin: time.Second, RetryMax: 10 * time.Second,
			Handle: func(ctx context.Context, ev eventstore.Event) error {
				if ev.Seq == 2 && len(waits) < 6 {
					return errors.New("not now")
				}
				return r.receive(ctx, ev)
			}})
		grow(t, storage, 5)
		waitFor(t, s, 5)
		r.want(t, 1, 5)
		if len(waits) != 6 || waits[0] > time.Second || waits[5] < 5*time.Second || waits[5] > 10*time.Second {
			t.Errorf("waits were %v; want them to grow from about 1 s to at most 10 s", waits)
		}
	})
}

func TestASubscriberThatHaltsOnErrorStopsAtTheEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		storage := memory.New()
		p := startPoller(t, storage.Open(), eventstore.PollerConfig{})
		defer p.Close()
		wrong := errors.New("can't go on")
		calls := 0
		s := subscribe(t, p, eventstore.SubscriptionConfig{HaltOnError: true, Handle: func(_ context.Context, ev eventstore.Event) error {
			calls++
			if ev.Seq == 3 {
				return wrong
			}
			return nil
		}})
		grow(t, storage, 5)
		if err := s.Wait(context.Background(), 3); !errors.Is(err, wrong) {
			t.Errorf("waiting for the event that fails: %v", err)
		}
		if s.Position() != 2 || !errors.Is(s.Err(), wrong) || calls != 3 {
			t.Errorf("at %d after %d calls with error %v", s.Position(), calls, s.Err())
		}
	})
}

func TestADurableCursorSurvivesARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		storage := memory.New()
		grow(t, storage, 7)
		var r receiver
		for round := range 3 {
			p := startPoller(t, storage.Open(), eventstore.PollerConfig{})
			s := subscribe(t, p, eventstore.SubscriptionConfig{Name: "durable", Handle: r.receive, Cursors: storage.Open()})
			waitFor(t, s, eventstore.Position(7+round))
			s.Close()
			s.Close()
			p.Close()
			grow(t, storage, 1)
		}
		r.want(t, 1, 9)
	})
}

func TestACursorIsSavedWhileEventsFlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		storage := memory.New()
		cursors := storage.Open()
		p := startPoller(t, storage.Open(), eventstore.PollerConfig{})
		defer p.Close()
		var r receiver
		s := subscribe(t, p, eventstore.SubscriptionConfig{Name: "durable", Handle: r.receive, Cursors: cursors})
		grow(t, storage, 5)
		waitFor(t, s, 5)
		pass(3 * time.Second)
		saved, err := cursors.LoadCursor(context.Background(), "durable")
		if err != nil || saved.Position != 5 {
			t.Errorf("saved %d (%v), want 5 without closing", saved.Position, err)
		}
	})
}

func TestACursorOfAnotherHistoryIsRefused(t *testing.T) {
	storage, other := memory.New(), memory.New()
	grow(t, storage, 5)
	grow(t, other, 9)
	ctx := context.Background()
	foreign := other.Open()
	p := startPoller(t, storage.Open(), eventstore.PollerConfig{})
	defer p.Close()
	for _, at := range []eventstore.Position{3, 5, 9} {
		after, err := eventstore.NewLog(foreign).HeadAt(ctx, at)
		if err != nil {
			t.Fatal(err)
		}
		_, err = p.Subscribe(ctx, eventstore.SubscriptionConfig{Name: "lost", After: after, Handle: (&receiver{}).receive})
		wantKind(t, err, eventstore.KindRegressed)
	}
}

func TestALogThatEndsEarlierThanKnownIsFoundThoughNobodyWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		storage := memory.New()
		grow(t, storage, 5)
		backend := eventstoretest.NewSwitchable(storage.Open())
		p := startPoller(t, backend, eventstore.PollerConfig{})
		defer p.Close()
		backend.Switch(memory.New().Open())
		pass(time.Minute)
		wantKind(t, p.Health(), eventstore.KindRegressed)
	})
}

func TestRowsMissingAtTheEndAreReportedThoughNothingCanBeRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		storage := memory.New()
		grow(t, storage, 5)
		backend := eventstoretest.NewFaulty(storage.Open())
		p := startPoller(t, backend, eventstore.PollerConfig{})
		defer p.Close()
		backend.OnRead(eventstoretest.LagBehind(storage.Open(), 2))
		grow(t, storage, 2)
		pass(time.Minute)
		wantKind(t, p.Health(), eventstore.KindMissing)
		pass(time.Minute)
		wantKind(t, p.Health(), eventstore.KindMissing)
		backend.OnRead(nil)
		pass(time.Minute)
		if err := p.Health(); err != nil || p.Head().Position != 7 {
			t.Errorf("at %d with %v, want 7 and healthy", p.Head().Position, err)
		}
	})
}

func TestADamagedRowIsNeverDelivered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		storage := memory.New()
		backend := eventstoretest.NewFaulty(storage.Open())
		backend.OnRead(forge(3))
		grow(t, storage, 2)
		p := startPoller(t, backend, eventstore.PollerConfig{})
		defer p.Close()
		var r receiver
		s := subscribe(t, p, eventstore.SubscriptionConfig{Handle: r.receive})
		grow(t, storage, 3)
		waitFor(t, s, 2)
		pass(time.Minute)
		wantKind(t, p.Health(), eventstore.KindDamaged)
		r.want(t, 1, 2)
	})
}

func TestAnIdlePollerReadsSeldomAndAWokenOneAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		storage := memory.New()
		backend := eventstoretest.NewFaulty(storage.Open())
		reads := 0
		backend.OnRead(countReads(&reads))
		p := startPoller(t, backend, eventstore.PollerConfig{MinInterval: time.Millisecond, MaxInterval: time.Second, HeadCheck: time.Hour})
		defer p.Close()
		pass(time.Minute)
		synctest.Wait()
		if reads > 150 {
			t.Errorf("%d reads in an idle minute, want about one a second", reads)
		}
		var r receiver
		s := subscribe(t, p, eventstore.SubscriptionConfig{Handle: r.receive})
		grow(t, storage, 1)
		start := time.Now()
		p.Wake()
		waitFor(t, s, 1)
		if took := time.Since(start); took > 0 {
			t.Errorf("the news took %s though the poller was woken", took)
		}
	})
}

func TestARandomFaultyReaderStillDeliversEverythingInOrder(t *testing.T) {
	for seed := range uint64(20) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				storage := memory.New()
				grow(t, storage, 30)
				backend := eventstoretest.NewFaulty(storage.Open())
				p := startPoller(t, backend, eventstore.PollerConfig{WindowEvents: 4})
				defer p.Close()
				backend.OnRead(eventstoretest.RandomReads(storage.Open(), seed, 0.6))
				var r receiver
				s := subscribe(t, p, eventstore.SubscriptionConfig{Handle: r.receive})
				for range 10 {
					grow(t, storage, 3)
					pass(5 * time.Millisecond)
				}
				backend.OnRead(nil)
				waitFor(t, s, 60)
				r.want(t, 1, 60)
			})
		})
	}
}

func TestAHoleOfAMomentIsNoDamageThoughTheLogWasIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		storage := memory.New()
		backend := eventstoretest.NewFaulty(storage.Open())
		p := startPoller(t, backend, eventstore.PollerConfig{})
		defer p.Close()
		pass(time.Minute)
		backend.OnRead(eventstoretest.HideFrom(1))
		grow(t, storage, 1)
		for range 100 {
			pass(10 * time.Millisecond)
			if err := p.Health(); err != nil {
				t.Fatalf("a hole of less than a second is reported: %v", err)
			}
		}
	})
}

// TestWhatIsReadMustContinueWhatWasHandedOver has a reader bring another history
// just while an own batch is handed over.
func TestWhatIsReadMustContinueWhatWasHandedOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := context.Background()
		storage, forked := memory.New(), memory.New()
		f := eventstoretest.NewFaulty(storage.Open())
		n, stop := startNode(t, f, lazy)
		defer stop()
		mustSubmit(t, n.writer, happen("a", plenty))
		if err := forked.Open().Append(ctx, eventstore.Head{}, checkLog(t, storage)); err != nil {
			t.Fatal(err)
		}
		forger, stopForger := startNode(t, forked.Open(), nodeConfig{})
		synctest.Wait()
		mustSubmit(t, forger.writer, happen("forged", plenty)) // another event 2
		mustSubmit(t, forger.writer, happen("forged", plenty))
		stopForger()
		gate := eventstoretest.NewGate()
		f.OnRead(func(ctx context.Context, after eventstore.Position, limit int, _ eventstoretest.ReadFunc) iter.Seq2[eventstore.Event, error] {
			return gate.Read(ctx, after, limit, forked.Open().Read)
		})
		n.poller.Wake()
		<-gate.Arrived()
		mustSubmit(t, n.writer, happen("mine", plenty)) // event 2
		gate.Open()
		pass(time.Second)
		if got := n.state.count("forged"); got != 0 {
			t.Errorf("the state took %d events that do not continue event 2", got)
		}
		f.OnRead(nil)
	})
}
