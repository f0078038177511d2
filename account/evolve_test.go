package account_test

import (
	"reflect"
	"testing"

	"openpayment/account"
)

func TestEventsMakeTheAccount(t *testing.T) {
	open, err := account.Evolve(nil, account.Opened{
		Number: "12345678", SortCode: "40-50-60", CustomerURLs: []string{"http://a"}, CardURLs: []string{}, Currency: "EUR",
	}, at(3))
	want := &account.Account{
		Number: "12345678", SortCode: "40-50-60", CustomerURLs: []string{"http://a"}, CardURLs: []string{}, Currency: "EUR",
		Status: account.StatusOpen, Version: 3, OpenedAt: at(3).Time, UpdatedAt: at(3).Time,
	}
	if err != nil || !reflect.DeepEqual(open, want) {
		t.Fatalf("opened: %+v, %v\nwant %+v", open, err, want)
	}

	updated, err := account.Evolve(open, account.Updated{
		Number: "12345678", SortCode: "11-22-33", CustomerURLs: []string{}, CardURLs: []string{"http://b"},
	}, at(5))
	want = &account.Account{
		Number: "12345678", SortCode: "11-22-33", CustomerURLs: []string{}, CardURLs: []string{"http://b"}, Currency: "EUR",
		Status: account.StatusOpen, Version: 5, OpenedAt: at(3).Time, UpdatedAt: at(5).Time,
	}
	if err != nil || !reflect.DeepEqual(updated, want) {
		t.Fatalf("updated: %+v, %v\nwant %+v", updated, err, want)
	}

	shut, err := account.Evolve(updated, account.Closed{Number: "12345678"}, at(8))
	want.Status, want.Version, want.UpdatedAt = account.StatusClosed, 8, at(8).Time
	if err != nil || !reflect.DeepEqual(shut, want) {
		t.Fatalf("closed: %+v, %v\nwant %+v", shut, err, want)
	}
	if open.Version != 3 || updated.Version != 5 || updated.Status != account.StatusOpen {
		t.Errorf("earlier accounts were changed: %+v, %+v", open, updated)
	}
}

func TestAnUpdateAndACloseLeaveTheBalance(t *testing.T) {
	rich := but(func(a *account.Account) { a.Balance = 1250 })
	for _, ev := range []account.Event{account.Updated{Number: rich.Number}, account.Closed{Number: rich.Number}} {
		if a, err := account.Evolve(&rich, ev, at(18)); err != nil || a.Balance != 1250 {
			t.Errorf("after %T: %+v, %v", ev, a, err)
		}
	}
}

func TestImpossibleHistoriesAreRefused(t *testing.T) {
	open, shut := known(), but(closed)
	cases := []struct {
		name   string
		before *account.Account
		ev     account.Event
		seq    int64
	}{
		{"opened twice", &open, opened("12345678"), 18},
		{"opened after it was closed", &shut, opened("12345678"), 18},
		{"updated before it was opened", nil, account.Updated{Number: "12345678"}, 1},
		{"updated after it was closed", &shut, account.Updated{Number: "12345678"}, 18},
		{"closed before it was opened", nil, account.Closed{Number: "12345678"}, 1},
		{"closed twice", &shut, account.Closed{Number: "12345678"}, 18},
		{"updated by the same event again", &open, account.Updated{Number: "12345678"}, 17},
		{"updated by an earlier event", &open, account.Updated{Number: "12345678"}, 16},
		{"closed by an earlier event", &open, account.Closed{Number: "12345678"}, 16},
		{"updated by another account's event", &open, account.Updated{Number: "87654321"}, 18},
		{"closed by another account's event", &open, account.Closed{Number: "87654321"}, 18},
	}
	for _, c := range cases {
		if a, err := account.Evolve(c.before, c.ev, at(c.seq)); err == nil || a != nil {
			t.Errorf("%s: %+v, %v", c.name, a, err)
		} else if refusal(err) != nil {
			t.Errorf("%s: a refusal is an answer to a command, not to an event: %v", c.name, err)
		}
	}
	if !reflect.DeepEqual(open, known()) {
		t.Errorf("a refused event left its mark: %+v", open)
	}
}

func TestAStateTakesEventsInTheirOrderOnly(t *testing.T) {
	s := stateOf(t, opened("000001"), account.Closed{Number: "000001"})
	position, digest := s.Digest()
	for _, seq := range []int64{-1, 0, 1, 2, 4, 1 << 40} {
		if err := s.Apply(opened("000002"), at(seq)); err == nil {
			t.Errorf("event %d was taken behind event 2", seq)
		}
		if err := s.Pass("customers/1", at(seq)); err == nil {
			t.Errorf("event %d was passed over behind event 2", seq)
		}
	}
	if err := s.Apply(account.Updated{Number: "000001"}, at(3)); err == nil {
		t.Error("a closed account was updated")
	}
	if p, d := s.Digest(); p != position || d != digest || s.Position() != 2 {
		t.Errorf("what was refused moved the state to %d, %s", p, d)
	}
	if err := s.Pass("customers/1", at(3)); err != nil {
		t.Errorf("pass over 3: %v", err)
	}
	if p, d := s.Digest(); p != 3 || d == digest || s.ForeignVersion("customers/1") != 3 {
		t.Errorf("after passing over an event: %d, %s", p, d)
	}
}
