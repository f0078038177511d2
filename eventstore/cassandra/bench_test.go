package cassandra_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"openpayment/eventstore"
	"openpayment/eventstore/cassandra"
	"openpayment/internal/cassandratest"
)

// BenchmarkAppend appends one batch after the other, as one Writer does.
func BenchmarkAppend(b *testing.B) {
	for _, size := range []int{1, 100, 400, 1000} {
		b.Run(fmt.Sprintf("batch=%d", size), func(b *testing.B) { appendBatches(b, open(b, config(b, 0)), size, 0) })
	}
}

// BenchmarkPayload appends batches of 50 events with data of so many bytes.
func BenchmarkPayload(b *testing.B) {
	for _, bytes := range []int{100, 1 << 10, 4 << 10, 16 << 10} {
		b.Run(fmt.Sprintf("bytes=%d", bytes), func(b *testing.B) { appendBatches(b, open(b, config(b, 0)), 50, bytes) })
	}
}

// BenchmarkReplicas appends to a ring of three nodes that keep so many copies, all of them
// on this machine: what it tells is what a copy costs, not how fast a cluster is.
func BenchmarkReplicas(b *testing.B) {
	ring := cassandratest.StartRing(b)
	for _, copies := range []string{"1", "3"} {
		cfg := configFor(ring.Hosts()[0], cassandratest.Keyspace(b))
		cfg.Hosts, cfg.Replication = ring.Hosts(), copies
		s := open(b, cfg)
		for _, size := range []int{1, 100, 1000} {
			b.Run(fmt.Sprintf("copies=%s/batch=%d", copies, size), func(b *testing.B) { appendBatches(b, s, size, 0) })
		}
	}
}

// appendBatches appends batches of so many events, with data of so many bytes if that is
// more than they have.
func appendBatches(b *testing.B, s *cassandra.Store, size, bytes int) {
	head, err := s.Head(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		b.StopTimer()
		batch := batchAfter(head, size)
		for i, before := 0, head; i < size; i, before = i+1, batch[i].Head() {
			batch[i].Data += strings.Repeat(" ", max(0, bytes-len(batch[i].Data)))
			batch[i].Hash = batch[i].ChainHash(before.Hash)
		}
		b.StartTimer()
		if err := s.Append(b.Context(), head, batch); err != nil {
			b.Fatal(err)
		}
		head = batch[size-1].Head()
	}
	reportRate(b, size)
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
