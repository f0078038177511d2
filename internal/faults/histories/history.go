package histories

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/anishathalye/porcupine"

	"openpayment/eventstore"
	"openpayment/internal/pause"
)

const (
	clients  = 8
	length   = 6 * time.Second // of the load, or up to patience times that until enough is done
	patience = 6
	// least is how many commands must succeed in a history, or it says nothing.
	least = 60
	// checkLimit is how long Porcupine may look for an order.
	checkLimit = 30 * time.Second
)

// history is one of a run.
type history struct {
	*cluster
	index   int
	plan    []fault
	began   time.Time
	told    []*told
	clients []*client
	replays map[int]string // of a node: where the one is that was begun last
	done    atomic.Int64   // commands that succeeded
	counts  *Counts
	wrong   []string // of the test's goroutine
}

// run has clients work while the plan is carried out, and judges what they were told. It gives what
// is wrong.
func (h *history) run(seed uint64) []string {
	for g := range groups {
		h.told = append(h.told, &told{numbers: numbersOf(h.index, g)})
	}
	var urls []string
	for _, s := range h.services {
		urls = append(urls, s.url)
	}
	h.began = time.Now()
	h.replays = make(map[int]string)
	for i := range clients {
		h.clients = append(h.clients, &client{
			http: h.http, urls: urls, began: h.began, name: fmt.Sprintf("h%d-c%d", h.index, i), id: i, told: h.told, done: &h.done,
			rng: chance(seed, -1-h.index*clients-i),
		})
	}
	ctx, stop := context.WithCancel(context.Background())
	var working sync.WaitGroup
	for _, c := range h.clients {
		working.Go(func() {
			c.open(ctx)
			c.work(ctx)
		})
	}
	defer func() { stop(); working.Wait() }() // should it end early
	h.disturb()
	h.goOn()
	stop()
	working.Wait()
	if err := h.calm(); err != nil {
		h.object(err)
		return h.wrong
	}
	h.settle()
	log, err := h.news()
	h.object(err)
	h.object(h.sameState())
	h.watchReplays()
	h.judge(log)
	return h.wrong
}

// object writes down what is wrong, if anything is.
func (h *history) object(err error) {
	if err != nil {
		h.wrong = append(h.wrong, err.Error())
	}
}

// goOn lets the load go on until enough has been done, on a machine that is busy with other things.
func (h *history) goOn() {
	deadline := time.After(patience * length)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for h.done.Load() < least {
		select {
		case <-tick.C:
		case <-deadline:
			return // too little: the test says so
		}
	}
}

// settle has every node carry out a command, and show every account. Then all that was ever asked
// for is decided: what waited in a node comes before its command; an append that is still under way
// from a node that was killed is on condition of a head that is passed.
func (h *history) settle() {
	last := *h.clients[0]
	last.name, last.id, last.ops = fmt.Sprintf("h%d-end", h.index), clients, nil
	until := func(node, group int, in Input) {
		for try := 0; try < 100 && len(h.wrong) == 0; try++ {
			if out := last.attempt(node, group, in); out.Outcome == OK || out.Outcome == Refused {
				return
			}
			pause.For(h.t.Context(), 50*time.Millisecond)
		}
		if len(h.wrong) > 0 {
			return // of one that gives no answer, one is enough
		}
		h.object(fmt.Errorf("node %d gives no answer to %v though nothing fails any more: %v\n%s", node, in, last.ops[len(last.ops)-1].Output, h.services[node].tail()))
	}
	for node := range h.services {
		until(node, 0, Input{Kind: Deposit, Account: h.told[0].numbers[0], Amount: 1, Key: last.key()})
	}
	for node := range h.services {
		for g := range h.told {
			for i, number := range h.told[g].numbers {
				in := Input{Kind: ReadFrom, Account: number, Bound: h.told[g].newest.Load()}
				if i == 0 || in.Bound == 0 {
					in.Kind = ReadStrong // which brings the node up to the head
				}
				until(node, g, in)
			}
		}
	}
	h.clients = append(h.clients, &last)
}

// judge holds the answers against the log, and has Porcupine judge them.
func (h *history) judge(log []eventstore.Event) {
	entered := 0
	for g := range h.told {
		var ops []Operation
		for _, c := range h.clients {
			for _, op := range c.ops {
				if op.Group == g {
					ops = append(ops, op)
				}
			}
		}
		slices.SortStableFunc(ops, func(a, b Operation) int { return int(a.Call - b.Call) })
		l := newLedger(log, h.told[g].numbers, ops)
		l.resolve(ops)
		l.compare(ops)
		entered += len(l.states) - 1
		h.counts.operations(ops)
		v := Check(ops, checkLimit)
		h.counts.verdict(v)
		if v.Result != porcupine.Ok {
			l.object("group %d: Porcupine says %s of %d operations after %s", g, v.Result, v.Ops, v.Took)
			for _, op := range v.Stuck {
				l.object("there is no moment for %s (%v): %v", op.Input.Request, op.Input, op.Output)
			}
		}
		if len(l.wrong) > 0 {
			h.wrong = append(h.wrong, l.wrong...)
			h.keep(g, ops, v)
		}
	}
	if entered != len(log) {
		h.object(fmt.Errorf("the log has %d new events; only %d are of this history's accounts", len(log), entered))
	}
}

// keep writes down what is wrong, for somebody to look into.
func (h *history) keep(g int, ops []Operation, v Verdict) {
	name := filepath.Join(h.dir, fmt.Sprintf("history-%d-group-%d", h.index, g))
	text, err := json.MarshalIndent(struct {
		Plan       []string    `json:"plan"`
		Operations []Operation `json:"operations"`
	}{texts(h.plan), ops}, "", " ")
	if err == nil {
		err = os.WriteFile(name+".json", text, 0o600)
	}
	if err == nil {
		err = porcupine.VisualizePath(model, v.Info, name+".html")
	}
	h.object(err)
	h.wrong = append(h.wrong, "kept in "+name+".json and .html")
}

func texts(plan []fault) (all []string) {
	for _, f := range plan {
		all = append(all, f.String())
	}
	return all
}

// watchReplays waits until all replays are done, or gone with their nodes.
func (h *history) watchReplays() {
	for node, url := range h.replays {
		deadline := time.After(readyLimit)
		tick := time.NewTicker(20 * time.Millisecond)
		for done := false; !done; {
			var r struct {
				State, Error string
				Match        *bool
				Differences  []json.RawMessage
			}
			status, body := h.get(h.services[node].url+url, nil)
			switch {
			case status == http.StatusNotFound: // begun before the node was killed
				done = true
			case status != http.StatusOK || json.Unmarshal(body, &r) != nil:
				h.t.Fatalf("node %d's replay: %d %s", node, status, body)
			case r.State == "running":
				select {
				case <-tick.C:
				case <-deadline:
					h.t.Fatalf("node %d's replay does not end: %s", node, body)
				}
			case r.State == "done" && r.Match != nil && *r.Match:
				h.counts.Replays++
				done = true
			case r.State == "failed" && r.Match == nil: // the store could not be asked
				h.counts.ReplaysFailed++
				done = true
			default:
				h.object(fmt.Errorf("node %d's replay: %s", node, body))
				done = true
			}
		}
		tick.Stop()
	}
}
