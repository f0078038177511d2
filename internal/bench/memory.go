package bench

import (
	"context"
	"sync"

	"openpayment/eventstore"
	"openpayment/eventstore/memory"
)

// inMemory is a place that ends with the process.
type inMemory struct {
	mu   sync.Mutex // guards logs
	logs map[string]*memory.Log
}

// InMemory is a place in memory.
func InMemory() Place { return &inMemory{logs: make(map[string]*memory.Log)} }

// Kind implements [Place].
func (*inMemory) Kind() string { return Memory }

// About implements [Place].
func (*inMemory) About() []string { return []string{"logs in memory"} }

// Open implements [Place].
func (m *inMemory) Open(_ context.Context, log string) (eventstore.Store, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.logs[log] == nil {
		m.logs[log] = memory.New()
	}
	return m.logs[log].Open(), nil
}

// Remove implements [Place].
func (m *inMemory) Remove(context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	clear(m.logs)
	return nil
}

// keptRows is how many rows the driver alone keeps, in memory.
const keptRows = 100_000

func (m *inMemory) raw() driver {
	return driver{
		appendsBy: "rows appended to a slice, under a mutex",
		appends: func(_ context.Context, n int) (side, error) {
			var mu sync.Mutex
			var rows []eventstore.Event
			return callers(n, func(_ context.Context, _ int, i int64) error {
				ev := row(i)
				mu.Lock()
				defer mu.Unlock()
				if len(rows) == keptRows { // or the garbage collector is what is measured
					rows = rows[:0]
				}
				rows = append(rows, ev)
				return nil
			}), nil
		},
		scansBy: "all events, looked at",
		scan: func(ctx context.Context, log string, events int) error {
			store, err := m.Open(ctx, log)
			if err != nil {
				return err
			}
			n := 0
			for _, err := range store.Read(ctx, 0, 0) {
				if err != nil {
					return err
				}
				n++
			}
			return allThere(n, events)
		},
	}
}
