package api

import (
	"net/http"
	"strconv"

	"openpayment/account"
	"openpayment/account/journal"
	"openpayment/eventstore"
)

// Where an event's meta has the id of the request that led to it, and the name of the
// token it came with, if there are tokens.
const (
	metaRequestID = "requestId"
	metaActor     = "actor"
)

// carryOut is the way of every command: the checks that come before all rules of
// the domain, in the order the contract has them, then the head of the log, and the
// answer. fields are those of the body, nil if the command takes none; read makes the
// command of them, or a problem.
func (c *call) carryOut(fields []string, precondition func(http.Header) (*account.Match, error),
	read func(*form, *account.Match) (account.Command, error)) error {
	options, err := c.options()
	if err != nil {
		return err
	}
	c.dryRun = options.DryRun
	match, err := precondition(c.r.Header)
	if err != nil {
		return err
	}
	if options.Key.Given() {
		if fields != nil {
			if err := checkDocument(c.body); err != nil {
				return err
			}
		}
		out, found, err := c.service.Replayed(c.context(), options.Key)
		if err != nil {
			return err
		}
		if found {
			if err := c.coversOutcomes([]journal.Outcome{out}); err != nil {
				return err
			}
			c.out = out
			return c.answer(out, options)
		}
	}
	var f *form
	if fields != nil {
		if f, err = readForm(c.body, fields, fixedFields); err != nil {
			return err
		}
	}
	command, err := read(f, match)
	if err != nil {
		return err
	}
	if err := c.coversCommand(command); err != nil {
		return err
	}
	c.out, err = c.service.Execute(c.context(), command, options)
	if err != nil {
		return err
	}
	return c.answer(c.out, options)
}

// options are what every command takes beside its body.
func (c *call) options() (journal.Options, error) {
	dryRun, err := c.params.flag("dryRun")
	if err != nil {
		return journal.Options{}, err
	}
	o := journal.Options{Meta: c.meta(), DryRun: dryRun}
	if dryRun {
		return o, nil // which ignores keys
	}
	if o.Key.Text, err = idempotencyKey(c.r.Header); err != nil || !o.Key.Given() {
		return o, err
	}
	o.Key.Fingerprint = fingerprint(c.r, c.body)
	return o, nil
}

// meta is what every event says about the request that led to it.
func (c *call) meta() eventstore.Meta {
	meta := make([]eventstore.Entry, 0, 3)
	if c.principal.Name != "" {
		meta = append(meta, eventstore.Entry{Name: metaActor, Value: c.principal.Name})
	}
	meta = append(meta, eventstore.Entry{Name: metaRequestID, Value: c.id})
	if c.exchange.Traceparent != "" {
		meta = append(meta, eventstore.Entry{Name: metaTraceParent, Value: c.exchange.Traceparent})
	}
	return eventstore.MetaInOrder(meta)
}

// answer gives what a command led to. It is a function of the event and of the
// account just after it, so that a replayed command is answered as the first time.
func (c *call) answer(out journal.Outcome, o journal.Options) error {
	header := c.w.Header()
	if o.DryRun {
		header.Set("Dry-Run", "true")
	} else {
		position := strconv.FormatInt(int64(out.Position), 10)
		c.setHeader("Event-Position", position)
		c.setHeader("Applied-Position", position) // the account is as the event left it: later ones are not in it
	}
	if out.Replayed {
		header.Set("Idempotency-Replayed", "true")
	}
	switch out.Event.Type {
	case journal.TypeOpened:
		if !o.DryRun {
			header.Set("Location", "/v1/accounts/"+string(out.Account.Number))
		}
		return c.replyAccount(http.StatusCreated, out.Account, o)
	case journal.TypeUpdated:
		return c.replyAccount(http.StatusOK, out.Account, o)
	case journal.TypeClosed:
		return c.reply(http.StatusNoContent, "", nil)
	default:
		return c.replyMoved(out, o)
	}
}

func (c *call) replyAccount(status int, a *account.Account, o journal.Options) error {
	if !o.DryRun {
		c.setHeader("Etag", etag(a.Version))
	}
	return c.sendAccount(status, a)
}
