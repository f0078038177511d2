package account_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"openpayment/account"
)

// accounts is the simplest view there is.
type accounts map[account.Number]*account.Account

func (v accounts) Account(n account.Number) *account.Account { return v[n] }

// show makes a view of the given accounts.
func show(all ...account.Account) accounts {
	v := make(accounts)
	for i := range all {
		v[all[i].Number] = &all[i]
	}
	return v
}

// origin is the time of the event at position 0, were there one.
var origin = time.Date(2026, 1, 2, 3, 4, 5, 6_000_000, time.UTC)

// at is the stamp of the event at seq: a log with one event a second.
func at(seq int64) account.Stamp {
	return account.Stamp{Seq: seq, Time: origin.Add(time.Duration(seq) * time.Second)}
}

// known is an open account as it was left by its second event, at 17.
func known() account.Account {
	return account.Account{
		Number: "12345678", SortCode: "10-20-30",
		CustomerURLs: []string{"https://customers.example/1", "https://customers.example/2"},
		CardURLs:     []string{"https://cards.example/9"},
		Currency:     "GBP", Balance: 0, Status: account.StatusOpen,
		Version: 17, OpenedAt: at(3).Time, UpdatedAt: at(17).Time,
	}
}

// but is known with something changed.
func but(change func(*account.Account)) account.Account {
	a := known()
	change(&a)
	return a
}

func closed(a *account.Account) { a.Status = account.StatusClosed }

func opened(n account.Number) account.Opened {
	return account.Opened{Number: n, SortCode: "10-20-30", CustomerURLs: []string{}, CardURLs: []string{}, Currency: "GBP"}
}

// refusal is err as a *Refusal, nil when it is something else.
func refusal(err error) *account.Refusal {
	r, _ := errors.AsType[*account.Refusal](err)
	return r
}

// wantRefusal fails the test unless err is a refusal with this code.
func wantRefusal(t *testing.T, err error, code account.Code) *account.Refusal {
	t.Helper()
	r := refusal(err)
	if r == nil || r.Code != code {
		t.Fatalf("got %v, want the refusal %q", err, code)
	}
	if r.Error() != r.Detail || r.Detail == "" {
		t.Errorf("refusal %q says %q, its detail is %q", r.Code, r.Error(), r.Detail)
	}
	return r
}

// pointers are where the faults are, in the order given.
func pointers(faults []account.Fault) []string {
	var all []string
	for _, f := range faults {
		all = append(all, f.Pointer)
	}
	return all
}

func mustApply(t testing.TB, s *account.State, ev account.Event, stamp account.Stamp) {
	t.Helper()
	if err := s.Apply(ev, stamp); err != nil {
		t.Fatalf("apply %T at %d: %v", ev, stamp.Seq, err)
	}
}

// stateOf is the state after these events, the first at position 1.
func stateOf(t testing.TB, events ...account.Event) *account.State {
	t.Helper()
	s := account.NewState()
	for i, ev := range events {
		mustApply(t, s, ev, at(int64(i+1)))
	}
	return s
}

// number is the i-th of many account numbers.
func number(i int) account.Number { return account.Number(fmt.Sprintf("%08d", i)) }

// copyOf shares nothing with a.
func copyOf(a *account.Account) *account.Account {
	c := *a
	c.CustomerURLs, c.CardURLs = slices.Clone(a.CustomerURLs), slices.Clone(a.CardURLs)
	return &c
}

func ptr[T any](v T) *T { return &v }
