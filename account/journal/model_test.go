package journal_test

import (
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"openpayment/account"
	"openpayment/account/journal"
	"openpayment/eventstore"
	"openpayment/eventstore/memory"
)

// model is what the service promises, for one caller at a time: it knows what
// each account must be after each command, and why a command is refused. The
// commands go to two nodes in turn, and neither is told to catch up.
type model struct {
	log      *memory.Log
	nodes    []*node
	accounts map[account.Number]account.Account
	head     eventstore.Position
}

func TestRandomCommandsAgreeWithAModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &model{log: memory.New(), accounts: make(map[account.Number]account.Account)}
		m.nodes = []*node{start(t, m.log), start(t, m.log)}
		t.Repeat(map[string]func(*rapid.T){
			"open":    m.open,
			"update":  m.update,
			"close":   m.close,
			"foreign": m.foreign,
			"restart": m.restart,
			"read":    m.read,
		})
		sameState(t, m.nodes...)
		for _, n := range m.nodes {
			n.stop()
		}
	})
}

var modelNumbers = rapid.SampledFrom([]account.Number{"000001", "000002", "000003"})

func (m *model) open(t *rapid.T) {
	n := modelNumbers.Draw(t, "number")
	c := account.Open{Number: string(n), SortCode: "10-20-30", CustomerURLs: []string{"http://a"}, Currency: "EUR"}
	want := account.Account{
		Number: n, SortCode: "10-20-30", CustomerURLs: []string{"http://a"}, CardURLs: []string{},
		Currency: "EUR", Status: account.StatusOpen,
	}
	code := account.Code("")
	if _, used := m.accounts[n]; used {
		code = account.CodeAccountExists
	}
	m.execute(t, c, code, want)
}

// match draws a precondition, and tells whether it holds for an account.
func (m *model) match(t *rapid.T, a account.Account) (match *account.Match, holds bool) {
	switch rapid.IntRange(0, 4).Draw(t, "match") {
	case 0:
		return &account.Match{Version: a.Version + rapid.SampledFrom([]int64{-1, 1, 1 << 40}).Draw(t, "off by")}, false
	case 1:
		return &account.Match{Any: true}, true
	case 2:
		return &account.Match{Version: a.Version}, true
	default:
		return nil, true
	}
}

func (m *model) update(t *rapid.T) {
	n := modelNumbers.Draw(t, "number")
	want := m.accounts[n]
	match, holds := m.match(t, want)
	want.SortCode = rapid.SampledFrom([]string{"40-50-60", "11-22-33"}).Draw(t, "sort code")
	want.CardURLs = []string{"http://b"}
	c := account.Update{Account: n, Match: match, SortCode: &want.SortCode, CardURLs: &want.CardURLs}
	m.execute(t, c, m.expect(n, holds), want)
}

func (m *model) close(t *rapid.T) {
	n := modelNumbers.Draw(t, "number")
	want := m.accounts[n]
	match, holds := m.match(t, want)
	want.Status = account.StatusClosed
	m.execute(t, account.Close{Account: n, Match: match}, m.expect(n, holds), want)
}

// expect is the refusal of a command on an account that must be there.
func (m *model) expect(n account.Number, matches bool) account.Code {
	a, there := m.accounts[n]
	switch {
	case !there:
		return account.CodeAccountNotFound
	case a.Status == account.StatusClosed:
		return account.CodeAccountClosed
	case !matches:
		return account.CodeVersionMismatch
	}
	return ""
}

func (m *model) execute(t *rapid.T, c account.Command, code account.Code, want account.Account) {
	node := rapid.SampledFrom(m.nodes).Draw(t, "node")
	dry := rapid.IntRange(0, 4).Draw(t, "dry") == 0
	out, err := node.Execute(t.Context(), c, journal.Options{DryRun: dry})
	if code != "" {
		wantCode(t, err, code)
		return
	}
	if err != nil {
		t.Fatalf("%+v: %v", c, err)
	}
	want.Version, want.UpdatedAt, want.OpenedAt = int64(m.head+1), out.Account.UpdatedAt, out.Account.OpenedAt
	if before, there := m.accounts[want.Number]; there {
		want.OpenedAt = before.OpenedAt
	}
	if out.Position != m.head+1 || !reflect.DeepEqual(*out.Account, want) {
		t.Fatalf("%+v was answered at %d with %+v, want %d and %+v", c, out.Position, out.Account, m.head+1, want)
	}
	if dry {
		return
	}
	m.head++
	m.accounts[want.Number] = want
	if got := node.List(want.Number[:5], 100, account.Filter{}); slices.ContainsFunc(got, func(a *account.Account) bool { return a.Number == want.Number }) != (want.Status == account.StatusOpen) {
		t.Fatalf("a node does not show what it has just answered: %v", numbersOf(got))
	}
}

func (m *model) foreign(t *rapid.T) {
	m.head = foreign(t, m.log, rapid.IntRange(1, 3).Draw(t, "events"), func(int, *eventstore.Event) {})
}

func (m *model) restart(t *rapid.T) {
	i := rapid.IntRange(0, 1).Draw(t, "which")
	m.nodes[i].stop()
	m.nodes[i] = start(t, m.log)
}

func (m *model) read(t *rapid.T) {
	n := rapid.SampledFrom(m.nodes).Draw(t, "node")
	n.catchUp(t)
	if applied := n.Applied(); applied != m.head {
		t.Fatalf("caught up to %d, the log ends at %d", applied, m.head)
	}
	for number, want := range m.accounts {
		got, err := n.AccountAt(t.Context(), number, journal.Moment{Position: m.head})
		if err != nil || !reflect.DeepEqual(*got, want) {
			t.Fatalf("account %s is %+v, %v, want %+v", number, got, err, want)
		}
		if want.Status == account.StatusClosed {
			_, err = n.Account(number)
			wantCode(t, err, account.CodeAccountClosed)
		} else if got, err = n.Account(number); err != nil || !reflect.DeepEqual(*got, want) {
			t.Fatalf("account %s is %+v, %v, want %+v", number, got, err, want)
		}
	}
}
