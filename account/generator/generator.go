// Package generator makes plausible logs out of nothing, for trials and
// benchmarks: accounts are opened one after another, money moves, details change,
// a few are closed.
//
// A log is determined by its [Config] alone: the same one gives the very same
// events, ids, times and hashes included, on every machine. Every event is decided
// by the domain, so that no reducer can tell the log from one that a service has
// written.
//
// It is not random enough for anything but this, and holds the data of nobody.
package generator

import (
	"fmt"
	"iter"
	"time"

	"github.com/google/uuid"

	"openpayment/account"
	"openpayment/account/journal"
	"openpayment/eventstore"
)

// The limits of a Config.
const (
	MaxAccounts = 90_000_000    // the numbers of eight digits without a leading zero
	MaxEvents   = 1_000_000_000 // end a fortnight after the first at the latest
)

// Config says which log to make.
type Config struct {
	Accounts int    // that are ever opened; at least 1
	Events   int    // in all; at least Accounts, each of which is opened by one
	Seed     uint64 // any number: another one gives another log
}

// Check says what keeps c from being a log.
func (c Config) Check() error {
	switch {
	case c.Accounts < 1 || c.Accounts > MaxAccounts:
		return fmt.Errorf("%d accounts: a number from 1 to %d is expected", c.Accounts, MaxAccounts)
	case c.Events < 1 || c.Events > MaxEvents:
		return fmt.Errorf("%d events: a number from 1 to %d is expected", c.Events, MaxEvents)
	case c.Events < c.Accounts:
		return fmt.Errorf("%d events are too few for %d accounts: each is opened by one", c.Events, c.Accounts)
	}
	return nil
}

// begin is before the time of the first event: long enough ago that no log ends
// in the future.
var begin = time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)

// Events yields the log, from its first event on. An error, which ends it, is that
// of [Config.Check], or a defect. It may be ranged over several times, and by
// several goroutines; each time costs the memory of all accounts.
func Events(c Config) iter.Seq2[eventstore.Event, error] {
	return func(yield func(eventstore.Event, error) bool) {
		if err := c.Check(); err != nil {
			yield(eventstore.Event{}, err)
			return
		}
		l := newLog(c)
		for range c.Events {
			ev, err := l.next()
			if !yield(ev, err) || err != nil {
				return
			}
		}
	}
}

// log is a log under construction.
type log struct {
	population
	draft *account.Draft
	head  eventstore.Head
	time  time.Time
}

func newLog(c Config) *log {
	// Drafts hold all there is: no history, no digest, as nobody asks for them.
	draft := account.NewDraft(account.NewState())
	return &log{population: newPopulation(c, draft), draft: draft, time: begin}
}

// meta marks all events as what they are. It is shared: events never change.
var meta = eventstore.Meta{{Name: "actor", Value: "generator"}}

// next makes the next event.
func (l *log) next() (eventstore.Event, error) {
	l.time = l.time.Add(time.Duration(l.random.below(3)) * time.Millisecond) // 1 ms on average
	seq := l.head.Position + 1
	decided, err := account.Decide(l.draft, l.command())
	if err != nil {
		return eventstore.Event{}, fmt.Errorf("event %d: %w", seq, err)
	}
	if err := l.draft.Apply(decided, account.Stamp{Seq: int64(seq), Time: l.time}); err != nil {
		return eventstore.Event{}, fmt.Errorf("event %d: %w", seq, err)
	}
	p, err := journal.Encode(decided, meta)
	if err != nil {
		return eventstore.Event{}, fmt.Errorf("event %d: %w", seq, err)
	}
	ev := eventstore.Event{
		Seq: seq, ID: l.id(), Type: p.Type, Subject: p.Subject, Time: l.time, Meta: p.Meta, Data: p.Data,
	}
	ev.Hash = ev.ChainHash(l.head.Hash)
	l.head = ev.Head()
	return ev, nil
}

// id is a UUID of version 7 (RFC 9562): the event's time, and random bits.
func (l *log) id() (id uuid.UUID) {
	number(id[:8], uint64(l.time.UnixMilli())<<16|l.random.Uint64()>>48)
	number(id[8:], l.random.Uint64())
	id[6] = id[6]&0x0f | 0x70
	id[8] = id[8]&0x3f | 0x80
	return id
}
