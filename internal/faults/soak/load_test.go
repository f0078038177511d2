package soak

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"openpayment/api/client"
)

const (
	workers = 16
	fixed   = 400 // accounts that stay; others come and go
)

// load sends requests at a steady rate to all nodes.
type load struct {
	t     testing.TB
	nodes []*node
	books *books
	seed  uint64
	rate  int

	newest [fixed]atomic.Int64 // the position of the last event of an account that anybody was told of
	done   atomic.Int64        // requests
	counts
	mu    sync.Mutex // guards times
	times []time.Duration
}

// counts are of answers.
type counts struct {
	accepted, repeated, refused, unsure, read, unread atomic.Int64
}

// number is that of a fixed account.
func number(i int) string { return strconv.Itoa(10_000_000 + i) }

// patience is how long the fixed accounts may take to be opened.
const patience = 5 * time.Minute

// open opens the fixed accounts, each however long it takes: an answer that is lost to a busy
// machine would leave the load without it.
func (l *load) open(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() {
			for i := w; i < fixed; i += workers {
				o := order{id: fmt.Sprintf("open-%d", i), path: "/v1/accounts", body: fmt.Sprintf(`{"accountNumber":%q,"sortCode":"10-20-30"}`, number(i)), keyed: true, touched: []int{i}}
				for l.send(ctx, l.nodes[i%len(l.nodes)], o) == 0 {
					if ctx.Err() != nil {
						l.t.Errorf("account %s can't be opened", number(i))
						return
					}
				}
			}
		})
	}
	all.Wait()
}

// run works until the context ends; what has begun by then is finished.
func (l *load) run(ctx context.Context) {
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() {
			rng := rand.New(rand.NewPCG(l.seed, uint64(w)))
			tick := time.NewTicker(time.Second * workers / time.Duration(l.rate))
			defer tick.Stop()
			for n := 0; ; n++ {
				select {
				case <-ctx.Done():
					return
				case <-tick.C:
					l.step(l.t.Context(), rng, fmt.Sprintf("%d-%d", w, n))
				}
			}
		})
	}
	all.Wait()
}

// step does one thing, of those that clients do.
func (l *load) step(ctx context.Context, rng *rand.Rand, id string) {
	node := l.nodes[rng.IntN(len(l.nodes))]
	a, b := rng.IntN(fixed), rng.IntN(fixed-1)
	if b >= a {
		b++
	}
	o := order{id: id, touched: []int{a}, keyed: rng.IntN(8) == 0}
	money := func(most int64) string { return fmt.Sprintf(`"amount":%d,"currency":"GBP"}`, 1+rng.Int64N(most)) }
	switch chance := rng.IntN(100); {
	case chance < 30:
		o.path, o.body = "/v1/accounts/"+number(a)+"/deposits", "{"+money(1000)
	case chance < 55:
		o.path, o.body, o.touched = "/v1/transfers", fmt.Sprintf(`{"from":%q,"to":%q,%s`, number(a), number(b), money(600)), []int{a, b}
	case chance < 70:
		o.path, o.body = "/v1/accounts/"+number(a)+"/withdrawals", "{"+money(800)
	case chance < 72:
		l.life(ctx, node, id, money)
		return
	default:
		l.look(ctx, node, a, chance < 88)
		return
	}
	at := l.send(ctx, node, o)
	if o.keyed && at > 0 && rng.IntN(4) == 0 {
		l.again(ctx, l.nodes[rng.IntN(len(l.nodes))], o, at)
	}
}

// order is a command.
type order struct {
	id, method, path, body string
	keyed                  bool
	touched                []int // fixed accounts
}

func (l *load) ask(ctx context.Context, n *node, o order) (int, client.Position, bool) {
	if o.method == "" {
		o.method = "POST"
	}
	headers := []string{"X-Request-Id", o.id}
	if o.keyed {
		headers = append(headers, "Idempotency-Key", o.id)
	}
	began := time.Now()
	status, header, text, err := n.request(ctx, o.method, o.path, o.body, headers...)
	l.took(time.Since(began))
	if err != nil || status >= 500 {
		l.t.Logf("%s: %d %v %.200s", o.id, status, err, text)
		return 0, 0, false
	}
	at, _ := strconv.ParseInt(header.Get("Event-Position"), 10, 64) // 0 of a refusal
	return status, client.Position(at), header.Get("Idempotency-Replayed") != ""
}

// send gives the position of the event that the command has led to, 0 if to none.
func (l *load) send(ctx context.Context, n *node, o order) client.Position {
	switch status, at, _ := l.ask(ctx, n, o); {
	case status == 0:
		l.unsure.Add(1)
		l.books.doubt(o.id)
	case status < 300:
		l.accepted.Add(1)
		l.books.acknowledge(at, o.id)
		for _, i := range o.touched {
			raise(&l.newest[i], int64(at))
		}
		return at
	case status == http.StatusUnprocessableEntity:
		l.refused.Add(1)
	default:
		l.t.Errorf("%s %s is answered %d", o.id, o.body, status)
	}
	return 0
}

// again sends a command a second time, under its key: the answer is the first one's.
func (l *load) again(ctx context.Context, n *node, o order, first client.Position) {
	switch status, at, replayed := l.ask(ctx, n, o); {
	case status == 0:
		l.unsure.Add(1)
	case !replayed || at != first:
		l.t.Errorf("%s was carried out at %d; sent again, it is answered %d, at %d, replayed: %t", o.id, first, status, at, replayed)
	default:
		l.repeated.Add(1)
	}
}

// life is that of an account: it is opened, paid into, emptied and closed.
func (l *load) life(ctx context.Context, n *node, id string, money func(int64) string) {
	began := time.Now()
	status, header, text, err := n.request(ctx, "POST", "/v1/accounts", `{"sortCode":"20-30-40"}`, "X-Request-Id", id)
	l.took(time.Since(began))
	at, _ := strconv.ParseInt(header.Get("Event-Position"), 10, 64)
	var opened client.Account
	if err != nil || status != http.StatusCreated || json.Unmarshal(text, &opened) != nil {
		l.unsure.Add(1)
		l.books.doubt(id)
		return
	}
	l.accepted.Add(1)
	l.books.acknowledge(client.Position(at), id)
	path, amount := "/v1/accounts/"+opened.AccountNumber, "{"+money(1000)
	for i, o := range []order{{path: path + "/deposits", body: amount}, {path: path + "/withdrawals", body: amount}, {method: "DELETE", path: path}} {
		o.id = fmt.Sprintf("%s.%d", id, i)
		if l.send(ctx, n, o) == 0 {
			return // it stays as it is
		}
	}
}

// look reads an account, and demands that everything shows that anybody was told of before.
func (l *load) look(ctx context.Context, n *node, i int, strong bool) {
	least := l.newest[i].Load()
	fresh := []string{"Min-Position", strconv.FormatInt(least, 10)}
	if strong {
		fresh = []string{"Consistency", "strong"}
	}
	began := time.Now()
	status, _, text, err := n.request(ctx, "GET", "/v1/accounts/"+number(i), "", fresh...)
	l.took(time.Since(began))
	if err != nil || status != http.StatusOK {
		l.t.Logf("reading account %s: %d %v %.200s", number(i), status, err, text)
		l.unread.Add(1)
		return
	}
	l.read.Add(1)
	var a client.Account
	if err := json.Unmarshal(text, &a); err != nil || int64(a.Version) < least {
		l.t.Errorf("account %s is shown at version %d, %d was told before; %v", number(i), a.Version, least, err)
	}
}

func (l *load) took(d time.Duration) {
	l.done.Add(1)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.times = append(l.times, d)
}

// drain gives how long the requests took that have been answered since it was last asked.
func (l *load) drain() []time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	times := l.times
	l.times = nil
	return times
}

// raise makes v at least n.
func raise(v *atomic.Int64, n int64) {
	for old := v.Load(); old < n && !v.CompareAndSwap(old, n); old = v.Load() {
	}
}
