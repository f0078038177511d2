package journal_test

import (
	"cmp"
	"fmt"
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
	keyed    []keyedCommand                 // accepted ones
	subjects map[string]eventstore.Position // of other services' events
}

// keyedCommand is a command with a key, and how it was answered.
type keyedCommand struct {
	key     account.Key
	command account.Command
	out     journal.Outcome
}

func TestRandomCommandsAgreeWithAModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &model{log: memory.New(), accounts: make(map[account.Number]account.Account), subjects: make(map[string]eventstore.Position)}
		m.nodes = []*node{start(t, m.log), start(t, m.log)}
		t.Repeat(map[string]func(*rapid.T){
			"open":     m.open,
			"update":   m.update,
			"close":    m.close,
			"deposit":  m.deposit,
			"withdraw": m.withdraw,
			"transfer": m.transfer,
			"foreign":  m.foreign,
			"append":   m.append,
			"repeat":   m.repeat,
			"restart":  m.restart,
			"read":     m.read,
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
	code := m.expect(n, holds)
	if code == "" && want.Balance != 0 {
		code = account.CodeAccountNotEmpty
	}
	m.execute(t, account.Close{Account: n, Match: match}, code, want)
}

var modelAmounts = rapid.OneOf(rapid.Int64Range(1, 9), rapid.Just[int64](account.MaxBalance))

func (m *model) deposit(t *rapid.T) {
	n, amount := modelNumbers.Draw(t, "number"), modelAmounts.Draw(t, "amount")
	want := m.accounts[n]
	match, holds := m.match(t, want)
	code := m.expect(n, holds)
	if code == "" && want.Balance+amount > account.MaxBalance {
		code = account.CodeAmountOutOfRange
	}
	want.Balance += amount
	m.execute(t, account.Deposit{Account: n, Match: match, Amount: amount, Currency: "EUR"}, code, want)
}

func (m *model) withdraw(t *rapid.T) {
	n, amount := modelNumbers.Draw(t, "number"), modelAmounts.Draw(t, "amount")
	want := m.accounts[n]
	match, holds := m.match(t, want)
	code := m.expect(n, holds)
	if code == "" && want.Balance < amount {
		code = account.CodeInsufficientFunds
	}
	want.Balance -= amount
	m.execute(t, account.Withdraw{Account: n, Match: match, Amount: amount, Currency: "EUR"}, code, want)
}

func (m *model) transfer(t *rapid.T) {
	from, to, amount := modelNumbers.Draw(t, "from"), modelNumbers.Draw(t, "to"), modelAmounts.Draw(t, "amount")
	payer, payee := m.accounts[from], m.accounts[to]
	match, holds := m.match(t, payer)
	code := cmp.Or(m.expect(from, holds), m.expect(to, true))
	switch {
	case code != "":
	case from == to:
		code = account.CodeSameAccount
	case payer.Balance < amount:
		code = account.CodeInsufficientFunds
	case payee.Balance+amount > account.MaxBalance:
		code = account.CodeAmountOutOfRange
	}
	payer.Balance, payee.Balance = payer.Balance-amount, payee.Balance+amount
	m.execute(t, account.Transfer{From: from, To: to, Match: match, Amount: amount, Currency: "EUR"}, code, payer, payee)
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

// execute wants a refusal, or the accounts as given; the first is the answer.
func (m *model) execute(t *rapid.T, c account.Command, code account.Code, wants ...account.Account) {
	node := rapid.SampledFrom(m.nodes).Draw(t, "node")
	dry := rapid.IntRange(0, 4).Draw(t, "dry") == 0
	options := journal.Options{DryRun: dry}
	if rapid.Bool().Draw(t, "keyed") { // a refused one is as good as new
		options.Key = key(fmt.Sprint(len(m.keyed)), "x")
	}
	out, err := node.Execute(t.Context(), c, options)
	if code != "" {
		wantCode(t, err, code)
		return
	}
	if err != nil {
		t.Fatalf("%+v: %v", c, err)
	}
	for i := range wants {
		wants[i].Version, wants[i].UpdatedAt = int64(m.head+1), out.Event.Time
		if _, there := m.accounts[wants[i].Number]; !there {
			wants[i].OpenedAt = out.Event.Time
		}
	}
	want := wants[0]
	if out.Event.Seq != m.head+1 || out.Position != m.head+1 || !reflect.DeepEqual(*out.Account, want) {
		t.Fatalf("%+v was answered at %d with %+v, want %d and %+v", c, out.Position, out.Account, m.head+1, want)
	}
	if dry {
		return
	}
	m.head++
	if options.Key.Given() {
		m.keyed = append(m.keyed, keyedCommand{options.Key, c, out})
	}
	for _, a := range wants {
		m.accounts[a.Number] = a
	}
	if got := node.List(want.Number[:5], 100, account.Filter{}); slices.ContainsFunc(got, func(a *account.Account) bool { return a.Number == want.Number }) != (want.Status == account.StatusOpen) {
		t.Fatalf("a node does not show what it has just answered: %v", numbersOf(got))
	}
}

func (m *model) foreign(t *rapid.T) {
	m.head = foreign(t, m.log, rapid.IntRange(1, 3).Draw(t, "events"), func(int, *eventstore.Event) {})
}

// repeat asks for what was done already, on any node.
func (m *model) repeat(t *rapid.T) {
	if len(m.keyed) == 0 {
		t.Skip("nothing yet")
	}
	k := rapid.SampledFrom(m.keyed).Draw(t, "command")
	node := rapid.SampledFrom(m.nodes).Draw(t, "node")
	node.repeats(t, k.key, k.command, k.out)
	_, err := node.Execute(t.Context(), k.command, journal.Options{Key: key(k.key.Text, "y")})
	wantCode(t, err, account.CodeKeyReused)
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
