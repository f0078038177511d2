package eventstore

import (
	"errors"
	"fmt"
)

// Gap is the cause of a [KindMissing] error of [Backend.Read] that knows how far
// the hole reaches: no event from First up to Next, not including it, is there.
// Next may be missing too. Readers that go on behind a hole begin there.
type Gap struct {
	First, Next Position
	Evidence    error // why more is known to have been there
}

// Error is one line.
func (g *Gap) Error() string {
	return fmt.Sprintf("event %d is not there, but %s", g.First, g.Evidence)
}

// Unwrap gives the evidence.
func (g *Gap) Unwrap() error { return g.Evidence }

// NewGap is the error of a read that should have found event first, and knows
// that nothing before next is there.
func NewGap(op string, first, next Position, evidence error) error {
	return newError(op, KindMissing, &Gap{First: first, Next: max(next, first+1), Evidence: evidence})
}

// AfterGap is where to go on behind the hole that err reports at position at: the
// next position, if err does not know better.
func AfterGap(err error, at Position) Position {
	if g, ok := errors.AsType[*Gap](err); ok && g.Next > at {
		return g.Next
	}
	return at + 1
}
