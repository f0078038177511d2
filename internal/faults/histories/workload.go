package histories

import (
	"context"
	"fmt"
	"time"

	"openpayment/internal/pause"
)

// The accounts of a group: a few that stay, and others that are opened and closed.
const (
	groups   = 2
	lasting  = 3
	passing  = 5
	attempts = 5 // under one key
)

// numbersOf gives the accounts of one group of a history.
func numbersOf(history, group int) []string {
	var all []string
	for i := range lasting + passing {
		all = append(all, fmt.Sprintf("1%05d%d%d", history, group, i))
	}
	return all
}

// work sends what comes to mind, until ctx ends.
func (c *client) work(ctx context.Context) {
	for ctx.Err() == nil {
		group := c.rng.IntN(groups)
		node := c.rng.IntN(len(c.urls))
		out := c.send(ctx, node, group, c.next(group))
		if out.Outcome == NotDone { // somewhere else it may go better, in a moment
			pause.For(ctx, 20*time.Millisecond)
		}
	}
}

// send sends an operation, and what is not known to be done or refused again, mostly to another
// node. Now and then it sends it again although it is.
func (c *client) send(ctx context.Context, node, group int, in Input) (out Output) {
	for n := range attempts {
		out = c.attempt(node, group, in)
		if in.Key == "" || ctx.Err() != nil {
			break
		}
		again := out.Outcome == Unknown && c.rng.IntN(5) > 0 || out.Outcome == OK && n == 0 && c.rng.IntN(8) == 0
		if !again {
			break
		}
		node = c.rng.IntN(len(c.urls))
	}
	return out
}

// open opens the group's lasting accounts. All clients try at once, and one of them can.
func (c *client) open(ctx context.Context) {
	for group, g := range c.told {
		for _, number := range g.numbers[:lasting] {
			in := c.details(Input{Kind: Open, Account: number})
			in.Key = c.key()
			c.send(ctx, c.rng.IntN(len(c.urls)), group, in)
		}
	}
}

func (c *client) key() string { return fmt.Sprintf("%s-key-%d", c.name, len(c.ops)) }

func (c *client) details(in Input) Input {
	n := len(c.ops)
	in.Details = Details{SortCode: fmt.Sprintf("10-%02d-%02d", n/100%100, n%100), Card: fmt.Sprintf("https://cards.example/%s-%d", c.name, n)}
	if n%2 == 0 {
		in.Details.Customer = fmt.Sprintf("https://customers.example/%s-%d", c.name, n)
	}
	return in
}

// next makes up an operation.
func (c *client) next(group int) Input {
	g := c.told[group]
	in := Input{Account: g.numbers[c.rng.IntN(lasting)]}
	if c.rng.IntN(8) == 0 {
		in.Account = g.numbers[lasting+c.rng.IntN(passing)]
	}
	newest := g.newest.Load()
	dice := c.rng.IntN(100)
	switch {
	case dice < 16:
		in.Kind = ReadStrong
		return in
	case dice < 26 && newest > 0:
		in.Kind, in.Bound = ReadFrom, newest
		return in
	case dice < 34 && newest > 0:
		in.Kind, in.Bound = ReadAt, newest
		return in
	case dice < 50:
		in.Kind, in.Amount = Deposit, 1+c.rng.Int64N(100)
	case dice < 60:
		in.Kind, in.Amount = Withdraw, 1+c.rng.Int64N(200)
	case dice < 78:
		in.Kind, in.Amount, in.To = Transfer, 1+c.rng.Int64N(100), in.Account
		for in.To == in.Account {
			in.To = g.numbers[c.rng.IntN(lasting)]
		}
	case dice < 88:
		in.Kind = Update
		in.Details.Card = fmt.Sprintf("https://cards.example/%s-%d", c.name, len(c.ops))
	case dice < 93:
		in = c.details(in)
		in.Kind = Replace
	case dice < 97:
		in = c.details(in)
		in.Kind, in.Account = Open, g.numbers[lasting+c.rng.IntN(passing)]
	default:
		in.Kind, in.Account = Close, g.numbers[lasting+c.rng.IntN(passing)]
	}
	if in.Kind != Open && newest > 0 && c.rng.IntN(4) == 0 {
		in.IfMatch = c.versionOf(in.Account, newest)
	}
	if c.rng.IntN(5) > 0 {
		in.Key = c.key()
	}
	return in
}

// versionOf is what this client knows of an account's version, or a guess.
func (c *client) versionOf(number string, guess int64) int64 {
	for i := len(c.ops) - 1; i >= 0; i-- {
		switch op := c.ops[i]; {
		case op.Output.Outcome != OK || op.Input.Account != number && op.Input.To != number:
		case op.Output.View != nil && op.Input.Kind != ReadAt:
			return op.Output.View.Version
		case op.Output.Position != 0:
			return op.Output.Position
		}
	}
	return guess
}
