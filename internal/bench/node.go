package bench

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"openpayment/account"
	"openpayment/account/journal"
	"openpayment/eventstore"
)

// node is the service on one handle of a log, as serve runs it.
type node struct {
	store   eventstore.Store
	service *journal.Service
	tally   tally
}

// tally is what a node's Writer did.
type tally struct {
	mu        sync.Mutex // guards the rest
	batches   *hdrhistogram.Histogram
	conflicts int64
	doubts    int64
}

func (t *tally) observer() eventstore.Observer {
	return eventstore.Observer{
		Published: func(batch []eventstore.Event, _ time.Duration) {
			t.mu.Lock()
			defer t.mu.Unlock()
			_ = t.batches.RecordValue(int64(len(batch)))
		},
		Conflict: func(eventstore.Head, int, int) {
			t.mu.Lock()
			defer t.mu.Unlock()
			t.conflicts++
		},
		InDoubt: func(eventstore.Head, int, int, error) {
			t.mu.Lock()
			defer t.mu.Unlock()
			t.doubts++
		},
	}
}

// figures are those of some nodes together.
func figures(nodes ...*node) []Figure {
	batches := newBatches()
	var conflicts, doubts int64
	for _, n := range nodes {
		n.tally.mu.Lock()
		batches.Merge(n.tally.batches)
		conflicts, doubts = conflicts+n.tally.conflicts, doubts+n.tally.doubts
		n.tally.mu.Unlock()
	}
	return []Figure{
		{Name: "events in an append, mean", Value: batches.Mean()},
		{Name: "p50", Value: float64(batches.ValueAtQuantile(50))},
		{Name: "p99", Value: float64(batches.ValueAtQuantile(99))},
		{Name: "appends", Value: float64(batches.TotalCount())},
		{Name: "conflicts", Value: float64(conflicts)},
		{Name: "in doubt", Value: float64(doubts)},
	}
}

func newBatches() *hdrhistogram.Histogram { return hdrhistogram.New(1, eventstore.MaxBatchEvents, 3) }

// start starts the service on a handle, which is its own from then on, and waits until it
// has read its log.
func start(ctx context.Context, store eventstore.Store, cfg journal.Config) (*node, error) {
	n := &node{store: store, tally: tally{batches: newBatches()}}
	cfg.Observer = n.tally.observer().And(cfg.Observer)
	service, err := startService(ctx, store, cfg)
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	n.service = service
	return n, nil
}

// startService waits until the service has read its log.
func startService(ctx context.Context, store eventstore.Backend, cfg journal.Config) (*journal.Service, error) {
	done := make(chan struct{})
	cfg.Progress = func(_, _ eventstore.Position, last bool) {
		if last {
			close(done)
		}
	}
	if buckets, ok := store.(interface{ BucketSize() int64 }); ok {
		cfg.Writer.BatchEvents = min(eventstore.MaxBatchEvents, int(buckets.BucketSize()))
	}
	service, err := journal.Start(ctx, store, cfg)
	if err != nil {
		return nil, err
	}
	for look := time.NewTicker(time.Second); ; {
		select {
		case <-done:
			look.Stop()
			return service, nil
		case <-ctx.Done():
			look.Stop()
			return nil, errors.Join(ctx.Err(), closeService(service))
		case <-look.C: // it may have stopped for good
			if err := service.Status(); err.Halted {
				look.Stop()
				return nil, errors.Join(err.Problem, closeService(service))
			}
		}
	}
}

// closing is how long the end of a service may take.
const closing = 30 * time.Second

func closeService(s *journal.Service) error {
	ctx, cancel := context.WithTimeout(context.Background(), closing)
	defer cancel()
	return s.Close(ctx)
}

// stop ends the service and closes its handle.
func (n *node) stop() error { return errors.Join(closeService(n.service), n.store.Close()) }

// number is that of the i-th account of a case.
func number(i int) account.Number { return account.Number(fmt.Sprintf("%08d", 10_000_000+i)) }

// open opens so many accounts, if they are not there.
func (n *node) open(ctx context.Context, accounts int) error {
	for from := 0; from < accounts; from += 500 {
		var commands []account.Command
		for i := from; i < min(from+500, accounts); i++ {
			if _, err := n.service.Account(number(i)); err == nil {
				continue
			}
			commands = append(commands, account.Open{
				Number: string(number(i)), SortCode: "10-20-30",
				CustomerURLs: []string{"https://customers.example/" + string(number(i))},
			})
		}
		if len(commands) == 0 {
			continue
		}
		if _, err := n.service.ExecuteAll(ctx, commands, journal.Options{}); err != nil {
			return err
		}
	}
	return nil
}

// meta goes with every command, as with one that came over HTTP.
var meta = eventstore.MetaOf(plainMeta)

// plainMeta is the same for those who know no events.
var plainMeta = map[string]string{"requestId": "0198c3f2-7a1c-7c11-9d6e-2f1f3f6f7a11", "actor": "teller-7"}

// paidAccounts is how many accounts are paid into, in turns.
const paidAccounts = 1000

// reference makes an event of about 300 bytes as it is stored.
func reference(i int64) string {
	return "pay-in at till 4, receipt 2026-" + strconv.FormatInt(100_000_000+i%900_000_000, 10)
}

// pay carries out the i-th command: decided, appended, and part of the state.
func (n *node) pay(ctx context.Context, i int64) error {
	_, err := n.service.Execute(ctx, account.Deposit{
		Account: number(int(i % paidAccounts)), Amount: 1 + i%1000, Currency: account.DefaultCurrency, Reference: reference(i),
	}, journal.Options{Meta: meta})
	return err
}

// row is the event that the i-th command leads to, as the driver alone stores it: nothing
// decides it, and its hash is of nothing.
func row(i int64) eventstore.Event {
	n := string(number(int(i % paidAccounts)))
	ev := eventstore.Event{
		Seq: eventstore.Position(i), Type: "funds.deposited", Subject: "accounts/" + n, Time: time.Now(), Meta: meta,
		Data: `{"accountNumber":"` + n + `","amount":` + strconv.FormatInt(1+i%1000, 10) + `,"currency":"GBP","reference":"` + reference(i) + `"}`,
	}
	for b := range 8 {
		ev.ID[15-b], ev.Hash[b] = byte(i>>(8*b)), byte(i>>(8*b))
	}
	ev.ID[6], ev.ID[8] = 0x70, 0x80
	return ev
}

// reset forgets what was counted so far.
func (n *node) reset() {
	n.tally.mu.Lock()
	defer n.tally.mu.Unlock()
	n.tally.batches.Reset()
	n.tally.conflicts, n.tally.doubts = 0, 0
}
