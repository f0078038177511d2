package bench

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"openpayment/account/journal"
	"openpayment/eventstore"
)

// eventsEach is how many events an account of these cases has.
const eventsEach = 10

// heap is what an account takes in memory.
func (r *run) heap() []group {
	c := &Case{Name: "memory", Title: fmt.Sprintf("live heap of an account with 2 customers, a card and %d events, of %d", eventsEach, r.settings.HeapAccounts)}
	return []group{{[]*Case{c}, func(ctx context.Context) error {
		var each []float64
		for range minPairs {
			bytes, err := heapOf(ctx, r.settings.HeapAccounts)
			if err != nil {
				return err
			}
			each = append(each, bytes)
		}
		c.Result = newResult("live heap of one account", "B", true, each)
		return nil
	}}}
}

// heapOf starts the service on a log of so many accounts, and gives what each of them
// takes, with its share of all that the service keeps.
func heapOf(ctx context.Context, accounts int) (float64, error) {
	log, err := newSynthetic(ctx, accounts, eventsEach)
	if err != nil {
		return 0, err
	}
	before := liveHeap()
	service, err := startService(ctx, log, journal.Config{})
	if err != nil {
		return 0, err
	}
	after := liveHeap()
	if n := service.Status().Accounts; n != accounts {
		err = fmt.Errorf("the service has %d accounts of %d", n, accounts)
	}
	return float64(after-before) / float64(accounts), errors.Join(err, closeService(service))
}

func liveHeap() int64 {
	var m runtime.MemStats
	for range 2 { // the second takes what the first has only marked
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// stallCallers is how many callers have the reducer work while snapshots are taken.
const stallCallers = 16

// stalls are how long the reducer takes for an event while a snapshot is taken, which
// freezes the state account by account.
func (r *run) stalls() []group {
	c := &Case{Name: "stall", Title: fmt.Sprintf("reducer's time for an event while a snapshot of %d accounts is taken, p99.9, beside none being taken", r.settings.StallAccounts)}
	return []group{{[]*Case{c}, func(ctx context.Context) (err error) {
		store, err := r.place.Open(ctx, "stall")
		if err != nil {
			return err
		}
		log, err := newSynthetic(ctx, r.settings.StallAccounts, 1)
		if err != nil {
			return errors.Join(err, store.Close())
		}
		var w reducerWatch
		service, err := startService(ctx, log, journal.Config{Observer: w.observer(), Snapshots: journal.SnapshotConfig{Store: store, Keep: 1}})
		if err != nil {
			return errors.Join(err, store.Close())
		}
		n := &node{store: store, service: service}
		defer func() { err = errors.Join(err, n.stop()) }()
		return r.stall(ctx, c, n, &w)
	}}}
}

// reducerWatch takes the time between an event's coming to the reducer and its being part
// of the state.
type reducerWatch struct {
	mu       sync.Mutex // guards the rest
	received time.Time
	took     []int64
}

func (w *reducerWatch) observer() eventstore.Observer {
	return eventstore.Observer{
		Received: func(string, eventstore.Event) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.received = time.Now()
		},
		Processed: func(string, eventstore.Event) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.took = append(w.took, int64(time.Since(w.received)))
		},
	}
}

// watched is what a side has the reducer do, in place of what its callers saw.
func (w *reducerWatch) watched(do side) side {
	return func(ctx context.Context, span time.Duration) (sample, error) {
		w.mu.Lock()
		w.took = w.took[:0]
		w.mu.Unlock()
		s, err := do(ctx, span)
		s.latency = newLatencies()
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, t := range w.took {
			_ = s.latency.RecordValue(t)
		}
		return s, err
	}
}

func (r *run) stall(ctx context.Context, c *Case, n *node, w *reducerWatch) error {
	pays := callers(stallCallers, func(ctx context.Context, _ int, i int64) error { return n.pay(ctx, i%int64(r.settings.StallAccounts)) })
	during := func(ctx context.Context, span time.Duration) (s sample, err error) {
		taken := make(chan error, 1)
		go func() { // it ends with the snapshot, which is waited for
			_, err := n.service.TakeSnapshot(ctx)
			taken <- err
		}()
		for more := true; more && err == nil; {
			var one sample
			one, err = pays(ctx, span)
			s.ops, s.took = s.ops+one.ops, s.took+one.took
			select {
			case failed := <-taken:
				return s, errors.Join(err, failed)
			default:
			}
		}
		return s, errors.Join(err, <-taken)
	}
	pace := r.settings.pace()
	pace.slice /= 5 // about as long as a snapshot of not so many accounts takes
	as, bs, err := alternate(ctx, pace, w.watched(during), w.watched(pays))
	if err != nil {
		return err
	}
	var longest []float64
	for _, s := range as {
		longest = append(longest, float64(s.latency.ValueAtQuantile(99.9))/1e6)
	}
	c.Measured, c.Beside = newSide("while a snapshot is taken", "events/s", as), newSide("while none is", "events/s", bs)
	c.Result = newResult("reducer's time for an event, p99.9", "ms", true, longest)
	return nil
}

// growthAccounts is how many accounts both logs of the growth case have.
const growthAccounts = 2000

// growthCallers is how many callers it has.
const growthCallers = 256

// growth is what an event costs when the log is long, beside one that is short.
func (r *run) growth() []group {
	c := &Case{Name: "growth", Title: fmt.Sprintf("deposits of %d callers behind %d events, beside behind %d", growthCallers, r.settings.Long, r.settings.Short)}
	return []group{{[]*Case{c}, func(ctx context.Context) (err error) {
		var sides []side
		for i, events := range []int{r.settings.Long, r.settings.Short} {
			store, err := r.fill(ctx, fmt.Sprintf("growth-%d", i), events, growthAccounts)
			if err != nil {
				return err
			}
			n, err := start(ctx, store, journal.Config{})
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, n.stop()) }()
			if err := n.open(ctx, paidAccounts); err != nil {
				return err
			}
			sides = append(sides, callers(growthCallers, func(ctx context.Context, _ int, i int64) error { return n.pay(ctx, i) }))
		}
		return r.compare(ctx, c, "events/s", costs, named{"behind the long log", sides[0]}, named{"behind the short one", sides[1]})
	}}}
}
