package eventstoretest

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"openpayment/eventstore"
)

// Callers are the numbers of concurrent callers that benchmarks are run with.
var Callers = []int{1, 64, 1000}

// BenchmarkWriter measures commands of one event of about 300 bytes through a
// Writer on the given storage: decided, appended, handed over and applied, as a
// service does it, without HTTP. The operation is one command.
func BenchmarkWriter(b *testing.B, new Factory) {
	for _, callers := range Callers {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			w := startBlank(b, new(b, 0))
			ctx := context.Background()
			Concurrently(b, callers, func(i int) error {
				_, err := w.Submit(ctx, func(struct{}, eventstore.Slot) ([]eventstore.Proposal, error) {
					return []eventstore.Proposal{Payload(i)}, nil
				})
				return err
			})
		})
	}
}

// Payload is an event as the service makes them, about 300 bytes when stored.
func Payload(i int) eventstore.Proposal {
	number := fmt.Sprintf("%08d", i)
	return eventstore.Proposal{
		Type: "account.updated", Subject: "accounts/" + number,
		Meta: map[string]string{"requestId": "0198c3f2-7a1c-7c11-9d6e-2f1f3f6f7a11"},
		Data: `{"accountNumber":"` + number + `","sortCode":"10-20-30","customerURLs":["https://customers.example/` +
			number + `"],"cardURLs":["https://cards.example/` + number + `"],"currency":"GBP"}`,
	}
}

// Concurrently shares the benchmark's operations out to so many goroutines and
// reports operations per second.
func Concurrently(b *testing.B, callers int, operation func(i int) error) {
	b.Helper()
	var next atomic.Int64
	var all sync.WaitGroup
	b.ResetTimer()
	for range callers {
		all.Go(func() {
			for i := next.Add(1); i <= int64(b.N); i = next.Add(1) {
				if err := operation(int(i)); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

// blank is a model that knows nothing but where it stands.
type blank struct {
	mu       sync.Mutex // guards tail
	tail     eventstore.Tail
	received *eventstore.Subscription
}

func (m *blank) receive(_ context.Context, ev eventstore.Event) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tail = eventstore.Tail{Head: ev.Head(), Time: ev.Time}
	return nil
}

// Draft implements [eventstore.Model].
func (m *blank) Draft(use func(struct{}, eventstore.Tail)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	use(struct{}{}, m.tail)
}

// Wait implements [eventstore.Model].
func (m *blank) Wait(ctx context.Context, pos eventstore.Position) error {
	return m.received.Wait(ctx, pos)
}

func startBlank(b *testing.B, storage Storage) *eventstore.Writer[struct{}] {
	ctx := context.Background()
	store, err := storage.Open(ctx)
	if err != nil {
		b.Fatal(err)
	}
	log, m := eventstore.NewLog(store), &blank{}
	poller, err := eventstore.StartPoller(ctx, log, eventstore.PollerConfig{})
	if err != nil {
		b.Fatal(err)
	}
	m.received, err = poller.Subscribe(ctx, eventstore.SubscriptionConfig{Name: "blank", Handle: m.receive})
	if err != nil {
		b.Fatal(err)
	}
	w := eventstore.StartWriter(log, poller, m, eventstore.WriterConfig{})
	b.Cleanup(func() {
		if err := w.Close(ctx); err != nil {
			b.Error(err)
		}
		poller.Close()
		store.Close()
	})
	return w
}
