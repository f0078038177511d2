package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"openpayment/internal/cassandratest"
)

func TestTheExampleOfTheAppendingDocumentWorksWhenPasted(t *testing.T) {
	pasted(t, "docs/appending.md", "An example", 5)
}

// chain is a subject that many producers append to, each time on condition of the last
// event about it, as far as they know.
type chain struct {
	mu       sync.Mutex      // guards all below
	follows  map[int64]int64 // the shared subject's version → the one that took its place
	refusals int
}

const sharedSubject = "chains/1"

// producer appends an event about a subject of its own and one about the shared one, side
// by side. A request without an answer is sent again, as it was, whatever happens.
type producer struct {
	t       testing.TB
	chain   *chain
	name    string
	version int64  // of the shared subject, as far as it knows
	sent    int    // requests, each with a key
	done    int    // events of its own
	body    string // of the request that has no answer yet; empty: there is none
}

// step makes one request, and gives an error when there was no answer.
func (p *producer) step(to *process) error {
	if p.body == "" {
		p.sent++
		p.body = fmt.Sprintf(`{"events":[{"type":"entry.made","subject":"producers/%s","data":{"n":%d}},{"type":"entry.made","subject":%q,"data":{}}],"precondition":{"subject":%q,"version":%d}}`,
			p.name, p.done, sharedSubject, sharedSubject, p.version)
	}
	a, err := to.do("POST", "/v1/events", p.body, fmt.Sprintf("Idempotency-Key: %s-%d", p.name, p.sent))
	if err != nil {
		return err
	}
	p.chain.mu.Lock()
	defer p.chain.mu.Unlock()
	var answer struct {
		Items  []event
		Actual int64
	}
	if err := json.Unmarshal(a.body, &answer); err != nil {
		p.t.Errorf("%d %s", a.status, a.body)
	}
	switch a.status {
	case http.StatusCreated:
		now := answer.Items[1].Seq
		if other, twice := p.chain.follows[p.version]; twice {
			p.t.Errorf("version %d was replaced by %d and by %d", p.version, other, now)
		}
		p.chain.follows[p.version] = now
		p.version, p.done = now, p.done+1
	case http.StatusPreconditionFailed:
		p.version = answer.Actual
		p.chain.refusals++
	case http.StatusServiceUnavailable:
		return nil // it is sent again as it is
	default:
		p.t.Errorf("%d %s", a.status, a.body)
	}
	p.body = ""
	return nil
}

// check wants the log to hold what the producers were told, and nothing else.
func (c *chain) check(t *testing.T, producers []*producer, log []event) {
	t.Helper()
	length, version := 0, int64(0)
	own := make(map[string]int)
	for i, ev := range log {
		if ev.Subject != sharedSubject {
			if want := fmt.Sprintf(`{"n":%d}`, own[ev.Subject]); string(ev.Data) != want {
				t.Errorf("event %d is %s of %s, want %s", ev.Seq, ev.Data, ev.Subject, want)
			}
			own[ev.Subject]++
			continue
		}
		if c.follows[version] != ev.Seq || log[i-1].Meta["atomic"] != "1/2" || ev.Meta["atomic"] != "2/2" || log[i-1].Meta["idempotencyKey"] != ev.Meta["idempotencyKey"] {
			t.Errorf("version %d is followed by event %d; a producer was told %d", version, ev.Seq, c.follows[version])
		}
		length, version = length+1, ev.Seq
	}
	for _, p := range producers {
		if own["producers/"+p.name] != p.done {
			t.Errorf("producer %s was told of %d events, the log has %d", p.name, p.done, own["producers/"+p.name])
		}
	}
	if length != len(c.follows) || 2*length != len(log) {
		t.Errorf("%d appends were accepted, the log has %d and %d events", len(c.follows), length, len(log))
	}
	t.Logf("%d appends, %d refused by their precondition", length, c.refusals)
}

func newProducers(t testing.TB, n int) (*chain, []*producer) {
	c := &chain{follows: make(map[int64]int64)}
	all := make([]*producer, n)
	for i := range all {
		all[i] = &producer{t: t, chain: c, name: fmt.Sprint(i)}
	}
	return c, all
}

func (c *chain) accepted() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.follows)
}

// TestConditionalAppendsAreDoneOnceThroughKill9 kills the service in the middle of appends
// that race for one subject, three times; snapshots are taken meanwhile.
func TestConditionalAppendsAreDoneOnceThroughKill9(t *testing.T) {
	onEachStore(t, func(t *testing.T, store string) {
		c, producers := newProducers(t, 4)
		for range 3 {
			p := start(t, "--store", store, "--snapshot-events", "50")
			already := c.accepted()
			var group sync.WaitGroup
			for _, producer := range producers {
				group.Go(func() {
					for producer.step(p) == nil {
					}
				})
			}
			p.Eventually("60 more appends are accepted", func() bool { return c.accepted() > already+60 })
			p.Kill()
			group.Wait()
		}
		p := start(t, "--store", store)
		for _, producer := range producers {
			for producer.body != "" {
				if err := producer.step(p); err != nil {
					t.Fatal(err)
				}
			}
		}
		c.check(t, producers, p.wholeLog())
	})
}

// TestConditionalAppendsOnTwoNodesMakeOneChain has producers race for one subject on two
// nodes of one Cassandra log.
func TestConditionalAppendsOnTwoNodesMakeOneChain(t *testing.T) {
	store := "cassandra://" + cassandratest.Hosts(t)[0] + "/" + cassandratest.Keyspace(t)
	nodes := []*process{start(t, "--store", store), start(t, "--store", store)}
	c, producers := newProducers(t, 6)
	var group sync.WaitGroup
	for i, producer := range producers {
		group.Go(func() {
			for c.accepted() < 150 || producer.body != "" {
				if err := producer.step(nodes[i%2]); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
	c.check(t, producers, nodes[1].wholeLog())
	sameState(t, nodes...)
}

// BenchmarkAppend measures 1,000 events of 1,000 subjects on SQLite, over HTTP: in one
// request, and in 1,000 requests on 64 connections.
func BenchmarkAppend(b *testing.B) {
	const events = 1000
	p := start(b, "--store", stores["sqlite"](b))
	all := make([]string, events)
	for i := range all {
		all[i] = fmt.Sprintf(`{"type":"customer.renamed","subject":"customers/%d","data":{"name":"Ada King, Countess of Lovelace","n":%d}}`, 10_000_000+i, i)
	}
	report := func(b *testing.B) { b.ReportMetric(float64(events*b.N)/b.Elapsed().Seconds(), "events/s") }
	b.Run("one request", func(b *testing.B) {
		for b.Loop() {
			p.must(http.StatusCreated, "POST", "/v1/events", `{"events":[`+strings.Join(all, ",")+`]}`)
		}
		report(b)
	})
	b.Run("requests", func(b *testing.B) {
		for b.Loop() {
			var clients sync.WaitGroup
			for c := range 64 {
				clients.Go(func() {
					for i := c; i < events; i += 64 {
						if status, err := p.try("POST", "/v1/events", `{"events":[`+all[i]+`]}`); err != nil || status != http.StatusCreated {
							b.Error(status, err)
						}
					}
				})
			}
			clients.Wait()
		}
		report(b)
	})
}
