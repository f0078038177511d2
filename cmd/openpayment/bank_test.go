package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"openpayment/api/client"
)

// bankSize is how much a bank test does.
type bankSize struct {
	accounts int
	commands int           // at least, those that open the accounts among them
	kills    int           // at least, spread over the commands or the time
	limit    time.Duration // after which no new commands are made
}

// sizeOfBank is bounded for everyday runs; OPENPAYMENT_TEST_BANK sets another
// number of commands, and gives them ten minutes.
func sizeOfBank(t testing.TB) bankSize {
	text := os.Getenv("OPENPAYMENT_TEST_BANK")
	switch {
	case text != "":
		commands, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		return bankSize{accounts: 1000, commands: commands, kills: 30, limit: 10 * time.Minute}
	case testing.Short():
		return bankSize{accounts: 100, commands: 1000, kills: 2, limit: 10 * time.Second}
	default:
		return bankSize{accounts: 1000, commands: 6000, kills: 6, limit: 40 * time.Second}
	}
}

// TestABankOfThreeNodesBalancesThroughKill9 moves money at random on three nodes
// that share a log on Cassandra, while they are killed and started again.
func TestABankOfThreeNodesBalancesThroughKill9(t *testing.T) {
	testBank(t, stores["cassandra"](t), 3)
}

// TestABankOnSQLiteBalancesThroughKill9 is the same with the one node that a file
// can have.
func TestABankOnSQLiteBalancesThroughKill9(t *testing.T) {
	testBank(t, stores["sqlite"](t), 1)
}

func testBank(t *testing.T, store string, nodes int) {
	b := &bank{t: t, store: store, size: sizeOfBank(t), seed: rand.Uint64(), nodes: make([]atomic.Pointer[process], nodes)}
	t.Logf("seed %d", b.seed)
	for i := range b.nodes {
		b.startNode(i)
	}
	begin := time.Now()
	enough, stop := context.WithCancel(t.Context())
	var clients, opened sync.WaitGroup
	t.Cleanup(clients.Wait) // should the test end early: the clients end with its context
	opened.Add(bankClients)
	for c := range bankClients {
		clients.Go(func() {
			b.openAccounts(c)
			opened.Done()
			opened.Wait()
			b.work(c, enough)
		})
	}
	b.disturb(begin)
	stop()
	clients.Wait()
	b.took = time.Since(begin)
	b.check()
}

// bank is a load of commands on several nodes, and what became of it.
type bank struct {
	t     testing.TB
	store string
	size  bankSize
	seed  uint64
	nodes []atomic.Pointer[process] // the one that runs, or ran last
	all   []*process                // every one that ever ran; of the test's goroutine

	clock  atomic.Int64 // ticks whenever something is sent or has arrived
	newest atomic.Int64 // the largest Event-Position that any client knows

	mu     sync.Mutex // guards orders
	orders []*order   // all that were ever sent

	answered, duplicates, replayed, retries, unknown, cut atomic.Int64

	kills int
	took  time.Duration
}

// startNode starts a node in the place of the i-th, on a port of its own.
func (b *bank) startNode(i int) {
	// Several snapshots in each run, and no more: each holds all keys.
	every := strconv.Itoa(b.size.commands / 5)
	p := start(b.t, "--store", b.store, "--snapshot-events", every)
	b.all = append(b.all, p)
	b.nodes[i].Store(p)
}

// disturb kills one node after another, at random, and starts it again, while the
// clients work; one of them is asked to end instead. It returns when the clients
// have done enough.
func (b *bank) disturb(begin time.Time) {
	rng := rand.New(rand.NewPCG(b.seed, bankClients))
	steps := b.size.kills + 1 // one of them isn't a kill
	for step := range steps {
		b.await(begin, float64(step+1)/float64(steps+1))
		i := rng.IntN(len(b.nodes))
		p := b.nodes[i].Load()
		if step == steps/2 {
			if code := p.Terminate(); code != exitOK {
				b.t.Errorf("exit code %d after SIGTERM, want 0\n%s", code, p.Log())
			}
		} else {
			p.Kill()
			b.kills++
		}
		b.startNode(i)
	}
	b.await(begin, 1)
}

// await waits until this part of the commands is answered, or of the time over.
func (b *bank) await(begin time.Time, part float64) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for float64(b.answered.Load()) < part*float64(b.size.commands) && float64(time.Since(begin)) < part*float64(b.size.limit) {
		<-tick.C
	}
}

// check reads the log in two ways, and holds against it what the clients were told
// and what the nodes serve.
func (b *bank) check() {
	t := b.t
	var nodes []*process
	for i := range b.nodes {
		nodes = append(nodes, b.nodes[i].Load())
	}
	sameState(t, nodes...)
	events := nodes[0].wholeLog()
	l := newLedger(t, b.size.accounts)
	for _, ev := range events {
		l.enter(ev)
	}
	b.compareExport(events)
	if r := verified(t, b.store, exitOK); !r.Intact || r.Events != int64(len(events)) {
		t.Errorf("the log has %d events; its verification: %+v", len(events), r)
	}
	b.checkOrders(l)
	for i, p := range nodes {
		l.compareAccounts(fmt.Sprintf("node %d", i), p)
	}
	digest := nodes[0].must(http.StatusOK, "GET", "/v1/admin/status", "", "Consistency: strong").get(t, "stateDigest")
	var job client.Replay
	if err := json.Unmarshal([]byte(succeed(t, "replay", "--json", "--url", nodes[0].URL)), &job); err != nil {
		t.Fatal(err)
	}
	if job.Match == nil || !*job.Match || !job.ChainVerified || *job.Digest != digest || job.Position != client.Position(len(events)) {
		t.Errorf("the state is %s at %d; a replay says %+v", digest, len(events), job)
	}
	for _, p := range b.all {
		if strings.Contains(p.Log(), "DATA RACE") {
			t.Errorf("a node has a data race\n%s", p.Log())
		}
	}
}

// compareExport demands that the store has the very events that the API gave.
func (b *bank) compareExport(events []event) {
	lines := strings.Split(strings.TrimSuffix(succeed(b.t, "log", "export", "-", "--store", b.store), "\n"), "\n")
	if len(lines) != len(events) {
		b.t.Fatalf("%d events are exported, the API gave %d", len(lines), len(events))
	}
	for i, line := range lines {
		var ev event
		if err := json.Unmarshal([]byte(line), &ev); err != nil || !ev.equal(events[i]) {
			b.t.Fatalf("exported, %v: %s\nthe API gave: %+v", err, line, events[i])
		}
	}
}
