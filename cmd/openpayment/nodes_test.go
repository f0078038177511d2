package main

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"openpayment/internal/cassandratest"
)

// TestThreeNodesOnOneCassandraLog has three processes share a log.
func TestThreeNodesOnOneCassandraLog(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	store := "cassandra://" + cassandratest.Hosts(t)[0] + "/" + cassandratest.Keyspace(t)
	nodes := make([]*process, 3)
	for i := range nodes {
		nodes[i] = start(t, "--store", store)
	}
	t.Run("no node waits for long while the others are busy", func(t *testing.T) { checkFairness(t, nodes) })
	t.Run("what is written on one is read on another", func(t *testing.T) { checkOwnWrites(t, nodes) })
	sameState(t, nodes...)
}

// starved is how long a node may be without a success, on a machine that is busy
// with other tests. On two shared cores it was 1.4 s at most.
const starved = 5 * time.Second

func checkFairness(t *testing.T, nodes []*process) {
	loads := make([]*load, len(nodes))
	stop := make(chan struct{})
	var clients sync.WaitGroup
	for i, p := range nodes {
		loads[i] = newLoad()
		for c := range 4 {
			clients.Go(func() { loads[i].send(p, fmt.Sprintf("node%d-%d", i, c), 1<<30, stop) })
		}
		if i == 0 { // the hard case: one is busy before the others come
			p.Eventually("the load flows", func() bool { return loads[0].acknowledged() > 50 })
		}
	}
	<-time.After(10 * time.Second)
	close(stop)
	clients.Wait()
	ended := time.Now()
	events := nodes[0].wholeLog()
	total := 0
	for i, l := range loads {
		l.check(t, events)
		total += l.acknowledged()
		if len(l.refused)+len(l.silent) > 0 {
			t.Errorf("node %d refused %d commands, and gave no answer to %d", i, len(l.refused), len(l.silent))
		}
		longest := max(l.longest, ended.Sub(l.last))
		t.Logf("node %d: at most %s between two successes", i, longest.Round(time.Millisecond))
		if l.acknowledged() == 0 || longest > starved {
			t.Errorf("node %d had %d successes, and none for %s", i, l.acknowledged(), longest)
		}
	}
	if total != len(events) {
		t.Errorf("%d commands were acknowledged; the log has %d events", total, len(events))
	}
}

// checkOwnWrites has clients go from node to node: each reads there what it has
// written elsewhere, at once.
func checkOwnWrites(t *testing.T, nodes []*process) {
	const clients, rounds = 3, 40
	var all sync.WaitGroup
	for c := range clients {
		all.Go(func() {
			number := fmt.Sprintf("7770000%d", c)
			reads := func(p *process, header, position string, balance int) bool {
				a, err := p.do("GET", "/v1/accounts/"+number, "", header)
				if err != nil || a.status != http.StatusOK || a.header.Get("ETag") != `"`+position+`"` || a.get(t, "balance") != float64(balance) {
					t.Errorf("%s after event %s: %v %d %s", header, position, err, a.status, a.body)
					return false
				}
				return true
			}
			writes := func(p *process, path, body string) (position string) {
				a, err := p.do("POST", path, body)
				if position = a.header.Get("Event-Position"); err != nil || a.status != http.StatusCreated || position == "" {
					t.Errorf("%s: %v %d %s", path, err, a.status, a.body)
				}
				return position
			}
			at := writes(nodes[c], "/v1/accounts", `{"accountNumber":"`+number+`","sortCode":"10-20-30"}`)
			for i := range rounds {
				writer, reader, strong := nodes[(c+i)%3], nodes[(c+i+1)%3], nodes[(c+i+2)%3]
				if !reads(reader, "Min-Position: "+at, at, i) {
					return
				}
				if at = writes(writer, "/v1/accounts/"+number+"/deposits", `{"amount":1,"currency":"GBP"}`); at == "" {
					return
				}
				if !reads(strong, "Consistency: strong", at, i+1) {
					return
				}
			}
		})
	}
	all.Wait()
}
