package eventstore

import (
	"time"

	"openpayment/internal/both"
)

// Observer is told what happens, for logs and metrics. Every field may be nil.
// The functions are called from the component's own goroutine: they must be
// quick, and must not call back into it.
type Observer struct {
	// Published: the Writer's batch is durable; took is the time of the attempt to
	// append it that was answered.
	Published func(batch []Event, took time.Duration)
	// Conflict: another writer was first; attempt counts from 1.
	Conflict func(head Head, events, attempt int)
	// InDoubt: the outcome of an append is unknown and it is tried again;
	// attempt counts from 1.
	InDoubt func(head Head, events, attempt int, err error)
	// Cleared: after so many attempts in doubt it is certain what has become of an
	// append, or nobody here will ask any more.
	Cleared func(head Head, events, doubts int, fate Fate)
	// Received, Processed, Acknowledged: an event reached a subscriber, its
	// handler returned nil, the cursor moved past it.
	Received, Processed, Acknowledged func(subscriber string, ev Event)
	// HandlerFailed: the event is delivered again after retryIn.
	HandlerFailed func(subscriber string, ev Event, attempt int, retryIn time.Duration, err error)
	// ReadFailed: the poller or a subscriber could not read on, and tries again
	// after retryIn. who is the subscriber's name, "poller" for the poller.
	ReadFailed func(who string, retryIn time.Duration, err error)
	// Skewed: this process's clock and the store's are too far apart (see [Clocks]),
	// or, with nil, no longer so.
	Skewed func(found *SkewError)
	// Halted: the component stops for good; only a restart helps.
	Halted func(who string, err error)
}

// And gives an observer that tells o, then other.
func (o Observer) And(other Observer) Observer {
	return Observer{
		Published:     both.Func2(o.Published, other.Published),
		Conflict:      both.Func3(o.Conflict, other.Conflict),
		InDoubt:       both.Func4(o.InDoubt, other.InDoubt),
		Cleared:       both.Func4(o.Cleared, other.Cleared),
		Received:      both.Func2(o.Received, other.Received),
		Processed:     both.Func2(o.Processed, other.Processed),
		Acknowledged:  both.Func2(o.Acknowledged, other.Acknowledged),
		HandlerFailed: both.Func5(o.HandlerFailed, other.HandlerFailed),
		ReadFailed:    both.Func3(o.ReadFailed, other.ReadFailed),
		Skewed:        both.Func1(o.Skewed, other.Skewed),
		Halted:        both.Func2(o.Halted, other.Halted),
	}
}

// Fate is how an append that was in doubt has ended.
type Fate uint8

// It was in the log all along, or is now; another writer's is there instead; or the
// Writer gave up, and it may yet be either.
const (
	FateApplied Fate = iota
	FateLost
	FateGivenUp
)

// String is the fate in plain words.
func (f Fate) String() string { return [...]string{"applied", "lost", "given up"}[f] }

func fateOf(err error) Fate {
	switch {
	case err == nil:
		return FateApplied
	case KindOf(err) == KindConflict:
		return FateLost
	}
	return FateGivenUp
}

func (o *Observer) published(batch []Event, took time.Duration) {
	if o.Published != nil {
		o.Published(batch, took)
	}
}

func (o *Observer) conflict(head Head, events, attempt int) {
	if o.Conflict != nil {
		o.Conflict(head, events, attempt)
	}
}

func (o *Observer) inDoubt(head Head, events, attempt int, err error) {
	if o.InDoubt != nil {
		o.InDoubt(head, events, attempt, err)
	}
}

func (o *Observer) cleared(head Head, events, doubts int, fate Fate) {
	if o.Cleared != nil {
		o.Cleared(head, events, doubts, fate)
	}
}

func (o *Observer) readFailed(who string, retryIn time.Duration, err error) {
	if o.ReadFailed != nil {
		o.ReadFailed(who, retryIn, err)
	}
}

func (o *Observer) handlerFailed(who string, ev Event, attempt int, retryIn time.Duration, err error) {
	if o.HandlerFailed != nil {
		o.HandlerFailed(who, ev, attempt, retryIn, err)
	}
}

func (o *Observer) skewed(found *SkewError) {
	if o.Skewed != nil {
		o.Skewed(found)
	}
}

func (o *Observer) halted(who string, err error) {
	if o.Halted != nil {
		o.Halted(who, err)
	}
}

func notify(f func(string, Event), who string, ev Event) {
	if f != nil {
		f(who, ev)
	}
}
