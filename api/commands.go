package api

import (
	"math/rand/v2"
	"net/http"
	"strconv"

	"openpayment/account"
	"openpayment/account/journal"
)

// The fields of an account, in the order of its JSON form.
var (
	accountFields = []string{"accountNumber", "sortCode", "customerURLs", "cardURLs", "currency"}
	fixedFields   = []string{"balance", "status", "version", "openedAt", "updatedAt"}
)

// The keys of an event's meta that come from the request.
const (
	metaRequestID      = "requestId"
	metaIdempotencyKey = "idempotencyKey"
)

func openAccount(c *call) error {
	options, err := c.options()
	if err != nil {
		return err
	}
	if err := noIfMatch(c.r.Header); err != nil {
		return err
	}
	f, err := readForm(c.body, accountFields, fixedFields)
	if err != nil {
		return err
	}
	command := account.Open{
		Number: orZero(f.text("accountNumber", false)), SortCode: orZero(f.text("sortCode", true)),
		CustomerURLs: orZero(f.list("customerURLs", false)), CardURLs: orZero(f.list("cardURLs", false)),
		Currency: orZero(f.text("currency", false)), Propose: randomNumber,
	}
	if err := f.check(command); err != nil {
		return err
	}
	return c.carryOut(command, options, http.StatusCreated)
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
	options, err := c.options()
	if err != nil {
		return err
	}
	match, err := ifMatch(c.r.Header)
	if err != nil {
		return err
	}
	f, err := readForm(c.body, accountFields, fixedFields)
	if err != nil {
		return err
	}
	command := details(f)
	command.Account, command.Match = c.number(), match
	command.Number, command.Currency = f.text("accountNumber", false), f.text("currency", false)
	if !account.ValidNumber(string(command.Account)) {
		command.Number = nil // there is nothing it could differ from
	}
	if err := f.check(command); err != nil {
		return err
	}
	if err := c.checkNumber(); err != nil {
		return err
	}
	return c.carryOut(command, options, http.StatusOK)
}

func closeAccount(c *call) error {
	options, err := c.options()
	if err != nil {
		return err
	}
	match, err := ifMatch(c.r.Header)
	if err != nil {
		return err
	}
	if err := c.checkNumber(); err != nil {
		return err
	}
	return c.carryOut(account.Close{Account: c.number(), Match: match}, options, http.StatusNoContent)
}

// checkNumber refuses the number in the path if no account can have it, which
// needs no look at the log.
func (c *call) checkNumber() error {
	if n := c.number(); !account.ValidNumber(string(n)) {
		return account.NotFound(n)
	}
	return nil
}

// options are what every command takes beside its body.
func (c *call) options() (journal.Options, error) {
	dryRun, err := c.params.flag("dryRun")
	if err != nil {
		return journal.Options{}, err
	}
	meta := map[string]string{metaRequestID: c.id}
	if dryRun {
		return journal.Options{Meta: meta, DryRun: true}, nil // which ignores keys
	}
	key, err := idempotencyKey(c.r.Header)
	if err != nil {
		return journal.Options{}, err
	}
	if key != "" {
		meta[metaIdempotencyKey] = key
	}
	return journal.Options{Meta: meta}, nil
}

// execute brings a command to the head of the log, and says in the answer where
// its event stands.
func (c *call) execute(command account.Command, options journal.Options) (journal.Outcome, error) {
	out, err := c.service.Execute(c.r.Context(), command, options)
	c.applied()
	switch header := c.w.Header(); {
	case err != nil:
	case options.DryRun:
		header.Set("Dry-Run", "true")
	default:
		header.Set("Event-Position", strconv.FormatInt(int64(out.Position), 10))
	}
	return out, err
}

// carryOut executes a command and answers with the account as it is then.
func (c *call) carryOut(command account.Command, options journal.Options, status int) error {
	out, err := c.execute(command, options)
	if err != nil {
		return err
	}
	if status == http.StatusNoContent {
		return c.reply(status, "", nil)
	}
	if !options.DryRun {
		header := c.w.Header()
		header.Set("ETag", etag(out.Account.Version))
		if status == http.StatusCreated {
			header.Set("Location", accountPath(out.Account.Number))
		}
	}
	return c.reply(status, mediaJSON, toWire(out.Account))
}

func accountPath(n account.Number) string { return "/v1/accounts/" + string(n) }
