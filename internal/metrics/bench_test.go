package metrics_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"openpayment/account/journal"
	"openpayment/api"
	"openpayment/eventstore"
	"openpayment/eventstore/sqlite"
	"openpayment/internal/metrics"
	"openpayment/internal/tracing"
)

// BenchmarkOpen opens accounts on SQLite through the whole service, all but the network,
// by 64 callers: with nobody watching, with metrics, and with traces, too, which are
// sent to nowhere. CPU time tells more than time: it is not the disk's.
func BenchmarkOpen(b *testing.B) {
	for _, watching := range []string{"nobody", "metrics", "traces"} {
		b.Run("watching="+watching, func(b *testing.B) {
			h := newWatched(b, watching)
			before := cpu(b)
			b.SetParallelism(max(64/runtime.GOMAXPROCS(0), 1))
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					req := httptest.NewRequest("POST", "/v1/accounts", strings.NewReader(`{"sortCode":"10-20-30"}`))
					req.Header.Set("Content-Type", "application/json")
					answer := httptest.NewRecorder()
					h.ServeHTTP(answer, req)
					if answer.Code != http.StatusCreated {
						b.Errorf("%d: %s", answer.Code, answer.Body)
					}
				}
			})
			b.ReportMetric(float64((cpu(b)-before).Microseconds())/float64(b.N), "cpu-µs/op")
		})
	}
}

func newWatched(b *testing.B, watching string) http.Handler {
	store, err := sqlite.Open(b.Context(), sqlite.Config{Path: filepath.Join(b.TempDir(), "log.db"), Migrate: true})
	if err != nil {
		b.Fatal(err)
	}
	var cfg api.Config
	var log eventstore.Observer
	if watching != "nobody" {
		figures := metrics.New("")
		cfg.Observer, log = figures.API(), figures.Log()
	}
	if watching == "traces" {
		collector := httptest.NewServer(http.NotFoundHandler())
		b.Cleanup(collector.Close)
		tracer, err := tracing.Start(b.Context(), tracing.Config{Endpoint: collector.URL})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { tracer.Close(context.Background()) })
		cfg.Observer = cfg.Observer.And(tracer.API())
	}
	read := make(chan struct{})
	service, err := journal.Start(b.Context(), store, journal.Config{Observer: log, Progress: func(eventstore.Position, eventstore.Position, bool) { close(read) }})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := service.Close(context.Background()); err != nil {
			b.Error(err)
		}
		store.Close()
	})
	<-read
	cfg.Service = service
	return api.New(cfg)
}

// BenchmarkObservers is what metrics add to one command, in a batch of one.
func BenchmarkObservers(b *testing.B) {
	m := metrics.New("")
	requests, log := m.API(), m.Log()
	ctx, now := context.Background(), time.Now()
	e := &api.Exchange{Route: "/v1/accounts", Method: "POST", Status: 201, Took: time.Millisecond}
	course := eventstore.Course{Queued: now, Taken: now, Decided: now, Appended: now, Applied: now}
	batch := make([]eventstore.Event, 1)
	b.ReportAllocs()
	for b.Loop() {
		requests.Began(ctx, e)
		log.Published(batch, time.Millisecond)
		requests.Commanded(ctx, api.Command{Kind: "open", Course: course})
		requests.Ended(ctx, e)
	}
}

// cpu is the time that all cores have spent on this process.
func cpu(b *testing.B) time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
