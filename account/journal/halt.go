package journal

import (
	"errors"
	"fmt"

	"openpayment/eventstore"
)

// unreadable is why an event of this service cannot be read: the reason in this
// package's own words, which may be shown to anybody, and what lies behind it.
type unreadable struct {
	seq    eventstore.Position
	typ    string
	reason string
	cause  error // may be nil
}

// Error is one line.
func (u *unreadable) Error() string {
	s := fmt.Sprintf("event %d (%s): %s", u.seq, u.typ, u.reason)
	if u.cause != nil {
		s += ": " + u.cause.Error()
	}
	return s
}

// Unwrap gives the cause.
func (u *unreadable) Unwrap() error { return u.cause }

// Halt is where and why the reducer has stopped for good.
type Halt struct {
	Seq    eventstore.Position
	Type   string
	Reason string // in this module's own words: no text of a store or a library
}

// HaltOf tells whether err is, or comes of, the reducer having stopped at an event.
func HaltOf(err error) (Halt, bool) {
	at, ok := errors.AsType[*eventstore.HaltedAt](err)
	if !ok || at.Who != subscriberName {
		return Halt{}, false
	}
	halt := Halt{Seq: at.Seq, Type: at.Type, Reason: at.Err.Error()} // the domain's words
	if u, ok := errors.AsType[*unreadable](at.Err); ok {
		halt.Reason = u.reason
	}
	return halt, true
}
