package eventstore_test

import (
	"context"
	"iter"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"openpayment/eventstore"
	"openpayment/eventstore/eventstoretest"
	"openpayment/eventstore/memory"
)

// remote is a backend as far away as a Cassandra: a round trip to read, two to
// append.
func remote(b eventstore.Backend) eventstore.Backend {
	const oneWay = 700 * time.Microsecond
	f := eventstoretest.NewFaulty(b)
	f.OnAppend(func(ctx context.Context, h eventstore.Head, batch []eventstore.Event, next eventstoretest.AppendFunc) error {
		pass(3 * oneWay)
		err := next(ctx, h, batch)
		pass(oneWay)
		return err
	})
	f.OnRead(func(ctx context.Context, after eventstore.Position, limit int, next eventstoretest.ReadFunc) iter.Seq2[eventstore.Event, error] {
		pass(2 * oneWay)
		return next(ctx, after, limit)
	})
	return f
}

// TestBusyWritersShareOneLogFairly lets one writer be busy before the others
// come, which is the hard case.
func TestBusyWritersShareOneLogFairly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const nodes, callers, spell = 3, 8, 10 * time.Second
		storage := memory.New()
		end := time.Now().Add(spell)
		var all sync.WaitGroup
		var mu sync.Mutex // guards the two below
		done := make([]int, nodes)
		longest := make([]time.Duration, nodes)
		var stops []func()
		for i := range nodes {
			n, stop := startNode(t, remote(storage.Open()), nodeConfig{})
			stops = append(stops, stop)
			for range callers {
				all.Go(func() {
					for time.Now().Before(end) {
						asked := time.Now()
						mustSubmit(t, n.writer, happen(subjectN(i), plenty))
						mu.Lock()
						done[i]++
						longest[i] = max(longest[i], time.Since(asked))
						mu.Unlock()
					}
				})
			}
			pass(500 * time.Millisecond)
		}
		all.Wait()
		for _, stop := range stops {
			stop()
		}
		sum := 0
		for _, n := range done {
			sum += n
		}
		t.Logf("commands: %v; longest waits: %v", done, longest)
		for i := range nodes {
			if done[i] < sum/nodes/2 {
				t.Errorf("writer %d had %d of %d commands", i, done[i], sum)
			}
			if longest[i] > time.Second {
				t.Errorf("a caller of writer %d waited %s", i, longest[i])
			}
		}
		checkLog(t, storage)
	})
}

// queueing is a server that does one conditional batch at a time, each of which takes
// the longer the more events it has.
type queueing struct {
	turn               chan struct{} // one slot
	appends, conflicts int           // protected by turn
}

func (q *queueing) remote(b eventstore.Backend) eventstore.Backend {
	const unit = 100 * time.Microsecond
	f := eventstoretest.NewFaulty(b)
	f.OnAppend(func(ctx context.Context, h eventstore.Head, batch []eventstore.Event, next eventstoretest.AppendFunc) error {
		events := time.Duration(len(batch))
		pass(5*unit + events*unit/12) // on its way
		q.turn <- struct{}{}
		defer pass(3 * unit)
		defer func() { <-q.turn }()
		pass(7 * unit)
		q.appends++
		err := next(ctx, h, batch)
		if err != nil {
			q.conflicts++
			return err
		}
		pass(12*unit + events*unit/3)
		return nil
	})
	f.OnRead(func(ctx context.Context, after eventstore.Position, limit int, next eventstoretest.ReadFunc) iter.Seq2[eventstore.Event, error] {
		return func(yield func(eventstore.Event, error) bool) {
			pass(7 * unit)
			n := time.Duration(0)
			for ev, err := range next(ctx, after, limit) {
				if n++; n%100 == 0 {
					pass(12 * unit)
				}
				if !yield(ev, err) {
					return
				}
			}
		}
	})
	return f
}

// TestCompetingWritersGoRound compares three writers with one that has all the callers, over
// several spells: how long each pauses is up to chance, and in one of a hundred spells of three
// seconds it takes the writers most of it to find into an order.
func TestCompetingWritersGoRound(t *testing.T) {
	const callers, spell, spells = 600, 3 * time.Second, 4
	run := func(nodes int) (perSecond float64, q *queueing) {
		synctest.Test(t, func(t *testing.T) {
			q = &queueing{turn: make(chan struct{}, 1)}
			storage := memory.New()
			end := time.Now().Add(spell)
			var all sync.WaitGroup
			var stops []func()
			for i := range nodes {
				n, stop := startNode(t, q.remote(storage.Open()), nodeConfig{})
				stops = append(stops, stop)
				for range callers / nodes {
					all.Go(func() {
						for time.Now().Before(end) {
							mustSubmit(t, n.writer, happen(subjectN(i), plenty))
						}
					})
				}
			}
			all.Wait()
			for _, stop := range stops {
				stop()
			}
			perSecond = float64(len(checkLog(t, storage))) / spell.Seconds()
		})
		return perSecond, q
	}
	one, _ := run(1)
	three, conflicts, appends := 0.0, 0, 0
	for range spells {
		perSecond, q := run(3)
		t.Logf("one writer: %.0f events/s, three: %.0f; %d of %d appends conflicted", one, perSecond, q.conflicts, q.appends)
		three += perSecond / spells
		conflicts += q.conflicts
		appends += q.appends
	}
	if three < 0.7*one {
		t.Errorf("three writers store %.0f events/s, one alone %.0f", three, one)
	}
	if conflicts > appends/4 {
		t.Errorf("%d of %d appends were in vain", conflicts, appends)
	}
}
