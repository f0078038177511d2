package eventstore

import "errors"

// Kind says what an error means for whoever called. There is one for each way
// of going on, not one for each cause.
type Kind uint8

const (
	// KindOther is an error this package does not classify: a defect.
	KindOther Kind = iota
	// KindConflict: definitely not appended, because the head is no longer the
	// one named. Two writers race like this:
	//
	//	A: decides on head 7        B: decides on head 7
	//	A: append after 7  → nil
	//	                            B: append after 7 → KindConflict
	//
	// Catch up, decide again.
	KindConflict
	// KindUnknown: appended, or not, or about to be: the answer got lost. Two
	// tickets tell how Cassandra comes to it: CASSANDRA-9328, CASSANDRA-12126.
	// Append the identical batch again until the answer is definite; anything
	// else may store the facts twice.
	KindUnknown
	// KindUnavailable: definitely not done; the store could not be asked. Try
	// again later.
	KindUnavailable
	// KindOverloaded: definitely not done; too much is waiting. Try again later.
	KindOverloaded
	// KindInvalid: definitely not done, and never will be: it breaks a limit or
	// is malformed.
	KindInvalid
	// KindMissing: a later event is there, but the next one is not. On Cassandra
	// it may show up a moment later; if it stays away, the log is damaged.
	KindMissing
	// KindDamaged: what was read is not what was written. Never data.
	KindDamaged
	// KindRegressed: the log ends before what this process has already seen, or
	// continues differently. It was restored to an older state, or lost writes it
	// had acknowledged. This process must not write any more.
	KindRegressed
	// KindClosed: the component was closed, or has halted for good.
	KindClosed
)

var kindNames = [...]string{
	KindOther:       "other",
	KindConflict:    "conflict",
	KindUnknown:     "outcome unknown",
	KindUnavailable: "store unavailable",
	KindOverloaded:  "overloaded",
	KindInvalid:     "invalid",
	KindMissing:     "event missing",
	KindDamaged:     "log damaged",
	KindRegressed:   "log went backwards",
	KindClosed:      "closed",
}

// String is the kind in plain words.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "other"
}

// Error is every error of this package and its backends.
type Error struct {
	Op   string // what was tried: append, read, head, …
	Kind Kind
	Err  error // the cause; may be nil
}

// NewError makes an Error; backends report with it.
func NewError(op string, kind Kind, cause error) error { return newError(op, kind, cause) }

func newError(op string, kind Kind, cause error) error {
	return &Error{Op: op, Kind: kind, Err: cause}
}

// Error is one line: operation, kind, cause.
func (e *Error) Error() string {
	s := e.Op + ": " + e.Kind.String()
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// KindOf is the kind of the outermost [Error] in err's chain, KindOther when
// there is none.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return KindOther
}

// IsKind tells whether any [Error] in err's chain is of the given kind: a
// component that has halted gives KindClosed, and behind it what halted it.
func IsKind(err error, kind Kind) bool {
	for {
		e, ok := errors.AsType[*Error](err)
		if !ok {
			return false
		}
		if e.Kind == kind {
			return true
		}
		err = e.Err
	}
}
