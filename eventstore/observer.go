package eventstore

import "time"

// Observer is told what happens, for logs and metrics. Every field may be nil.
// The functions are called from the component's own goroutine: they must be
// quick, and must not call back into it.
type Observer struct {
	// Published: the Writer's batch is durable; took is the time of the append,
	// repeats included.
	Published func(batch []Event, took time.Duration)
	// Conflict: another writer was first; attempt counts from 1.
	Conflict func(head Head, events, attempt int)
	// InDoubt: the outcome of an append is unknown and it is tried again;
	// attempt counts from 1.
	InDoubt func(head Head, events, attempt int, err error)
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
