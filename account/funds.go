package account

import "fmt"

// Deposited: money came into the account from outside.
type Deposited struct {
	Number    Number
	Amount    int64 // minor units of Currency, at least 1
	Currency  Currency
	Reference string // empty: none
}

// Withdrawn: money left the account.
type Withdrawn struct {
	Number    Number
	Amount    int64
	Currency  Currency
	Reference string
}

// Transferred: money went from one account to the other. It is one event, so that
// there is no moment at which the money is nowhere or in two places.
type Transferred struct {
	From, To  Number
	Amount    int64
	Currency  Currency
	Reference string
}

var (
	_ Event = Deposited{}
	_ Event = Withdrawn{}
	_ Event = Transferred{}
)

// Accounts implements [Event].
func (e Deposited) Accounts() []Number { return []Number{e.Number} }

// Accounts implements [Event].
func (e Withdrawn) Accounts() []Number { return []Number{e.Number} }

// Accounts implements [Event]: the account that pays comes first.
func (e Transferred) Accounts() []Number { return []Number{e.From, e.To} }

func (e Deposited) evolve(before *Account) (Account, error) {
	return move(before, e.Number, "paid into", e.Amount, e.Currency, +1)
}

func (e Withdrawn) evolve(before *Account) (Account, error) {
	return move(before, e.Number, "paid out of", e.Amount, e.Currency, -1)
}

func (e Transferred) evolve(before *Account) (Account, error) {
	switch {
	case e.From == e.To:
		return Account{}, fmt.Errorf("account %s pays itself", e.From)
	case before == nil:
		return Account{}, fmt.Errorf("of accounts %s and %s, one pays the other, but was never opened", e.From, e.To)
	case before.Number == e.From:
		return move(before, e.From, "paid out of", e.Amount, e.Currency, -1)
	default:
		return move(before, e.To, "paid into", e.Amount, e.Currency, +1)
	}
}

// move is before with the amount added or, for a sign of -1, taken.
func move(before *Account, number Number, happened string, amount int64, c Currency, sign int64) (Account, error) {
	after, err := open(before, number, happened)
	if err != nil {
		return after, err
	}
	if amount < 1 || amount > MaxBalance {
		return Account{}, fmt.Errorf("account %s is %s, but %d is no amount", number, happened, amount)
	}
	if c != after.Currency {
		return Account{}, fmt.Errorf("account %s is %s in %s, but kept in %s", number, happened, c, after.Currency)
	}
	balance, ok := add(after.Balance, sign*amount)
	if !ok {
		return Account{}, fmt.Errorf("account %s has %d and is %s, which %d does not allow", number, after.Balance, happened, amount)
	}
	after.Balance = balance
	return after, nil
}
