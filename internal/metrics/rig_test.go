package metrics_test

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"openpayment/account/journal"
	"openpayment/api"
	"openpayment/eventstore"
	"openpayment/eventstore/eventstoretest"
	"openpayment/eventstore/memory"
	"openpayment/internal/metrics"
)

// rig is a whole service that is measured, behind a real HTTP server.
type rig struct {
	testing.TB
	url     string
	handler *api.Handler
	log     *memory.Log
	store   *eventstoretest.Faulty
}

// newRig starts a service on a log in memory. It is shown from the start, its state
// from when that has been read.
func newRig(t testing.TB) *rig {
	t.Helper()
	figures := metrics.New("1.2.3")
	log := memory.New()
	r := &rig{TB: t, log: log, store: eventstoretest.NewFaulty(log.Open())}
	read := make(chan struct{})
	service, err := journal.Start(t.Context(), r.store, journal.Config{
		Observer: figures.Log(), Replayed: figures.Replayed,
		Snapshots:     journal.SnapshotConfig{Store: log.Open(), Observer: figures.Snapshots()},
		Subscriptions: log.Open(),
		Poller:        eventstore.PollerConfig{MaxInterval: 20 * time.Millisecond},
		Progress: func(_, _ eventstore.Position, done bool) {
			if done {
				close(read)
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	r.handler = api.New(api.Config{
		Observer: figures.API(), Streams: api.StreamConfig{Observer: figures.Streams()}, Metrics: figures.Handler(func(v ...any) { t.Error(v...) }), RequestTimeout: 100 * time.Millisecond,
	})
	figures.Watch(r.handler)
	server := httptest.NewServer(r.handler)
	r.url = server.URL
	t.Cleanup(func() {
		server.Close()
		ctx, cancel := context.WithCancel(context.Background())
		cancel() // what a test left in doubt stays so
		_ = service.Close(ctx)
	})
	<-read
	r.wants(map[string]float64{"openpayment_ready": 0, `openpayment_problem{code="store-unavailable"}`: 1})
	r.handler.Serve(service)
	figures.Serve(service)
	return r
}

// do sends a request, with headers as "Name: value", and gives the status.
func (r *rig) do(method, path, body string, headers ...string) int {
	r.Helper()
	req, err := http.NewRequest(method, r.url+path, strings.NewReader(body))
	if err != nil {
		r.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ": ")
		req.Header.Set(name, value)
	}
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		r.Fatal(err)
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, answer.Body)
	return answer.StatusCode
}

func (r *rig) must(status int, method, path, body string, headers ...string) {
	r.Helper()
	if got := r.do(method, path, body, headers...); got != status {
		r.Fatalf("%s %s: %d, want %d", method, path, got, status)
	}
}

// open opens an account of the given number, empty for any.
func (r *rig) open(status int, number string, headers ...string) {
	r.Helper()
	body := `{"sortCode":"10-20-30"}`
	if number != "" {
		body = `{"sortCode":"10-20-30","accountNumber":"` + number + `"}`
	}
	r.must(status, "POST", "/v1/accounts", body, headers...)
}

// scrape gives every sample by its name and labels, as they are written.
func (r *rig) scrape() map[string]float64 {
	r.Helper()
	answer, err := http.Get(r.url + "/metrics")
	if err != nil {
		r.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		r.Fatalf("GET /metrics: %d", answer.StatusCode)
	}
	samples := make(map[string]float64)
	for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
		if line := lines.Text(); !strings.HasPrefix(line, "#") {
			at := strings.LastIndexByte(line, ' ')
			value, err := strconv.ParseFloat(line[at+1:], 64)
			if err != nil {
				r.Fatalf("%q: %v", line, err)
			}
			samples[line[:at]] = value
		}
	}
	return samples
}

// wants checks samples; a negative value stands for none.
func (r *rig) wants(want map[string]float64) {
	r.Helper()
	got := r.scrape()
	for name, value := range want {
		if is, there := got[name]; value < 0 && there || value >= 0 && (!there || is != value) {
			r.Errorf("%s is %v (%t), want %v", name, is, there, value)
		}
	}
}
