package main

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"openpayment/internal/cassandratest"
)

// applied is the Applied-Position of a plain read, which must succeed.
func (p *process) applied() int64 {
	p.T.Helper()
	a := p.must(http.StatusOK, "GET", "/v1/accounts?limit=1", "")
	at, err := strconv.ParseInt(a.header.Get("Applied-Position"), 10, 64)
	if err != nil {
		p.T.Fatal(err)
	}
	return at
}

// sameState demands that nodes that are as new as the log have one state.
func sameState(t testing.TB, nodes ...*process) {
	t.Helper()
	var first answer
	for i, p := range nodes {
		a := p.must(http.StatusOK, "GET", "/v1/admin/status", "", "Consistency: strong")
		if i == 0 {
			first = a
		}
		for _, what := range []string{"appliedPosition", "stateDigest", "digestPosition", "accounts"} {
			if a.get(t, what) != first.get(t, what) {
				t.Errorf("%s of node %d: %v, of the first: %v", what, i, a.get(t, what), first.get(t, what))
			}
		}
	}
}

// TestANodeThatIsCutOffFromCassandraReadsOnAndComesBack cuts one of two nodes off
// under load. The other must not notice.
func TestANodeThatIsCutOffFromCassandraReadsOnAndComesBack(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	host, keyspace := cassandratest.Hosts(t)[0], cassandratest.Keyspace(t)
	for name, cut := range map[string]func(*cassandratest.Forwarder){
		"connections end":  (*cassandratest.Forwarder).Cut,
		"packets are lost": (*cassandratest.Forwarder).Hold,
	} {
		t.Run(name, func(t *testing.T) {
			network := cassandratest.Forward(t, host)
			store := "/" + keyspace + "?timeout=2s&connect-timeout=2s&log=" + strings.ReplaceAll(name, " ", "-")
			near := start(t, "--store", "cassandra://"+host+store)
			far := start(t, "--store", "cassandra://"+network.Host()+store, "--request-timeout", "3s", "--catch-up-timeout", "1s")
			ofNear, ofFar := newLoad(), newLoad()
			stop := make(chan struct{})
			var clients sync.WaitGroup
			for c := range 4 {
				clients.Go(func() { ofNear.send(near, fmt.Sprintf("near%d", c), 1<<30, stop) })
				clients.Go(func() { ofFar.send(far, fmt.Sprintf("far%d", c), 1<<30, stop) })
			}
			far.Eventually("the load flows", func() bool { return ofNear.acknowledged() > 100 && ofFar.acknowledged() > 100 })

			began := time.Now()
			since := func(what string) {
				t.Logf("%s after %s", what, time.Since(began).Round(time.Millisecond))
				began = time.Now()
			}
			cut(network)
			far.Eventually("readiness says so", func() bool { s, _ := far.try("GET", "/readyz", ""); return s == http.StatusServiceUnavailable })
			since("cut off: not ready")
			stands := far.applied()
			checkCutOff(t, far)
			before := ofNear.acknowledged()
			near.Eventually("the other node goes on", func() bool { return ofNear.acknowledged() > before+200 })
			near.must(http.StatusOK, "GET", "/readyz", "")
			checkCutOff(t, far)
			if at := far.applied(); at != stands || near.applied() <= at {
				t.Errorf("cut off at %d, it is at %d; the other node is at %d", stands, at, near.applied())
			}

			since("refused and read")
			network.Restore()
			before = ofFar.acknowledged()
			far.Eventually("commands succeed again", func() bool { return ofFar.acknowledged() > before+100 })
			since("back: commands succeed")
			close(stop)
			clients.Wait()
			far.waitReady()
			events := far.wholeLog()
			ofNear.check(t, events)
			ofFar.check(t, events)
			if len(ofNear.refused)+len(ofNear.silent)+len(ofFar.silent) > 0 {
				t.Errorf("refused by the other node: %d; without an answer: %d and %d", len(ofNear.refused), len(ofNear.silent), len(ofFar.silent))
			}
			sameState(t, near, far)
		})
	}
}

// checkCutOff demands of a node without its store what it can do.
func checkCutOff(t *testing.T, p *process) {
	t.Helper()
	for _, request := range [][]string{
		{"POST", "/v1/accounts", `{"sortCode":"10-20-30"}`},
		{"POST", "/v1/accounts?dryRun=true", `{"sortCode":"10-20-30"}`},
		{"GET", "/v1/accounts?limit=1", "", "Consistency: strong"},
	} {
		a := p.must(http.StatusServiceUnavailable, request[0], request[1], request[2], request[3:]...)
		if code := a.get(t, "code"); a.header.Get("Retry-After") == "" || code != "store-unavailable" && code != "outcome-unknown" && code != "not-caught-up" {
			t.Errorf("%v: code %v, headers %v", request, code, a.header)
		}
	}
}
