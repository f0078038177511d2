package main

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"testing"
	"time"
)

// ledger is a bank of the test's own: plain integers, made of the log's events and
// of nothing else.
type ledger struct {
	t        testing.TB
	events   []event
	balances []int64
	paidIn   int64            // all deposits less all withdrawals
	history  [][]standing     // of each account, oldest first
	keys     map[string]int64 // of every event: its position
}

// standing is an account from one event that touched it to the next.
type standing struct{ version, balance int64 }

func newLedger(t testing.TB, accounts int) *ledger {
	return &ledger{t: t, balances: make([]int64, accounts), history: make([][]standing, accounts), keys: make(map[string]int64)}
}

// equal tells whether two events say the same.
func (e event) equal(other event) bool {
	return e.Seq == other.Seq && e.Type == other.Type && e.Subject == other.Subject && e.Hash == other.Hash &&
		maps.Equal(e.Meta, other.Meta) && bytes.Equal(e.Data, other.Data)
}

// posting is the data of an event, whatever its type.
type posting struct {
	AccountNumber, From, To string
	Amount                  int64
}

// accounts are those that an event of this type takes from and gives to, none if
// negative.
func (p posting) accounts(kind string) (from, to int) {
	switch kind {
	case "funds.withdrawn":
		return index(p.AccountNumber), -1
	case "funds.transferred":
		return index(p.From), index(p.To)
	default:
		return -1, index(p.AccountNumber)
	}
}

// index is the inverse of aNumber.
func index(number string) int {
	n, err := strconv.Atoi(number)
	if err != nil {
		return -1
	}
	return n - 10_000_000
}

// enter makes an entry of the next event, and looks whether the books balance.
func (l *ledger) enter(ev event) {
	l.t.Helper()
	l.events = append(l.events, ev)
	key := ev.Meta["idempotencyKey"]
	if before, twice := l.keys[key]; twice || key == "" {
		l.t.Errorf("the key %q stands at %d and at %d", key, before, ev.Seq)
	}
	l.keys[key] = ev.Seq
	var p posting
	if err := json.Unmarshal(ev.Data, &p); err != nil {
		l.t.Fatalf("event %d: %v", ev.Seq, err)
	}
	from, to := p.accounts(ev.Type)
	if from >= 0 {
		l.move(ev, from, -p.Amount)
	}
	if to >= 0 {
		l.move(ev, to, p.Amount)
	}
	if from < 0 {
		l.paidIn += p.Amount
	}
	if to < 0 {
		l.paidIn -= p.Amount
	}
	var held int64
	for _, balance := range l.balances {
		held += balance
	}
	if held != l.paidIn {
		l.t.Fatalf("after event %d the accounts hold %d; %d were paid in\n%+v", ev.Seq, held, l.paidIn, ev)
	}
}

func (l *ledger) move(ev event, account int, amount int64) {
	l.t.Helper()
	if opened := len(l.history[account]) > 0; opened == (ev.Type == "account.opened") {
		l.t.Errorf("event %d, %s, of an account of which there are already %d", ev.Seq, ev.Type, len(l.history[account]))
	}
	l.balances[account] += amount
	l.history[account] = append(l.history[account], standing{ev.Seq, l.balances[account]})
	if l.balances[account] < 0 {
		l.t.Errorf("after event %d the balance of account %d is %d\n%+v", ev.Seq, account, l.balances[account], ev)
	}
}

// before is the standing of an account just before a position.
func (l *ledger) before(account int, position int64) (s standing) {
	for _, next := range l.history[account] {
		if next.version >= position {
			break
		}
		s = next
	}
	return s
}

// refuses tells whether an order had to be refused for this reason at one position at
// least, from first to last.
func (l *ledger) refuses(o *order, code string, first, last int64) bool {
	for i, s := range l.history[o.from] {
		until := last
		if i+1 < len(l.history[o.from]) {
			until = min(last, l.history[o.from][i+1].version-1)
		}
		if max(first, s.version) > until {
			continue
		}
		expected := o.version == 0 || o.version == s.version
		if code == "version-mismatch" && !expected || code == "insufficient-funds" && expected && s.balance < o.amount {
			return true
		}
	}
	return false
}

// compareAccounts demands that a node serves the accounts as the ledger has them.
func (l *ledger) compareAccounts(name string, p *process) {
	l.t.Helper()
	var page struct {
		Items []struct {
			AccountNumber    string
			Balance, Version int64
		}
		NextCursor string
	}
	a := p.must(http.StatusOK, "GET", "/v1/accounts?limit=1000", "", "Consistency: strong")
	if err := json.Unmarshal(a.body, &page); err != nil || len(page.Items) != len(l.balances) || page.NextCursor != "" {
		l.t.Fatalf("%s: %d accounts, %v", name, len(page.Items), err)
	}
	for i, item := range page.Items { // by number
		want := l.history[i][len(l.history[i])-1]
		if item.AccountNumber != aNumber(i) || item.Balance != want.balance || item.Version != want.version {
			l.t.Errorf("%s: %+v, the log says %+v", name, item, want)
		}
	}
}

// checkOrders holds what each client was told against the log.
func (b *bank) checkOrders(l *ledger) {
	ends := b.ends(l)
	var acknowledged, refused, late, paidIn int64
	for _, o := range b.orders {
		at, carriedOut := l.keys[o.key]
		switch {
		case o.accepted != nil:
			acknowledged++
			l.checkAccepted(o)
		case len(o.refusals) == 0:
			b.t.Errorf("%s was never answered", o.key)
		case carriedOut && o.lost == 0:
			b.t.Errorf("%s was refused, but stands at %d: %+v", o.key, at, o.refusals)
		case carriedOut:
			late++ // a lost request that came after all
		default:
			refused++
		}
		if carriedOut {
			l.checkCarriedOut(o, at)
			paidIn += o.paidIn()
		}
		for _, r := range o.refusals {
			last := ends(r.came)
			if carriedOut {
				last = min(last, at-1) // or it would have been a repetition
			}
			if o.from < 0 || !l.refuses(o, r.code, r.after, last) {
				b.t.Errorf("%s was refused with %s, which is not true anywhere from %d to %d", o.key, r.code, r.after, last)
			}
		}
	}
	if carriedOut := acknowledged + late; carriedOut != int64(len(l.events)) || paidIn != l.paidIn {
		b.t.Errorf("%d commands were carried out, which paid in %d; the log has %d events, and %d", carriedOut, paidIn, len(l.events), l.paidIn)
	}
	if b.kills < b.size.kills || refused == 0 || b.replayed.Load() == 0 {
		b.t.Errorf("%d kills, %d refused, %d repeated: too few to show anything", b.kills, refused, b.replayed.Load())
	}
	b.t.Logf("%d commands on %d nodes in %s: %d acknowledged, %d refused, %d carried out though refused when they were sent again",
		len(b.orders), len(b.nodes), b.took.Round(time.Second), acknowledged, refused, late)
	b.t.Logf("%d duplicates, %d answers from memory, %d retries, %d connections lost, %d outcomes unknown; %d kills and a SIGTERM",
		b.duplicates.Load(), b.replayed.Load(), b.retries.Load(), b.cut.Load(), b.unknown.Load(), b.kills)
}

func (o *order) paidIn() int64 {
	switch o.event {
	case "funds.deposited":
		return o.amount
	case "funds.withdrawn":
		return -o.amount
	default:
		return 0
	}
}

// ends tells for a moment of the bank's clock the last position that the log can have
// had then: what was sent later stands behind it.
func (b *bank) ends(l *ledger) func(came int64) int64 {
	orders := slices.Clone(b.orders)
	slices.SortFunc(orders, func(x, y *order) int { return int(x.sent - y.sent) })
	last := make([]int64, len(orders)+1) // before any of the orders from here on
	last[len(orders)] = int64(len(l.events))
	for i := len(orders) - 1; i >= 0; i-- {
		last[i] = last[i+1]
		if at, carriedOut := l.keys[orders[i].key]; carriedOut {
			last[i] = min(last[i], at-1)
		}
	}
	return func(came int64) int64 {
		i, _ := slices.BinarySearchFunc(orders, came, func(o *order, came int64) int { return int(o.sent - came) })
		return last[i]
	}
}

// checkAccepted compares the acknowledgement with the event.
func (l *ledger) checkAccepted(o *order) {
	if at := l.keys[o.key]; at != o.position {
		l.t.Errorf("%s was acknowledged at %d, but stands at %d", o.key, o.position, at)
		return
	}
	if o.event == "account.opened" {
		var opened struct {
			AccountNumber string
			Version       int64
		}
		if err := json.Unmarshal(o.accepted.body, &opened); err != nil || opened.AccountNumber != aNumber(o.to) || opened.Version != o.position {
			l.t.Errorf("%s, %v: %s", o.key, err, o.accepted.body)
		}
		return
	}
	var ev event
	if err := json.Unmarshal(o.accepted.body, &ev); err != nil || !ev.equal(l.events[o.position-1]) {
		l.t.Errorf("%s, %v: %s\nin the log: %+v", o.key, err, o.accepted.body, l.events[o.position-1])
	}
}

// checkCarriedOut demands that the event is what was ordered, behind everything that
// was known when it was.
func (l *ledger) checkCarriedOut(o *order, at int64) {
	ev := l.events[at-1]
	var p posting
	if err := json.Unmarshal(ev.Data, &p); err != nil {
		l.t.Fatal(err)
	}
	if from, to := p.accounts(ev.Type); ev.Type != o.event || from != o.from || to != o.to || p.Amount != o.amount {
		l.t.Errorf("%s: %s\nbecame %+v", o.key, o.body, ev)
	}
	if at <= o.after {
		l.t.Errorf("%s stands at %d; when it was sent, %d was there already", o.key, at, o.after)
	}
	if o.version > 0 && l.before(o.from, at).version != o.version {
		l.t.Errorf("%s stands at %d, but only version %d was to be changed; it was %d", o.key, at, o.version, l.before(o.from, at).version)
	}
}
