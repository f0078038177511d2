package main

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"
)

func TestAnAccountIsStillThereAfterARestart(t *testing.T) {
	onEachStore(t, func(t *testing.T, store string) {
		p := start(t, "--store", store)
		p.must(http.StatusCreated, "POST", "/v1/accounts", `{"accountNumber":"12345678","sortCode":"10-20-30"}`)
		before := p.must(http.StatusOK, "GET", "/v1/accounts/12345678", "")
		if code := p.Terminate(); code != exitOK {
			t.Errorf("exit code %d after SIGTERM, want 0\n%s", code, p.Log())
		}
		p = start(t, "--store", store)
		after := p.must(http.StatusOK, "GET", "/v1/accounts/12345678", "")
		if string(before.body) != string(after.body) {
			t.Errorf("before: %s\nafter:  %s", before.body, after.body)
		}
	})
}

// TestEverythingAcknowledgedSurvivesKill9 kills the service in the middle of a
// load, three times.
func TestEverythingAcknowledgedSurvivesKill9(t *testing.T) {
	onEachStore(t, func(t *testing.T, store string) {
		l := newLoad()
		for round := range 3 {
			p := start(t, "--store", store)
			already := l.acknowledged()
			var clients sync.WaitGroup
			for c := range 8 {
				clients.Go(func() { l.send(p, fmt.Sprintf("round%d-client%d", round, c), 1<<30, nil) })
			}
			p.Eventually("300 more commands are acknowledged", func() bool { return l.acknowledged() > already+300 })
			p.Kill()
			clients.Wait()
		}
		p := start(t, "--store", store)
		l.check(t, p.wholeLog())
	})
}

// TestTwoNodesShareOneLog has two services write to one log on Cassandra, 8
// clients each.
func TestTwoNodesShareOneLog(t *testing.T) {
	commands := 20_000
	if testing.Short() {
		commands = 2_000
	}
	store := stores["cassandra"](t)
	nodes := []*process{start(t, "--store", store), start(t, "--store", store)}
	l := newLoad()
	var clients sync.WaitGroup
	begin := time.Now()
	for i, p := range nodes {
		for c := range 8 {
			clients.Go(func() { l.send(p, fmt.Sprintf("node%d-client%d", i, c), commands/16, nil) })
		}
	}
	clients.Wait()
	t.Logf("%d commands in %s", commands, time.Since(begin).Round(time.Millisecond))
	events := nodes[0].wholeLog()
	l.check(t, events)
	if len(l.stored) != commands {
		t.Errorf("%d of %d commands succeeded; refused: %v", len(l.stored), commands, l.refused)
	}
	var digests []any
	for _, p := range nodes {
		status := p.must(http.StatusOK, "GET", "/v1/admin/status", "", "Consistency: strong")
		digests = append(digests, status.get(t, "stateDigest"))
		if at := status.get(t, "appliedPosition"); at != float64(len(events)) {
			t.Errorf("applied up to %v, the log has %d events", at, len(events))
		}
	}
	if digests[0] != digests[1] {
		t.Errorf("the nodes' states differ: %v", digests)
	}
}
