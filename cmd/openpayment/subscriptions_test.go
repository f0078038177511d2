package main

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// subscriberKills is how often a subscriber dies in a test, and nodeKills how often one
// of the nodes does.
const subscriberKills, nodeKills = 100, 4

// TestASubscriberThatIsKilledGoesOnWithExactlyTheNextEvent kills a subscriber at random
// moments, and now and then a node too, while others write to the log. However it is
// killed, it is given what comes next, and nothing again that it acknowledged.
func TestASubscriberThatIsKilledGoesOnWithExactlyTheNextEvent(t *testing.T) {
	for name, nodes := range map[string]int{"sqlite": 1, "cassandra": 2} {
		t.Run(name, func(t *testing.T) { testSubscriber(t, stores[name](t), nodes) })
	}
}

func testSubscriber(t *testing.T, store string, count int) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	nodes := make([]atomic.Pointer[process], count)
	for i := range nodes {
		nodes[i].Store(start(t, "--store", store))
	}
	nodes[0].Load().must(http.StatusCreated, "POST", "/v1/accounts", `{"accountNumber":"12345678","sortCode":"10-20-30"}`)
	nodes[0].Load().must(http.StatusCreated, "PUT", "/v1/subscriptions/audit", `{"filter":{"type":"funds.deposited"}}`)
	stop := write(t, nodes, seed)

	s := &subscriber{t: t, name: "audit", rng: rng}
	began := time.Now()
	for killed := 0; s.kills < subscriberKills && !t.Failed(); {
		i := rng.IntN(count)
		if s.kills < (killed+1)*subscriberKills/(nodeKills+1) {
			s.visit(nodes[i].Load().URL, 1+rng.IntN(4), ending(rng.IntN(int(endings))))
			continue
		}
		killed++
		p := nodes[i].Load()
		gone := make(chan struct{})
		time.AfterFunc(time.Duration(rng.IntN(50))*time.Millisecond, func() {
			p.Kill()
			close(gone)
		})
		s.visit(p.URL, 1000, afterAck) // which will not come to its end
		<-gone
		nodes[i].Store(start(t, "--store", store))
	}
	took := time.Since(began)
	stop()
	p := nodes[0].Load()
	p.must(http.StatusOK, "GET", "/v1/admin/status", "", "Consistency: strong")
	var wanted []int64 // by the whole log
	for _, ev := range p.wholeLog() {
		if ev.Type == "funds.deposited" {
			wanted = append(wanted, ev.Seq)
		}
	}
	s.drain(p.URL)
	if !slices.Equal(s.got, wanted) {
		t.Errorf("%d events came, of %d", len(s.got), len(wanted))
	}
	if left := p.must(http.StatusOK, "GET", "/v1/subscriptions/audit", "").get(t, "lag"); left != 0.0 {
		t.Errorf("%v events are left", left)
	}
	slices.Sort(s.acks)
	t.Logf("killed %d times, nodes %d times, in %s; given events %d times, the first within %s at most; %d events of %d, %d times again; acknowledged in %s (median), %s (99 of 100), %d times",
		s.kills, nodeKills, took.Round(time.Millisecond), s.resumes, s.slowest.Round(time.Millisecond), len(s.got), len(wanted), s.repeats,
		s.acks[len(s.acks)/2], s.acks[len(s.acks)*99/100], len(s.acks))
}

// write has a client deposit money and open accounts, on any node that answers, until
// stop is called.
func write(t *testing.T, nodes []atomic.Pointer[process], seed uint64) (stop func()) {
	done := make(chan struct{})
	var writing sync.WaitGroup
	writing.Go(func() {
		rng := rand.New(rand.NewPCG(seed, 1))
		tick := time.NewTicker(2 * time.Millisecond)
		defer tick.Stop()
		for n := 0; ; n++ {
			select {
			case <-done:
				return
			case <-tick.C:
			}
			p := nodes[rng.IntN(len(nodes))].Load()
			if rng.IntN(3) == 0 {
				_, _ = p.try("POST", "/v1/accounts", fmt.Sprintf(`{"accountNumber":"9%07d","sortCode":"10-20-30"}`, n))
			} else {
				_, _ = p.try("POST", "/v1/accounts/12345678/deposits", `{"amount":1,"currency":"GBP"}`)
			}
		}
	})
	return sync.OnceFunc(func() {
		close(done)
		writing.Wait()
	})
}
