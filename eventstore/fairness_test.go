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
