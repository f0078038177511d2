package journal

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"openpayment/account"
	"openpayment/eventstore"
)

// Applied is the position up to which the state includes every event.
func (s *Service) Applied() eventstore.Position {
	return eventstore.Position(s.reducer.state.Load().Position())
}

// Wait returns nil when the state includes the event at pos. It does not wait for
// the poller's next look at the log. When ctx ends first, the error is ctx's, or
// what keeps the event from the state: KindDamaged, KindMissing, …
func (s *Service) Wait(ctx context.Context, pos eventstore.Position) error {
	if pos > s.Applied() {
		s.poller.Wake()
	}
	return s.wait(ctx, pos)
}

func (s *Service) wait(ctx context.Context, pos eventstore.Position) error {
	err := s.received.Wait(ctx, pos)
	for err == nil && s.Applied() < pos { // it is part of a command that is not whole yet
		if err = s.received.Err(); err == nil { // or can't be applied: then there is no end to wait for
			err = s.received.Wait(ctx, s.reducer.gathering())
		}
	}
	if err != nil {
		if obstacle := s.obstacle(); obstacle != nil {
			return obstacle
		}
	}
	return err
}

// CatchUp returns nil when the state is as new as the log was when it was called.
// Errors: those of Wait and [eventstore.Backend.Head]; KindRegressed when the log
// has lost what the state was built from, after which nothing is written any more.
func (s *Service) CatchUp(ctx context.Context) error {
	known := s.received.Head() // first: the log's head can't be behind it
	head, err := s.log.Head(ctx)
	if err != nil {
		return err
	}
	if err := head.RegressedFrom(known); err != nil {
		s.writer.Halt(err)
		return err
	}
	return s.Wait(ctx, head.Position)
}

// Account gives an open account; otherwise an *[account.Refusal].
func (s *Service) Account(n account.Number) (*account.Account, error) {
	return account.Lookup(s.reducer.state.Load(), n)
}

// List is [account.State.List].
func (s *Service) List(after account.Number, limit int, f account.Filter) []*account.Account {
	return s.reducer.state.Load().List(after, limit, f)
}

// Moment chooses how much of an account's history counts.
type Moment struct {
	Position eventstore.Position // everything up to here, if Time is zero
	Time     time.Time           // everything not later than this
}

func (m Moment) includes(ev eventstore.Event) bool {
	if m.Time.IsZero() {
		return ev.Seq <= m.Position
	}
	return !ev.Time.After(m.Time)
}

// historyChunk is how many of an account's events are read at once.
const historyChunk = 256

// AccountAt gives an account as it was, closed or not; an *[account.Refusal]
// when it did not exist then. Errors of reading as of [eventstore.Log.Page].
func (s *Service) AccountAt(ctx context.Context, n account.Number, m Moment) (*account.Account, error) {
	var at *account.Account
	err := s.walk(ctx, n, func(ev eventstore.Event, after *account.Account) (more bool) {
		if !m.includes(ev) {
			return false
		}
		at = after
		return true
	})
	if err != nil {
		return nil, err
	}
	return existing(at, n)
}

// walk goes through an account's history, oldest event first, and shows the account
// after each, while visit wants more.
func (s *Service) walk(ctx context.Context, n account.Number, visit func(ev eventstore.Event, after *account.Account) (more bool)) error {
	var a *account.Account
	for seqs := range slices.Chunk(s.reducer.state.Load().History(n), historyChunk) {
		events, err := s.log.Events(ctx, positions(seqs))
		if err != nil {
			return err
		}
		for _, ev := range events {
			decoded, err := Decode(ev)
			if err != nil {
				return err
			}
			if decoded == nil || !slices.Contains(decoded.Accounts(), n) {
				return rewritten(ev)
			}
			if a, err = account.Evolve(a, decoded, stamp(ev)); err != nil {
				return errors.Join(rewritten(ev), err)
			}
			if !visit(ev, a) {
				return nil
			}
		}
	}
	return nil
}

// rewritten is why nothing can be told that depends on an event: the log holds another
// one in its place than the one that is part of the state.
func rewritten(ev eventstore.Event) error {
	return eventstore.NewError("read", eventstore.KindDamaged, fmt.Errorf("event %d is not the one that this node has seen", ev.Seq))
}

func existing(a *account.Account, n account.Number) (*account.Account, error) {
	if a == nil {
		return nil, account.NotFound(n)
	}
	return a, nil
}

func positions(seqs []int64) []eventstore.Position {
	all := make([]eventstore.Position, len(seqs))
	for i, seq := range seqs {
		all[i] = eventstore.Position(seq)
	}
	return all
}

// History gives up to limit events that touched an account, closed or not:
// oldest first behind the given position, or newest first before it (0: from the
// very end). more tells whether there are others. An *[account.Refusal] when no
// account ever had the number.
func (s *Service) History(ctx context.Context, n account.Number, from eventstore.Position, descending bool, limit int) (events []eventstore.Event, more bool, err error) {
	seqs := positions(s.reducer.state.Load().History(n))
	if len(seqs) == 0 {
		return nil, false, account.NotFound(n)
	}
	at, found := slices.BinarySearch(seqs, from)
	switch {
	case descending && from > 0:
		seqs = seqs[:at]
	case !descending && found:
		seqs = seqs[at+1:]
	case !descending:
		seqs = seqs[at:]
	}
	more = len(seqs) > limit
	if !descending {
		events, err = s.log.Events(ctx, seqs[:min(limit, len(seqs))])
		return events, more, err
	}
	// Read in the order of the log, for neighbours are read together.
	events, err = s.log.Events(ctx, seqs[max(0, len(seqs)-limit):])
	slices.Reverse(events)
	return events, more, err
}

// Events gives up to limit events behind a position, none beyond applied.
// Errors as of [eventstore.Log.Page].
func (s *Service) Events(ctx context.Context, after, applied eventstore.Position, limit int) ([]eventstore.Event, error) {
	return s.log.Page(ctx, after, applied, limit)
}

// Event gives the event at seq, which must not be beyond what is applied.
// Errors as of [eventstore.Log.Event].
func (s *Service) Event(ctx context.Context, seq eventstore.Position) (eventstore.Event, error) {
	return s.log.Event(ctx, seq)
}
