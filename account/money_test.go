package account_test

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"openpayment/account"
)

// rich is an open account with a balance.
func rich(n account.Number, c account.Currency, balance int64) account.Account {
	return but(func(a *account.Account) { a.Number, a.Currency, a.Balance = n, c, balance })
}

func TestMoneyMovesByWhatIsAsked(t *testing.T) {
	v := show(rich("111111", "GBP", 100), rich("222222", "GBP", account.MaxBalance-10), rich("333333", "JPY", 0))
	reference := strings.Repeat("é", account.MaxReferenceChars)
	cases := []struct {
		name string
		c    account.Command
		want account.Event
		left []int64 // on the event's accounts
	}{
		{"a deposit", account.Deposit{Account: "111111", Amount: 1, Currency: "GBP", Reference: reference},
			account.Deposited{Number: "111111", Amount: 1, Currency: "GBP", Reference: reference}, []int64{101}},
		{"the largest deposit", account.Deposit{Account: "333333", Amount: account.MaxBalance, Currency: "JPY"},
			account.Deposited{Number: "333333", Amount: account.MaxBalance, Currency: "JPY"}, []int64{account.MaxBalance}},
		{"all there is", account.Withdraw{Account: "111111", Match: &account.Match{Version: 17}, Amount: 100, Currency: "GBP"},
			account.Withdrawn{Number: "111111", Amount: 100, Currency: "GBP"}, []int64{0}},
		{"a part of it", account.Withdraw{Account: "222222", Amount: 1, Currency: "GBP", Reference: "x"},
			account.Withdrawn{Number: "222222", Amount: 1, Currency: "GBP", Reference: "x"}, []int64{account.MaxBalance - 11}},
		{"a transfer", account.Transfer{From: "111111", To: "222222", Match: &account.Match{Version: 17}, Amount: 10, Currency: "GBP", Reference: "rent"},
			account.Transferred{From: "111111", To: "222222", Amount: 10, Currency: "GBP", Reference: "rent"}, []int64{90, account.MaxBalance}},
	}
	for _, c := range cases {
		got, err := account.Decide(v, c.c)
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s:\ngot  %+v, %v\nwant %+v", c.name, got, err, c.want)
			continue
		}
		for i, n := range got.Accounts() {
			before := *v[n]
			after, err := account.Evolve(v[n], got, at(18))
			want := before
			want.Balance, want.Version, want.UpdatedAt = c.left[i], 18, at(18).Time
			if err != nil || !reflect.DeepEqual(*after, want) || !reflect.DeepEqual(*v[n], before) {
				t.Errorf("%s: account %s is %+v, %v", c.name, n, after, err)
			}
		}
	}
}

// defect is one reason to refuse a command on an account or a transfer between
// two, in an otherwise sound world.
type defect struct {
	name  string
	code  account.Code
	about account.Number // the account that the refusal must name
	make  func(accounts, *account.Transfer)
}

const payer, payee account.Number = "111111", "222222"

// defects are in the order in which they must be told: what keeps the payer from
// taking part, then the payee, then the rules for both.
var defects = []defect{
	{"a long reference", account.CodeInvalid, "", func(_ accounts, c *account.Transfer) { c.Reference = strings.Repeat("x", 141) }},
	{"no payer", account.CodeAccountNotFound, payer, func(v accounts, _ *account.Transfer) { delete(v, payer) }},
	{"a closed payer", account.CodeAccountClosed, payer, on(payer, closed)},
	{"another version", account.CodeVersionMismatch, payer, func(_ accounts, c *account.Transfer) { c.Match = &account.Match{Version: 16} }},
	{"no payee", account.CodeAccountNotFound, payee, func(v accounts, _ *account.Transfer) { delete(v, payee) }},
	{"a closed payee", account.CodeAccountClosed, payee, on(payee, closed)},
	{"one account", account.CodeSameAccount, payer, func(_ accounts, c *account.Transfer) { c.To = c.From }},
	{"a payer in yen", account.CodeCurrencyMismatch, payer, on(payer, inYen)},
	{"a payee in yen", account.CodeCurrencyMismatch, payee, on(payee, inYen)},
	{"a poor payer", account.CodeInsufficientFunds, payer, on(payer, func(a *account.Account) { a.Balance = 9 })},
	{"a full payee", account.CodeAmountOutOfRange, payee, on(payee, func(a *account.Account) { a.Balance = account.MaxBalance - 9 })},
}

func inYen(a *account.Account) { a.Currency = "JPY" }

// on changes an account, if it is there.
func on(n account.Number, change func(*account.Account)) func(accounts, *account.Transfer) {
	return func(v accounts, _ *account.Transfer) {
		if v[n] != nil {
			change(v[n])
		}
	}
}

// afflict makes a world with these defects, and a transfer in it.
func afflict(defects ...defect) (accounts, account.Transfer) {
	v := show(rich(payer, "GBP", 10), rich(payee, "GBP", 0))
	c := account.Transfer{From: payer, To: payee, Amount: 10, Currency: "GBP"}
	for _, d := range defects {
		d.make(v, &c)
	}
	return v, c
}

func TestOfTwoReasonsTheEarlierRefuses(t *testing.T) {
	for i, first := range defects {
		for _, second := range defects[i:] {
			if second.code == account.CodeSameAccount && first.about == payee {
				continue // there is no payee then
			}
			v, transfer := afflict(first, second)
			name := first.name + ", " + second.name
			_, err := account.Decide(v, transfer)
			mustBlame(t, "transfer: "+name, err, first)
			as := account.Withdraw{Account: payer, Match: transfer.Match, Amount: transfer.Amount, Currency: transfer.Currency, Reference: transfer.Reference}
			if first.about != payee && first.code != account.CodeSameAccount {
				_, err = account.Decide(v, as)
				mustBlame(t, "withdrawal: "+name, err, first)
			}
			if first.about != payer || first.code != account.CodeInsufficientFunds && first.code != account.CodeSameAccount {
				deposit := account.Deposit(as)
				if first.about == payee {
					deposit.Account, deposit.Match = payee, nil
				}
				_, err = account.Decide(v, deposit)
				mustBlame(t, "deposit: "+name, err, first)
			}
		}
	}
	if ev, err := account.Decide(afflict()); err != nil {
		t.Errorf("without any defect: %+v, %v", ev, err)
	}
}

func mustBlame(t *testing.T, name string, err error, d defect) {
	t.Helper()
	r := refusal(err)
	if r == nil || r.Code != d.code || !strings.Contains(r.Detail, string(d.about)) {
		t.Errorf("%s: got %v, want %s about %q", name, err, d.code, d.about)
	}
}

func TestABalanceNeverLeavesItsRange(t *testing.T) {
	for _, c := range []struct {
		balance, amount int64
		deposit         account.Code
		withdrawal      account.Code
	}{
		{0, 1, "", account.CodeInsufficientFunds},
		{1, 1, "", ""},
		{0, account.MaxBalance, "", account.CodeInsufficientFunds},
		{1, account.MaxBalance, account.CodeAmountOutOfRange, account.CodeInsufficientFunds},
		{account.MaxBalance, 1, account.CodeAmountOutOfRange, ""},
		{account.MaxBalance, account.MaxBalance, account.CodeAmountOutOfRange, ""},
		{account.MaxBalance - 1, 1, "", ""},
		{5, 0, account.CodeInvalid, account.CodeInvalid},
		{5, -1, account.CodeInvalid, account.CodeInvalid},
		{5, account.MaxBalance + 1, account.CodeInvalid, account.CodeInvalid},
		{5, math.MaxInt64, account.CodeInvalid, account.CodeInvalid},
		{5, math.MinInt64, account.CodeInvalid, account.CodeInvalid},
		// No history leads here; an answer there must be all the same.
		{-1, 1, account.CodeAmountOutOfRange, account.CodeInsufficientFunds},
		{math.MinInt64, account.MaxBalance, account.CodeAmountOutOfRange, account.CodeInsufficientFunds},
		{math.MaxInt64, 1, account.CodeAmountOutOfRange, account.CodeAmountOutOfRange},
	} {
		v := show(rich(payer, "GBP", c.balance))
		d := account.Deposit{Account: payer, Amount: c.amount, Currency: "GBP"}
		_, err := account.Decide(v, d)
		mustCode(t, fmt.Sprintf("deposit %d on %d", c.amount, c.balance), err, c.deposit)
		_, err = account.Decide(v, account.Withdraw(d))
		mustCode(t, fmt.Sprintf("withdraw %d of %d", c.amount, c.balance), err, c.withdrawal)
	}
}

func mustCode(t *testing.T, name string, err error, want account.Code) {
	t.Helper()
	got := account.Code("")
	if r := refusal(err); r != nil {
		got = r.Code
	}
	if got != want || (err == nil) != (want == "") {
		t.Errorf("%s: %v, want %q", name, err, want)
	}
}

func TestAllFaultsOfATransferAreListedAtOnce(t *testing.T) {
	bad := account.Transfer{From: "x", To: "", Amount: -1, Currency: "gbp", Reference: strings.Repeat("é", 141)}
	if got := pointers(bad.Validate()); !slices.Equal(got, []string{"/from", "/to", "/amount", "/currency", "/reference"}) {
		t.Errorf("faults at %v", got)
	}
	if got := pointers(account.Withdraw{}.Validate()); !slices.Equal(got, []string{"/amount", "/currency"}) {
		t.Errorf("the zero Withdraw has faults at %v", got)
	}
	if got := pointers(account.Deposit{Amount: 1, Currency: "GBP", Reference: "\xff"}.Validate()); !slices.Equal(got, []string{"/reference"}) {
		t.Errorf("a reference that is no text has faults at %v", got)
	}
}

func TestImpossibleMovementsAreRefused(t *testing.T) {
	open, shut := rich(payer, "GBP", 10), but(func(a *account.Account) { a.Number = payer; closed(a) })
	broken := rich(payer, "GBP", -1)
	for name, c := range map[string]struct {
		before *account.Account
		ev     account.Event
	}{
		"more than there is":          {&open, account.Withdrawn{Number: payer, Amount: 11, Currency: "GBP"}},
		"more than there can be":      {&open, account.Deposited{Number: payer, Amount: account.MaxBalance - 9, Currency: "GBP"}},
		"nothing":                     {&open, account.Deposited{Number: payer, Currency: "GBP"}},
		"less than nothing":           {&open, account.Withdrawn{Number: payer, Amount: -1, Currency: "GBP"}},
		"an amount that overflows":    {&open, account.Deposited{Number: payer, Amount: math.MaxInt64, Currency: "GBP"}},
		"one that overflows downward": {&open, account.Withdrawn{Number: payer, Amount: math.MinInt64, Currency: "GBP"}},
		"another currency":            {&open, account.Deposited{Number: payer, Amount: 1, Currency: "JPY"}},
		"no currency":                 {&open, account.Withdrawn{Number: payer, Amount: 1}},
		"onto a closed account":       {&shut, account.Deposited{Number: payer, Amount: 1, Currency: "GBP"}},
		"onto none":                   {nil, account.Deposited{Number: payer, Amount: 1, Currency: "GBP"}},
		"onto another":                {&open, account.Deposited{Number: payee, Amount: 1, Currency: "GBP"}},
		"between none":                {nil, account.Transferred{From: payer, To: payee, Amount: 1, Currency: "GBP"}},
		"between others":              {&open, account.Transferred{From: payee, To: "333333", Amount: 1, Currency: "GBP"}},
		"to oneself":                  {&open, account.Transferred{From: payer, To: payer, Amount: 1, Currency: "GBP"}},
		"more to another":             {&open, account.Transferred{From: payer, To: payee, Amount: 11, Currency: "GBP"}},
		"to another when closed":      {&shut, account.Transferred{From: payee, To: payer, Amount: 1, Currency: "GBP"}},
		"on a broken balance":         {&broken, account.Deposited{Number: payer, Amount: 5, Currency: "GBP"}},
	} {
		if a, err := account.Evolve(c.before, c.ev, at(18)); err == nil || a != nil {
			t.Errorf("%s: %+v, %v", name, a, err)
		}
	}
}

func TestATransferIsInBothHistoriesAndMovesBothVersions(t *testing.T) {
	s := stateOf(t, opened(payer), opened(payee), account.Deposited{Number: payer, Amount: 10, Currency: "GBP"},
		account.Transferred{From: payer, To: payee, Amount: 10, Currency: "GBP"})
	for n, want := range map[account.Number][]int64{payer: {1, 3, 4}, payee: {2, 4}} {
		if got := s.History(n); !slices.Equal(got, want) || s.Account(n).Version != 4 || !s.Account(n).UpdatedAt.Equal(at(4).Time) {
			t.Errorf("the history of %s is %v, it is %+v", n, got, s.Account(n))
		}
	}
	position, digest := s.Digest()
	if err := s.Apply(account.Transferred{From: payee, To: "333333", Amount: 1, Currency: "GBP"}, at(5)); err == nil {
		t.Error("money went to nobody")
	}
	if p, d := s.Digest(); p != position || d != digest || s.Account(payee).Balance != 10 {
		t.Errorf("half a transfer: %+v", s.Account(payee))
	}
}

// Bankers ask for everything that moves money, on accounts that are there.
func TestMoneyIsConserved(t *testing.T) {
	all := []account.Number{"000001", "000002", "000003", "000004"}
	some, few := rapid.SampledFrom(all), rapid.OneOf(rapid.Int64Range(1, 20), rapid.SampledFrom([]int64{account.MaxBalance, account.MaxBalance - 5}))
	ask := rapid.Custom(func(t *rapid.T) account.Command {
		n, amount, c := some.Draw(t, "account"), few.Draw(t, "amount"), rapid.SampledFrom([]account.Currency{"GBP", "GBP", "JPY"}).Draw(t, "currency")
		switch rapid.IntRange(0, 9).Draw(t, "command") {
		case 0, 1, 2:
			return account.Deposit{Account: n, Amount: amount, Currency: c}
		case 3, 4:
			return account.Withdraw{Account: n, Amount: amount, Currency: c}
		case 5:
			return account.Close{Account: n}
		default:
			return account.Transfer{From: n, To: some.Draw(t, "to"), Amount: amount, Currency: c}
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		s, supply := account.NewState(), make(map[account.Currency]int64)
		for i, n := range all {
			ev := opened(n)
			ev.Currency = map[bool]account.Currency{true: "GBP", false: "JPY"}[i < 3]
			if err := s.Apply(ev, at(int64(i+1))); err != nil {
				t.Fatal(err)
			}
		}
		for range rapid.IntRange(1, 60).Draw(t, "commands") {
			ev, err := account.Decide(s, ask.Draw(t, "command"))
			if err != nil {
				continue
			}
			if err := s.Apply(ev, at(s.Position()+1)); err != nil {
				t.Fatalf("decided, but impossible: %+v: %v", ev, err)
			}
			switch e := ev.(type) {
			case account.Deposited:
				supply[e.Currency] += e.Amount
			case account.Withdrawn:
				supply[e.Currency] -= e.Amount
			}
			total := make(map[account.Currency]int64)
			for _, n := range all {
				a := s.Account(n)
				if total[a.Currency] += a.Balance; a.Balance < 0 || a.Balance > account.MaxBalance || a.Status == account.StatusClosed && a.Balance != 0 {
					t.Fatalf("after %+v, account %+v", ev, a)
				}
			}
			if total["GBP"] != supply["GBP"] || total["JPY"] != supply["JPY"] {
				t.Fatalf("after %+v there are %v, though %v came in", ev, total, supply)
			}
		}
	})
}
