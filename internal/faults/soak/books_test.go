package soak

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"

	"openpayment/api/client"
)

// books are what clients were told, and what a stream says, one held against the other as
// both come in: what agrees is forgotten, so that an hour does not fill the memory.
type books struct {
	fail func(format string, args ...any)

	mu       sync.Mutex
	told     map[client.Position]string // acknowledged, not streamed yet: the request's id
	streamed map[client.Position]string // the other way round
	unsure   map[string]bool            // requests that got no answer, or that the outcome is unknown
	late     int                        // of those, carried out
	head     client.Position            // of the stream
	opened   int
	balances map[string]int64 // of open accounts
	paidIn   int64            // all deposits less all withdrawals
}

func newBooks(fail func(format string, args ...any)) *books {
	return &books{
		fail: fail, told: make(map[client.Position]string), streamed: make(map[client.Position]string),
		unsure: make(map[string]bool), balances: make(map[string]int64),
	}
}

// acknowledge notes that a request was told to have led to the event at a position.
func (b *books) acknowledge(at client.Position, request string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.match(at, request, b.streamed, b.told)
}

func (b *books) match(at client.Position, request string, other, own map[client.Position]string) {
	switch id, known := other[at]; {
	case !known && own[at] != "":
		b.fail("both %s and %s are at %d", own[at], request, at)
	case !known:
		own[at] = request
	case id != request:
		b.fail("at %d are both %s and %s, by the stream and by the acknowledgement", at, id, request)
	default:
		delete(other, at)
	}
}

// doubt notes that nobody knows what became of a request.
func (b *books) doubt(request string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.unsure[request] = true
}

// enter makes an entry of what the stream gives next.
func (b *books) enter(ev client.Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if ev.Seq != b.head+1 {
		b.fail("the stream gives %d after %d", ev.Seq, b.head)
	}
	b.head = ev.Seq
	b.match(ev.Seq, ev.Meta["requestId"], b.told, b.streamed)
	var p struct {
		AccountNumber, From, To string
		Amount                  int64
	}
	if err := json.Unmarshal(ev.Data, &p); err != nil {
		b.fail("event %d: %v", ev.Seq, err)
	}
	switch ev.Type {
	case "account.opened":
		b.opened++
		b.balances[p.AccountNumber] = 0
	case "account.closed":
		if held := b.balances[p.AccountNumber]; held != 0 {
			b.fail("event %d closes an account that holds %d", ev.Seq, held)
		}
		delete(b.balances, p.AccountNumber)
	case "funds.deposited":
		b.paidIn += p.Amount
		b.move(ev, p.AccountNumber, p.Amount)
	case "funds.withdrawn":
		b.paidIn -= p.Amount
		b.move(ev, p.AccountNumber, -p.Amount)
	case "funds.transferred":
		b.move(ev, p.From, -p.Amount)
		b.move(ev, p.To, p.Amount)
	default:
		b.fail("nobody asked for %+v", ev)
	}
}

func (b *books) move(ev client.Event, number string, amount int64) {
	balance, open := b.balances[number]
	if balance += amount; !open || balance < 0 {
		b.fail("event %d leaves account %s, open %t, with %d", ev.Seq, number, open, balance)
	}
	b.balances[number] = balance
}

// close demands, at the end, that both sides are the same.
func (b *books) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for at, id := range b.told {
		b.fail("%s was acknowledged at %d, and is not in the log", id, at)
	}
	for _, at := range slices.Sorted(maps.Keys(b.streamed)) {
		id := b.streamed[at]
		if b.late++; !b.unsure[id] {
			b.fail("%s is at %d, and was not acknowledged", id, at)
		}
		delete(b.unsure, id) // a second event of it is one too many
	}
	var held int64
	for _, balance := range b.balances {
		held += balance
	}
	if held != b.paidIn {
		b.fail("the accounts hold %d; %d were paid in", held, b.paidIn)
	}
}

// compare demands that a node shows the same accounts.
func (b *books) compare(accounts func(yield func(client.Account, error) bool)) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	shown := 0
	for a, err := range accounts {
		if err != nil {
			return err
		}
		shown++
		if balance, open := b.balances[a.AccountNumber]; !open || a.Balance != balance {
			return fmt.Errorf("account %s has a balance of %d; the log says %d, and open: %t", a.AccountNumber, a.Balance, balance, open)
		}
	}
	if shown != len(b.balances) {
		return fmt.Errorf("%d accounts are shown, %d are open", shown, len(b.balances))
	}
	return nil
}

func (b *books) position() client.Position {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.head
}

func (b *books) accounts() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.opened
}
