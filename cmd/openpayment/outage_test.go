package main

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"openpayment/internal/cassandratest"
)

// outage is how long Cassandra is away in TestTheServiceOutlivesAnOutage;
// OPENPAYMENT_TEST_OUTAGE sets another time.
func outage(t testing.TB) time.Duration {
	text := os.Getenv("OPENPAYMENT_TEST_OUTAGE")
	if text == "" {
		return 5 * time.Second
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestTheServiceOutlivesAnOutage stops Cassandra under load and starts it again.
// The clients go on all the time, as clients do.
func TestTheServiceOutlivesAnOutage(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	cassandra := cassandratest.StartNode(t)
	p := start(t, "--store", "cassandra://"+cassandra.Host()+"/outage?timeout=2s", "--request-timeout", "3s")
	l := newLoad()
	stop := make(chan struct{})
	var clients sync.WaitGroup
	for c := range 8 {
		clients.Go(func() { l.send(p, fmt.Sprintf("client%d", c), 1<<30, stop) })
	}
	p.Eventually("the load flows", func() bool { return l.acknowledged() > 200 })

	cassandra.Stop()
	gone := time.Now()
	p.Eventually("readiness says so", func() bool { s, _ := p.try("GET", "/readyz", ""); return s == http.StatusServiceUnavailable })
	a, err := p.do("POST", "/v1/accounts", `{"sortCode":"10-20-30"}`)
	if err != nil || a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") == "" {
		t.Errorf("without Cassandra a command got %d %v %s, want 503 with Retry-After", a.status, err, a.body)
	}
	if code := a.get(t, "code"); code != "store-unavailable" && code != "outcome-unknown" {
		t.Errorf("the code is %v", code)
	}
	if strings.Contains(strings.ToLower(string(a.body)), "gocql") {
		t.Errorf("the driver shows: %s", a.body)
	}
	p.must(http.StatusOK, "GET", "/v1/accounts?limit=1", "") // reads go on
	<-time.After(outage(t) - time.Since(gone))
	cassandra.Start()

	before := l.acknowledged()
	back := time.Now()
	p.Eventually("commands succeed again", func() bool { return l.acknowledged() > before+200 })
	t.Logf("away for %s; commands succeed again %s after", outage(t), time.Since(back).Round(time.Millisecond))
	close(stop)
	clients.Wait()
	p.waitReady()
	l.check(t, p.wholeLog())
	for id, status := range l.refused {
		if status != http.StatusServiceUnavailable {
			t.Errorf("command %s got %d during the outage, want 503", id, status)
		}
	}
	if len(l.silent) > 0 {
		t.Errorf("%d commands got no answer at all", len(l.silent))
	}
}

// TestTheServiceWaitsForAStoreThatComesLater starts it before Cassandra.
func TestTheServiceWaitsForAStoreThatComesLater(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a server of its own")
	}
	cassandra := cassandratest.StartNode(t)
	cassandra.Stop()
	p := launch(t, "--store", "cassandra://"+cassandra.Host()+"/later?connect-timeout=1s", "--startup-timeout", "5m") // a busy machine takes its time
	p.Eventually("it says that it waits", func() bool { return strings.Contains(p.Log(), "cannot be reached yet") })
	if status, _ := p.try("GET", "/livez", ""); status != http.StatusOK {
		t.Errorf("livez %d while waiting, want 200", status)
	}
	if status, _ := p.try("GET", "/readyz", ""); status != http.StatusServiceUnavailable {
		t.Errorf("readyz %d while waiting, want 503", status)
	}
	a := p.must(http.StatusServiceUnavailable, "GET", "/v1/accounts/123456", "")
	if a.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	cassandra.Start()
	p.waitReady()
	p.must(http.StatusCreated, "POST", "/v1/accounts", `{"sortCode":"10-20-30"}`)
}
