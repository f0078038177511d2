package sqlite

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"openpayment/eventstore"
	"openpayment/eventstore/eventstoretest"
)

const benchBatch = 400

// payload makes events of some 300 bytes, as the service's are.
func payload(i int, ev *eventstore.Event) {
	ev.Type, ev.Subject = "account.deposited", fmt.Sprintf("accounts/%08d", i)
	ev.Meta = eventstore.MetaOf(map[string]string{"requestId": "0198c3f2-7a1c-7c11-9d6e-2f1f3f6f7a11", "actor": "teller-7", "idempotencyKey": ev.ID.String()})
	ev.Data = fmt.Sprintf(`{"amount":%d,"currency":"EUR","reference":"invoice 2026-%06d"}`, i*100, i)
}

// batches makes as many batches as a benchmark runs, outside its time.
func batches(n int) [][]eventstore.Event {
	all := make([][]eventstore.Event, n)
	var head eventstore.Head
	for i := range all {
		all[i] = eventstoretest.NewBatch(head, time.Now(), benchBatch, payload)
		head = all[i][benchBatch-1].Head()
	}
	return all
}

func BenchmarkAppend400(b *testing.B) {
	s, err := Open(b.Context(), Config{Path: filepath.Join(b.TempDir(), "log.db"), Migrate: true})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	all := batches(b.N)
	var head eventstore.Head
	b.ResetTimer()
	for _, batch := range all {
		if err := s.Append(b.Context(), head, batch); err != nil {
			b.Fatal(err)
		}
		head = batch[benchBatch-1].Head()
	}
	perSecond(b, b.N*benchBatch)
}

func BenchmarkRead(b *testing.B) {
	s, err := Open(b.Context(), Config{Path: filepath.Join(b.TempDir(), "log.db"), Migrate: true})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	var head eventstore.Head
	for _, batch := range batches(50) {
		if err := s.Append(b.Context(), head, batch); err != nil {
			b.Fatal(err)
		}
		head = batch[benchBatch-1].Head()
	}
	for b.Loop() {
		n := 0
		for _, err := range s.Read(b.Context(), 0, 0) {
			if err != nil {
				b.Fatal(err)
			}
			n++
		}
		if n != 50*benchBatch {
			b.Fatalf("read %d events", n)
		}
	}
	perSecond(b, b.N*50*benchBatch)
}

func perSecond(b *testing.B, events int) {
	b.ReportMetric(float64(events)/b.Elapsed().Seconds(), "events/s")
}
