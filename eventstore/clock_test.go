package eventstore_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"openpayment/eventstore"
	"openpayment/eventstore/eventstoretest"
	"openpayment/eventstore/memory"
)

// clocked is a backend whose store has a clock of its own.
type clocked struct {
	eventstore.Backend
	mu            sync.Mutex // guards all below
	ahead, within time.Duration
	err           error
}

func (c *clocked) Ahead(context.Context) (ahead, within time.Duration, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ahead, c.within, c.err
}

// reads makes the clock be ahead by so much, and waits until that is known.
func (c *clocked) reads(ahead, within time.Duration, err error) {
	c.mu.Lock()
	c.ahead, c.within, c.err = ahead, within, err
	c.mu.Unlock()
	pass(15 * time.Second)
}

// startClocked starts a node that minds its clock.
func startClocked(t *testing.T, b eventstore.Backend, limit time.Duration, o eventstore.Observer) (*node, func()) {
	clocks := eventstore.WatchClocks(t.Context(), b, limit, o)
	n, stop := startNode(t, b, nodeConfig{writer: eventstore.WriterConfig{Clocks: clocks}})
	return n, func() {
		stop()
		clocks.Close()
		clocks.Close() // it may be called twice
	}
}

func wantSkew(t *testing.T, err error, ahead time.Duration, of string) {
	t.Helper()
	skew, ok := errors.AsType[*eventstore.SkewError](err)
	if eventstore.KindOf(err) != eventstore.KindUnavailable || !ok || skew.Of != of || (skew.Ahead-ahead).Abs() > 200*time.Millisecond { // a Writer takes pauses
		t.Errorf("%v, want that the clock of %s is %s ahead", err, of, ahead)
	}
}

// appendAt appends an event of the given time, from elsewhere.
func appendAt(t *testing.T, storage *memory.Log, at time.Time) {
	t.Helper()
	store := storage.Open()
	head, err := store.Head(t.Context())
	if err == nil {
		err = store.Append(t.Context(), head, eventstoretest.NewBatch(head, at, 1))
	}
	if err != nil {
		t.Fatal(err)
	}
}

const limit = 5 * time.Second

func TestANodeWhoseClockIsBehindTheNewestEventWaitsForIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		storage := memory.New()
		n, stop := startClocked(t, storage.Open(), limit, eventstore.Observer{})
		defer stop()
		began := time.Now()
		appendAt(t, storage, began.Add(limit))
		mustSubmit(t, n.writer, happen("a", plenty)) // not more than the limit
		appendAt(t, storage, began.Add(20*time.Second))
		pass(time.Second)
		wantSkew(t, submit(n, time.Minute, happen("a", plenty)), 19*time.Second, "the newest event's writer")
		wantSkew(t, submit(n, time.Minute, happen("a", 0)), 19*time.Second, "the newest event's writer") // a refusal would be an answer too
		pass(14 * time.Second)
		mustSubmit(t, n.writer, happen("a", plenty))
		events := checkLog(t, storage)
		if len(events) != 4 || !events[1].Time.Equal(began.Add(limit)) || !events[3].Time.Equal(began.Add(20*time.Second)) {
			t.Errorf("%d events; the node's have the times %s and %s", len(events), events[1].Time, events[len(events)-1].Time)
		}
	})
}

func TestANodeThatLearnsOfALaterTimeByAConflictDoesNotAppend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		storage := memory.New()
		g := newGate(storage.Open())
		n, stop := startClocked(t, g, limit, eventstore.Observer{})
		defer stop()
		answer := make(chan error)
		go func() { answer <- submit(n, time.Minute, happen("a", plenty)) }()
		g.awaitAppend()
		appendAt(t, storage, time.Now().Add(time.Hour))
		g.open()
		wantSkew(t, <-answer, time.Hour, "the newest event's writer")
		if events := checkLog(t, storage); len(events) != 1 {
			t.Errorf("the log has %d events", len(events))
		}
	})
}

func TestWithoutALimitAnyClockWillDo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		storage := memory.New()
		n, stop := startClocked(t, &clocked{Backend: storage.Open(), ahead: time.Hour}, 0, eventstore.Observer{})
		defer stop()
		appendAt(t, storage, time.Now().Add(time.Hour))
		mustSubmit(t, n.writer, happen("a", plenty))
	})
}

func TestANodeWhoseClockIsNotTheStoresTakesNoCommandsUntilItIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		storage := memory.New()
		store := &clocked{Backend: storage.Open(), ahead: -6 * time.Second}
		var told []*eventstore.SkewError
		n, stop := startClocked(t, store, limit, eventstore.Observer{Skewed: func(found *eventstore.SkewError) { told = append(told, found) }})
		defer stop()
		refused := func(ahead time.Duration) {
			t.Helper()
			wantSkew(t, submit(n, time.Minute, happen("a", plenty)), ahead, "the store")
		}
		refused(-6 * time.Second) // from the start

		store.reads(0, 0, errors.New("no answer")) // which tells nothing
		refused(-6 * time.Second)
		store.reads(limit, 0, nil)
		mustSubmit(t, n.writer, happen("a", plenty))
		store.reads(0, 0, errors.New("no answer"))
		mustSubmit(t, n.writer, happen("a", plenty))
		store.reads(limit+time.Millisecond, 0, nil)
		refused(limit + time.Millisecond)
		store.reads(limit+time.Second, time.Second, nil) // it may be the network's delay
		mustSubmit(t, n.writer, happen("a", plenty))
		stop() // and so the measuring
		if len(told) != 4 || told[0] == nil || told[1] != nil || told[2] == nil || told[3] != nil {
			t.Errorf("told of %v", told)
		}
		if events := checkLog(t, storage); len(events) != 3 {
			t.Errorf("the log has %d events", len(events))
		}
	})
}

// What was decided in good time is brought to its end.
func TestABatchInDoubtIsClearedUpThoughTheClockHasGoneWrong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		storage := memory.New()
		faulty := eventstoretest.NewFaulty(storage.Open())
		store := &clocked{Backend: faulty}
		n, stop := startClocked(t, store, limit, eventstore.Observer{})
		defer stop()
		faulty.OnAppend(eventstoretest.DropAppend)
		answer := make(chan error)
		go func() { answer <- submit(n, time.Minute, happen("a", plenty)) }()
		store.reads(time.Hour, 0, nil)
		faulty.OnAppend(nil)
		if err := <-answer; err != nil {
			t.Error(err)
		}
		wantSkew(t, submit(n, time.Minute, happen("a", plenty)), time.Hour, "the store")
		if events := checkLog(t, storage); len(events) != 1 {
			t.Errorf("the log has %d events", len(events))
		}
	})
}
