package journal

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"openpayment/account"
	"openpayment/eventstore"
	"openpayment/eventstore/memory"
)

const million = 1_000_000

// bigState is a million accounts, each of two events, built once.
var bigState = sync.OnceValue(func() *account.State {
	s := account.NewState()
	at := func() account.Stamp {
		return account.Stamp{Seq: s.Position() + 1, Time: time.UnixMilli(s.Position()).UTC()}
	}
	for i := range million {
		n := account.Number(fmt.Sprintf("%08d", i))
		urls := []string{"https://customers.example/" + string(n)}
		if err := s.Apply(account.Opened{Number: n, SortCode: "10-20-30", CustomerURLs: urls, CardURLs: []string{}, Currency: "GBP"}, at()); err != nil {
			panic(err)
		}
	}
	for i := range million {
		n := account.Number(fmt.Sprintf("%08d", i))
		urls := []string{"https://customers.example/" + string(n)}
		if err := s.Apply(account.Updated{Number: n, SortCode: "40-50-60", CustomerURLs: urls, CardURLs: []string{}}, at()); err != nil {
			panic(err)
		}
	}
	return s
})

// BenchmarkSnapshot takes a snapshot of a million accounts, and loads it.
func BenchmarkSnapshot(b *testing.B) {
	s := bigState()
	store := memory.New().Open()
	tail := eventstore.Tail{Head: eventstore.Head{Position: eventstore.Position(s.Position())}}
	taker := newSnapshotter(SnapshotConfig{Store: store}, newReducer(s, tail), notLost, nil)
	var m eventstore.Manifest
	b.Run("take", func(b *testing.B) {
		var longest time.Duration
		taker.cfg.Observer.Taken = func(_ eventstore.Manifest, _, stall time.Duration) { longest = max(longest, stall) }
		for b.Loop() {
			var err error
			if m, err = taker.take(context.Background(), false); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(longest.Microseconds()), "µs-stall")
		b.ReportMetric(float64(m.Bytes)/million, "B/account")
	})
	b.Run("load", func(b *testing.B) {
		for b.Loop() {
			if _, err := load(context.Background(), store, m); err != nil {
				b.Fatal(err)
			}
		}
	})
}
