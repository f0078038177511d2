package eventstore_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"openpayment/eventstore"
	"openpayment/eventstore/eventstoretest"
	"openpayment/eventstore/memory"
)

// tally is the smallest state worth deciding on: how many events each subject
// has had.
type tally struct {
	mu     sync.Mutex
	counts map[string]int
	tail   eventstore.Tail
	sub    *eventstore.Subscription
}

func (m *tally) receive(_ context.Context, ev eventstore.Event) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.counts[ev.Subject]++
	m.tail = eventstore.Tail{Head: ev.Head(), Time: ev.Time}
	return nil
}

func (m *tally) Draft(use func(tallyDraft, eventstore.Tail)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	use(tallyDraft{m.counts, map[string]int{}}, m.tail)
}

func (m *tally) Wait(ctx context.Context, pos eventstore.Position) error { return m.sub.Wait(ctx, pos) }

func (m *tally) count(subject string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.counts[subject]
}

type tallyDraft struct{ below, added map[string]int }

func (d tallyDraft) count(subject string) int { return d.below[subject] + d.added[subject] }

var errTooMany = errors.New("the subject has had enough events")

// happen is a command: one more event of subject, unless it has had limit.
func happen(subject string, limit int) eventstore.Decide[tallyDraft] {
	return happenTimes(subject, limit, 1, "{}")
}

func happenTimes(subject string, limit, times int, data string) eventstore.Decide[tallyDraft] {
	return func(d tallyDraft, _ eventstore.Slot) ([]eventstore.Proposal, error) {
		if d.count(subject)+times > limit {
			return nil, errTooMany
		}
		d.added[subject] += times
		proposals := make([]eventstore.Proposal, times)
		for i := range proposals {
			proposals[i] = eventstore.Proposal{Type: "test.happened", Subject: subject, Data: data}
		}
		return proposals, nil
	}
}

const plenty = 1 << 30

// node is one process on a log, as small as it can be.
type node struct {
	log    *eventstore.Log
	poller *eventstore.Poller
	state  *tally
	writer *eventstore.Writer[tallyDraft]
}

type nodeConfig struct {
	writer eventstore.WriterConfig
	poller eventstore.PollerConfig
}

// startNode starts a node that ends with the test. With synctest it must be
// closed before the bubble ends: stop does that.
func startNode(t testing.TB, backend eventstore.Backend, cfg nodeConfig) (n *node, stop func()) {
	t.Helper()
	ctx := context.Background()
	log := eventstore.NewLog(backend)
	poller, err := eventstore.StartPoller(ctx, log, cfg.poller)
	if err != nil {
		t.Fatal(err)
	}
	state := &tally{counts: map[string]int{}}
	state.sub, err = poller.Subscribe(ctx, eventstore.SubscriptionConfig{Name: "tally", Handle: state.receive, HaltOnError: true})
	if err != nil {
		t.Fatal(err)
	}
	n = &node{log: log, poller: poller, state: state}
	n.writer = eventstore.StartWriter(log, poller, state, cfg.writer)
	return n, func() {
		ctx, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		if err := n.writer.Close(ctx); err != nil {
			t.Errorf("closing the writer: %v", err)
		}
		poller.Close()
	}
}

// checkLog verifies the invariants every log must keep, and returns its events.
func checkLog(t testing.TB, storage *memory.Log) []eventstore.Event {
	t.Helper()
	store := storage.Open()
	defer store.Close()
	eventstoretest.CheckInvariants(t, store)
	var events []eventstore.Event
	for ev, err := range store.Read(context.Background(), 0, 0) {
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, ev)
	}
	return events
}

// mustSubmit submits and wants success.
func mustSubmit(t testing.TB, w *eventstore.Writer[tallyDraft], d eventstore.Decide[tallyDraft]) eventstore.Position {
	t.Helper()
	placed, err := w.Submit(context.Background(), d)
	if err != nil {
		t.Errorf("submit: %v", err)
	}
	return placed.Position
}

func wantKind(t testing.TB, err error, kind eventstore.Kind) {
	t.Helper()
	if got := eventstore.KindOf(err); err == nil || got != kind {
		t.Errorf("got error %v of kind %q, want kind %q", err, got, kind)
	}
}

func subjectN(i int) string { return fmt.Sprintf("subjects/%d", i) }

// faulty is b with a hook on its appends.
func faulty(b eventstore.Backend, hook eventstoretest.AppendHook) *eventstoretest.Faulty {
	f := eventstoretest.NewFaulty(b)
	f.OnAppend(hook)
	return f
}

// gate is a backend whose appends wait until it is opened, and are counted.
type gate struct {
	*eventstoretest.Faulty
	gate  *eventstoretest.Gate
	count atomic.Int32
}

func newGate(b eventstore.Backend) *gate {
	g := &gate{gate: eventstoretest.NewGate()}
	g.Faulty = faulty(b, func(ctx context.Context, h eventstore.Head, batch []eventstore.Event, next eventstoretest.AppendFunc) error {
		g.count.Add(1)
		return g.gate.Append(ctx, h, batch, next)
	})
	return g
}

func (g *gate) awaitAppend() { <-g.gate.Arrived() }
func (g *gate) open()        { g.gate.Open() }
func (g *gate) appends() int { return int(g.count.Load()) }

// forge is a reader that gets other data at one position than was written.
func forge(at eventstore.Position) eventstoretest.ReadHook {
	return func(ctx context.Context, after eventstore.Position, limit int, next eventstoretest.ReadFunc) iter.Seq2[eventstore.Event, error] {
		return func(yield func(eventstore.Event, error) bool) {
			for ev, err := range next(ctx, after, limit) {
				if ev.Seq == at {
					ev.Data = `{"forged":true}`
				}
				if !yield(ev, err) {
					return
				}
			}
		}
	}
}

// countReads counts the reads of one goroutine.
func countReads(n *int) eventstoretest.ReadHook {
	return func(ctx context.Context, after eventstore.Position, limit int, next eventstoretest.ReadFunc) iter.Seq2[eventstore.Event, error] {
		*n++
		return next(ctx, after, limit)
	}
}
