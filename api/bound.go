package api

import (
	"fmt"
	"slices"

	"openpayment/account"
	"openpayment/account/journal"
	"openpayment/eventstore"
)

// bound says what of an operation is for a token that is bound to subjects. An operation
// that says nothing has nothing for it.
type bound int

const (
	boundNothing bound = iota // it shows or changes what is of all subjects
	boundPath                 // all, if the account in the path is one it is bound to
	boundQuery                // all, if the parameter subject is one
	boundHandler              // what its handler finds to be of those: with call.covers
	boundAll                  // everything: it is about no subject
)

// within is nil if a principal that is bound to subjects may have this of op, as far as
// its URL tells.
func (c *call) within(op operation) error {
	switch op.bound {
	case boundPath:
		return c.covers(account.Subject(c.number()))
	case boundQuery:
		// The other rules for parameters come later: each that is there has to be right.
		given := c.r.URL.Query()["subject"]
		if len(given) == 0 {
			return c.outside(": name one of them in the query parameter subject")
		}
		return c.covers(given...)
	case boundHandler, boundAll:
		return nil
	}
	return c.outside(", and this is about all: ask for one account, or for the events of one subject")
}

// covers is nil if who asks may see and change what is of all these subjects.
func (c *call) covers(subjects ...string) error {
	for _, s := range subjects {
		if !c.principal.Covers(s) {
			return c.outside(fmt.Sprintf(", and %q does not", s))
		}
	}
	return nil
}

// outside refuses what is not of the subjects that who asks is bound to; why goes on from
// these.
func (c *call) outside(why string) error {
	return forbidden(c.principal, fmt.Sprintf("is bound to subjects that begin with %s%s", c.principal.Subjects, why))
}

// coversCommand is nil if who asks may have this carried out.
func (c *call) coversCommand(command account.Command) error {
	if !c.principal.Bound() {
		return nil
	}
	switch command := command.(type) {
	case account.Open:
		if command.Number == "" {
			return c.outside(": give the accountNumber, since one that the service picks need not")
		}
		return c.covers(account.Subject(account.Number(command.Number)))
	case account.Update:
		return c.covers(account.Subject(command.Account))
	case account.Close:
		return c.covers(account.Subject(command.Account))
	case account.Deposit:
		return c.covers(account.Subject(command.Account))
	case account.Withdraw:
		return c.covers(account.Subject(command.Account))
	case account.Transfer:
		return c.covers(account.Subject(command.From), account.Subject(command.To))
	}
	return c.outside(", and of this command it is not known what it is about")
}

// coversOrders is nil if who asks may have all commands of a bulk carried out. Otherwise
// none is: whoever sends commands that are not for the token is wrong about the others too.
func (c *call) coversOrders(orders []order) error {
	for i, o := range orders {
		if err := c.coversCommand(o.command); err != nil {
			p := problemOf(err)
			p.detail = commandPointer(i) + ": " + p.detail
			p.faults = []account.Fault{{Pointer: commandPointer(i), Detail: p.detail}}
			return p
		}
	}
	return nil
}

// coversOutcomes is nil if who asks could have sent what led to these: a key alone shows
// nobody what others have done.
func (c *call) coversOutcomes(outs []journal.Outcome) error {
	if !c.principal.Bound() {
		return nil
	}
	for _, out := range outs {
		if err := c.covers(journal.Subjects(out.Event)...); err != nil {
			return err
		}
	}
	return nil
}

// coversEvent is nil if who asks may see ev: if any of the subjects that it is about is
// for them, as in the history of an account.
func (c *call) coversEvent(ev eventstore.Event) error {
	subjects := journal.Subjects(ev)
	if slices.ContainsFunc(subjects, c.principal.Covers) {
		return nil
	}
	return c.outside(", and those of this event do not")
}
