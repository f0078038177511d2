package account

import "fmt"

// Decide answers a command on the accounts that v shows: with the event that
// follows from it, or a *[Refusal]. The first of these that applies refuses:
// invalid, account-not-found, account-closed, version-mismatch, account-exists or
// account-not-empty, what only shows beside the account (an update that names
// another currency), and then same-account, currency-mismatch, insufficient-funds,
// amount-out-of-range. Where one reason applies to both accounts of a transfer, the
// refusal is about the one that pays.
//
// It has no effects; the same command on the same view gives the same answer, the
// number of an account opened without one aside.
func Decide(v View, c Command) (Event, error) {
	valid, err := Check(c)
	if err != nil {
		return nil, err
	}
	return valid.Decide(v)
}

// Valid is a command that has been checked. A command may have to be decided
// several times; its own faults are found once.
type Valid struct{ command Command }

// Check gives the *[Refusal] of a command that is invalid whatever the accounts
// are like.
func Check(c Command) (Valid, error) {
	if faults := c.Validate(); len(faults) > 0 {
		return Valid{}, invalid(faults)
	}
	return Valid{c}, nil
}

// Decide is as the function of that name. The command and its slices must not
// have been changed since it was checked.
func (c Valid) Decide(v View) (Event, error) { return c.command.decide(v) }

// proposals is how many numbers are tried before giving up: with 10⁸ numbers and
// half of them used, 100 fail once in 10³⁰ times.
const proposals = 100

func (c Open) decide(v View) (Event, error) {
	number := Number(c.Number)
	if number == "" {
		number = c.Propose()
		for tried := 1; v.Account(number) != nil && tried < proposals; tried++ {
			number = c.Propose()
		}
	}
	if v.Account(number) != nil {
		return nil, &Refusal{Code: CodeAccountExists,
			Detail: fmt.Sprintf("account number %s has been used before, and numbers are not used again: choose another, or leave it out", number)}
	}
	currency := Currency(c.Currency)
	if currency == "" {
		currency = DefaultCurrency
	}
	return Opened{
		Number: number, SortCode: dashed(c.SortCode),
		CustomerURLs: list(c.CustomerURLs), CardURLs: list(c.CardURLs), Currency: currency,
	}, nil
}

func (c Update) decide(v View) (Event, error) {
	a, err := find(v, c.Account, c.Match)
	if err != nil {
		return nil, err
	}
	if c.Currency != nil && Currency(*c.Currency) != a.Currency {
		return nil, invalid([]Fault{{"/currency", "can't be changed: leave it out, or give " + string(a.Currency)}})
	}
	ev := Updated{Number: a.Number, SortCode: a.SortCode, CustomerURLs: a.CustomerURLs, CardURLs: a.CardURLs}
	if c.SortCode != nil {
		ev.SortCode = dashed(*c.SortCode)
	}
	if c.CustomerURLs != nil {
		ev.CustomerURLs = list(*c.CustomerURLs)
	}
	if c.CardURLs != nil {
		ev.CardURLs = list(*c.CardURLs)
	}
	// A patch of one list beside a list that was there may be too much together.
	var f faults
	if f.urlTotal(ev.CustomerURLs, ev.CardURLs); len(f.list) > 0 {
		return nil, invalid(f.list)
	}
	return ev, nil
}

func (c Close) decide(v View) (Event, error) {
	a, err := find(v, c.Account, c.Match)
	if err != nil {
		return nil, err
	}
	if a.Balance != 0 {
		return nil, &Refusal{Code: CodeAccountNotEmpty,
			Detail: fmt.Sprintf("account %s has a balance of %d: only an empty account can be closed", a.Number, a.Balance)}
	}
	return Closed{Number: a.Number}, nil
}

// find gives an open account that is as the caller believes, or the refusal.
func find(v View, number Number, match *Match) (*Account, error) {
	a, err := Lookup(v, number)
	if err != nil {
		return nil, err
	}
	return a, matches(a, match)
}

// matches refuses an account that is not as the caller believes.
func matches(a *Account, match *Match) error {
	if match == nil || match.Any || match.Version == a.Version {
		return nil
	}
	return &Refusal{
		Code: CodeVersionMismatch, Expected: match.Version, Actual: a.Version,
		Detail: fmt.Sprintf("account %s has version %d, not %d: read it again and decide anew", a.Number, a.Version, match.Version),
	}
}

// Lookup gives an open account, or the refusal that says why there is none.
func Lookup(v View, number Number) (*Account, error) {
	a := v.Account(number)
	if err := exists(a, number); err != nil {
		return nil, err
	}
	if err := isOpen(a); err != nil {
		return nil, err
	}
	return a, nil
}

func exists(a *Account, number Number) error {
	if a == nil {
		return NotFound(number)
	}
	return nil
}

func isOpen(a *Account) error {
	if a.Status != StatusClosed {
		return nil
	}
	return &Refusal{Code: CodeAccountClosed,
		Detail: fmt.Sprintf("account %s was closed at event %d; its history can still be read", a.Number, a.Version)}
}

// NotFound is the refusal for a number that no account has had. A malformed
// number is not repeated.
func NotFound(number Number) *Refusal {
	detail := "account numbers have 6 to 12 digits; there is no such account"
	if ValidNumber(string(number)) {
		detail = fmt.Sprintf("there is no account %s", number)
	}
	return &Refusal{Code: CodeAccountNotFound, Detail: detail}
}

// list is urls as it stands in events and accounts: never nil, and not the
// caller's to change.
func list(urls []string) []string { return append([]string{}, urls...) }
