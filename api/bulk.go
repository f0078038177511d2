package api

import (
	"net/http"
	"slices"
	"strconv"

	"openpayment/account"
	"openpayment/account/journal"
	"openpayment/eventstore"
)

// carryOutBulk carries out many commands of one body: all or none, or each for itself.
// The checks come in the order of [call.carryOut].
func carryOutBulk(c *call) error {
	options, err := c.options()
	if err != nil {
		return err
	}
	if len(c.r.Header.Values("If-Match")) > 0 {
		return badHeader("If-Match", "has no meaning here: give commands a member ifMatch of their own")
	}
	if options.Key.Given() {
		if err := checkDocument(c.body); err != nil {
			return err
		}
		if eachForItself(c.body) {
			return badHeader("Idempotency-Key", "is for requests with atomic: true; give each command a member idempotencyKey of its own")
		}
		outs, found, err := c.replayedAll(options.Key)
		if err != nil {
			return err
		}
		if found {
			for _, out := range outs {
				c.commanded(kindsOfEvents[out.Event.Type], out, options.DryRun, nil)
			}
			return c.answerAll(outs, options)
		}
	}
	b, err := readBulk(c.body)
	if err != nil {
		return err
	}
	if err := c.coversOrders(b.orders); err != nil {
		return err
	}
	if !b.atomic {
		results := c.service.ExecuteEach(c.context(), c.requests(b), options)
		for i, r := range results {
			c.commanded(kindOfCommand(b.orders[i].command), r.Outcome, options.DryRun, r.Err)
		}
		return c.answerEach(results, options)
	}
	outs, err := c.service.ExecuteAll(c.context(), mapped(b.orders, func(o order) account.Command { return o.command }), options)
	if err != nil {
		for _, o := range b.orders {
			c.commanded(kindOfCommand(o.command), journal.Outcome{}, options.DryRun, err)
		}
		return err
	}
	for i, out := range outs {
		c.commanded(kindOfCommand(b.orders[i].command), out, options.DryRun, nil)
	}
	return c.answerAll(outs, options)
}

// replayedAll is what all commands of a request with this key led to, if it was carried
// out before and whoever asks may know.
func (c *call) replayedAll(k account.Key) (outs []journal.Outcome, found bool, err error) {
	outs, found, err = c.service.ReplayedAll(c.context(), k)
	if found && err == nil {
		err = c.coversOutcomes(outs)
	}
	return outs, found, err
}

// requests are the commands of a bulk, each with its key. What makes a command with a
// key the same one is its own text, not its place: it may be sent again among others.
func (c *call) requests(b *bulk) []journal.Request {
	return mapped(b.orders, func(o order) journal.Request {
		r := journal.Request{Command: o.command}
		if o.key != "" {
			r.Key = account.Key{Text: o.key, Fingerprint: fingerprint(c.r, o.text)}
		}
		return r
	})
}

// wireItem is what became of one command of a bulk. Position is left out where nothing
// was done.
type wireItem struct {
	Status   int                 `json:"status"`
	Position eventstore.Position `json:"position,omitzero"`
	Replayed bool                `json:"replayed,omitzero"`
	Account  *wireAccount        `json:"account,omitzero"`
	Event    *wireEvent          `json:"event,omitzero"`
	Problem  *wireProblem        `json:"problem,omitzero"`
}

// itemOf is like [call.answer] for one of many commands.
func itemOf(out journal.Outcome, o journal.Options) wireItem {
	item := wireItem{Status: http.StatusCreated, Position: out.Position}
	switch out.Event.Type {
	case journal.TypeOpened:
		item.Account = new(toWire(out.Account))
	case journal.TypeUpdated:
		item.Status, item.Account = http.StatusOK, new(toWire(out.Account))
	case journal.TypeClosed:
		item.Status = http.StatusNoContent
	default:
		item.Event = new(outcomeToWire(out.Event, o))
	}
	return item
}

// answerAll answers that all commands of a bulk are carried out.
func (c *call) answerAll(outs []journal.Outcome, o journal.Options) error {
	items := mapped(outs, func(out journal.Outcome) wireItem { return itemOf(out, o) })
	last := outs[len(outs)-1]
	if last.Replayed {
		c.w.Header().Set("Idempotency-Replayed", "true")
	}
	c.bulkHeader(last.Position, last.Position, o)
	return c.reply(http.StatusCreated, mediaJSON, page[wireItem]{Items: items})
}

// answerEach answers what became of each command of a bulk.
func (c *call) answerEach(results []journal.Result, o journal.Options) error {
	items := make([]wireItem, len(results))
	first, last := eventstore.Position(maxPosition), eventstore.Position(0)
	retryAfter := 0
	told := make(map[code]bool) // one line in the log for each code is enough
	for i, r := range results {
		if r.Err == nil {
			items[i] = itemOf(r.Outcome, o)
			items[i].Replayed = r.Outcome.Replayed
			first, last = min(first, r.Outcome.Position), max(last, r.Outcome.Position)
			continue
		}
		p := problemOf(r.Err).within(i)
		body := p.wire("", "")
		items[i] = wireItem{Status: body.Status, Problem: &body}
		seconds, _ := strconv.Atoi(p.header.Get("Retry-After")) // 0 without one
		retryAfter = max(retryAfter, seconds)
		if !told[p.code] {
			told[p.code] = true
			c.logFailure("carry out command "+strconv.Itoa(i), body.Status, p)
		}
	}
	if retryAfter > 0 {
		c.w.Header().Set("Retry-After", strconv.Itoa(retryAfter))
	}
	c.bulkHeader(first, last, o)
	return c.reply(http.StatusOK, mediaJSON, page[wireItem]{Items: items})
}

// bulkHeader tells the position of the last event, and up to which one the answer holds
// everything: an account in it is as its own event left it, whatever came behind.
func (c *call) bulkHeader(holds, last eventstore.Position, o journal.Options) {
	switch header := c.w.Header(); {
	case o.DryRun:
		header.Set("Dry-Run", "true")
	case last > 0:
		header.Set("Event-Position", strconv.FormatInt(int64(last), 10))
		header.Set("Applied-Position", strconv.FormatInt(int64(holds), 10))
	}
}

// commandPointer is the pointer to a command of a bulk.
func commandPointer(i int) string { return "/commands/" + strconv.Itoa(i) }

// within has the problem's faults point into a bulk, to the command that it is about.
func (p *problem) within(i int) *problem {
	p.faults = slices.Clone(p.faults) // they are the refusal's
	for j := range p.faults {
		p.faults[j].Pointer = commandPointer(i) + p.faults[j].Pointer
	}
	return p
}

// bulkRefused is the problem of a bulk of which one command was refused.
func bulkRefused(b *journal.BulkError) *problem {
	p := problemOf(b.Err).within(b.At)
	at := commandPointer(b.At)
	if len(p.faults) == 0 {
		p.faults = []account.Fault{{Pointer: at, Detail: p.detail}}
	}
	p.detail = at + " is refused, and so are all others: " + p.detail
	return p
}
