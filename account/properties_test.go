package account_test

import (
	"errors"
	"maps"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"openpayment/account"
)

var codes = []account.Code{
	account.CodeInvalid, account.CodeAccountExists, account.CodeAccountNotFound,
	account.CodeAccountClosed, account.CodeVersionMismatch, account.CodeAccountNotEmpty,
	account.CodeSameAccount, account.CodeCurrencyMismatch, account.CodeInsufficientFunds, account.CodeAmountOutOfRange,
}

// Whatever is asked of whatever accounts, the answer is an event that can follow
// or a refusal that says why; and asking changes nothing.
func TestDecideAlwaysAnswers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v, c := views.Draw(t, "view"), commands.Draw(t, "command")
		before := make(accounts)
		for n, a := range v {
			before[n] = copyOf(a)
		}
		ev, err := account.Decide(v, c)
		if !maps.EqualFunc(v, before, func(a, b *account.Account) bool { return reflect.DeepEqual(copyOf(a), b) }) {
			t.Fatalf("deciding changed the accounts to %v", v)
		}
		switch {
		case err == nil && ev != nil:
			mustFollow(t, v, ev)
		case ev != nil:
			t.Fatalf("both %+v and %v", ev, err)
		default:
			mustExplain(t, err)
		}
	})
}

func mustFollow(t *rapid.T, v accounts, ev account.Event) {
	numbers := ev.Accounts()
	if len(numbers) == 0 {
		t.Fatalf("%+v is about no account", ev)
	}
	for _, n := range numbers {
		a, err := account.Evolve(v[n], ev, at(21))
		if err != nil {
			t.Fatalf("%+v can't follow: %v", ev, err)
		}
		_, isClose := ev.(account.Closed)
		if a.Number != n || a.Version != 21 || !a.UpdatedAt.Equal(at(21).Time) || (a.Status == account.StatusClosed) != isClose {
			t.Fatalf("after %+v: %+v", ev, a)
		}
		if !account.ValidNumber(string(n)) || !account.KnownCurrency(a.Currency) || len(a.SortCode) != 8 {
			t.Fatalf("%+v breaks a rule that its command kept", a)
		}
		if a.CustomerURLs == nil || a.CardURLs == nil {
			t.Fatalf("%+v has a nil list", a)
		}
	}
}

func mustExplain(t *rapid.T, err error) {
	r, ok := errors.AsType[*account.Refusal](err)
	if !ok {
		t.Fatalf("neither an event nor a refusal: %v", err)
	}
	known := false
	for _, c := range codes {
		known = known || c == r.Code
	}
	if !known || r.Detail == "" || (len(r.Faults) > 0) != (r.Code == account.CodeInvalid) {
		t.Fatalf("not a sound refusal: %+v", r)
	}
	for _, f := range r.Faults {
		if f.Pointer == "" || f.Pointer[0] != '/' || f.Detail == "" {
			t.Fatalf("not a sound fault: %+v", f)
		}
	}
	if (r.Expected != 0 || r.Actual != 0) && r.Code != account.CodeVersionMismatch {
		t.Fatalf("versions in %+v", r)
	}
}

func TestTheSameCommandOnTheSameViewGetsTheSameAnswer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v, c := views.Draw(t, "view"), commands.Draw(t, "command")
		if o, ok := c.(account.Open); ok {
			o.Propose = func() account.Number { return "1234567" }
			c = o
		}
		ev, err := account.Decide(v, c)
		ev2, err2 := account.Decide(v, c)
		if !reflect.DeepEqual(ev, ev2) || !reflect.DeepEqual(err, err2) {
			t.Fatalf("%+v, %v; the second time %+v, %v", ev, err, ev2, err2)
		}
	})
}

func TestADraftIsAStateThatHasNotHappened(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		below, above := account.NewState(), account.NewState()
		for seq := range rapid.Int64Range(0, 20).Draw(t, "below") {
			ev := events.Draw(t, "event")
			if below.Apply(ev, at(below.Position()+1)) == nil {
				_ = above.Apply(ev, at(above.Position()+1))
			}
			_ = seq
		}
		position, digest := below.Digest()
		draft := account.NewDraft(below)
		upper := account.NewDraft(draft) // a draft on a draft, of one more event
		for range rapid.IntRange(0, 20).Draw(t, "drafted") {
			ev, stamp := events.Draw(t, "event"), at(above.Position()+1)
			errDraft, errState := draft.Apply(ev, stamp), above.Apply(ev, stamp)
			if (errDraft == nil) != (errState == nil) {
				t.Fatalf("the draft says %v of %+v, the state %v", errDraft, ev, errState)
			}
			sameAccounts(t, draft, above)
			sameAccounts(t, upper, above)
		}
		_ = upper.Apply(events.Draw(t, "uppermost"), at(above.Position()+1))
		sameAccounts(t, draft, above)
		if p, d := below.Digest(); p != position || d != digest {
			t.Fatalf("drafting moved the state from %d %s to %d %s", position, digest, p, d)
		}
	})
}

func sameAccounts(t *rapid.T, a, b account.View) {
	for _, n := range []account.Number{"000001", "000002", "12345678", "123456789012", "1234567", "999999"} {
		if !reflect.DeepEqual(a.Account(n), b.Account(n)) {
			t.Fatalf("account %s is %+v here, %+v there", n, a.Account(n), b.Account(n))
		}
	}
}
