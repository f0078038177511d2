package journal_test

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"openpayment/account"
	"openpayment/account/journal"
	"openpayment/eventstore"
	"openpayment/eventstore/memory"
)

// purses is what accounts hold; a closed one is below zero.
type purses map[account.Number]int64

const closedPurse = -1

func (p purses) expect(numbers ...account.Number) account.Code {
	for _, n := range numbers {
		switch balance, there := p[n]; {
		case !there:
			return account.CodeAccountNotFound
		case balance == closedPurse:
			return account.CodeAccountClosed
		}
	}
	return ""
}

// apply does what a command asks for, or says why it must be refused.
func (p purses) apply(c account.Command) (code account.Code) {
	switch c := c.(type) {
	case account.Open:
		if _, used := p[account.Number(c.Number)]; used {
			return account.CodeAccountExists
		}
		p[account.Number(c.Number)] = 0
	case account.Update:
		return p.expect(c.Account)
	case account.Close:
		if code = p.expect(c.Account); code == "" && p[c.Account] != 0 {
			code = account.CodeAccountNotEmpty
		}
		if code == "" {
			p[c.Account] = closedPurse
		}
	case account.Deposit:
		if code = p.expect(c.Account); code == "" {
			p[c.Account] += c.Amount
		}
	case account.Withdraw:
		if code = p.expect(c.Account); code == "" && p[c.Account] < c.Amount {
			code = account.CodeInsufficientFunds
		}
		if code == "" {
			p[c.Account] -= c.Amount
		}
	case account.Transfer:
		code = p.expect(c.From, c.To)
		if code == "" && c.From == c.To {
			code = account.CodeSameAccount
		}
		if code == "" && p[c.From] < c.Amount {
			code = account.CodeInsufficientFunds
		}
		if code == "" {
			p[c.From], p[c.To] = p[c.From]-c.Amount, p[c.To]+c.Amount
		}
	}
	return code
}

// smallCommands are of a few accounts and amounts, so that much is refused.
var smallCommands = rapid.Custom(func(t *rapid.T) account.Command {
	n, amount := modelNumbers.Draw(t, "number"), rapid.Int64Range(1, 9).Draw(t, "amount")
	switch rapid.IntRange(0, 8).Draw(t, "kind") {
	case 0, 1:
		return open(n)
	case 2:
		return patch(n, "405060")
	case 3:
		return account.Close{Account: n}
	case 4:
		return account.Withdraw(deposit(n, amount))
	case 5, 6:
		return transfer(n, modelNumbers.Draw(t, "to"), amount)
	default:
		return deposit(n, amount)
	}
})

// bulkModel knows what must become of bulks that are sent to two nodes in turn, which
// take only a few events in one append.
type bulkModel struct {
	nodes  []*node
	purses purses
	head   eventstore.Position
	keys   int
}

const bulkAppend = 5 // events

func TestRandomBulksAgreeWithAModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		log := memory.New()
		cfg := journal.Config{Writer: eventstore.WriterConfig{BatchEvents: bulkAppend}}
		m := &bulkModel{purses: make(purses)}
		m.nodes = []*node{startWith(t, log, cfg), startWith(t, log, cfg)}
		t.Repeat(map[string]func(*rapid.T){"all": m.all, "each": m.each, "": m.check})
		sameState(t, m.nodes...)
		for _, n := range m.nodes {
			n.stop()
		}
	})
}

func (m *bulkModel) newKey() account.Key {
	m.keys++
	return key(fmt.Sprint(m.keys), "x")
}

func (m *bulkModel) all(t *rapid.T) {
	n := rapid.SampledFrom(m.nodes).Draw(t, "node")
	commands := rapid.SliceOfN(smallCommands, 1, bulkAppend+1).Draw(t, "commands")
	o := journal.Options{DryRun: rapid.IntRange(0, 3).Draw(t, "dry") == 0}
	if rapid.Bool().Draw(t, "keyed") {
		o.Key = m.newKey()
	}
	outs, err := n.ExecuteAll(t.Context(), commands, o)
	after := maps.Clone(m.purses)
	for i, c := range commands {
		if code := after.apply(c); code != "" {
			bulk, ok := errors.AsType[*journal.BulkError](err)
			if wantCode(t, err, code); !ok || bulk.At != i {
				t.Fatalf("%v, want command %d to be refused", err, i)
			}
			return
		}
	}
	if len(commands) > bulkAppend {
		if wantKind(t, err, eventstore.KindInvalid); !errors.Is(err, journal.ErrBulkTooLarge) {
			t.Fatal(err)
		}
		return
	}
	if err != nil || len(outs) != len(commands) {
		t.Fatalf("%d outcomes, %v", len(outs), err)
	}
	for i, out := range outs {
		mark := fmt.Sprintf("%d/%d", i+1, len(outs))
		if len(outs) == 1 {
			mark = ""
		}
		if out.Position != m.head+1+eventstore.Position(i) || out.Event.Seq != out.Position || out.Event.Meta.Get("atomic") != mark {
			t.Fatalf("outcome %d behind %d: %+v", i, m.head, out)
		}
	}
	if o.DryRun {
		return
	}
	m.purses, m.head = after, m.head+eventstore.Position(len(outs))
	if !o.Key.Given() {
		return
	}
	for _, n := range m.nodes {
		again, err := n.ExecuteAll(t.Context(), commands, o)
		if err != nil || len(again) != len(outs) {
			t.Fatalf("repeated: %d outcomes, %v", len(again), err)
		}
		for i := range again {
			sameAnswer(t, again[i], outs[i])
		}
	}
}

func (m *bulkModel) each(t *rapid.T) {
	n := rapid.SampledFrom(m.nodes).Draw(t, "node")
	var requests []journal.Request
	for _, c := range rapid.SliceOfN(smallCommands, 1, 3*bulkAppend).Draw(t, "commands") {
		r := journal.Request{Command: c}
		if rapid.Bool().Draw(t, "keyed") {
			r.Key = m.newKey()
		}
		requests = append(requests, r)
	}
	o := journal.Options{DryRun: rapid.IntRange(0, 3).Draw(t, "dry") == 0}
	results := n.ExecuteEach(t.Context(), requests, o)
	after, head := maps.Clone(m.purses), m.head
	for i, r := range results {
		if code := after.apply(requests[i].Command); code != codeOf(r.Err) || code == "" && r.Err != nil {
			t.Fatalf("%d: %+v: %v, want %q", i, requests[i].Command, r.Err, code)
		}
		if r.Err != nil {
			continue
		}
		head++
		if a := r.Outcome.Account; r.Outcome.Position != head || r.Outcome.Event.Seq != head || a.Status == account.StatusOpen && a.Balance != after[a.Number] {
			t.Fatalf("%d: %+v is at %d with %+v, want %d", i, requests[i].Command, r.Outcome.Position, a, head)
		}
	}
	if o.DryRun {
		return
	}
	m.purses, m.head = after, head
	m.repeatEach(t, requests, results)
}

// repeatEach sends what was accepted with a key once more, to any node.
func (m *bulkModel) repeatEach(t *rapid.T, requests []journal.Request, results []journal.Result) {
	var again []journal.Request
	var firsts []journal.Outcome
	for i, r := range results {
		if r.Err == nil && requests[i].Key.Given() {
			again, firsts = append(again, requests[i]), append(firsts, r.Outcome)
		}
	}
	repeated := rapid.SampledFrom(m.nodes).Draw(t, "another node").ExecuteEach(t.Context(), again, journal.Options{})
	for i, r := range repeated {
		if r.Err != nil {
			t.Fatal(r.Err)
		}
		sameAnswer(t, r.Outcome, firsts[i])
	}
}

func (m *bulkModel) check(t *rapid.T) {
	got := make(purses)
	n := m.nodes[0]
	n.catchUp(t)
	for number := range m.purses {
		a, err := n.AccountAt(t.Context(), number, journal.Moment{Position: m.head})
		if err != nil {
			t.Fatal(err)
		}
		if got[number] = a.Balance; a.Status == account.StatusClosed {
			got[number] = closedPurse
		}
	}
	if head := n.Applied(); head != m.head || !reflect.DeepEqual(got, m.purses) {
		t.Fatalf("at %d: %v, want %d: %v", head, got, m.head, m.purses)
	}
}
