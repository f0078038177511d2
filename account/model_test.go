package account_test

import (
	"maps"
	"math/big"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"openpayment/account"
)

// model is what a State is, in the plainest words: a map of accounts, a map of
// positions, a count. It is written without [account.Evolve].
type model struct {
	accounts map[account.Number]account.Account
	history  map[account.Number][]int64
	foreign  map[string]int64 // where the last event of another service about each subject stands
	position int64
	supply   map[account.Currency]int64 // what came in, less what went out

	state *account.State
}

func TestAStateIsWhatItsEventsMadeIt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &model{
			accounts: make(map[account.Number]account.Account),
			history:  make(map[account.Number][]int64),
			foreign:  make(map[string]int64),
			supply:   make(map[account.Currency]int64),
			state:    account.NewState(),
		}
		t.Repeat(map[string]func(*rapid.T){
			"event":   m.event,
			"command": m.command,
			"foreign": m.pass,
			"list":    m.list,
			"":        m.compare,
		})
	})
}

// event applies an event, possible or not.
func (m *model) event(t *rapid.T) {
	m.apply(t, events.Draw(t, "event"))
}

// command applies what follows from a command, if anything does.
func (m *model) command(t *rapid.T) {
	ev, err := account.Decide(m.state, commands.Draw(t, "command"))
	if err != nil {
		return
	}
	if !m.apply(t, ev) {
		t.Fatalf("decided, but impossible: %+v", ev)
	}
}

func (m *model) pass(t *rapid.T) {
	subject := foreignSubjects.Draw(t, "subject")
	if err := m.state.Pass(subject, at(m.position+1)); err != nil {
		t.Fatalf("pass over %d: %v", m.position+1, err)
	}
	m.position++
	m.foreign[subject] = m.position
}

func (m *model) apply(t *rapid.T, ev account.Event) (possible bool) {
	stamp := at(m.position + 1)
	afters, possible := m.naive(ev, stamp)
	if err := m.state.Apply(ev, stamp); (err == nil) != possible {
		t.Fatalf("%+v at %d: %v, though possible is %t", ev, stamp.Seq, err, possible)
	}
	if possible {
		m.position = stamp.Seq
		for _, after := range afters {
			m.accounts[after.Number] = after
			m.history[after.Number] = append(m.history[after.Number], stamp.Seq)
		}
		switch e := ev.(type) {
		case account.Deposited:
			m.supply[e.Currency] += e.Amount
		case account.Withdrawn:
			m.supply[e.Currency] -= e.Amount
		}
	}
	return possible
}

func (m *model) naive(ev account.Event, stamp account.Stamp) (afters []account.Account, possible bool) {
	before, there := m.accounts[ev.Accounts()[0]]
	isOpen := there && before.Status == account.StatusOpen
	after := before
	switch e := ev.(type) {
	case account.Deposited:
		after, possible = m.moved(e.Number, e.Currency, e.Amount, +1)
	case account.Withdrawn:
		after, possible = m.moved(e.Number, e.Currency, e.Amount, -1)
	case account.Transferred:
		paid, can := m.moved(e.To, e.Currency, e.Amount, +1)
		after, possible = m.moved(e.From, e.Currency, e.Amount, -1)
		possible = possible && can && e.From != e.To
		paid.Version, paid.UpdatedAt = stamp.Seq, stamp.Time
		afters = append(afters, paid)
	case account.Opened:
		possible = !there
		after = account.Account{
			Number: e.Number, SortCode: e.SortCode, CustomerURLs: e.CustomerURLs, CardURLs: e.CardURLs,
			Currency: e.Currency, Status: account.StatusOpen, OpenedAt: stamp.Time,
		}
	case account.Updated:
		possible = isOpen
		after.SortCode, after.CustomerURLs, after.CardURLs = e.SortCode, e.CustomerURLs, e.CardURLs
	case account.Closed:
		possible = isOpen
		after.Status = account.StatusClosed
	}
	after.Version, after.UpdatedAt = stamp.Seq, stamp.Time
	return append(afters, after), possible
}

// moved is an account with an amount added or taken, and whether that can be. It
// calculates without bounds.
func (m *model) moved(n account.Number, c account.Currency, amount, sign int64) (account.Account, bool) {
	after, there := m.accounts[n]
	sum := new(big.Int).Mul(big.NewInt(amount), big.NewInt(sign))
	sum.Add(sum, big.NewInt(after.Balance))
	possible := there && after.Status == account.StatusOpen && after.Currency == c && amount >= 1 && amount < 1<<53 &&
		sum.Sign() >= 0 && sum.BitLen() <= 53
	after.Balance = sum.Int64()
	return after, possible
}

func (m *model) compare(t *rapid.T) {
	open := 0
	var digest account.Digest
	total := make(map[account.Currency]int64)
	for n, want := range m.accounts {
		if got := m.state.Account(n); got == nil || !reflect.DeepEqual(*got, want) {
			t.Fatalf("account %s is %+v, want %+v", n, got, want)
		}
		if got := m.state.History(n); !slices.Equal(got, m.history[n]) {
			t.Fatalf("the history of %s is %v, want %v", n, got, m.history[n])
		}
		if want.Status == account.StatusOpen {
			open++
		}
		digest.Add(account.DigestOf(&want))
		if total[want.Currency] += want.Balance; want.Balance < 0 {
			t.Fatalf("account %s has %d", n, want.Balance)
		}
	}
	for subject, version := range m.foreign {
		if got := m.state.ForeignVersion(subject); got != version {
			t.Fatalf("subject %q has version %d, want %d", subject, got, version)
		}
		digest.Add(account.DigestOfSubject(account.SubjectVersion{Subject: subject, Version: version}))
	}
	if got := m.state.ForeignSubjects(); got != len(m.foreign) || m.state.ForeignVersion("never") != 0 {
		t.Fatalf("there are %d subjects, want %d", got, len(m.foreign))
	}
	for c, supply := range m.supply {
		if total[c] != supply {
			t.Fatalf("there are %d %s, but %d came in", total[c], c, supply)
		}
	}
	if got := m.state.Open(); got != open {
		t.Fatalf("%d accounts are open, want %d", got, open)
	}
	position, got := m.state.Digest()
	if position != m.position || m.state.Position() != m.position {
		t.Fatalf("the state is at %d, its digest at %d, want %d", m.state.Position(), position, m.position)
	}
	if got != digest {
		t.Fatalf("the digest is %s, from scratch it is %s", got, digest)
	}
	if got, want := m.state.AllNumbers(), slices.Sorted(maps.Keys(m.accounts)); !slices.Equal(got, want) {
		t.Fatalf("the index holds %v, want %v", got, want)
	}
	const never account.Number = "555555"
	if m.state.Account(never) != nil || len(m.state.History(never)) != 0 {
		t.Fatalf("account %s was never opened, and is %+v", never, m.state.Account(never))
	}
}

// list asks for a page, and for all pages one after another.
func (m *model) list(t *rapid.T) {
	f := account.Filter{
		SortCode: rapid.SampledFrom([]string{"", "", "10-20-30", "102030", "40-50-60", "nonsense"}).Draw(t, "sort code"),
		Customer: rapid.SampledFrom([]string{"", "", "http://a", "http://nobody"}).Draw(t, "customer"),
	}
	after := account.Number(rapid.SampledFrom([]string{"", "000001", "000001x", "12", "123456789012", "9999990"}).Draw(t, "after"))
	limit := rapid.IntRange(-1, 8).Draw(t, "limit")

	var want []account.Account
	for _, n := range slices.Sorted(maps.Keys(m.accounts)) {
		if a := m.accounts[n]; n > after && m.chosen(f, a) {
			want = append(want, a)
		}
	}
	sameList(t, m.state.List(after, limit, f), want[:min(max(limit, 0), len(want))])
	if limit <= 0 {
		return
	}
	var all []*account.Account
	for {
		page := m.state.List(after, limit, f)
		all = append(all, page...)
		if len(page) < limit {
			break
		}
		after = page[len(page)-1].Number
	}
	sameList(t, all, want)
}

func (m *model) chosen(f account.Filter, a account.Account) bool {
	sortCode := f.SortCode
	if sortCode == "102030" {
		sortCode = "10-20-30"
	}
	return a.Status == account.StatusOpen && (sortCode == "" || sortCode == a.SortCode) &&
		(f.Customer == "" || slices.Contains(a.CustomerURLs, f.Customer))
}

func sameList(t *rapid.T, got []*account.Account, want []account.Account) {
	if !slices.EqualFunc(got, want, func(a *account.Account, b account.Account) bool { return reflect.DeepEqual(*a, b) }) {
		t.Fatalf("listed %v, want %v", got, want)
	}
}
