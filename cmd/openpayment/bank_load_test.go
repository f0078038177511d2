package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"openpayment/internal/pause"
)

const (
	bankClients = 24
	bankHot     = 10 // accounts that a quarter of all commands are about
	bankAmount  = 1000
	bankRetries = 2 * time.Minute // until a client gives up
)

// order is one command of a client, however often it is sent: always with the same
// key and body.
type order struct {
	key, event string // the type of the event it leads to
	path, body string
	from, to   int // accounts, none if negative
	amount     int64
	version    int64 // of If-Match; 0 for none
	sent       int64 // for the first time, by the bank's clock
	after      int64 // the newest position that a client knew then

	mu       sync.Mutex // guards what follows: two of the same may be under way
	answered bool
	accepted *answer // the first answer that says yes
	position int64   // of that
	firsts   int     // answers that say yes, and not that they are a repetition
	refusals []rejection
	lost     int // requests of which nobody knows what became
}

// rejection is an answer that says no.
type rejection struct {
	code  string
	after int64 // the newest position that a client knew when the request was sent
	came  int64 // by the bank's clock
}

// openAccounts opens this client's share of the accounts and pays something in, each
// on any node.
func (b *bank) openAccounts(c int) {
	rng := rand.New(rand.NewPCG(b.seed, uint64(bankClients+1+c)))
	for i := c; i < b.size.accounts; i += bankClients {
		number := aNumber(i)
		b.give(&order{key: "open " + number, event: "account.opened", from: -1, to: i, path: "/v1/accounts",
			body: `{"accountNumber":"` + number + `","sortCode":"10-20-30"}`}, rng.IntN(len(b.nodes)))
		b.give(depositOrder("first deposit "+number, i, bankAmount), rng.IntN(len(b.nodes)))
	}
}

func depositOrder(key string, to int, amount int64) *order {
	return &order{key: key, event: "funds.deposited", from: -1, to: to, amount: amount, path: "/v1/accounts/" + aNumber(to) + "/deposits",
		body: fmt.Sprintf(`{"amount":%d,"currency":"GBP","reference":%q}`, amount, key)}
}

func withdrawalOrder(key string, from int, amount int64) *order {
	return &order{key: key, event: "funds.withdrawn", from: from, to: -1, amount: amount, path: "/v1/accounts/" + aNumber(from) + "/withdrawals",
		body: fmt.Sprintf(`{"amount":%d,"currency":"GBP","reference":%q}`, amount, key)}
}

func transferOrder(key string, from, to int, amount int64) *order {
	return &order{key: key, event: "funds.transferred", from: from, to: to, amount: amount, path: "/v1/transfers",
		body: fmt.Sprintf(`{"from":"%s","to":"%s","amount":%d,"currency":"GBP","reference":%q}`, aNumber(from), aNumber(to), amount, key)}
}

// work gives orders until there are enough. Every tenth is sent a second time, to
// another node if there is one: at the same time, or some orders later.
func (b *bank) work(c int, enough context.Context) {
	rng := rand.New(rand.NewPCG(b.seed, uint64(c)))
	var later []func()
	for i := 0; enough.Err() == nil; i++ {
		node := rng.IntN(len(b.nodes))
		o := b.next(rng, node, fmt.Sprintf("client %d, %d", c, i))
		if i%10 != 9 {
			b.give(o, node)
			continue
		}
		again := func() { b.give(o, b.another(node)) }
		if b.duplicates.Add(1); rng.IntN(2) == 0 {
			var twin sync.WaitGroup
			twin.Go(again)
			b.give(o, node)
			twin.Wait()
			continue
		}
		b.give(o, node)
		if later = append(later, again); len(later) > 4 {
			later[0]()
			later = later[1:]
		}
	}
	for _, again := range later {
		again()
	}
}

// another is the node after this one, in a circle.
func (b *bank) another(node int) int { return (node + 1) % len(b.nodes) }

// next makes an order. Amounts are such that a good part asks for more than there is.
func (b *bank) next(rng *rand.Rand, node int, key string) *order {
	from, to, amount := rng.IntN(b.size.accounts), rng.IntN(b.size.accounts-1), 1+rng.Int64N(bankAmount)
	if rng.IntN(4) == 0 {
		from = rng.IntN(bankHot)
	}
	if to >= from {
		to++
	}
	switch n := rng.IntN(100); {
	case n < 10:
		return depositOrder(key, to, amount)
	case n < 20:
		return withdrawalOrder(key, from, amount)
	case n < 35:
		o := transferOrder(key, from, to, amount)
		o.version = b.version(node, from)
		return o
	default:
		return transferOrder(key, from, to, amount)
	}
}

// version is that of an account as this node knows it, 0 if it can't be asked.
func (b *bank) version(node, account int) int64 {
	a, err := b.nodes[node].Load().do("GET", "/v1/accounts/"+aNumber(account), "")
	if err != nil || a.status != http.StatusOK {
		return 0
	}
	version, err := strconv.ParseInt(strings.Trim(a.header.Get("ETag"), `"`), 10, 64)
	if err != nil {
		b.t.Errorf("account %d: ETag %q", account, a.header.Get("ETag"))
	}
	return version
}

// give sends an order to a node, and then to the others, until there is an answer.
func (b *bank) give(o *order, node int) {
	headers := []string{"Idempotency-Key: " + o.key}
	if o.version > 0 {
		headers = append(headers, fmt.Sprintf(`If-Match: "%d"`, o.version))
	}
	limit, cancel := context.WithTimeout(b.t.Context(), bankRetries)
	defer cancel()
	for first := true; ; first = false {
		if !first {
			b.retries.Add(1)
			if node = b.another(node); !pause.For(limit, 20*time.Millisecond) {
				b.t.Errorf("%s got no answer for %s", o.key, bankRetries)
				return
			}
		}
		after := b.newest.Load()
		b.register(o, after)
		a, err := b.nodes[node].Load().do("POST", o.path, o.body, headers...)
		if b.note(o, a, err, after, b.clock.Add(1)) {
			return
		}
	}
}

// register notes when an order is sent for the first time.
func (b *bank) register(o *order, after int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.sent > 0 {
		return
	}
	o.sent, o.after = b.clock.Add(1), after
	b.mu.Lock()
	defer b.mu.Unlock()
	b.orders = append(b.orders, o)
}

// note keeps what an order was told, and tells whether that was an answer.
func (b *bank) note(o *order, a answer, err error, after, came int64) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case err != nil:
		// Even if nobody listened: net/http sends requests with a key again by
		// itself, and names only the last reason.
		o.lost++
		b.cut.Add(1)
		return false
	case a.status == http.StatusServiceUnavailable:
		if a.get(b.t, "code") == "outcome-unknown" {
			o.lost++
			b.unknown.Add(1)
		}
		return false
	case a.status == http.StatusCreated:
		b.accept(o, a)
	default:
		code, _ := a.get(b.t, "code").(string)
		o.refusals = append(o.refusals, rejection{code, after, came})
	}
	if !o.answered {
		o.answered = true
		b.answered.Add(1)
	}
	return true
}

// accept keeps the first answer that an order was carried out, and compares every
// other one with it.
func (b *bank) accept(o *order, a answer) {
	position, err := strconv.ParseInt(a.header.Get("Event-Position"), 10, 64)
	if err != nil {
		b.t.Errorf("%s: %v\n%s", o.key, err, a.body)
	}
	for known := b.newest.Load(); known < position && !b.newest.CompareAndSwap(known, position); known = b.newest.Load() {
	}
	if a.header.Get("Idempotency-Replayed") == "true" {
		b.replayed.Add(1)
	} else if o.firsts++; o.firsts > 1 {
		b.t.Errorf("%s: %d answers are said to be the first", o.key, o.firsts)
	}
	if o.accepted == nil {
		o.accepted, o.position = &a, position
		return
	}
	if string(a.body) != string(o.accepted.body) {
		b.t.Errorf("%s: %s\nrepeated: %s", o.key, o.accepted.body, a.body)
	}
	for _, name := range []string{"Event-Position", "Location", "ETag", "Content-Type"} {
		if got, want := a.header.Get(name), o.accepted.header.Get(name); got != want {
			b.t.Errorf("%s: %s %q, repeated %q", o.key, name, want, got)
		}
	}
}
