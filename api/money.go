package api

import (
	"net/http"
	"strconv"

	"openpayment/account"
	"openpayment/account/journal"
	"openpayment/eventstore"
)

// The fields of the bodies that move money.
var (
	moneyFields    = []string{"amount", "currency", "reference"}
	transferFields = append([]string{"from", "to"}, moneyFields...)
)

func deposit(c *call) error {
	return c.moveOwn(func(d account.Deposit) account.Command { return d })
}

func withdraw(c *call) error {
	return c.moveOwn(func(d account.Deposit) account.Command { return account.Withdraw(d) })
}

// moveOwn carries out what moves money over the edge of the service, to or from
// the account in the path.
func (c *call) moveOwn(of func(account.Deposit) account.Command) error {
	return c.carryOut(moneyFields, ifMatch, func(f *form, match *account.Match) (account.Command, error) {
		command := of(f.deposit(c.number(), match))
		if err := f.check(command); err != nil {
			return nil, err
		}
		return command, c.checkNumber()
	})
}

func transfer(c *call) error {
	return c.carryOut(transferFields, ifMatch, func(f *form, match *account.Match) (account.Command, error) {
		command := f.transfer(match)
		return command, f.check(command)
	})
}

func (f *form) deposit(number account.Number, match *account.Match) account.Deposit {
	return account.Deposit{
		Account: number, Match: match,
		Amount: f.amount("amount"), Currency: f.currency(), Reference: f.reference(),
	}
}

func (f *form) transfer(match *account.Match) account.Transfer {
	return account.Transfer{
		From:  account.Number(orZero(f.text("from", true))),
		To:    account.Number(orZero(f.text("to", true))),
		Match: match, Amount: f.amount("amount"), Currency: f.currency(), Reference: f.reference(),
	}
}

func (f *form) currency() account.Currency {
	return account.Currency(orZero(f.text("currency", true)))
}

// reference may be empty, which is the same as none.
func (f *form) reference() string { return orZero(f.string("reference", false)) }

// replyMoved answers with the event. There is no ETag, which would be the event's;
// the version of the accounts in it is its seq.
func (c *call) replyMoved(out journal.Outcome, options journal.Options) error {
	body := outcomeToWire(out.Event, options)
	if !options.DryRun {
		c.setHeader("Location", "/v1/events/"+strconv.FormatInt(int64(out.Position), 10))
	}
	return c.reply(http.StatusCreated, mediaJSON, body)
}

// outcomeToWire is the event of an answer to a command, or to an append.
func outcomeToWire(ev eventstore.Event, options journal.Options) wireEvent {
	body := eventToWire(ev)
	if options.DryRun {
		body.ID, body.Hash = "", "" // there is no such event
	}
	return body
}
