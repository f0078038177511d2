package account

import (
	"fmt"
	"reflect"
)

// Event is something that has happened to accounts: one of [Opened], [Updated],
// [Closed], [Deposited], [Withdrawn] and [Transferred].
type Event interface {
	// Accounts lists the accounts the event touches. The first is what the event
	// is about.
	Accounts() []Number
	// evolve is the account after the event; before is nil when there was none.
	evolve(before *Account) (Account, error)
}

// Same tells whether two events are the same fact. Of those with lists it never says so.
func Same(a, b Event) bool {
	return a != nil && b != nil && reflect.TypeOf(a).Comparable() && a == b
}

// Opened: an account exists from now on.
type Opened struct {
	Number       Number
	SortCode     string
	CustomerURLs []string
	CardURLs     []string
	Currency     Currency
}

// Updated: the account's details are these from now on, all of them.
type Updated struct {
	Number       Number
	SortCode     string
	CustomerURLs []string
	CardURLs     []string
}

// Closed: the account takes part in nothing any more.
type Closed struct {
	Number Number
}

var (
	_ Event = Opened{}
	_ Event = Updated{}
	_ Event = Closed{}
)

// Accounts implements [Event].
func (e Opened) Accounts() []Number { return []Number{e.Number} }

// Accounts implements [Event].
func (e Updated) Accounts() []Number { return []Number{e.Number} }

// Accounts implements [Event].
func (e Closed) Accounts() []Number { return []Number{e.Number} }

// Evolve gives the account as it is after ev, which stands in the log at the
// given stamp; before is nil when no account had the number. An event touching
// several accounts is evolved once for each.
//
// An error means that the event cannot have followed what before says: the log
// or this program is wrong, and going on would make up money. Every event that
// [Decide] returns evolves without error on the view it was decided on.
func Evolve(before *Account, ev Event, at Stamp) (*Account, error) {
	if before != nil && at.Seq <= before.Version {
		return nil, fmt.Errorf("account %s has version %d, but an event at %d follows", before.Number, before.Version, at.Seq)
	}
	after, err := ev.evolve(before)
	if err != nil {
		return nil, err
	}
	if before == nil {
		after.OpenedAt = at.Time
	}
	after.Version, after.UpdatedAt = at.Seq, at.Time
	return &after, nil
}

func (e Opened) evolve(before *Account) (Account, error) {
	if before != nil {
		return Account{}, fmt.Errorf("account %s is opened a second time", e.Number)
	}
	return Account{
		Number: e.Number, SortCode: e.SortCode, CustomerURLs: e.CustomerURLs, CardURLs: e.CardURLs,
		Currency: e.Currency, Status: StatusOpen,
	}, nil
}

func (e Updated) evolve(before *Account) (Account, error) {
	after, err := open(before, e.Number, "updated")
	after.SortCode, after.CustomerURLs, after.CardURLs = e.SortCode, e.CustomerURLs, e.CardURLs
	return after, err
}

func (e Closed) evolve(before *Account) (Account, error) {
	after, err := open(before, e.Number, "closed")
	after.Status = StatusClosed
	return after, err
}

// open is a copy of before, if that is an open account.
func open(before *Account, number Number, happened string) (Account, error) {
	switch {
	case before == nil:
		return Account{}, fmt.Errorf("account %s is %s, but was never opened", number, happened)
	case before.Number != number:
		return Account{}, fmt.Errorf("account %s is %s, but this is account %s", number, happened, before.Number)
	case before.Status != StatusOpen:
		return Account{}, fmt.Errorf("account %s is %s, but was closed before", number, happened)
	}
	return *before, nil
}
