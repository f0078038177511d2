package account_test

import (
	"testing"
	"time"

	"openpayment/account"
)

// What lies upon a draft becomes part of it: accounts, keys, and that the command of the
// newest key may go on.
func TestADraftAdoptsWhatLiesUponIt(t *testing.T) {
	at := func(seq int64, key string) account.Stamp {
		return account.Stamp{Seq: seq, Time: time.UnixMilli(1000), Key: account.Key{Text: key}}
	}
	opened := func(n account.Number) account.Event {
		return account.Opened{Number: n, SortCode: "10-20-30", CustomerURLs: []string{}, CardURLs: []string{}, Currency: "GBP"}
	}
	apply := func(d *account.Draft, ev account.Event, s account.Stamp) {
		t.Helper()
		if err := d.Apply(ev, s); err != nil {
			t.Fatal(err)
		}
	}
	draft := account.NewDraft(account.NewState())
	apply(draft, opened("000001"), at(1, "a"))
	over := account.NewDraft(draft)
	apply(over, account.Deposited{Number: "000001", Amount: 5, Currency: "GBP"}, at(2, "b"))
	apply(over, opened("000002"), at(3, "b"))
	if use, known := draft.KeyUse("b"); known || draft.Account("000002") != nil || draft.Account("000001").Balance != 0 {
		t.Errorf("the draft below has changed: %+v", use)
	}
	draft.Adopt(over)
	apply(draft, opened("000003"), at(4, "b"))
	use, known := draft.KeyUse("b")
	if !known || use.First != 2 || use.Last != 4 || draft.KeysAt(time.UnixMilli(1000)) != 2 {
		t.Errorf("%+v, %d keys", use, draft.KeysAt(time.UnixMilli(1000)))
	}
	if a := draft.Account("000001"); a.Balance != 5 || draft.Account("000002") == nil {
		t.Errorf("%+v", a)
	}
	unkeyed := account.NewDraft(draft)
	apply(unkeyed, opened("000004"), at(5, ""))
	draft.Adopt(unkeyed)
	if _, known := draft.KeyUse("a"); !known || draft.Account("000004") == nil {
		t.Error("something was lost")
	}
}
