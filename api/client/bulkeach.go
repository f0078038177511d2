package client

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"time"
)

// ExecuteEach carries out the commands of a bulk one after another; a refused one does
// not keep those behind it from being tried. Each has an Idempotency-Key, its own or a
// new one, and those that the service could not get to, or does not know the outcome of,
// are sent again like any command.
//
// Results are in the commands' order; look at the Problem of each, which has a status of
// 503 where sending again did not help. The error is of a request as a whole, and may be
// an [*UnsureError]; with it there are the results of the requests before, if any.
//
// Of the options only [DryRun] has a meaning here.
func (c *Client) ExecuteEach(ctx context.Context, b *Bulk, options ...CommandOption) ([]Result, error) {
	if b.failed != nil {
		return nil, b.failed
	}
	o := orderOf(options)
	if o != (order{dryRun: o.dryRun}) {
		return nil, errors.New("of the options only DryRun is for a bulk whose commands are carried out each for itself")
	}
	e := each{c: c, dryRun: o.dryRun}
	for i, one := range b.commands {
		if one.key == "" {
			one.key = newKey()
		}
		text, err := one.keyed()
		if err != nil {
			return nil, err
		}
		e.texts, e.keys, e.open = append(e.texts, text), append(e.keys, one.key), append(e.open, i)
	}
	return e.run(ctx)
}

// keyed is a command with its key. The service takes it for the same one only if every
// byte of it is the same.
func (b bulkCommand) keyed() (json.RawMessage, error) {
	key, err := encode(b.key)
	return slices.Concat(b.text, []byte(`,"idempotencyKey":`), key, []byte("}")), err
}

// each is a bulk under way.
type each struct {
	c       *Client
	dryRun  bool
	texts   []json.RawMessage
	keys    []string
	results []Result // nil: there was no answer yet
	open    []int    // those without an answer that settles them, in order
}

func (e *each) run(ctx context.Context) ([]Result, error) {
	for waiting := e.c.patience(); ; {
		after, err := e.send(ctx)
		if err != nil || len(e.open) == 0 || !waiting.next(ctx, after) {
			return e.results, err
		}
	}
}

// send sends what is open, and tells how long to wait before it is sent again.
func (e *each) send(ctx context.Context) (after time.Duration, err error) {
	var body bulkBody
	for _, i := range e.open {
		body.Commands = append(body.Commands, e.texts[i])
	}
	o := order{dryRun: e.dryRun}
	r, err := o.request(http.MethodPost, bulkPath, body)
	if err != nil {
		return 0, err
	}
	r.repeatable = true // each command has its key
	got := results{want: len(e.open)}
	a, err := e.c.ask(ctx, r, &got)
	if err != nil {
		return 0, err
	}
	e.note(got.Items)
	return retryAfter(a.header.Get("Retry-After"), time.Now()), nil
}

// note takes the results of what was open; what another try may do better stays so.
func (e *each) note(got []Result) {
	if e.results == nil {
		e.results = make([]Result, len(e.texts))
	}
	var open []int
	for k, i := range e.open {
		e.results[i] = got[k]
		e.results[i].Key = e.keys[i]
		if p := got[k].Problem; p != nil && judge(p, true).again {
			open = append(open, i)
		}
		if !e.dryRun {
			e.c.wrote(got[k].Position)
		}
	}
	e.open = open
}
