package account

import (
	"cmp"
	"fmt"
)

// MaxBalance is the most an account can hold, and the most that can be moved at
// once, in minor units: 2⁵³−1, the largest whole number that every reader of JSON
// takes exactly. The least that can be moved is 1.
const MaxBalance = 1<<53 - 1

// MaxReferenceChars is how long a reference may be, in Unicode code points.
const MaxReferenceChars = 140

// Deposit asks for money to come in from outside.
//
// Of the two ways in which an amount can be wrong, one is the command's own and
// CodeInvalid: an amount that is not from 1 to MaxBalance. The other depends on
// the account and is CodeAmountOutOfRange: an amount that is fine, but would bring
// the balance out of the range from 0 to MaxBalance. So for all commands here.
type Deposit struct {
	Account   Number
	Match     *Match
	Amount    int64 // minor units of Currency
	Currency  Currency
	Reference string // empty: none
}

// Withdraw asks for money to go out.
type Withdraw struct {
	Account   Number
	Match     *Match
	Amount    int64
	Currency  Currency
	Reference string
}

// Transfer asks for money to go from one account to another.
type Transfer struct {
	From, To  Number
	Match     *Match // of From
	Amount    int64
	Currency  Currency
	Reference string
}

var (
	_ Command = Deposit{}
	_ Command = Withdraw{}
	_ Command = Transfer{}
)

// Validate implements [Command].
func (c Deposit) Validate() []Fault {
	var f faults
	f.money(c.Amount, c.Currency, c.Reference)
	return f.list
}

// Validate implements [Command].
func (c Withdraw) Validate() []Fault { return Deposit(c).Validate() }

// Validate implements [Command]. That From and To are the same account is not for
// here: that there is such an account is found first.
func (c Transfer) Validate() []Fault {
	var f faults
	f.number("/from", string(c.From))
	f.number("/to", string(c.To))
	f.money(c.Amount, c.Currency, c.Reference)
	return f.list
}

func (c Deposit) decide(v View) (Event, error) {
	a, err := find(v, c.Account, c.Match)
	if err != nil {
		return nil, err
	}
	if err := cmp.Or(keeps(a, c.Currency), holds(a, c.Amount)); err != nil {
		return nil, err
	}
	return Deposited{Number: a.Number, Amount: c.Amount, Currency: c.Currency, Reference: c.Reference}, nil
}

func (c Withdraw) decide(v View) (Event, error) {
	a, err := find(v, c.Account, c.Match)
	if err != nil {
		return nil, err
	}
	if err := cmp.Or(keeps(a, c.Currency), covers(a, c.Amount), holds(a, -c.Amount)); err != nil {
		return nil, err
	}
	return Withdrawn{Number: a.Number, Amount: c.Amount, Currency: c.Currency, Reference: c.Reference}, nil
}

// decide checks From before To: whether they can take part at all, and then each
// rule for both in turn.
func (c Transfer) decide(v View) (Event, error) {
	from, err := find(v, c.From, c.Match)
	if err != nil {
		return nil, err
	}
	to, err := find(v, c.To, nil)
	if err != nil {
		return nil, err
	}
	err = cmp.Or(
		c.apart(),
		keeps(from, c.Currency), keeps(to, c.Currency),
		covers(from, c.Amount), holds(from, -c.Amount), holds(to, c.Amount),
	)
	if err != nil {
		return nil, err
	}
	return Transferred{From: from.Number, To: to.Number, Amount: c.Amount, Currency: c.Currency, Reference: c.Reference}, nil
}

func (c Transfer) apart() error {
	if c.From != c.To {
		return nil
	}
	return &Refusal{Code: CodeSameAccount,
		Detail: fmt.Sprintf("from and to are both account %s: a transfer takes two accounts", c.From)}
}

// keeps refuses money of another currency than the account's.
func keeps(a *Account, c Currency) error {
	if a.Currency == c {
		return nil
	}
	return &Refusal{Code: CodeCurrencyMismatch,
		Detail: fmt.Sprintf("account %s is kept in %s, not in %s: nothing is exchanged here", a.Number, a.Currency, c)}
}

// covers refuses to pay what is not there.
func covers(a *Account, amount int64) error {
	if a.Balance >= amount {
		return nil
	}
	return &Refusal{Code: CodeInsufficientFunds,
		Detail: fmt.Sprintf("account %s has a balance of %d, which is less than %d", a.Number, a.Balance, amount)}
}

// holds refuses what would bring the balance out of its range. Whoever pays into
// an account is not told what is on it.
func holds(a *Account, change int64) error {
	if _, ok := add(a.Balance, change); ok {
		return nil
	}
	return &Refusal{Code: CodeAmountOutOfRange,
		Detail: fmt.Sprintf("account %s can't hold what it would have then: the most is %d", a.Number, MaxBalance)}
}

// add changes a balance by up to MaxBalance, up or down; ok is false when the
// balance is, or would be, none that an account can have. Nothing overflows: both
// numbers have 53 bits.
func add(balance, change int64) (after int64, ok bool) {
	if balance < 0 || balance > MaxBalance || change < -MaxBalance || change > MaxBalance {
		return 0, false
	}
	after = balance + change
	return after, after >= 0 && after <= MaxBalance
}
