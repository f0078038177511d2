package api

import (
	"math/rand/v2"
	"strconv"

	"openpayment/account"
)

// The fields of an account, in the order of its JSON form.
var (
	accountFields = []string{"accountNumber", "sortCode", "customerURLs", "cardURLs", "currency"}
	fixedFields   = []string{"balance", "status", "version", "openedAt", "updatedAt"}
)

func openAccount(c *call) error {
	return c.carryOut(accountFields, noIfMatch, func(f *form, _ *account.Match) (account.Command, error) {
		command := account.Open{
			Number: orZero(f.text("accountNumber", false)), SortCode: orZero(f.text("sortCode", true)),
			CustomerURLs: orZero(f.list("customerURLs", false)), CardURLs: orZero(f.list("cardURLs", false)),
			Currency: orZero(f.text("currency", false)), Propose: randomNumber,
		}
		return command, f.check(command)
	})
}

// randomNumber is one of the 8-digit numbers that don't begin with 0.
func randomNumber() account.Number {
	return account.Number(strconv.Itoa(10_000_000 + rand.IntN(90_000_000)))
}

func orZero[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

// replaceAccount sets all details: lists left out become empty.
func replaceAccount(c *call) error {
	return c.update(func(f *form) account.Update {
		customers, cards := orZero(f.list("customerURLs", false)), orZero(f.list("cardURLs", false))
		return account.Update{SortCode: f.text("sortCode", true), CustomerURLs: &customers, CardURLs: &cards}
	})
}

// patchAccount sets the details that are given, as of RFC 7396.
func patchAccount(c *call) error {
	return c.update(func(f *form) account.Update {
		return account.Update{
			SortCode:     f.text("sortCode", false),
			CustomerURLs: f.list("customerURLs", true), CardURLs: f.list("cardURLs", true),
		}
	})
}

// update carries out what details makes of the body.
func (c *call) update(details func(*form) account.Update) error {
	return c.carryOut(accountFields, ifMatch, func(f *form, match *account.Match) (account.Command, error) {
		command := details(f)
		command.Account, command.Match = c.number(), match
		command.Number, command.Currency = f.text("accountNumber", false), f.text("currency", false)
		if !account.ValidNumber(string(command.Account)) {
			command.Number = nil // there is nothing it could differ from
		}
		if err := f.check(command); err != nil {
			return nil, err
		}
		return command, c.checkNumber()
	})
}

func closeAccount(c *call) error {
	return c.carryOut(nil, ifMatch, func(_ *form, match *account.Match) (account.Command, error) {
		return account.Close{Account: c.number(), Match: match}, c.checkNumber()
	})
}

// checkNumber refuses the number in the path if no account can have it, which
// needs no look at the log.
func (c *call) checkNumber() error {
	if n := c.number(); !account.ValidNumber(string(n)) {
		return account.NotFound(n)
	}
	return nil
}
