package cassandra_test

import (
	"fmt"
	"testing"
	"time"

	"openpayment/eventstore"
)

// BenchmarkAppend appends one batch after the other, as one Writer does.
func BenchmarkAppend(b *testing.B) {
	for _, size := range []int{1, 100, 400, 1000} {
		b.Run(fmt.Sprintf("batch=%d", size), func(b *testing.B) {
			s := open(b, config(b, 0))
			var head eventstore.Head
			for b.Loop() {
				b.StopTimer()
				batch := batchAfter(head, size)
				b.StartTimer()
				if err := s.Append(b.Context(), head, batch); err != nil {
					b.Fatal(err)
				}
				head = batch[size-1].Head()
			}
			reportRate(b, size)
		})
	}
}

// BenchmarkRead scans a log of many buckets from its start.
func BenchmarkRead(b *testing.B) {
	const events = 200_000
	cfg := config(b, 0)
	s := open(b, cfg)
	var head eventstore.Head
	for head.Position < events {
		batch := batchAfter(head, 1000)
		if err := s.Append(b.Context(), head, batch); err != nil {
			b.Fatal(err)
		}
		head = batch[999].Head()
	}
	for b.Loop() {
		n := 0
		for _, err := range s.Read(b.Context(), 0, 0) {
			if err != nil {
				b.Fatal(err)
			}
			n++
		}
		if n != events {
			b.Fatalf("%d events, want %d", n, events)
		}
	}
	reportRate(b, events)
}

// BenchmarkPoint is what a poll without news costs, a point read, and a read of
// the head.
func BenchmarkPoint(b *testing.B) {
	s := open(b, config(b, 0))
	head, _ := write(b, s, 1000, 1000)
	read := func(b *testing.B, after eventstore.Position, limit, want int) {
		for b.Loop() {
			n := 0
			for _, err := range s.Read(b.Context(), after, limit) {
				if err != nil {
					b.Fatal(err)
				}
				n++
			}
			if n != want {
				b.Fatalf("%d events, want %d", n, want)
			}
		}
	}
	b.Run("poll", func(b *testing.B) { read(b, head.Position, 1000, 0) })
	b.Run("event", func(b *testing.B) { read(b, 1233, 2, 2) })
	b.Run("head", func(b *testing.B) {
		for b.Loop() {
			if _, err := s.Head(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func reportRate(b *testing.B, events int) {
	b.ReportMetric(float64(b.N*events)/max(b.Elapsed(), time.Nanosecond).Seconds(), "events/s")
}
