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
		command := f.open()
		return command, f.check(command)
	})
}

func (f *form) open() account.Open {
	return account.Open{
		Number: orZero(f.text("accountNumber", false)), SortCode: orZero(f.text("sortCode", true)),
		CustomerURLs: orZero(f.list("customerURLs", false)), CardURLs: orZero(f.list("cardURLs", false)),
		Currency: orZero(f.text("currency", false)), Propose: randomNumber,
	}
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

func replaceAccount(c *call) error { return c.update((*form).replacement) }

func patchAccount(c *call) error { return c.update((*form).patch) }

// replacement sets all details: lists left out become empty.
func (f *form) replacement() account.Update {
	customers, cards := orZero(f.list("customerURLs", false)), orZero(f.list("cardURLs", false))
	return account.Update{SortCode: f.text("sortCode", true), CustomerURLs: &customers, CardURLs: &cards}
}

// patch sets the details that are given, as of RFC 7396.
func (f *form) patch() account.Update {
	return account.Update{
		SortCode:     f.text("sortCode", false),
		CustomerURLs: f.list("customerURLs", true), CardURLs: f.list("cardURLs", true),
	}
}

// update carries out what details makes of the body.
func (c *call) update(details func(*form) account.Update) error {
	return c.carryOut(accountFields, ifMatch, func(f *form, match *account.Match) (account.Command, error) {
		command := f.update(details, c.number(), match)
		if err := f.check(command); err != nil {
			return nil, err
		}
		return command, c.checkNumber()
	})
}

// update is the update of an account that details makes of the form.
func (f *form) update(details func(*form) account.Update, number account.Number, match *account.Match) account.Update {
	command := details(f)
	command.Account, command.Match = number, match
	command.Number, command.Currency = f.text("accountNumber", false), f.text("currency", false)
	if !account.ValidNumber(string(number)) {
		command.Number = nil // there is nothing it could differ from
	}
	return command
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
