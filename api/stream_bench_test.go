//go:build unix

package api_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"openpayment/account/journal"
	"openpayment/api"
	"openpayment/eventstore"
	"openpayment/eventstore/memory"
)

// drain is a client that reads at once, and counts.
type drain struct {
	header http.Header
	bytes  atomic.Int64
}

func (d *drain) Header() http.Header { return d.header }
func (d *drain) WriteHeader(int)     {}
func (d *drain) Flush()              {}
func (d *drain) Write(p []byte) (int, error) {
	d.bytes.Add(int64(len(p)))
	return len(p), nil
}

// BenchmarkFanOut appends batches of 1,000 events, and has them delivered: each to a tenth
// of the clients. The network is left out. What counts is the processor's time, of which
// the encoding of the events is a part: clients rest between two looks for news.
func BenchmarkFanOut(b *testing.B) {
	for _, clients := range []int{50, 500} {
		b.Run(strconv.Itoa(clients), func(b *testing.B) { benchmarkFanOut(b, clients) })
	}
}

func benchmarkFanOut(b *testing.B, clients int) {
	log := memory.New()
	ready := make(chan struct{})
	service, err := journal.Start(b.Context(), log.Open(), journal.Config{Progress: func(_, _ eventstore.Position, done bool) {
		if done {
			close(ready)
		}
	}})
	if err != nil {
		b.Fatal(err)
	}
	defer service.Close(context.Background())
	var delivered atomic.Int64
	opened, news := make(chan struct{}, clients), make(chan struct{}, 1)
	handler := api.New(api.Config{Service: service, Streams: api.StreamConfig{Observer: api.StreamObserver{
		Opened: func() { opened <- struct{}{} },
		Delivered: func(events int) {
			delivered.Add(int64(events))
			select {
			case news <- struct{}{}:
			default:
			}
		},
	}}})
	defer handler.EndStreams()
	<-ready
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for i := range clients {
		req := httptest.NewRequestWithContext(ctx, "GET", fmt.Sprintf("/v1/events/stream?subject=notes/%d", i%10), nil)
		go handler.ServeHTTP(&drain{header: make(http.Header)}, req)
		<-opened
	}
	b.ReportAllocs()
	const batch = 1000
	want, i := int64(0), 0
	before := processorTime(b)
	b.ResetTimer()
	for want < int64(b.N) {
		foreign(b, log, batch, func(ev *eventstore.Event) {
			i++
			ev.Subject = fmt.Sprintf("notes/%d", i%10)
			ev.Data = `{"amount":1250,"currency":"GBP","reference":"a note of about the usual length"}`
		})
		want += int64(clients * batch / 10)
		if err := service.Wait(ctx, eventstore.Position(i)); err != nil {
			b.Fatal(err)
		}
		for delivered.Load() < want {
			<-news
		}
	}
	b.StopTimer()
	b.ReportMetric(float64(processorTime(b)-before)/float64(want), "cpu-ns/delivery")
}

// processorTime is what this process has used.
func processorTime(b *testing.B) time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
