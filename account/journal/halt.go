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

// Halt is an event that the accounts can't go on behind, and why.
type Halt struct {
	Seq    eventstore.Position
	Type   string
	Reason string // in this module's own words: no text of a store or a library
}

// HaltOf tells whether err comes of an event that this program does not understand,
// or can't apply: in the reducer, which has then stopped for good, or in a replay.
func HaltOf(err error) (Halt, bool) {
	at, ok := errors.AsType[*eventstore.HaltedAt](err)
	if !ok || eventstore.KindOf(at.Err) != eventstore.KindOther {
		return Halt{}, false // the log or the store is to blame
	}
	halt := Halt{Seq: at.Seq, Type: at.Type, Reason: at.Err.Error()} // the domain's words
	if u, ok := errors.AsType[*unreadable](at.Err); ok {
		halt.Reason = u.reason
	}
	return halt, true
}
