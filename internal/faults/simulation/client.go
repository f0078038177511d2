package simulation

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"openpayment/account"
	"openpayment/account/journal"
	"openpayment/eventstore"
)

// client asks for one thing at a time.
type client struct {
	number int
	now    *operation // that it waits for
	retry  *operation // of unknown outcome: to be asked for again, with its key
}

// how is which way a client asks.
type how string

const (
	execute    how = "execute"
	executeAll how = "execute all"
	each       how = "execute each"
	appendThem how = "append"
	dryRun     how = "dry run"
	readStrong how = "strong read"
	readBound  how = "read at a position"
	readPast   how = "read of the past"
	readEvents how = "read of events"
)

// operation is something asked for, and what became of it.
type operation struct {
	number  int
	at      *process
	how     how
	began   eventstore.Position // the log's head when it was asked for
	asked   []asked
	key     account.Key     // of executeAll and appendThem
	foreign journal.Foreign // of appendThem
	cancel  context.CancelFunc

	// Of reads: of which account, and the position that it is about.
	of  account.Number
	pos eventstore.Position

	// The answer, written by the operation's goroutine before it says that it is done.
	outs    []journal.Outcome
	results []journal.Result
	account *account.Account
	events  []eventstore.Event
	err     error

	settled bool // the answer was given
	lost    bool // events of it were in the part of the log that is gone
}

// asked is one command of an operation.
type asked struct {
	command account.Command // nil for an event of another service
	key     account.Key
	text    string
	landed  eventstore.Position // of its event, 0 if there is none
	refused bool                // it was answered that it is not done, nor will be
}

func (o *operation) String() string {
	if len(o.asked) == 0 {
		return fmt.Sprintf("%d: %s of %s at %s", o.number, o.how, o.of, o.at.name)
	}
	texts := make([]string, len(o.asked))
	for i, a := range o.asked {
		texts[i] = a.text
		if a.key.Given() {
			texts[i] += fmt.Sprintf(" [%s/%d]", a.key.Text, a.key.Fingerprint[0])
		}
	}
	return fmt.Sprintf("%d: %s %s at %s", o.number, o.how, strings.Join(texts, ", "), o.at.name)
}

// options go with the operation; its number stands in each event's meta.
func (o *operation) options() journal.Options {
	return journal.Options{Meta: eventstore.Meta{{Name: "requestId", Value: fmt.Sprint(o.number)}}, Key: o.key, DryRun: o.how == dryRun}
}

// run asks, and waits for the answer.
func (o *operation) run(ctx context.Context) {
	s := o.at.service
	switch o.how {
	case execute, dryRun:
		options := o.options()
		options.Key = o.asked[0].key
		out, err := s.Execute(ctx, o.asked[0].command, options)
		o.outs, o.err = []journal.Outcome{out}, err
	case executeAll:
		commands := make([]account.Command, len(o.asked))
		for i, a := range o.asked {
			commands[i] = a.command
		}
		o.outs, o.err = s.ExecuteAll(ctx, commands, o.options())
	case appendThem:
		o.outs, o.err = s.Append(ctx, o.foreign, o.options())
	case each:
		requests := make([]journal.Request, len(o.asked))
		for i, a := range o.asked {
			requests[i] = journal.Request{Command: a.command, Key: a.key}
		}
		o.results = s.ExecuteEach(ctx, requests, o.options())
	default:
		o.read(ctx, s)
	}
}

func (o *operation) read(ctx context.Context, s *journal.Service) {
	switch o.how {
	case readStrong:
		if o.err = s.CatchUp(ctx); o.err == nil {
			o.account, o.err = s.Account(o.of)
		}
	case readBound:
		if o.err = s.Wait(ctx, o.pos); o.err == nil {
			o.account, o.err = s.Account(o.of)
		}
	case readEvents:
		applied := s.Applied()
		o.pos = min(o.pos, applied)
		o.events, o.err = s.Events(ctx, o.pos, applied, 10)
	case readPast:
		o.pos = min(o.pos, s.Applied())
		o.account, o.err = s.AccountAt(ctx, o.of, journal.Moment{Position: o.pos})
	}
}

// begin has a client ask for something.
func (w *world) begin(c *client, n *node) {
	o := c.retry
	if o != nil {
		o = &operation{how: o.how, asked: unanswered(o.asked), key: o.key, foreign: o.foreign}
	} else {
		o = w.invent()
		w.commands--
	}
	c.retry = nil
	w.ask(c, n, o, time.Duration(50+w.dice.IntN(8000))*time.Millisecond)
}

// ask sends an operation to a node.
func (w *world) ask(c *client, n *node, o *operation, limit time.Duration) {
	o.number, o.at, o.began = len(w.operations)+1, n.process, w.store.position()
	w.operations = append(w.operations, o)
	c.now = o
	w.tell("client %d asks for %s", c.number, o)
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	o.cancel = cancel
	go func() { // ends with its time, or with the run
		defer cancel()
		o.run(ctx)
		w.mu.Lock()
		defer w.mu.Unlock()
		w.answered = append(w.answered, o)
	}()
}

func unanswered(all []asked) []asked {
	again := make([]asked, len(all))
	for i, a := range all {
		again[i] = asked{command: a.command, key: a.key, text: a.text}
	}
	return again
}

// errGone is what a client knows whose node has died.
var errGone = errors.New("the connection is gone")

// collect takes in the answers that have come since the last step.
func (w *world) collect() {
	w.mu.Lock()
	answered, replays := w.answered, w.replayed
	w.answered, w.replayed = nil, nil
	w.mu.Unlock()
	for _, c := range w.clients {
		for _, o := range answered {
			if c.now != o {
				continue
			}
			c.now = nil
			w.tell("client %d is told of %d: %s", c.number, o.number, o.told())
			w.settle(o, o.err)
			if o.again() && w.chance(0.8) {
				c.retry = o
			}
		}
	}
	for _, r := range replays {
		w.judgeReplay(r)
	}
}

// told is the answer in a few words.
func (o *operation) told() string {
	one := func(out journal.Outcome, err error) string {
		switch r, refused := errors.AsType[*account.Refusal](err); {
		case refused:
			return string(r.Code)
		case err != nil:
			return eventstore.KindOf(err).String()
		case out.Replayed:
			return fmt.Sprintf("was event %d", out.Position)
		}
		return fmt.Sprintf("event %d", out.Position)
	}
	var texts []string
	for _, r := range o.results {
		texts = append(texts, one(r.Outcome, r.Err))
	}
	switch {
	case o.err != nil:
		texts = append(texts, one(journal.Outcome{}, o.err))
	case o.account != nil:
		texts = append(texts, fmt.Sprintf("version %d, balance %d", o.account.Version, o.account.Balance))
	case o.events != nil:
		texts = append(texts, fmt.Sprintf("%d events behind %d", len(o.events), o.pos))
	default:
		for _, out := range o.outs {
			texts = append(texts, one(out, nil))
		}
	}
	return strings.Join(texts, ", ")
}

// again tells whether it makes sense to ask for the same once more: it has keys, and
// is not known to be done.
func (o *operation) again() bool {
	if len(o.asked) == 0 || o.how == dryRun || !o.key.Given() && !o.asked[0].key.Given() {
		return false
	}
	if eventstore.KindOf(o.err) == eventstore.KindUnknown || eventstore.KindOf(o.err) == eventstore.KindUnavailable {
		return true
	}
	for _, r := range o.results {
		if k := eventstore.KindOf(r.Err); k == eventstore.KindUnknown || k == eventstore.KindUnavailable {
			return true
		}
	}
	return false
}
